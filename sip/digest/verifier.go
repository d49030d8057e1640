package digest

import (
	"errors"
	"sync"
	"time"
)

// What Verify may find wrong. Every error it returns is one of these, wrapped with particulars.
var (
	// ErrMissing: there is no Authorization header. Challenge the client.
	ErrMissing = errors.New("no digest credentials")
	// ErrMalformed: the header cannot be read. Answer 400.
	ErrMalformed = errors.New("malformed digest credentials")
	// ErrUnsupported: another realm, algorithm or quality of protection than was asked for. Challenge again.
	ErrUnsupported = errors.New("unsupported digest credentials")
	// ErrStale: the nonce is not ours, too old, or was counted up to there before; the password may be right. Challenge
	// with stale=true, and the client answers without asking its user.
	ErrStale = errors.New("stale digest nonce")
	// ErrURI: the credentials were made for another address. Answer 400 or challenge again.
	ErrURI = errors.New("digest uri does not match the request")
	// ErrDenied: no such user, or a wrong password; which of the two is not told. Challenge again or answer 403.
	ErrDenied = errors.New("wrong user name or password")
)

// Algorithm is a digest algorithm as it is written in a challenge. The set is closed.
type Algorithm string

// The algorithms. A Verifier offers the first two and no session variants ("-sess"): no SIP client we know needs more. A
// Client answers all, and the variants.
const (
	SHA256    Algorithm = "SHA-256"
	MD5       Algorithm = "MD5"
	SHA512256 Algorithm = "SHA-512-256"
	SHA512    Algorithm = "SHA-512" // in no RFC, but some servers offer it
)

// Verifier challenges and verifies. Set its fields before first use and leave them. Its methods are safe for concurrent
// use.
type Verifier struct {
	// Realm is what passwords are for: "cordboard".
	Realm string
	// Secret marks our nonces; at least 16 random bytes. The same secret after a restart keeps nonces good;
	// without one a random one is made.
	Secret []byte
	// Lifetime is how long a nonce is good, 5 minutes when zero. A later use is answered with stale=true.
	Lifetime time.Duration
	// Algorithms are offered in this order, the preferred one first (RFC 8760 section 2.3). SHA-256, MD5 when nil.
	Algorithms []Algorithm
	// Remember bounds how many nonces in use are remembered, 16,384 when zero (about 2 MB). Beyond it the oldest are
	// declared stale, so that a replay is refused all the same.
	Remember int

	once      sync.Once
	forgotten []byte // the secret when none was given; set by once

	mu   sync.Mutex
	uses uses // guarded by mu
}

// Challenge returns the values for WWW-Authenticate (or Proxy-Authenticate) headers, one a header, in the order in which
// they must be sent: of the given algorithms, or of Verifier.Algorithms when none is given.
//
// JsSIP reads the first header alone and gives up unless it says MD5: challenge browsers with Challenge(MD5).
func (v *Verifier) Challenge(algorithms ...Algorithm) []string {
	return v.challenge(false, algorithms)
}

// ChallengeAfter is Challenge for an answer to credentials that Verify refused with err: it says stale=true where the
// client need not ask its user again.
func (v *Verifier) ChallengeAfter(err error, algorithms ...Algorithm) []string {
	return v.challenge(errors.Is(err, ErrStale), algorithms)
}

// Verify checks the value of an Authorization (or Proxy-Authorization) header against the request's method and
// Request-URI and the password of the user it names, and returns that user name.
//
// It compares the header's uri with uri by user, host and port only, because clients and proxies differ in parameters; an
// empty uri is not compared. A nonce that came without a count (RFC 2069 clients) is good for one request.
func (v *Verifier) Verify(header, method, uri string, password func(username string) (password string, ok bool)) (username string, err error) {
	return v.verify(header, method, uri, password)
}
