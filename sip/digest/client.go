package digest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/cordboard/cordboard/sip/field"
)

// Bounds of what a server may make us do.
const (
	maxRealms   = 8 // whose challenges are answered
	maxAttempts = 5 // of one request: proxies and the server behind them may each ask, and find a nonce stale
)

// Client answers challenges with one user name and password (RFC 7616, RFC 8760, RFC 3261 section 22). It remembers them,
// so that the next request carries its answer at once, counted up. Safe for concurrent use.
type Client struct {
	// Username and Password are what the servers know us by. Set them before first use; afterwards by Change.
	Username, Password string
	// Realm, when it is not empty, is the only one that is answered: a redirection to somebody else learns no hash.
	Realm string
	// Cnonce makes our part of an answer; nil: a random one of 130 bits.
	Cnonce func() string

	mu      sync.Mutex
	answers []*standing // guarded by mu
}

// standing is a challenge that has been answered, and how often. Guarded by the mu of its Client.
type standing struct {
	header string // that it goes into
	challenge
	count  uint32
	cnonce string // of the first answer, which a "-sess" key is made of (RFC 7616 section 3.4.2)
}

// Change sets another user name and password, and forgets all challenges.
func (c *Client) Change(username, password string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.Username, c.Password, c.answers = username, password, nil
}

// Exchange is one request, sent as often as it is challenged.
type Exchange struct {
	client   *Client
	attempts int
	fresh    []slot // challenges that came to this very request
}

// slot is who asks: a proxy or the server, and for which realm.
type slot struct{ header, realm string }

// Begin starts an exchange.
func (c *Client) Begin() *Exchange { return &Exchange{client: c} }

// Authorize returns the header fields to add to the request before it is sent: our answers to all challenges known.
// uri is the Request-URI as it is written in the request; body counts where a server asks for auth-int.
func (x *Exchange) Authorize(method, uri string, body []byte) []field.Header {
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	x.attempts++
	headers := make([]field.Header, 0, len(c.answers))
	for _, a := range c.answers {
		headers = append(headers, field.Header{Name: a.header, Value: c.credentials(a, method, uri, body)})
	}
	if len(headers) == 0 {
		return nil
	}
	return headers
}

// Challenged takes a 401 or 407, with the values of its WWW-Authenticate or Proxy-Authenticate header fields. nil means
// that the request, authorized anew, should be sent again. The errors are ErrMissing (we have no password), ErrUnsupported
// (nothing that we can answer) and ErrDenied: the server has seen our answer to its own challenge, and it was wrong.
//
// A nonce from an earlier request may have grown old, and few servers say stale=true then: an answer to a remembered
// challenge proves nothing when it is refused, only one to a challenge of this exchange does.
func (x *Exchange) Challenged(status int, challenges []string) error {
	header := "Authorization"
	if status == 407 {
		header = "Proxy-Authorization"
	}
	c := x.client
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.Username == "" {
		return fmt.Errorf("%w: the server asks, and there is no user name", ErrMissing)
	}
	best, asked := parseChallenges(challenges)
	if c.Realm != "" {
		best = slices.DeleteFunc(best, func(b challenge) bool { return b.realm != c.Realm })
	}
	if len(best) == 0 {
		if asked {
			return fmt.Errorf("%w: none of %d challenges can be answered", ErrUnsupported, len(challenges))
		}
		return fmt.Errorf("%w: no digest challenge", ErrUnsupported)
	}
	if x.attempts >= maxAttempts {
		return fmt.Errorf("%w: challenged %d times", ErrDenied, x.attempts)
	}
	anything := false
	for _, b := range best {
		s := slot{header, b.realm}
		seen := slices.Contains(x.fresh, s)
		if seen && !b.stale {
			continue // this one has seen our answer
		}
		anything = true
		if !seen {
			x.fresh = append(x.fresh, s)
		}
		c.learn(header, b)
	}
	if !anything {
		return ErrDenied
	}
	return nil
}

