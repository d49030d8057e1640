package digest

import (
	"fmt"
	"slices"
	"strings"
)

// challenge is what a server asks (RFC 7616 section 3.3).
type challenge struct {
	realm, nonce, opaque string

	algorithm Algorithm
	session   bool // the "-sess" variant
	written   string
	qop       string // "auth", "auth-int", or "": as RFC 2069 had it
	stale     bool
}

// parseChallenges reads the values of WWW-Authenticate or Proxy-Authenticate header fields and returns the challenges
// that can be answered, the strongest of each realm. A server sends one for each algorithm, and which comes first is its
// own preference (RFC 8760 section 2.4). asked says whether there was any digest challenge at all.
func parseChallenges(values []string) (best []challenge, asked bool) {
	for _, value := range values {
		for _, one := range separate(value) {
			c, err := parseChallenge(one)
			asked = asked || err == nil || c.realm != ""
			if err != nil {
				continue
			}
			i := slices.IndexFunc(best, func(b challenge) bool { return b.realm == c.realm })
			switch {
			case i < 0 && len(best) < maxRealms:
				best = append(best, c)
			case i >= 0 && c.strength() > best[i].strength():
				best[i] = c
			}
		}
	}
	return best, asked
}

// separate cuts a value that holds several challenges: a scheme is a word before a name with its equals sign. SIP wants
// one a header field (RFC 3261 section 7.3.1), which not everybody knows.
func separate(value string) []string {
	if len(value) > maxHeader {
		return nil
	}
	var out []string
	quoted, start := false, 0
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ',' && !quoted:
			word, after, _ := strings.Cut(strings.TrimLeft(value[i+1:], " \t"), " ")
			if isToken(word) && !strings.HasPrefix(strings.TrimLeft(after, " \t"), "=") && strings.Contains(after, "=") {
				out = append(out, value[start:i])
				start = i + 1
			}
		}
	}
	return append(out, value[start:])
}

// parseChallenge reads one. The error is ErrUnsupported for one that we cannot answer.
func parseChallenge(value string) (challenge, error) {
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if !strings.EqualFold(scheme, "Digest") {
		return challenge{}, fmt.Errorf("%w: the scheme must be Digest", ErrUnsupported)
	}
	p, err := parameters(rest)
	if err != nil {
		return challenge{}, err
	}
	c := challenge{realm: p["realm"], nonce: p["nonce"], opaque: p["opaque"], written: p["algorithm"], stale: strings.EqualFold(p["stale"], "true")}
	if c.nonce == "" {
		return c, fmt.Errorf("%w: nonce is missing", ErrMalformed)
	}
	name, session := strings.ToUpper(c.written), false
	if cut, ok := strings.CutSuffix(name, "-SESS"); ok {
		name, session = cut, true
	}
	c.algorithm, c.session = Algorithm(name), session
	if name == "" {
		c.algorithm = MD5 // RFC 7616 section 3.3
	}
	if c.strength() == 0 {
		return c, fmt.Errorf("%w: algorithm %.20q", ErrUnsupported, c.written)
	}
	offered, asksQop := p["qop"]
	if !asksQop || strings.TrimSpace(offered) == "" {
		return c, nil
	}
	var methods []string
	for _, m := range strings.FieldsFunc(offered, func(r rune) bool { return r == ',' || r == ' ' }) {
		methods = append(methods, strings.ToLower(m))
	}
	for _, known := range []string{"auth", "auth-int"} { // the body may be changed on the way by proxies, so auth if we may
		if slices.Contains(methods, known) {
			c.qop = known
			return c, nil
		}
	}
	return c, fmt.Errorf("%w: qop %.20q", ErrUnsupported, offered)
}

// strength orders the algorithms we can compute, and prefers counted nonces; 0 is none of ours.
func (c challenge) strength() int {
	var s int
	switch c.algorithm {
	case MD5:
		s = 2
	case SHA256:
		s = 4
	case SHA512256:
		s = 6
	case SHA512:
		s = 8
	default:
		return 0
	}
	if c.qop != "" {
		s++
	}
	return s
}
