package digest

import (
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	client "github.com/icholy/digest"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const uri = "sip:cordboard"

func newVerifier() *Verifier {
	return &Verifier{Realm: "cordboard", Secret: []byte("0123456789abcdef")}
}

func passwords(username string) (string, bool) {
	p, ok := map[string]string{"anna": "secret", "odd": "pass:\"wörd\\"}[username]
	return p, ok
}

// answer is what a client nobody here wrote says to a challenge.
func answer(t testing.TB, challenge string, o client.Options) *client.Credentials {
	t.Helper()
	c, err := client.ParseChallenge(challenge)
	if err != nil {
		t.Fatalf("challenge %q: %v", challenge, err)
	}
	if o.Method == "" {
		o.Method = "REGISTER"
	}
	if o.URI == "" {
		o.URI = uri
	}
	if o.Username == "" {
		o.Username, o.Password = "anna", "secret"
	}
	if o.Count == 0 {
		o.Count = 1
	}
	cred, err := client.Digest(c, o)
	if err != nil {
		t.Fatal(err)
	}
	return cred
}

func TestAClientOfAnotherHandIsVerified(t *testing.T) {
	v := newVerifier()
	challenges := v.Challenge()
	if len(challenges) != 2 || !strings.Contains(challenges[0], "SHA-256") || !strings.Contains(challenges[1], "MD5") {
		t.Fatalf("challenges %q, want SHA-256 before MD5", challenges)
	}
	for i, challenge := range challenges {
		user, err := v.Verify(answer(t, challenge, client.Options{Count: i + 1}).String(), "REGISTER", uri, passwords)
		if user != "anna" || err != nil {
			t.Errorf("%s: %q %v", challenge, user, err)
		}
	}
	odd := answer(t, v.Challenge()[0], client.Options{Username: "odd", Password: "pass:\"wörd\\"})
	if user, err := v.Verify(odd.String(), "REGISTER", uri, passwords); user != "odd" || err != nil {
		t.Errorf("an odd password: %q %v", user, err)
	}
}

func TestTheExampleOfRFC7616(t *testing.T) {
	// RFC 7616 section 3.9.1. Its nonce is not ours, so only the hash can be compared.
	c := credentials{username: "Mufasa", realm: "http-auth@example.org", uri: "/dir/index.html", qop: "auth", ncText: "00000001",
		nonce: "7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", cnonce: "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"}
	for algorithm, want := range map[Algorithm]string{
		MD5:    "8ca523f5e9506fed4657c9700eebdbec",
		SHA256: "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1",
	} {
		c.algorithm = algorithm
		if got := c.expected("GET", "Circle of Life"); got != want {
			t.Errorf("%s: %s, want %s", algorithm, got, want)
		}
	}
}

func TestD10_WhatIsRefusedAndWhy(t *testing.T) {
	v := newVerifier()
	cases := map[string]struct {
		change func(*client.Credentials)
		method string
		uri    string
		want   error
	}{
		"nothing wrong":            {func(*client.Credentials) {}, "", "", nil},
		"wrong response":           {func(c *client.Credentials) { c.Response = strings.Repeat("0", len(c.Response)) }, "", "", ErrDenied},
		"short response":           {func(c *client.Credentials) { c.Response = "0" }, "", "", ErrDenied},
		"capitals in the response": {func(c *client.Credentials) { c.Response = strings.ToUpper(c.Response) }, "", "", nil},
		"unknown user":             {func(c *client.Credentials) { c.Username = "eve" }, "", "", ErrDenied},
		"another method":           {func(*client.Credentials) {}, "INVITE", "", ErrDenied},
		"another realm":            {func(c *client.Credentials) { c.Realm = "elsewhere" }, "", "", ErrUnsupported},
		"another request":          {func(*client.Credentials) {}, "", "sip:bo@cordboard", ErrURI},
		"the request with a port":  {func(*client.Credentials) {}, "", "sip:cordboard:5070", ErrURI},
		"the request as sips":      {func(*client.Credentials) {}, "", "sips:cordboard", ErrURI},
		"the request with a param": {func(*client.Credentials) {}, "", "sip:CORDBOARD;transport=ws", nil},
		"SHA-512":                  {func(c *client.Credentials) { c.Algorithm = "SHA-512" }, "", "", ErrUnsupported},
		"MD5-sess":                 {func(c *client.Credentials) { c.Algorithm = "MD5-sess" }, "", "", ErrUnsupported},
		"auth-int":                 {func(c *client.Credentials) { c.QOP = "auth-int" }, "", "", ErrUnsupported},
		"the qop taken away":       {func(c *client.Credentials) { c.QOP = "" }, "", "", ErrDenied},
		"a downgrade to MD5":       {func(c *client.Credentials) { c.Algorithm = "MD5" }, "", "", ErrDenied},
		"the count changed":        {func(c *client.Credentials) { c.Nc = 7 }, "", "", ErrDenied},
		"the count is zero":        {func(c *client.Credentials) { c.Nc = 0 }, "", "", ErrMalformed},
		"no cnonce":                {func(c *client.Credentials) { c.Cnonce = "" }, "", "", ErrMalformed},
		"no user":                  {func(c *client.Credentials) { c.Username = "" }, "", "", ErrMalformed},
		"a nonce of another server": {func(c *client.Credentials) {
			c.Nonce = (&Verifier{Realm: "cordboard", Secret: []byte("x")}).nonce(time.Now())
		}, "", "", ErrStale},
		"a nonce of another realm":  {func(c *client.Credentials) { c.Nonce = (&Verifier{Secret: v.Secret}).nonce(time.Now()) }, "", "", ErrStale},
		"a nonce from the future":   {func(c *client.Credentials) { c.Nonce = v.nonce(time.Now().Add(time.Hour)) }, "", "", ErrStale},
		"no nonce of anybody":       {func(c *client.Credentials) { c.Nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093" }, "", "", ErrStale},
		"a nonce with a bit turned": {func(c *client.Credentials) { c.Nonce = "B" + c.Nonce[1:] }, "", "", ErrStale},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			cred := answer(t, v.Challenge()[0], client.Options{})
			c.change(cred)
			method, target := c.method, c.uri
			if method == "" {
				method = "REGISTER"
			}
			if target == "" {
				target = uri
			}
			user, err := v.Verify(cred.String(), method, target, passwords)
			if !errors.Is(err, c.want) || (user == "anna") != (c.want == nil) {
				t.Errorf("%q %v, want %v", user, err, c.want)
			}
		})
	}
}

func TestMalformedHeaders(t *testing.T) {
	const good = `username="a", realm="cordboard", nonce="n", uri="sip:x", response="r"`
	for header, want := range map[string]error{
		"":                                ErrMissing,
		"   ":                             ErrMissing,
		"Basic YTpi":                      ErrUnsupported,
		"Digest":                          ErrMalformed,
		"Digest username":                 ErrMalformed,
		`Digest username="a`:              ErrMalformed,
		`Digest username="a\`:             ErrMalformed,
		`Digest username="a" realm="b"`:   ErrMalformed,
		`Digest us(er="a"`:                ErrMalformed,
		`Digest ="a"`:                     ErrMalformed,
		"Digest " + good + `, realm="b"`:  ErrMalformed,
		"Digest " + good + `, qop=auth`:   ErrMalformed,
		"digest  ,, " + good + " , , ":    ErrStale, // read; its nonce is not ours
		"Digest " + good + ", x=1, y = 2": ErrStale,
		"Digest " + good + `, qop=auth, nc=0000000g, cnonce=c`:                       ErrMalformed,
		"Digest " + good + `, qop=auth, nc=1, cnonce=c`:                              ErrMalformed,
		"Digest " + good + `, qop=auth, nc=000000001, cnonce=c`:                      ErrMalformed,
		"Digest " + strings.Repeat("x", 5000):                                        ErrMalformed,
		"Digest " + strings.Join(strings.Split(strings.Repeat("p", 40), ""), "=1, "): ErrMalformed,
	} {
		if _, err := newVerifier().Verify(header, "REGISTER", "", passwords); !errors.Is(err, want) {
			t.Errorf("%.60q: %v, want %v", header, err, want)
		}
	}
	var many strings.Builder
	for i := range 40 {
		fmt.Fprintf(&many, "p%d=1, ", i)
	}
	if _, err := parse("Digest " + many.String() + good); !errors.Is(err, ErrMalformed) {
		t.Errorf("40 parameters: %v", err)
	}
}

func TestAnOldNonceIsStaleAndTheChallengeSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier()
		cred := answer(t, v.Challenge()[0], client.Options{}).String()
		time.Sleep(5*time.Minute + time.Second)
		_, err := v.Verify(cred, "REGISTER", uri, passwords)
		if !errors.Is(err, ErrStale) {
			t.Fatalf("after five minutes: %v", err)
		}
		again := v.ChallengeAfter(err)
		if c, err := client.ParseChallenge(again[0]); err != nil || !c.Stale {
			t.Errorf("challenge %q must say stale=true, %v", again[0], err)
		}
		if user, err := v.Verify(answer(t, again[0], client.Options{}).String(), "REGISTER", uri, passwords); user != "anna" {
			t.Errorf("second try: %v", err)
		}
		if c, _ := client.ParseChallenge(v.ChallengeAfter(ErrDenied)[0]); c.Stale {
			t.Error("a wrong password is not stale")
		}
	})
}

func TestD10_ACountIsGoodOnce(t *testing.T) {
	v := newVerifier()
	challenge := v.Challenge()[0]
	for _, step := range []struct {
		nc   int
		want error
	}{{1, nil}, {1, ErrStale}, {2, nil}, {5, nil}, {4, nil}, {4, ErrStale}, {3, nil}, {200, nil}, {137, nil}, {136, ErrStale}, {5, ErrStale}, {201, nil}} {
		_, err := v.Verify(answer(t, challenge, client.Options{Count: step.nc}).String(), "REGISTER", uri, passwords)
		if !errors.Is(err, step.want) {
			t.Errorf("count %d: %v, want %v", step.nc, err, step.want)
		}
	}
}

func TestD10_AClientWithoutQopMayUseANonceOnce(t *testing.T) {
	v := newVerifier()
	nonce := v.nonce(time.Now())
	md := func(s string) string { sum := md5.Sum([]byte(s)); return hex.EncodeToString(sum[:]) }
	response := md(md("anna:cordboard:secret") + ":" + nonce + ":" + md("REGISTER:"+uri)) // RFC 2069
	header := fmt.Sprintf(`Digest username="anna",realm="cordboard",nonce="%s",uri="%s",response="%s"`, nonce, uri, response)
	if user, err := v.Verify(header, "REGISTER", uri, passwords); user != "anna" || err != nil {
		t.Errorf("%q %v", user, err)
	}
	if _, err := v.Verify(header, "REGISTER", uri, passwords); !errors.Is(err, ErrStale) {
		t.Errorf("replayed: %v", err)
	}
}

func TestNoncesOutliveARestart(t *testing.T) {
	challenge := newVerifier().Challenge()[0]
	if user, err := newVerifier().Verify(answer(t, challenge, client.Options{}).String(), "REGISTER", uri, passwords); user != "anna" {
		t.Errorf("after the restart: %v", err)
	}
}

func TestMemoryIsBoundedAndReplaysAreRefusedAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier()
		v.Remember = 100
		var first []string
		for range 1000 {
			cred := answer(t, v.Challenge()[0], client.Options{}).String()
			if _, err := v.Verify(cred, "REGISTER", uri, passwords); err != nil {
				t.Fatal(err)
			}
			first = append(first, cred)
			time.Sleep(time.Millisecond)
		}
		if n := len(v.uses.seen); n > 100 {
			t.Errorf("%d nonces remembered", n)
		}
		for i, cred := range first {
			if _, err := v.Verify(cred, "REGISTER", uri, passwords); !errors.Is(err, ErrStale) {
				t.Fatalf("replay %d: %v", i, err)
			}
		}
		wrong := answer(t, v.Challenge()[0], client.Options{Username: "anna", Password: "wrong"}).String()
		before := len(v.uses.seen)
		if _, err := v.Verify(wrong, "REGISTER", uri, passwords); !errors.Is(err, ErrDenied) || len(v.uses.seen) != before {
			t.Errorf("a stranger filled the memory: %v", err)
		}
		time.Sleep(time.Hour)
		if _, err := v.Verify(answer(t, v.Challenge()[0], client.Options{}).String(), "REGISTER", uri, passwords); err != nil {
			t.Error(err)
		}
	})
}

func TestASecretThatWasForgottenIsRandom(t *testing.T) {
	a, b := &Verifier{Realm: "cordboard"}, &Verifier{Realm: "cordboard"}
	cred := answer(t, a.Challenge()[0], client.Options{}).String()
	if _, err := b.Verify(cred, "REGISTER", uri, passwords); !errors.Is(err, ErrStale) {
		t.Errorf("nonces without a secret can be forged: %v", err)
	}
	if _, err := a.Verify(cred, "REGISTER", uri, passwords); err != nil {
		t.Error(err)
	}
}

func TestJsSIPReadsTheFirstChallengeOnly(t *testing.T) {
	got := newVerifier().Challenge(MD5)
	if len(got) != 1 || !strings.Contains(got[0], "algorithm=MD5") {
		t.Errorf("challenges %q", got)
	}
	only := newVerifier()
	only.Algorithms = []Algorithm{SHA256}
	cred := answer(t, only.Challenge(MD5)[0], client.Options{}).String()
	if _, err := only.Verify(cred, "REGISTER", uri, passwords); !errors.Is(err, ErrUnsupported) {
		t.Errorf("MD5 where it is switched off: %v", err)
	}
}

func TestManyAtOnce(t *testing.T) {
	v := newVerifier()
	challenge := v.Challenge()[0]
	var accepted sync.Map
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for nc := 1; nc <= 60; nc++ {
				if _, err := v.Verify(answer(t, challenge, client.Options{Count: nc}).String(), "REGISTER", uri, passwords); err == nil {
					if _, twice := accepted.LoadOrStore(nc, true); twice {
						t.Errorf("count %d accepted twice", nc)
					}
				}
			}
		})
	}
	wg.Wait()
}

func FuzzVerify(f *testing.F) {
	v := newVerifier()
	f.Add(answer(f, v.Challenge()[0], client.Options{}).String())
	f.Add(answer(f, v.Challenge()[1], client.Options{}).String())
	f.Add(`Digest username="a\"b", realm=, nonce="", uri=sip:x;y, response="" ,,`)
	f.Add(`digest a=b,c="\\`)
	f.Fuzz(func(t *testing.T, header string) {
		c, err := parse(header)
		if err == nil && (c.username == "" || c.nonce == "" || c.qop == "auth" && c.nc == 0) {
			t.Errorf("accepted %+v", c)
		}
		user, err := newVerifier().Verify(header, "REGISTER", "", func(string) (string, bool) { return "", false })
		if err == nil || user != "" {
			t.Errorf("%q was verified without a password", header)
		}
		known := errors.Is(err, ErrMissing) || errors.Is(err, ErrMalformed) || errors.Is(err, ErrUnsupported) ||
			errors.Is(err, ErrStale) || errors.Is(err, ErrDenied)
		if !known {
			t.Errorf("an error of no kind: %v", err)
		}
	})
}

func BenchmarkVerify(b *testing.B) {
	v := newVerifier()
	challenge := v.Challenge()[0]
	headers := make([]string, 1000)
	for i := range headers {
		headers[i] = answer(b, challenge, client.Options{Count: i + 1}).String()
	}
	i := 0
	b.ReportAllocs()
	for b.Loop() {
		if i%len(headers) == 0 {
			v.uses = uses{}
		}
		if _, err := v.Verify(headers[i%len(headers)], "REGISTER", uri, passwords); err != nil {
			b.Fatal(err)
		}
		i++
	}
}

func TestOldNoncesAreForgottenLongBeforeTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		v := newVerifier()
		for range 2000 { // over an hour, of which five minutes count
			if _, err := v.Verify(answer(t, v.Challenge()[0], client.Options{}).String(), "REGISTER", uri, passwords); err != nil {
				t.Fatal(err)
			}
			time.Sleep(2 * time.Second)
		}
		if n := len(v.uses.seen); n > 400 {
			t.Errorf("%d nonces are remembered, of which 150 may still be used", n)
		}
	})
}
