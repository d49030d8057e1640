package access

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

func TestSessions(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuardWith(t)
		s := login(t, g, "anna", "secret")
		if s.Expires.Sub(s.Issued) != 12*time.Hour {
			t.Errorf("a session of %v", s.Expires.Sub(s.Issued))
		}
		if !regexp.MustCompile(`^[A-Za-z0-9_-]+$`).MatchString(s.Token) {
			t.Errorf("token %q needs escapes somewhere", s.Token)
		}
		again := newGuardWith(t) // after a restart
		if got, err := again.Verify(s.Token); err != nil || got.User.Name != "Anna" || !got.Expires.Equal(s.Expires) {
			t.Errorf("after a restart: %+v %v", got, err)
		}
		bad := func(g *Guard, token, why string) {
			t.Helper()
			if _, err := g.Verify(token); !errors.Is(err, ErrNoSession) {
				t.Errorf("%s: %v", why, err)
			}
		}
		raw, _ := base64.RawURLEncoding.DecodeString(s.Token)
		for i := range raw {
			turned := bytes.Clone(raw)
			turned[i] ^= 1
			bad(g, base64.RawURLEncoding.EncodeToString(turned), fmt.Sprintf("byte %d turned", i))
			bad(g, base64.RawURLEncoding.EncodeToString(raw[:i]), "cut off")
		}
		bad(g, s.Token+"=", "padding")
		bad(g, strings.Repeat("A", 10_000), "endless")
		bad(newGuardWith(t, func(c *Config) { c.Secret = bytes.Repeat([]byte("x"), 32) }), s.Token, "another secret")
		bad(newGuardWith(t, func(c *Config) { c.Users = c.Users[1:] }), s.Token, "the user is gone")
		// What is signed for one purpose is worth nothing for another.
		bad(g, g.SIPCredentials(s).Password, "a SIP password")

		other := login(t, g, "anna", "secret")
		g.Logout(s)
		bad(g, s.Token, "logged out")
		if _, err := g.Verify(other.Token); err != nil {
			t.Errorf("the other session of the same user: %v", err)
		}
		time.Sleep(12*time.Hour - time.Second)
		if _, err := g.Verify(other.Token); err != nil {
			t.Errorf("a second before its end: %v", err)
		}
		time.Sleep(time.Second)
		bad(g, other.Token, "over")
	})
}

func TestLogoutsAreBoundedAndNeverUndone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuardWith(t)
		anna, _ := g.User("anna")
		var first Session
		for i := range maxRevoked + 100 {
			s := g.issue(anna, time.Now())
			g.Logout(s)
			if i == 0 {
				first = s
			}
			if i%100 == 0 {
				time.Sleep(time.Second)
			}
		}
		if n := len(g.revoked.until); n > maxRevoked {
			t.Errorf("%d remembered", n)
		}
		if _, err := g.Verify(first.Token); !errors.Is(err, ErrNoSession) {
			t.Errorf("the first logout was undone: %v", err)
		}
		time.Sleep(time.Second)
		if _, err := g.Verify(login(t, g, "anna", "secret").Token); err != nil {
			t.Errorf("a new session: %v", err)
		}
	})
}

func TestSIPPasswords(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuardWith(t)
		c := g.SIPCredentials(login(t, g, "anna", "secret"))
		if !regexp.MustCompile(`^[A-Za-z0-9._-]+$`).MatchString(c.Username) {
			t.Errorf("user name %q needs escapes in SIP", c.Username)
		}
		if d := time.Until(c.Expires); d != 2*time.Hour {
			t.Errorf("good for %v", d)
		}
		restarted := newGuardWith(t)
		for _, want := range []struct {
			username, password, aor string
		}{
			{c.Username, c.Password, "anna"}, {"bo", "desk", "bo"}, {"1002", "desk", "bo"}, {"1004", "secret-1004", "1004"},
			{"anna", "", ""}, {"1001", "", ""}, {"nobody", "", ""}, {"", "", ""}, {strings.Repeat("1", 1000), "", ""},
			{strings.Replace(c.Username, "anna", "nobody", 1), "", ""}, {"0" + c.Username, "", ""}, {"anna;exp=1", "", ""},
		} {
			password, aor, ok := restarted.Password(want.username)
			if password != want.password || aor != want.aor || ok != (want.aor != "") {
				t.Errorf("%q: %q %q %v, want %q %q", want.username, password, aor, ok, want.password, want.aor)
			}
		}
		// Credentials of one, written as if of another, have another password.
		if p, _, _ := g.Password(strings.Replace(c.Username, "anna", "bo", 1)); p == c.Password {
			t.Error("anna's password registers bo")
		}
		time.Sleep(2 * time.Hour)
		if _, _, ok := g.Password(c.Username); ok {
			t.Error("credentials outlive their end")
		}
		out := login(t, g, "anna", "secret")
		c, other := g.SIPCredentials(out), g.SIPCredentials(login(t, g, "anna", "secret"))
		g.Logout(out)
		if _, _, ok := g.Password(c.Username); ok {
			t.Error("credentials outlive the logout")
		}
		if _, _, ok := g.Password(other.Username); !ok {
			t.Error("the logout of one session ends the credentials of another")
		}
		s := login(t, g, "anna", "secret")
		time.Sleep(11 * time.Hour)
		if c := g.SIPCredentials(s); !c.Expires.Equal(s.Expires) {
			t.Errorf("credentials until %v outlive the session until %v", c.Expires, s.Expires)
		}
	})
}
