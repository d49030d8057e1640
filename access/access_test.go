package access

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	secret = bytes.Repeat([]byte("s"), 32)
	office = netip.MustParseAddr("192.0.2.1")
)

// cheap is an argon2id hash that costs next to nothing.
func cheap(password string) string {
	b64 := base64.RawStdEncoding
	salt := []byte("saltsalt")
	return fmt.Sprintf("$argon2id$v=19$m=8,t=1,p=1$%s$%s", b64.EncodeToString(salt),
		b64.EncodeToString(argon2.IDKey([]byte(password), salt, 1, 8, 1, 32)))
}

func newGuardWith(t testing.TB, change ...func(*Config)) *Guard {
	t.Helper()
	old, err := bcrypt.GenerateFromPassword([]byte("bcrypt's"), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	cfg := Config{Secret: secret, Users: []User{
		{ID: "anna", Name: "Anna", Extension: "1001", PasswordHash: cheap("secret")},
		{ID: "bo", Extension: "1002", PasswordHash: string(old), SIPPassword: "desk"},
		{ID: "carl", Extension: "1003", Password: "plain"},
		{ID: "1004", Extension: "1004", SIPPassword: "secret-1004"},
		{ID: "sue", Roles: []Role{Supervisor}},
		{ID: "root", Roles: []Role{Admin}},
	}}
	for _, f := range change {
		f(&cfg)
	}
	g, err := New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// login must succeed.
func login(t testing.TB, g *Guard, user, password string) Session {
	t.Helper()
	s, err := g.Login(context.Background(), user, password, office)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestLogin(t *testing.T) {
	g := newGuardWith(t)
	for _, c := range []struct {
		user, password, id string
	}{
		{"anna", "secret", "anna"}, {" Anna ", "secret", "anna"}, {"1001", "secret", "anna"},
		{"bo", "bcrypt's", "bo"}, {"carl", "plain", "carl"},
		{"anna", "Secret", ""}, {"anna", "", ""}, {"anna", strings.Repeat("x", 1000), ""}, {"carl", "", ""}, {"bo", "desk", ""},
		{"nobody", "secret", ""}, {"", "", ""}, {"1004", "secret-1004", ""}, {"1004", "", ""}, {"sue", "", ""},
	} {
		s, err := g.Login(context.Background(), c.user, c.password, netip.Addr{})
		if c.id == "" && !errors.Is(err, ErrWrong) || c.id != "" && (err != nil || s.User.ID != c.id) {
			t.Errorf("%q %.20q: %q %v, want %q", c.user, c.password, s.User.ID, err, c.id)
		}
	}
}

func TestAnUnknownUserTakesAsLongAsAKnownOne(t *testing.T) {
	g := newGuardWith(t, func(c *Config) {
		c.Users = []User{{ID: "anna", PasswordHash: HashPassword("secret")}, {ID: "carl", Password: "plain"}}
		c.UserTries, c.AddressTries = 1000, 1000
	})
	took := func(user string) time.Duration {
		start := time.Now()
		if _, err := g.Login(context.Background(), user, "wrong", office); !errors.Is(err, ErrWrong) {
			t.Fatal(err)
		}
		return time.Since(start)
	}
	// The three in turn, until their best times are alike: without the decoy they never are, however busy the machine.
	best := map[string]time.Duration{"anna": time.Hour, "carl": time.Hour, "nobody": time.Hour}
	for range 100 {
		for user := range best {
			best[user] = min(best[user], took(user))
		}
		known := best["anna"]
		if best["carl"] > known/2 && best["carl"] < known*2 && best["nobody"] > known/2 && best["nobody"] < known*2 {
			return
		}
	}
	t.Errorf("best times %v", best)
}

func TestHashPassword(t *testing.T) {
	one, two := HashPassword("secret"), HashPassword("secret")
	if one == two {
		t.Error("two hashes of one password are the same: no salt")
	}
	h, err := parseHash(one)
	if err != nil || !h.matches("secret") || h.matches("Secret") {
		t.Errorf("%q does not match its password alone, %v", one, err)
	}
	for _, bad := range []string{"", "secret", "$argon2id$", "$argon2i$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$argon2id$v=16$m=8,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA", "$argon2id$v=19$m=99999999,t=1,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA",
		"$argon2id$v=19$m=8,t=0,p=1$c2FsdHNhbHQ$c2FsdHNhbHRzYWx0c2FsdA", "$argon2id$v=19$m=8,t=1,p=1$***$c2FsdHNhbHRzYWx0c2FsdA",
		"$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$eA", "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$***", "$argon2id$v=19$m=8$x$y",
		"$2b$31$" + strings.Repeat("a", 53), "$2b$xx"} {
		if _, err := parseHash(bad); err == nil {
			t.Errorf("%q is taken for a hash", bad)
		}
	}
}

func TestGuessingIsLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newGuardWith(t, func(c *Config) { c.AddressTries = 30; c.AddressEvery = time.Minute })
		try := func(user, password string, from netip.Addr) error {
			_, err := g.Login(context.Background(), user, password, from)
			return err
		}
		for range 5 {
			if err := try("anna", "guess", office); !errors.Is(err, ErrWrong) {
				t.Fatal(err)
			}
		}
		var limit *TooMany
		if err := try("anna", "secret", netip.MustParseAddr("198.51.100.1")); !errors.As(err, &limit) {
			t.Fatalf("the right password after five wrong ones, from elsewhere: %v", err)
		}
		if limit.RetryAfter <= 9*time.Second || limit.RetryAfter > 10*time.Second {
			t.Errorf("retry after %v, want 10 s", limit.RetryAfter)
		}
		if err := try("carl", "plain", office); err != nil {
			t.Errorf("another user: %v", err)
		}
		time.Sleep(limit.RetryAfter)
		if err := try("anna", "secret", office); err != nil {
			t.Errorf("after the wait: %v", err)
		}
		for range 4 { // forgiven: a new row of tries
			if err := try("anna", "guess", office); !errors.Is(err, ErrWrong) {
				t.Fatal(err)
			}
		}
		var err error
		for i := 0; !errors.As(err, &limit); i++ {
			if err = try(fmt.Sprint("user", i), "guess", office); i > 30 {
				t.Fatal("one address may guess for ever")
			}
		}
		if err := try("carl", "plain", netip.MustParseAddr("198.51.100.1")); err != nil {
			t.Errorf("another address: %v", err)
		}
	})
}

