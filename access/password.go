package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

// The cost of argon2id as OWASP's password storage cheat sheet has it: 19 MiB, two passes, one lane.
const (
	argonMemory = 19 * 1024 // KiB
	argonTime   = 2
	argonLanes  = 1
	argonSalt   = 16
	argonKey    = 32
)

// HashPassword makes an argon2id hash in PHC form for User.PasswordHash.
func HashPassword(password string) string {
	salt := make([]byte, argonSalt)
	_, _ = rand.Read(salt) // never fails, says its documentation
	key := argon2.IDKey([]byte(password), salt, argonTime, argonMemory, argonLanes, argonKey)
	b64 := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, argonMemory, argonTime, argonLanes, b64.EncodeToString(salt), b64.EncodeToString(key))
}

// hash is a password hash that can be compared with.
type hash interface{ matches(password string) bool }

// parseHash reads an argon2id or bcrypt hash. Its costs are bounded, so that no configuration stops the gateway.
func parseHash(s string) (hash, error) {
	switch {
	case strings.HasPrefix(s, "$argon2id$"):
		return parseArgon(s)
	case strings.HasPrefix(s, "$2"):
		cost, err := bcrypt.Cost([]byte(s))
		if err != nil || cost > 14 {
			return nil, errors.New("not a bcrypt hash of cost 14 at most")
		}
		return bcryptHash(s), nil
	}
	return nil, errors.New("neither argon2id ($argon2id$v=19$m=…) nor bcrypt ($2b$…)")
}

type bcryptHash string

func (h bcryptHash) matches(password string) bool {
	return bcrypt.CompareHashAndPassword([]byte(h), []byte(password)) == nil
}

type argonHash struct {
	memory, time uint32
	lanes        uint8
	salt, key    []byte
}

func parseArgon(s string) (hash, error) {
	parts := strings.Split(s, "$")
	if len(parts) != 6 {
		return nil, errors.New("not an argon2id hash in PHC form")
	}
	var version int
	var h argonHash
	if _, err := fmt.Sscanf(parts[2], "v=%d", &version); err != nil || version != argon2.Version {
		return nil, fmt.Errorf("argon2id version %s, want v=%d", parts[2], argon2.Version)
	}
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &h.memory, &h.time, &h.lanes); err != nil {
		return nil, errors.New("argon2id parameters are not m=…,t=…,p=…")
	}
	var err error
	if h.salt, err = base64.RawStdEncoding.DecodeString(parts[4]); err != nil {
		return nil, errors.New("argon2id salt is not base64")
	}
	if h.key, err = base64.RawStdEncoding.DecodeString(parts[5]); err != nil {
		return nil, errors.New("argon2id key is not base64")
	}
	if h.memory < 8 || h.memory > 256*1024 || h.time < 1 || h.time > 10 || h.lanes < 1 || h.lanes > 16 ||
		len(h.salt) < 8 || len(h.salt) > 64 || len(h.key) < 16 || len(h.key) > 64 {
		return nil, errors.New("argon2id costs out of bounds (256 MiB, 10 passes, 16 lanes at most)")
	}
	return h, nil
}

func (h argonHash) matches(password string) bool {
	key := argon2.IDKey([]byte(password), h.salt, h.time, h.memory, h.lanes, uint32(len(h.key)))
	return subtle.ConstantTimeCompare(key, h.key) == 1
}

// plainHash is a password in plain text, made as slow as the others.
type plainHash string

func (h plainHash) matches(password string) bool {
	decoy().matches(password)
	a, b := sha256.Sum256([]byte(h)), sha256.Sum256([]byte(password))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// decoy is compared with where there is no hash, so that an unknown name takes as long as a known one.
func decoy() hash {
	return argonHash{memory: argonMemory, time: argonTime, lanes: argonLanes, salt: make([]byte, argonSalt), key: make([]byte, argonKey)}
}
