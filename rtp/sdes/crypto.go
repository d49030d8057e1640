package sdes

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Crypto is one crypto attribute (RFC 4568 section 9.1): how its writer protects what it sends.
type Crypto struct {
	Tag    int // 0 to 999999999: names the line in an answer
	Suite  Suite
	Keys   []Key // at least one; several only with an MKI each
	Params Params
}

// Key is a master key with its salt.
type Key struct {
	Lifetime uint64 // packets; 0: as long as the suite allows
	MKI      []byte // 1 to 128 bytes that name the key in each packet; nil: none
	// secret gives the master key and the salt. It is a function because there are verbs of fmt that print whatever else
	// they meet, however deep it is in what somebody logs.
	secret func() (master, salt []byte)
}

// MakeKey makes a key of a master key and a salt, which are kept.
func MakeKey(master, salt []byte) Key {
	return Key{secret: func() ([]byte, []byte) { return master, salt }}
}

// same reports whether two keys are one, by whatever name.
func (k *Key) same(o *Key) bool {
	master, salt := k.secret()
	otherMaster, otherSalt := o.secret()
	return bytes.Equal(master, otherMaster) && bytes.Equal(salt, otherSalt)
}

// Params are the session parameters (RFC 4568 section 6.3). The first three hold for both directions, the others for the
// one whose line says them.
type Params struct {
	UnencryptedRTP  bool // UNENCRYPTED_SRTP: authenticated only
	UnencryptedRTCP bool // UNENCRYPTED_SRTCP
	Unauthenticated bool // UNAUTHENTICATED_SRTP: RTP without a tag
	KDR             int  // keys are derived anew every 2^KDR packets; 0: once
	Window          int  // WSH: the replay window asked of the receiver in packets, 64 or more; 0: not said
}

// Limits of what anybody may send.
const (
	maxAttribute = 1024    // bytes
	maxKeys      = 8       // in one attribute
	maxMKI       = 128     // bytes (RFC 4568 section 6.1)
	maxLifetime  = 1 << 48 // packets (RFC 3711 section 9.2)
	maxKDR       = 24
	minWindow    = 64
	maxWindow    = 4096
)

// Why a line cannot be read or used. Each is wrapped with the particular.
var (
	ErrMalformed = errors.New("malformed")
	ErrSuite     = errors.New("unknown suite")
	ErrParameter = errors.New("a session parameter that is not ours")
)

// Parse reads the value of a crypto attribute: what stands behind "a=crypto:". Errors hold no key.
func Parse(value string) (Crypto, error) {
	if len(value) > maxAttribute {
		return Crypto{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, maxAttribute)
	}
	words := strings.Fields(value)
	if len(words) < 3 {
		return Crypto{}, fmt.Errorf("%w: tag, suite and key are needed", ErrMalformed)
	}
	tag, err := strconv.ParseUint(words[0], 10, 32)
	if err != nil || len(words[0]) > 9 {
		return Crypto{}, fmt.Errorf("%w: the tag is not a number of up to 9 digits", ErrMalformed)
	}
	c := Crypto{Tag: int(tag)}
	var known bool
	if c.Suite, known = SuiteNamed(words[1]); !known {
		return c, fmt.Errorf("%w %.32q", ErrSuite, words[1])
	}
	if err := c.readKeys(words[2]); err != nil {
		return c, err
	}
	for _, w := range words[3:] {
		if err := c.Params.read(w); err != nil {
			return c, err
		}
	}
	if c.Suite.aead() && c.Params.Unauthenticated {
		return c, fmt.Errorf("%w: %s cannot go unauthenticated", ErrParameter, c.Suite)
	}
	return c, nil
}

func (c *Crypto) readKeys(word string) error {
	for param := range strings.SplitSeq(word, ";") {
		method, info, _ := strings.Cut(param, ":")
		if !strings.EqualFold(method, "inline") {
			return fmt.Errorf("%w: the key is not inline", ErrMalformed)
		}
		k, err := c.Suite.readKey(info)
		if err != nil {
			return err
		}
		if c.Keys = append(c.Keys, k); len(c.Keys) > maxKeys {
			return fmt.Errorf("%w: more than %d keys", ErrMalformed, maxKeys)
		}
	}
	if len(c.Keys) == 1 {
		return nil
	}
	for i, k := range c.Keys { // RFC 4568 section 6.1: else nobody can tell which key a packet has
		if len(k.MKI) == 0 || len(k.MKI) != len(c.Keys[0].MKI) {
			return fmt.Errorf("%w: several keys need an MKI each, of one length", ErrMalformed)
		}
		for _, before := range c.Keys[:i] {
			if bytes.Equal(k.MKI, before.MKI) {
				return fmt.Errorf("%w: two keys have the same MKI", ErrMalformed)
			}
		}
	}
	return nil
}

// readKey reads base64(key || salt) ["|" lifetime] ["|" MKI ":" length].
func (s Suite) readKey(info string) (Key, error) {
	fields := strings.Split(info, "|")
	if len(fields) > 3 {
		return Key{}, fmt.Errorf("%w: too many fields beside the key", ErrMalformed)
	}
	// There are writers that leave the padding out where a suite's key needs it.
	raw, err := base64.RawStdEncoding.DecodeString(strings.TrimRight(fields[0], "="))
	if err != nil {
		return Key{}, fmt.Errorf("%w: the key is not base64", ErrMalformed) // not the error itself: it may quote the key
	}
	key, salt := s.lengths()
	if len(raw) != key+salt {
		return Key{}, fmt.Errorf("%w: the key of %s has %d bytes instead of %d", ErrMalformed, s, len(raw), key+salt)
	}
	k := MakeKey(raw[:key:key], raw[key:])
	for i, f := range fields[1:] {
		if name, length, isMKI := strings.Cut(f, ":"); isMKI {
			if k.MKI, err = readMKI(name, length); err != nil || i == 0 && len(fields) == 3 {
				return Key{}, fmt.Errorf("%w: MKI", ErrMalformed)
			}
			continue
		}
		if k.Lifetime, err = readLifetime(f); err != nil || i == 1 {
			return Key{}, fmt.Errorf("%w: lifetime", ErrMalformed)
		}
	}
	return k, nil
}

