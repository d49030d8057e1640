package digest

import (
	"crypto/md5" // RFC 2617 phones know nothing else
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"
)

func (v *Verifier) algorithms() []Algorithm {
	if v.Algorithms == nil {
		return []Algorithm{SHA256, MD5}
	}
	return v.Algorithms
}

// challenge writes one value an algorithm, with one nonce for all.
func (v *Verifier) challenge(stale bool, algorithms []Algorithm) []string {
	if len(algorithms) == 0 {
		algorithms = v.algorithms()
	}
	nonce := v.nonce(time.Now())
	values := make([]string, 0, len(algorithms))
	for _, a := range algorithms {
		value := fmt.Sprintf(`Digest realm=%s, nonce="%s", algorithm=%s, qop="auth"`, quote(v.Realm), nonce, a)
		if stale {
			value += ", stale=true"
		}
		values = append(values, value)
	}
	return values
}

func (v *Verifier) verify(header, method, uri string, password func(string) (string, bool)) (string, error) {
	c, err := parse(header)
	if err != nil {
		return "", err
	}
	if c.realm != v.Realm {
		return "", fmt.Errorf("%w: realm %.40q", ErrUnsupported, c.realm)
	}
	if !slices.Contains(v.algorithms(), c.algorithm) {
		return "", fmt.Errorf("%w: algorithm %s", ErrUnsupported, c.algorithm)
	}
	if uri != "" && !sameAddress(c.uri, uri) {
		return "", fmt.Errorf("%w: made for %.80q", ErrURI, c.uri)
	}
	now := time.Now()
	issued, err := v.issued(c.nonce, now)
	if err != nil {
		return "", err
	}
	secret, known := password(c.username)
	want := c.expected(method, secret)
	same := subtle.ConstantTimeCompare([]byte(want), []byte(strings.ToLower(c.response))) == 1
	if !known || !same {
		return "", ErrDenied
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := v.uses.use(c.nonce, issued, max(c.nc, 1), v.remember(), now.Add(-v.lifetime())); err != nil {
		return "", err
	}
	return c.username, nil
}

func (v *Verifier) remember() int {
	if v.Remember == 0 {
		return 16_384
	}
	return v.Remember
}

// expected is the response that one who knows the password gives (RFC 7616 section 3.4.1; without qop RFC 2617 section
// 3.2.2.1).
func (c credentials) expected(method, password string) string {
	h := c.algorithm.hash
	a1 := h(c.username + ":" + c.realm + ":" + password)
	a2 := h(method + ":" + c.uri)
	if c.qop == "" {
		return h(a1 + ":" + c.nonce + ":" + a2)
	}
	return h(strings.Join([]string{a1, c.nonce, c.ncText, c.cnonce, c.qop, a2}, ":"))
}

func (a Algorithm) hash(s string) string {
	switch a {
	case SHA256:
		sum := sha256.Sum256([]byte(s))
		return hex.EncodeToString(sum[:])
	case MD5:
		sum := md5.Sum([]byte(s))
		return hex.EncodeToString(sum[:])
	case SHA512256:
		sum := sha512.Sum512_256([]byte(s))
		return hex.EncodeToString(sum[:])
	case SHA512:
		sum := sha512.Sum512([]byte(s))
		return hex.EncodeToString(sum[:])
	}
	return "" // not reached: what is read names one of these
}

// sameAddress compares two SIP addresses by scheme, user and host and port.
func sameAddress(a, b string) bool {
	schemeA, userA, hostA := split(a)
	schemeB, userB, hostB := split(b)
	return schemeA == schemeB && userA == userB && hostA == hostB
}

func split(uri string) (scheme, user, hostport string) {
	scheme, rest, _ := strings.Cut(uri, ":")
	if at := strings.LastIndexByte(rest, '@'); at >= 0 {
		user, rest = rest[:at], rest[at+1:]
	}
	if end := strings.IndexAny(rest, ";?>"); end >= 0 {
		rest = rest[:end]
	}
	user, _, _ = strings.Cut(user, ";") // user parameters: sip:+358400;phone-context=x@host
	return strings.ToLower(scheme), user, strings.ToLower(rest)
}

// quote writes a quoted-string (RFC 3261 section 25.1). What would end the line, which a foreign challenge might hold, is
// left out.
func quote(s string) string {
	if strings.ContainsAny(s, "\r\n\x00") {
		s = strings.NewReplacer("\r", "", "\n", "", "\x00", "").Replace(s)
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) + `"`
}
