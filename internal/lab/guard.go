package lab

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"strings"
)

// guard is what a carrier does whose customers have accounts: REGISTER and INVITE are challenged (RFC 7616), and who
// registered is remembered.
type guard struct {
	accounts map[string]string // password by user
	realm    string
	nonce    string
	contacts map[string]string // guarded by the station's mu; by user
}

// Registered is the Contact URI under which a user of TrunkOptions.Accounts has registered, "" when nobody has.
func (t *Trunk) Registered(user string) string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.guard == nil {
		return ""
	}
	return t.guard.contacts[user]
}

// passes answers what must be challenged or registered itself, and reports whether the station may go on.
func (s *station) passes(m *Message) bool {
	if s.guard == nil || m.Method != "REGISTER" && m.Method != "INVITE" || param(m.Get("to"), "tag") != "" {
		return true
	}
	ask, answer, status := "Proxy-Authenticate", "proxy-authorization", 407
	if m.Method == "REGISTER" {
		ask, answer, status = "WWW-Authenticate", "authorization", 401
	}
	user, ok := s.guard.check(m.Get(answer), m.Method)
	if !ok {
		s.reply(m, m.reply(status, "Authentication Required", token(8)).
			With(ask, fmt.Sprintf(`Digest realm="%s", nonce="%s", algorithm=MD5, qop="auth"`, s.guard.realm, s.guard.nonce)))
		return false
	}
	if m.Method == "INVITE" {
		return true
	}
	contact := m.Get("contact")
	s.mu.Lock()
	if m.Get("expires") == "0" || strings.Contains(contact, "expires=0") {
		delete(s.guard.contacts, user)
	} else {
		s.guard.contacts[user] = uriOf(contact)
	}
	s.mu.Unlock()
	s.reply(m, m.reply(200, "OK", token(8)).With("Contact", contact).With("Expires", "60"))
	return false
}

// check computes the response again.
func (g *guard) check(header, method string) (user string, ok bool) {
	_, list, _ := strings.Cut(header, " ")
	c := challengeOf(list)
	password, known := g.accounts[c["username"]]
	if !known || c["nonce"] != g.nonce || c["realm"] != g.realm {
		return "", false
	}
	h := func(parts ...string) string {
		sum := md5.Sum([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(sum[:])
	}
	secret, what := h(c["username"], c["realm"], password), h(method, c["uri"])
	want := h(secret, c["nonce"], what)
	if c["qop"] != "" {
		want = h(secret, c["nonce"], c["nc"], c["cnonce"], c["qop"], what)
	}
	return c["username"], c["response"] == want
}
