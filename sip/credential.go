package sip

import (
	"strings"

	"github.com/emiago/sipgo/sip"
	"github.com/icholy/digest"
)

// credential is how we answer the challenges of a trunk (RFC 3261 section 22, RFC 8760). It lives in a dialog, whose lock
// guards it.
type credential struct {
	username, password string
	// answers by header field: a proxy (407) and the server behind it (401) may each ask.
	answers map[string]*challengeAnswer
}

type challengeAnswer struct {
	challenge *digest.Challenge
	count     int // nc
}

// maxChallenges is how often one request is sent again with credentials: a proxy's challenge, the server's, and one
// nonce that went stale meanwhile.
const maxChallenges = 3

// strength orders the algorithms we can compute; 0 is none of ours.
func strength(algorithm string) int {
	switch strings.ToUpper(algorithm) {
	case "", "MD5":
		return 1
	case "SHA-256":
		return 2
	case "SHA-512-256":
		return 3
	case "SHA-512":
		return 4
	}
	return 0
}

// challenged reports whether res asks for credentials that we have, and keeps the strongest of its challenges: a server
// sends one header for each algorithm, and which is first is its own preference (RFC 8760 section 2.4).
func (d *Dialog) challenged(req *sip.Request, res *sip.Response) bool {
	ask, answer := "WWW-Authenticate", "Authorization"
	switch res.StatusCode {
	case 401:
	case 407:
		ask, answer = "Proxy-Authenticate", "Proxy-Authorization"
	default:
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.credential
	if c == nil || c.username == "" {
		return false
	}
	var best *digest.Challenge
	for _, h := range res.GetHeaders(ask) {
		offered, err := digest.ParseChallenge(h.Value())
		if err != nil || strength(offered.Algorithm) == 0 || best != nil && strength(offered.Algorithm) <= strength(best.Algorithm) {
			continue
		}
		best = offered
	}
	if best == nil {
		return false
	}
	if header(req, answer) != "" && !best.Stale {
		return false // it has seen our answer, and does not like the password
	}
	best.Algorithm = strings.ToUpper(best.Algorithm)
	if c.answers == nil {
		c.answers = map[string]*challengeAnswer{}
	}
	c.answers[answer] = &challengeAnswer{challenge: best}
	return true
}

// authorize adds our answers to the last challenges, when there were any.
func (d *Dialog) authorize(req *sip.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	c := d.credential
	if c == nil {
		return
	}
	for name, a := range c.answers {
		a.count++
		cred, err := digest.Digest(a.challenge, digest.Options{
			Method: string(req.Method), URI: req.Recipient.String(), Username: c.username, Password: c.password, Count: a.count,
		})
		if err != nil {
			continue // a challenge we cannot compute: the request goes without and is refused
		}
		req.AppendHeader(sip.NewHeader(name, cred.String()))
	}
}
