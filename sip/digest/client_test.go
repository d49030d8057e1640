package digest

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	client "github.com/icholy/digest"

	"github.com/cordboard/cordboard/sip/field"
)

// fieldsOf reads our own credentials.
func fieldsOf(t testing.TB, headers []field.Header) map[string]string {
	t.Helper()
	if len(headers) != 1 {
		t.Fatalf("%d header fields: %q", len(headers), headers)
	}
	p, err := parameters(strings.TrimPrefix(headers[0].Value, "Digest "))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestTheExamplesOfRFC7616AreAnswered(t *testing.T) {
	// Section 3.9.1: both challenges come, and the stronger one is answered.
	const nonce = `nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"`
	md5 := `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=MD5, ` + nonce
	sha := `Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm=SHA-256, ` + nonce
	for want, challenges := range map[string][]string{
		"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1": {md5, sha},
		"8ca523f5e9506fed4657c9700eebdbec":                                 {md5},
	} {
		c := &Client{Username: "Mufasa", Password: "Circle of Life", Cnonce: func() string { return "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ" }}
		x := c.Begin()
		if err := x.Challenged(401, challenges); err != nil {
			t.Fatal(err)
		}
		p := fieldsOf(t, x.Authorize("GET", "/dir/index.html", nil))
		if p["response"] != want || p["nc"] != "00000001" || p["qop"] != "auth" || p["opaque"] == "" {
			t.Errorf("%v, want %s", p, want)
		}
	}
	// RFC 2617 section 3.5.
	c := &Client{Username: "Mufasa", Password: "Circle Of Life", Cnonce: func() string { return "0a4f113b" }}
	x := c.Begin()
	_ = x.Challenged(401, []string{`Digest realm="testrealm@host.com", qop="auth,auth-int", nonce="dcd98b7102dd2f0e8b11d0f600bfb0c093", opaque="5ccc069c403ebaf9f0171e9517f40e41"`})
	if p := fieldsOf(t, x.Authorize("GET", "/dir/index.html", nil)); p["response"] != "6629fae49393a05397450978507c4ef1" || p["algorithm"] != "" {
		t.Errorf("%v", p)
	}
}

// What servers of several makes ask, as they write it, and whether a library of another hand says the same as we do.
func TestRecordedChallengesAreAnsweredAsAnotherHandWould(t *testing.T) {
	for name, challenge := range map[string]string{
		"Asterisk chan_sip": `Digest algorithm=MD5, realm="asterisk", nonce="7a3d5b2c"`,
		"Asterisk pjsip":    `Digest realm="asterisk",nonce="1763980800/4b8c3fd1c1ad0d2a7f0d2c1b",opaque="5f3a0c2b14d77e91",algorithm=MD5,qop="auth"`,
		"pjsip SHA-256":     `Digest realm="asterisk",nonce="1763980800/4b8c3fd1c1ad0d2a7f0d2c1b",opaque="5f3a0c2b14d77e91",algorithm=SHA-256,qop="auth"`,
		"FreeSWITCH":        `Digest realm="pbx.example.com", nonce="9b2c1f54-9f4e-4f6c-8a83-9a4be0a6f0e5", algorithm=MD5, qop="auth"`,
		"Kamailio":          `Digest realm="carrier.example", nonce="ZV8vUmVfLibIh8GS2v5Yx0gqF1CkDq2b", qop="auth"`,
		"OpenSIPS":          `Digest realm="carrier.example", nonce="655f2f52000000012fa5d07a", stale=true`,
		"Cisco":             `Digest realm="192.0.2.1",nonce="8DC0F1A9B1E2C3D4",algorithm=MD5,qop="auth"`,
		"Broadsoft":         `DIGEST realm="BroadWorks",qop="auth",nonce="BroadWorksXhz1a2b3c4T0sdf9sBW",algorithm=MD5`,
		"quoted algorithm":  `Digest realm="odd", nonce="n", algorithm="MD5", qop=auth`,
		"small letters":     `digest realm="odd",nonce="n",algorithm=md5,qop="AUTH"`,
		"auth-int only":     `Digest realm="int", nonce="n", algorithm=SHA-256, qop="auth-int"`,
		"SHA-512-256":       `Digest realm="strong", nonce="n", algorithm=SHA-512-256, qop="auth"`,
		"escapes":           `Digest realm="a \"b\" \\ c", nonce="n\"x", opaque="o\\p", qop="auth"`,
	} {
		t.Run(name, func(t *testing.T) {
			c := &Client{Username: "an\"na", Password: "sec:ret"}
			x := c.Begin()
			if err := x.Challenged(407, []string{challenge}); err != nil {
				t.Fatal(err)
			}
			const body = "v=0"
			headers := x.Authorize("REGISTER", "sip:carrier.example", []byte(body))
			if headers[0].Name != "Proxy-Authorization" {
				t.Errorf("%s", headers[0].Name)
			}
			p := fieldsOf(t, headers)
			mine, _ := parseChallenge(challenge)
			theirs := &client.Challenge{Realm: mine.realm, Nonce: mine.nonce, Opaque: mine.opaque, Algorithm: string(mine.algorithm)}
			if mine.qop != "" {
				theirs.QOP = []string{mine.qop}
			}
			want, err := client.Digest(theirs, client.Options{Method: "REGISTER", URI: "sip:carrier.example", Username: "an\"na", Password: "sec:ret",
				Cnonce: p["cnonce"], Count: 1, GetBody: bodyOf(body)})
			if err != nil {
				t.Fatal(err)
			}
			if p["response"] != want.Response {
				t.Errorf("%q is not %s", headers[0].Value, want.Response)
			}
			if p["nonce"] != mine.nonce || p["opaque"] != mine.opaque || p["realm"] != mine.realm || p["username"] != "an\"na" {
				t.Errorf("not echoed: %q", headers[0].Value)
			}
		})
	}
}

func TestTheStrongestChallengeOfEachRealmIsAnswered(t *testing.T) {
	for name, c := range map[string]struct {
		challenges []string
		want       string // algorithms of the answers
	}{
		"SHA-256 first":         {[]string{`Digest realm="r",nonce="1",algorithm=SHA-256`, `Digest realm="r",nonce="2",algorithm=MD5`}, "SHA-256"},
		"SHA-256 last":          {[]string{`Digest realm="r",nonce="2"`, `Digest realm="r",nonce="1",algorithm=SHA-256`}, "SHA-256"},
		"in one header field":   {[]string{`Digest realm="r",nonce="2",algorithm=MD5, Digest realm="r", nonce="1", algorithm=SHA-256`}, "SHA-256"},
		"one that nobody has":   {[]string{`Digest realm="r",nonce="1",algorithm=SHA3`, `Digest realm="r",nonce="2",algorithm=MD5`}, "MD5"},
		"a session variant":     {[]string{`Digest realm="r",nonce="1",algorithm=SHA-256-sess,qop="auth"`, `Digest realm="r",nonce="2",algorithm=MD5,qop="auth"`}, "SHA-256-sess"},
		"Basic beside it":       {[]string{`Basic realm="r"`, `Digest realm="r",nonce="2",algorithm=MD5`}, "MD5"},
		"two realms":            {[]string{`Digest realm="a",nonce="1",algorithm=MD5`, `Digest realm="b",nonce="2",algorithm=SHA-256`}, "MD5 SHA-256"},
		"an unknown protection": {[]string{`Digest realm="r",nonce="1",algorithm=SHA-256,qop="auth-conf"`, `Digest realm="r",nonce="2",algorithm=MD5`}, "MD5"},
	} {
		cl := &Client{Username: "anna", Password: "secret"}
		x := cl.Begin()
		if err := x.Challenged(401, c.challenges); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		var got []string
		for _, h := range x.Authorize("REGISTER", "sip:x", nil) {
			p, _ := parameters(strings.TrimPrefix(h.Value, "Digest "))
			if p["algorithm"] == "" {
				p["algorithm"] = "MD5"
			}
			got = append(got, p["algorithm"])
		}
		if strings.Join(got, " ") != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestASessionKeyIsMadeOnceAndItsCnonceStays(t *testing.T) {
	n := 0
	c := &Client{Username: "anna", Password: "secret", Cnonce: func() string { n++; return strings.Repeat("c", n) }}
	x := c.Begin()
	_ = x.Challenged(401, []string{`Digest realm="r", nonce="n", algorithm=MD5-sess, qop="auth"`})
	// A1 = H(H(anna:r:secret):n:c), computed from the definition.
	h := MD5.hash
	a1 := h(h("anna:r:secret") + ":n:c")
	for _, nc := range []string{"00000001", "00000002"} {
		p := fieldsOf(t, x.Authorize("REGISTER", "sip:x", nil))
		if want := h(a1 + ":n:" + nc + ":c:auth:" + h("REGISTER:sip:x")); p["response"] != want || p["cnonce"] != "c" || p["nc"] != nc {
			t.Errorf("%v, want %s", p, want)
		}
	}
}

func TestANonceIsUsedAgainAndCountedUpOverRequests(t *testing.T) {
	v := newVerifier()
	c := &Client{Username: "anna", Password: "secret"}
	x := c.Begin()
	if h := x.Authorize("REGISTER", uri, nil); h != nil {
		t.Fatalf("answers nobody asked for: %v", h)
	}
	if err := x.Challenged(401, v.Challenge()); err != nil {
		t.Fatal(err)
	}
	for range 300 { // each is verified by our own server, which takes a count once
		if _, err := v.Verify(x.Authorize("REGISTER", uri, nil)[0].Value, "REGISTER", uri, passwords); err != nil {
			t.Fatal(err)
		}
		x = c.Begin()
	}
}

func TestAnOldNonceIsNotAWrongPassword(t *testing.T) {
	v := newVerifier()
	c := &Client{Username: "anna", Password: "secret"}
	x := c.Begin()
	_ = x.Challenged(401, v.Challenge())
	x.Authorize("REGISTER", uri, nil)
	// The next request, whose remembered nonce the server no longer knows and does not say so.
	x = c.Begin()
	x.Authorize("REGISTER", uri, nil)
	if err := x.Challenged(401, v.Challenge()); err != nil {
		t.Fatalf("an old nonce: %v", err)
	}
	x.Authorize("REGISTER", uri, nil)
	if err := x.Challenged(401, v.ChallengeAfter(ErrStale)); err != nil {
		t.Errorf("a stale one: %v", err)
	}
	x.Authorize("REGISTER", uri, nil)
	if err := x.Challenged(401, v.Challenge()); !errors.Is(err, ErrDenied) || !Refused(err) {
		t.Errorf("a wrong password: %v", err)
	}
}

func TestAProxyAndTheServerBehindItMayEachAsk(t *testing.T) {
	c := &Client{Username: "anna", Password: "secret"}
	x := c.Begin()
	x.Authorize("INVITE", uri, nil)
	for _, step := range []struct {
		status int
		realm  string
	}{{407, "proxy"}, {401, "server"}} {
		if err := x.Challenged(step.status, []string{`Digest realm="` + step.realm + `", nonce="n", qop="auth"`}); err != nil {
			t.Fatal(err)
		}
		x.Authorize("INVITE", uri, nil)
	}
	headers := x.Authorize("INVITE", uri, nil)
	if len(headers) != 2 || headers[0].Name != "Proxy-Authorization" || headers[1].Name != "Authorization" {
		t.Errorf("%v", headers)
	}
	for range 20 {
		x.Authorize("INVITE", uri, nil)
	}
	if err := x.Challenged(407, []string{`Digest realm="proxy", nonce="m", stale=true`}); !errors.Is(err, ErrDenied) {
		t.Errorf("for ever: %v", err)
	}
}

func TestTheNextNonceIsTaken(t *testing.T) {
	c := &Client{Username: "anna", Password: "secret"}
	x := c.Begin()
	_ = x.Challenged(401, []string{`Digest realm="r", nonce="first", qop="auth"`})
	x.Authorize("REGISTER", uri, nil)
	c.Info(`nextnonce="second", qop=auth, rspauth="abc"`, false)
	if p := fieldsOf(t, c.Begin().Authorize("REGISTER", uri, nil)); p["nonce"] != "second" || p["nc"] != "00000001" {
		t.Errorf("%v", p)
	}
	for _, odd := range []string{"", "nextnonce", `nextnonce=""`, `nextnonce="x`, strings.Repeat("x", 9000)} {
		c.Info(odd, false)
	}
	c.Info(`nextnonce="proxy's"`, true)
	if p := fieldsOf(t, c.Begin().Authorize("REGISTER", uri, nil)); p["nonce"] != "second" || p["nc"] != "00000002" {
		t.Errorf("%v", p)
	}
}

func TestWhatCannotBeAnsweredSaysWhy(t *testing.T) {
	for want, c := range map[error]struct {
		client     *Client
		challenges []string
	}{
		ErrMissing:     {&Client{}, []string{`Digest realm="r", nonce="n"`}},
		ErrUnsupported: {&Client{Username: "a", Realm: "ours"}, []string{`Digest realm="theirs", nonce="n"`}},
	} {
		if err := c.client.Begin().Challenged(401, c.challenges); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	for _, challenges := range [][]string{nil, {""}, {"Basic realm=x"}, {`Digest realm="r"`}, {`Digest realm="r", nonce="n", algorithm=SHA3`},
		{`Digest realm="r`}, {strings.Repeat("x", 9000)}} {
		if err := (&Client{Username: "a"}).Begin().Challenged(401, challenges); !errors.Is(err, ErrUnsupported) {
			t.Errorf("%q: %v", challenges, err)
		}
	}
}

func TestAnotherPasswordForgetsTheOldAnswers(t *testing.T) {
	c := &Client{Username: "anna", Password: "old"}
	_ = c.Begin().Challenged(401, []string{`Digest realm="r", nonce="n"`})
	c.Change("anna", "new")
	if h := c.Begin().Authorize("REGISTER", uri, nil); h != nil {
		t.Errorf("%v", h)
	}
}

func TestManyRequestsAtOnceNeverCountTheSame(t *testing.T) {
	c := &Client{Username: "anna", Password: "secret"}
	_ = c.Begin().Challenged(401, []string{`Digest realm="r", nonce="n", qop="auth"`})
	var seen sync.Map
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 50 {
				p, _ := parameters(strings.TrimPrefix(c.Begin().Authorize("INVITE", uri, nil)[0].Value, "Digest "))
				if _, twice := seen.LoadOrStore(p["nc"], true); twice {
					t.Errorf("count %s twice", p["nc"])
				}
			}
		})
	}
	all.Wait()
}

func FuzzChallenge(f *testing.F) {
	f.Add(`Digest realm="r", nonce="n", qop="auth,auth-int", algorithm=SHA-256-sess, opaque="o", stale=true`)
	f.Add(`Digest realm="a",nonce="1", Digest realm="b", nonce="2", Basic realm="c"`)
	f.Add(`digest nonce=x,realm=`)
	f.Fuzz(func(t *testing.T, value string) {
		c := &Client{Username: "anna", Password: "secret"}
		x := c.Begin()
		c.Info(value, false)
		if err := x.Challenged(401, []string{value, value}); err != nil {
			if !Refused(err) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		for _, h := range x.Authorize("REGISTER", uri, nil) {
			if strings.ContainsAny(h.Value, "\r\n") {
				t.Errorf("%q ends the line", h.Value)
			}
			if _, err := parse(h.Value); errors.Is(err, ErrMalformed) && !strings.Contains(err.Error(), "missing") && !strings.Contains(err.Error(), "longer") {
				t.Errorf("%q to %q: %v", h.Value, value, err)
			}
		}
	})
}

func bodyOf(s string) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(s)), nil }
}