func TestOneHouseholdOfIPv6IsOneAddress(t *testing.T) {
	a, b := addressKey(netip.MustParseAddr("2001:db8::1")), addressKey(netip.MustParseAddr("2001:db8::ffff:2"))
	c, d := addressKey(netip.MustParseAddr("2001:db8:0:1::1")), addressKey(netip.MustParseAddr("::ffff:192.0.2.1"))
	if a != b || a == c || d != "192.0.2.1" || addressKey(netip.Addr{}) != "" {
		t.Error(a, b, c, d)
	}
}

func TestLimitsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(1, time.Hour)
		for i := range maxKeys + 5000 {
			l.take(fmt.Sprint(i), time.Now())
		}
		if n := len(l.byKey); n != maxKeys {
			t.Errorf("%d keys", n)
		}
		if wait := l.take("another", time.Now()); wait == 0 {
			t.Error("a flood of keys opens the door for one more")
		}
		time.Sleep(2 * time.Hour)
		if wait := l.take("another", time.Now()); wait != 0 || len(l.byKey) != 1 {
			t.Errorf("after the flood: wait %v, %d keys", wait, len(l.byKey))
		}
	})
}

func TestOnlySoManyPasswordsAtOnce(t *testing.T) {
	g := newGuardWith(t, func(c *Config) { c.Hashing = 1 })
	g.hashing <- struct{}{}
	ctx, cancel := context.WithCancelCause(context.Background())
	cancel(errors.New("the browser left"))
	if _, err := g.Login(ctx, "anna", "secret", office); err == nil || err.Error() != "the browser left" {
		t.Errorf("got %v", err)
	}
	<-g.hashing
	login(t, g, "anna", "secret")
}

func TestAOR(t *testing.T) {
	g := newGuardWith(t)
	for user, want := range map[string]string{"anna": "anna", "1001": "anna", "1004": "1004", "nobody": "", "": "", "Anna": ""} {
		if got, ok := g.AOR(user); got != want || ok != (want != "") {
			t.Errorf("%q: %q %v, want %q", user, got, ok, want)
		}
	}
}

func TestAuthenticate(t *testing.T) {
	g := newGuardWith(t)
	token := login(t, g, "anna", "secret").Token
	for name, c := range map[string]struct {
		query, subprotocol, authorization, want string
		bad                                     bool
	}{
		"nothing":        {"", "sip", "", "", false},
		"query":          {"access_token=" + token, "sip", "", "anna", false},
		"subprotocol":    {"", "sip, session." + token, "", "anna", false},
		"header":         {"", "sip", "bearer " + token, "anna", false},
		"another scheme": {"", "sip", "Basic " + token, "", false},
		"wrong token":    {"access_token=x", "sip", "", "", true},
		"wrong item":     {"", "sip,session.x", "", "", true},
	} {
		r := httptest.NewRequest("GET", "/sip?"+c.query, nil)
		r.Header.Set("Sec-WebSocket-Protocol", c.subprotocol)
		r.Header.Set("Authorization", c.authorization)
		if aor, err := g.Authenticate(r); aor != c.want || (err != nil) != c.bad {
			t.Errorf("%s: %q %v, want %q", name, aor, err, c.want)
		}
	}
}