// readLifetime reads a number of packets, "1048576" or "2^20".
func readLifetime(field string) (uint64, error) {
	if power, is := strings.CutPrefix(field, "2^"); is {
		n, err := strconv.ParseUint(power, 10, 6)
		if err != nil || n > 48 {
			return 0, ErrMalformed
		}
		return 1 << n, nil
	}
	n, err := strconv.ParseUint(field, 10, 64)
	if err != nil || n == 0 || n > maxLifetime {
		return 0, ErrMalformed
	}
	return n, nil
}

// readMKI reads a number and the length in bytes in which packets carry it, big-endian.
func readMKI(number, length string) ([]byte, error) {
	size, err := strconv.ParseUint(length, 10, 8)
	if err != nil || size == 0 || size > maxMKI {
		return nil, ErrMalformed
	}
	n, err := strconv.ParseUint(number, 10, 64)
	if err != nil || size < 8 && n>>(8*size) != 0 {
		return nil, ErrMalformed
	}
	mki := make([]byte, size)
	for i := int(size) - 1; i >= 0 && n > 0; i-- {
		mki[i] = byte(n)
		n >>= 8
	}
	return mki, nil
}

func (p *Params) read(word string) error {
	name, value, valued := strings.Cut(word, "=")
	number, err := strconv.ParseUint(value, 10, 16)
	switch name {
	case "UNENCRYPTED_SRTP":
		p.UnencryptedRTP = true
	case "UNENCRYPTED_SRTCP":
		p.UnencryptedRTCP = true
	case "UNAUTHENTICATED_SRTP":
		p.Unauthenticated = true
	case "KDR":
		if err != nil || number > maxKDR {
			return fmt.Errorf("%w: KDR", ErrMalformed)
		}
		p.KDR = int(number)
	case "WSH":
		if err != nil || number < minWindow {
			return fmt.Errorf("%w: WSH", ErrMalformed)
		}
		p.Window = int(number)
	default:
		if strings.HasPrefix(name, "-") { // may be ignored (RFC 4568 section 6.3.7)
			return nil
		}
		return fmt.Errorf("%w: %.32q", ErrParameter, name)
	}
	if valued && name[0] == 'U' {
		return fmt.Errorf("%w: %s has no value", ErrMalformed, name)
	}
	return nil
}

// NewKey makes a key of our own.
func NewKey(s Suite) Key {
	key, salt := s.lengths()
	raw := make([]byte, key+salt)
	_, _ = rand.Read(raw) // never fails, see crypto/rand
	return MakeKey(raw[:key:key], raw[key:])
}

// Same reports whether two lines protect by the same keys: the contexts go on.
func (c *Crypto) Same(o *Crypto) bool {
	if c.Suite != o.Suite || len(c.Keys) != len(o.Keys) || c.Params != o.Params {
		return false
	}
	for i := range c.Keys {
		if !c.Keys[i].same(&o.Keys[i]) || !bytes.Equal(c.Keys[i].MKI, o.Keys[i].MKI) {
			return false
		}
	}
	return true
}

// Append writes the attribute's value, keys included: it is for an SDP, not for a log.
func (c *Crypto) Append(b []byte) []byte {
	b = strconv.AppendInt(b, int64(c.Tag), 10)
	b = append(append(append(b, ' '), c.Suite.String()...), ' ')
	for i, k := range c.Keys {
		if i > 0 {
			b = append(b, ';')
		}
		b = k.append(append(b, "inline:"...))
	}
	return c.Params.append(b)
}

func (k *Key) append(b []byte) []byte {
	var raw [maxKeyBytes]byte
	master, salt := k.secret()
	n := copy(raw[:], master)
	n += copy(raw[n:], salt)
	b = base64.StdEncoding.AppendEncode(b, raw[:n])
	if k.Lifetime != 0 {
		b = strconv.AppendUint(append(b, '|'), k.Lifetime, 10)
	}
	if len(k.MKI) != 0 {
		var n uint64
		for _, digit := range k.MKI {
			n = n<<8 | uint64(digit)
		}
		b = strconv.AppendUint(append(b, '|'), n, 10)
		b = strconv.AppendInt(append(b, ':'), int64(len(k.MKI)), 10)
	}
	return b
}

func (p *Params) append(b []byte) []byte {
	if p.KDR != 0 {
		b = strconv.AppendInt(append(b, " KDR="...), int64(p.KDR), 10)
	}
	for _, flag := range [...]struct {
		set  bool
		name string
	}{{p.UnencryptedRTCP, "UNENCRYPTED_SRTCP"}, {p.UnencryptedRTP, "UNENCRYPTED_SRTP"}, {p.Unauthenticated, "UNAUTHENTICATED_SRTP"}} {
		if flag.set {
			b = append(append(b, ' '), flag.name...)
		}
	}
	if p.Window != 0 {
		b = strconv.AppendInt(append(b, " WSH="...), int64(p.Window), 10)
	}
	return b
}

// String tells a line without its keys.
func (c Crypto) String() string {
	return fmt.Sprintf("%d %s with %d key(s)%s", c.Tag, c.Suite, len(c.Keys), c.Params.append(nil))
}