// learn replaces the challenge of a slot, or adds it, or drops it where it is not ours any more. c.mu is held.
func (c *Client) learn(header string, b challenge) {
	i := slices.IndexFunc(c.answers, func(a *standing) bool { return a.header == header && a.realm == b.realm })
	switch {
	case i >= 0 && c.answers[i].nonce == b.nonce && c.answers[i].algorithm == b.algorithm && c.answers[i].qop == b.qop:
		// the same nonce again: its count goes on (RFC 7616 section 3.4, nc)
	case i >= 0:
		c.answers[i] = &standing{header: header, challenge: b}
	case len(c.answers) == maxRealms:
		c.answers = append(c.answers[1:], &standing{header: header, challenge: b})
	default:
		c.answers = append(c.answers, &standing{header: header, challenge: b})
	}
}

// Info takes the value of an Authentication-Info (or, with proxy, Proxy-Authentication-Info) header field of a 2xx, which
// may name the nonce of the next request (RFC 7616 section 3.5). What cannot be read is passed over.
func (c *Client) Info(value string, proxy bool) {
	if len(value) > maxHeader {
		return
	}
	p, err := parameters(value)
	if err != nil || p["nextnonce"] == "" {
		return
	}
	header := "Authorization"
	if proxy {
		header = "Proxy-Authorization"
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	var only *standing
	for _, a := range c.answers {
		if a.header != header {
			continue
		}
		if only != nil {
			return // it does not say which realm's
		}
		only = a
	}
	if only != nil && only.nonce != p["nextnonce"] {
		only.nonce, only.count, only.cnonce = p["nextnonce"], 0, ""
	}
}

// credentials writes the answer to a challenge. c.mu is held.
func (c *Client) credentials(a *standing, method, uri string, body []byte) string {
	a.count++
	cnonce := ""
	if a.qop != "" || a.session {
		if cnonce = a.cnonce; cnonce == "" || !a.session {
			cnonce = c.cnonce()
			a.cnonce = cnonce
		}
	}
	h := a.algorithm.hash
	a1 := h(c.Username + ":" + a.realm + ":" + c.Password)
	if a.session {
		a1 = h(a1 + ":" + a.nonce + ":" + cnonce)
	}
	a2 := method + ":" + uri
	if a.qop == "auth-int" {
		a2 += ":" + h(string(body))
	}
	nc := fmt.Sprintf("%08x", a.count)
	response := h(a1 + ":" + a.nonce + ":" + h(a2))
	if a.qop != "" {
		response = h(strings.Join([]string{a1, a.nonce, nc, cnonce, a.qop, h(a2)}, ":"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, `Digest username=%s, realm=%s, nonce=%s, uri=%s, response="%s"`,
		quote(c.Username), quote(a.realm), quote(a.nonce), quote(uri), response)
	if a.written != "" { // without quotes, and only when it was asked for: old servers know no such parameter
		b.WriteString(", algorithm=" + algorithmName(a.challenge))
	}
	if cnonce != "" {
		b.WriteString(`, cnonce=` + quote(cnonce))
	}
	if a.opaque != "" {
		b.WriteString(`, opaque=` + quote(a.opaque))
	}
	if a.qop != "" {
		b.WriteString(`, qop=` + a.qop + `, nc=` + nc)
	}
	return b.String()
}

// algorithmName is the algorithm as RFC 7616 spells it, however the server did.
func algorithmName(c challenge) string {
	if c.session {
		return string(c.algorithm) + "-sess"
	}
	return string(c.algorithm)
}

func (c *Client) cnonce() string {
	if c.Cnonce != nil {
		return c.Cnonce()
	}
	return strings.ToLower(rand.Text())
}

// Refused reports whether an error of Challenged is about who we are, so that trying again is no use until somebody has
// changed something.
func Refused(err error) bool {
	return errors.Is(err, ErrDenied) || errors.Is(err, ErrMissing) || errors.Is(err, ErrUnsupported)
}