func TestRoles(t *testing.T) {
	g := newGuardWith(t)
	for id, want := range map[string][2]bool{"anna": {false, false}, "sue": {true, false}, "root": {true, true}} {
		u, ok := g.User(id)
		if got := [2]bool{u.May(SeeAllCalls), u.May(Administer)}; got != want || !ok {
			t.Errorf("%s may %v, want %v", id, got, want)
		}
	}
	if (User{Roles: []Role{Admin}}).May(Action(200)) {
		t.Error("an unknown action is allowed")
	}
}

func TestEveryProblemOfTheConfigurationIsTold(t *testing.T) {
	_, err := New(Config{Secret: []byte("short"), Users: []User{
		{ID: "anna", Extension: "1001"}, {ID: "anna"}, {ID: "bo", Extension: "1001"}, {ID: "1001"}, {ID: "a b"}, {ID: ""},
		{ID: "1763841600-9f86d081884c7d65-anna"}, {ID: "carl", PasswordHash: "secret"}, {ID: "dina", Roles: []Role{"boss"}},
	}})
	if err == nil {
		t.Fatal("accepted")
	}
	for _, want := range []string{`secret of 5 bytes`, `"anna" is given twice`, `user "bo": extension "1001"`, `user "1001": id "1001"`,
		`user id "a b"`, `user id ""`, `user id "1763841600-9f86d081884c7d65-anna"`, `user "carl": password hash`, `role "boss"`} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("no word of %s in:\n%v", want, err)
		}
	}
}

func TestManyAtOnce(t *testing.T) {
	g := newGuardWith(t, func(c *Config) { c.UserTries = 100 })
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				s, err := g.Login(context.Background(), "anna", "secret", netip.Addr{})
				if err != nil {
					t.Error(err)
					return
				}
				g.SIPCredentials(s)
				g.Logout(s)
				if _, err := g.Verify(s.Token); err == nil {
					t.Error("logged out and in")
				}
			}
		})
	}
	wg.Wait()
}

func FuzzVerify(f *testing.F) {
	g := newGuardWith(f)
	f.Add(login(f, g, "anna", "secret").Token)
	f.Add("")
	f.Add("AQ")
	f.Add(strings.Repeat("A", 100))
	other := newGuardWith(f, func(c *Config) { c.Secret = bytes.Repeat([]byte("x"), 32) })
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := other.Verify(token); !errors.Is(err, ErrNoSession) {
			t.Errorf("%q is a session: %v", token, err)
		}
		if s, err := g.Verify(token); err == nil && s.Token != token {
			t.Errorf("%q", token)
		}
	})
}

func FuzzPassword(f *testing.F) {
	g := newGuardWith(f)
	f.Add("1763841600-9f86d081884c7d65-anna")
	f.Add("999999999999-9f86d081884c7d65-anna")
	f.Add("1002")
	f.Add("9223372036854775808-anna")
	f.Fuzz(func(t *testing.T, username string) {
		password, aor, ok := g.Password(username)
		if ok != (password != "" && aor != "") {
			t.Errorf("%q: %q %q %v", username, password, aor, ok)
		}
		if _, known := g.User(aor); ok && !known {
			t.Errorf("%q registers %q, who is not here", username, aor)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	g := newGuardWith(b)
	token := login(b, g, "anna", "secret").Token
	b.ReportAllocs()
	for b.Loop() {
		if _, err := g.Verify(token); err != nil {
			b.Fatal(err)
		}
	}
}

func TestWhoIsReplacedIsRefusedAtOnce(t *testing.T) {
	g := newGuardWith(t)
	anna, carl := login(t, g, "anna", "secret"), login(t, g, "carl", "plain")
	phone := g.SIPCredentials(carl)
	if err := g.Replace([]User{{ID: "anna", Extension: "2001", Password: "new"}, {ID: "dina", Password: "hers"}}); err != nil {
		t.Fatal(err)
	}
	if s, err := g.Verify(anna.Token); err != nil || s.User.Extension != "2001" {
		t.Errorf("anna's session: %+v, %v", s.User, err)
	}
	if _, err := g.Verify(carl.Token); !errors.Is(err, ErrNoSession) {
		t.Errorf("carl's session: %v", err)
	}
	if _, _, ok := g.Password(phone.Username); ok {
		t.Error("carl's phone may still register")
	}
	if _, err := g.Login(t.Context(), "anna", "secret", office); !errors.Is(err, ErrWrong) {
		t.Errorf("anna's old password: %v", err)
	}
	login(t, g, "anna", "new")
	login(t, g, "dina", "hers")
	if aor, ok := g.AOR("1001"); ok {
		t.Errorf("the old extension is %s", aor)
	}
	if err := g.Replace([]User{{ID: "x y"}}); err == nil {
		t.Error("an impossible user was taken")
	}
	if _, ok := g.User("dina"); !ok {
		t.Error("and has replaced the others")
	}
}
