package registration

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/sip/digest"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/targets"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// registrar is a carrier's: it challenges with our own verifier, keeps bindings, and misbehaves when told to.
type registrar struct {
	t        *testing.T
	verifier *digest.Verifier

	mu       sync.Mutex
	password string // empty: nobody is asked
	least    time.Duration
	grants   time.Duration                              // 0: what is asked for
	extra    []field.Header                             // in each 2xx
	rewrite  func(contact string) string                // of the Contact in a 2xx
	odd      map[string]func(Request) (Response, error) // by the address of the hop
	bindings map[string]time.Time
	requests []Request
	at       []time.Time
	seq      uint32
}

func newRegistrar(t *testing.T) *registrar {
	return &registrar{t: t, verifier: &digest.Verifier{Realm: "carrier.example", Secret: []byte("0123456789abcdef")}, password: "secret",
		odd: map[string]func(Request) (Response, error){}, bindings: map[string]time.Time{}}
}

func (g *registrar) set(f func(*registrar)) {
	g.mu.Lock()
	defer g.mu.Unlock()
	f(g)
}

func (g *registrar) Ask(ctx context.Context, r Request) (Response, error) {
	time.Sleep(20 * time.Millisecond) // the way there and back
	g.mu.Lock()
	g.requests, g.at = append(g.requests, r), append(g.at, time.Now())
	odd := g.odd[r.Hop.Addr.Addr().String()]
	if odd == nil {
		odd = g.odd["*"]
	}
	if r.CSeq <= g.seq || r.CallID != g.requests[0].CallID || r.From != g.requests[0].From {
		g.t.Errorf("CSeq %d after %d, Call-ID %s, From %s", r.CSeq, g.seq, r.CallID, r.From)
	}
	g.seq = r.CSeq
	g.mu.Unlock()
	if odd != nil {
		res, err := odd(r)
		if errors.Is(err, ErrSilent) {
			<-ctx.Done()
			return res, context.Cause(ctx)
		}
		if res.Status != 0 || err != nil {
			return res, err
		}
	}
	return g.serve(r), nil
}

func (r Request) get(name string) string {
	return strings.Join(Response{Headers: r.Headers}.values(name), "|")
}

func (g *registrar) serve(r Request) Response {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.password != "" {
		_, err := g.verifier.Verify(r.get("Authorization"), "REGISTER", r.URI, func(u string) (string, bool) { return g.password, u == "+358293000" })
		if err != nil {
			res := Response{Status: 401, Reason: "Unauthorized"}
			for _, c := range g.verifier.ChallengeAfter(err) {
				res.Headers = append(res.Headers, field.Header{Name: "WWW-Authenticate", Value: c})
			}
			return res
		}
	}
	now := time.Now()
	for _, c := range field.List(r.get("Contact")) {
		a, _ := field.ParseAddress(c)
		d, _ := field.Seconds(a.Params.Value("expires"))
		if d > 0 && d < g.least {
			return Response{Status: 423, Headers: []field.Header{{Name: "min-expires", Value: strconv.Itoa(int(g.least.Seconds()))}}}
		}
		if g.grants > 0 && d > 0 {
			d = g.grants
		}
		if g.bindings[a.URI] = now.Add(d); d == 0 {
			delete(g.bindings, a.URI)
		}
	}
	res := Response{Status: 200, Reason: "OK", Headers: g.extra}
	for uri, until := range g.bindings {
		if left := until.Sub(now); left > 0 {
			if g.rewrite != nil {
				uri = g.rewrite(uri)
			}
			res.Headers = append(res.Headers, field.Header{Name: "Contact", Value: fmt.Sprintf("<%s>;expires=%d", uri, int(left.Seconds()))})
		}
	}
	return res
}

// bound reports whether a call to us would get through.
func (g *registrar) bound() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.bindings["sip:+358293000@198.51.100.7:5060"].After(time.Now())
}

func (g *registrar) devices() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.bindings)
}

func (g *registrar) count() int {
	g.mu.Lock()
	defer g.mu.Unlock()
	return len(g.requests)
}

// all are the requests so far.
func (g *registrar) all() []Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.requests)
}

func (g *registrar) last() Request {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.requests[len(g.requests)-1]
}

// trunk is a registration at the registrar's two addresses.
type trunk struct {
	*Registration
	client *digest.Client
	mu     sync.Mutex
	told   []string
}

func newTrunk(t *testing.T, change func(*Config)) *trunk {
	resolver := targets.NewResolver(targets.ResolverConfig{})
	t.Cleanup(resolver.Close)
	half := func(n int64) int64 { return n / 2 }
	k := &trunk{client: &digest.Client{Username: "+358293000", Password: "secret"}}
	began := time.Now()
	cfg := Config{
		AOR:     "sip:+358293000@carrier.example",
		Contact: func(targets.Hop) (string, error) { return "sip:+358293000@198.51.100.7:5060", nil },
		Client:  k.client, Rand: half,
		Places: targets.New(targets.Config{Resolver: resolver, Rand: half, Targets: []targets.Target{{Host: "192.0.2.1"}, {Host: "192.0.2.2", Priority: 1}}}),
		Told: func(s Status) {
			k.mu.Lock()
			defer k.mu.Unlock()
			word := string(s.State)
			if len(k.told) == 0 || !strings.HasPrefix(k.told[len(k.told)-1], word+" ") {
				k.told = append(k.told, fmt.Sprintf("%s %d", word, int(time.Since(began).Seconds())))
			}
		},
	}
	if change != nil {
		change(&cfg)
	}
	k.Registration = New(cfg)
	return k
}

// run begins to register; what it returns ends that and waits.
func (k *trunk) run(t *testing.T, a Asker) (stop func()) {
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		k.Run(ctx, a)
	}()
	return func() {
		cancel()
		<-done
	}
}

func (k *trunk) want(t *testing.T, state State, words string) {
	t.Helper()
	s := k.Status()
	if s.State != state || words != "" && (s.Err == nil || !strings.Contains(s.Err.Error(), words)) {
		t.Errorf("%+v, want %s %q", s, state, words)
	}
}

func hostOf(r Request) string { return r.Hop.Addr.Addr().String() }

func TestATrunkThatIsRegisteredForADay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Second)
		for range 24 * 60 * 2 {
			time.Sleep(30 * time.Second)
			if !g.bound() {
				t.Fatal("nobody could call us for a moment")
			}
		}
		k.want(t, Registered, "")
		// A refresh every 7.5 of 10 minutes, and a challenge for each nonce that is older than five.
		if n := g.count(); n < 190*2 || n > 195*2 {
			t.Errorf("%d requests in a day", n)
		}
		if r := g.all()[0]; r.URI != "sip:carrier.example" || r.To != "<sip:+358293000@carrier.example>" || r.get("Supported") != "path" ||
			r.get("Contact") != "<sip:+358293000@198.51.100.7:5060>;expires=600" || r.get("Expires") != "600" || r.get("Authorization") != "" {
			t.Errorf("%+v", r)
		}
		if a := g.last().get("Authorization"); !strings.Contains(a, "algorithm=SHA-256") {
			t.Errorf("answered by %s", a)
		}
		stop()
		if g.bound() || g.last().get("Expires") != "0" || g.last().get("Contact") != "<sip:+358293000@198.51.100.7:5060>;expires=0" {
			t.Errorf("not taken back: %+v", g.last())
		}
		k.want(t, Stopped, "")
		k.mu.Lock()
		defer k.mu.Unlock()
		if got := strings.Join(k.told, ", "); got != "asking 0, registered 0, stopped 86401" {
			t.Errorf("told %s", got)
		}
	})
}

func TestARegistrarThatIsGoneForAnHour(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Minute)
		g.set(func(g *registrar) {
			g.odd["192.0.2.1"] = func(Request) (Response, error) { return Response{}, ErrSilent }
			g.odd["192.0.2.2"] = func(Request) (Response, error) { return Response{}, errors.New("no route to host") }
		})
		before := g.count()
		time.Sleep(8 * time.Minute)
		k.want(t, Registered, "no route") // the binding still lives
		time.Sleep(52 * time.Minute)
		k.want(t, Waiting, "no route")
		if n := g.count() - before; n < 10 || n > 60 {
			t.Errorf("%d requests to a registrar that is gone", n)
		}
		g.set(func(g *registrar) { clear(g.odd); clear(g.bindings) })
		time.Sleep(5 * time.Minute)
		k.want(t, Registered, "")
		if !g.bound() || k.Status().Fails != 0 {
			t.Errorf("%+v", k.Status())
		}
		stop()
	})
}

func TestWhenOneRegistrarIsSilentTheOtherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		g.odd["192.0.2.1"] = func(Request) (Response, error) { return Response{}, ErrSilent }
		stop := k.run(t, g)
		time.Sleep(11 * time.Second)
		k.want(t, Registered, "")
		if s := k.Status(); s.Hop.Addr.Addr() != netip.MustParseAddr("192.0.2.2") {
			t.Errorf("%+v", s)
		}
		g.set(func(g *registrar) { clear(g.odd) })
		time.Sleep(time.Hour)
		if hostOf(g.last()) != "192.0.2.1" {
			t.Error("it never went back to the first")
		}
		stop()
	})
}

func TestAPasswordThatWasChangedAtTheCarrier(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Minute)
		g.set(func(g *registrar) { g.password = "new" })
		time.Sleep(8 * time.Minute)
		k.want(t, Refused, "wrong user name or password")
		before := g.count()
		time.Sleep(3 * time.Hour)
		if n := g.count() - before; n < 4 || n > 20 { // rounds of two
			t.Errorf("%d requests with a wrong password in three hours", n)
		}
		k.client.Change("+358293000", "new")
		k.Again()
		time.Sleep(time.Second)
		k.want(t, Registered, "")
		stop()
	})
}

func TestAnswersThatARegistrarGives(t *testing.T) {
	reply := func(status int, headers ...field.Header) func(Request) (Response, error) {
		return func(Request) (Response, error) {
			return Response{Status: status, Reason: "Because", Headers: headers}, nil
		}
	}
	for name, c := range map[string]struct {
		odd       func(Request) (Response, error)
		state     State
		words     string
		next      time.Duration // of the status, at least
		most      time.Duration
		addresses string // asked in the first round
	}{
		"403":                   {reply(403), Refused, "403 Because", 5 * time.Minute, 11 * time.Minute, "1"},
		"404":                   {reply(404), Refused, "404", 5 * time.Minute, 11 * time.Minute, "1"},
		"403 with Retry-After":  {reply(403, field.Header{Name: "Retry-After", Value: "1200"}), Refused, "403", 19 * time.Minute, 21 * time.Minute, "1"},
		"480":                   {reply(480), Waiting, "480", time.Second, 6 * time.Second, "1"},
		"500 with Retry-After":  {reply(500, field.Header{Name: "Retry-After", Value: "77 (soon)"}), Waiting, "500", 76 * time.Second, 78 * time.Second, "1"},
		"500 with a silly one":  {reply(500, field.Header{Name: "Retry-After", Value: "99999999"}), Waiting, "500", 29 * time.Minute, 31 * time.Minute, "1"},
		"503":                   {reply(503), Waiting, "503", time.Second, 6 * time.Second, "12"},
		"504":                   {reply(504), Waiting, "504", time.Second, 6 * time.Second, "1"},
		"603":                   {reply(603), Refused, "603", 5 * time.Minute, 11 * time.Minute, "1"},
		"423 without a number":  {reply(423), Refused, "423", 5 * time.Minute, 11 * time.Minute, "1"},
		"423 of a year":         {reply(423, field.Header{Name: "Min-Expires", Value: "31536000"}), Refused, "423", 5 * time.Minute, 11 * time.Minute, "1"},
		"423 again and again":   {reply(423, field.Header{Name: "Min-Expires", Value: "700"}), Refused, "423", 5 * time.Minute, 11 * time.Minute, "11"},
		"401 without challenge": {reply(401), Refused, "unsupported", 5 * time.Minute, 11 * time.Minute, "1"},
		"401 in SHA-3":          {reply(401, field.Header{Name: "WWW-Authenticate", Value: `Digest realm="x", nonce="n", algorithm=SHA3`}), Refused, "unsupported", 5 * time.Minute, 11 * time.Minute, "1"},
		"401 again and again":   {reply(401, field.Header{Name: "WWW-Authenticate", Value: `Digest realm="x", nonce="n"`}), Refused, "wrong", 5 * time.Minute, 11 * time.Minute, "11"},
		"401 stale for ever":    {reply(401, field.Header{Name: "WWW-Authenticate", Value: `Digest realm="x", nonce="n", stale=true`}), Refused, "challenged", 5 * time.Minute, 11 * time.Minute, "11111"},
		"302 to nowhere":        {reply(302), Waiting, "nowhere", time.Second, 6 * time.Second, "1"},
		"302 to itself":         {reply(302, field.Header{Name: "Contact", Value: "<sip:carrier.example>"}), Waiting, "nowhere", time.Second, 6 * time.Second, "1"},
		"302 in a circle":       {reply(302, field.Header{Name: "Contact", Value: "<sip:192.0.2.3>, <sip:192.0.2.4>"}), Waiting, "circle", time.Second, 6 * time.Second, "134"},
		"200 for no time":       {reply(200, field.Header{Name: "Contact", Value: "<sip:+358293000@198.51.100.7:5060>;expires=0"}), Waiting, "no time", time.Second, 6 * time.Second, "1"},
		"200 with nothing":      {reply(200), Registered, "", 400 * time.Second, 500 * time.Second, "1"},
		"200 with Expires":      {reply(200, field.Header{Name: "Expires", Value: "100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
		"200 with another too":  {reply(200, field.Header{Name: "Contact", Value: "<sip:x@y>;expires=9999, <sip:+358293000@198.51.100.7:5060>;expires=100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
		"200 and a mended NAT":  {reply(200, field.Header{Name: "Contact", Value: "<sip:x@y>;expires=9999"}, field.Header{Name: "Contact", Value: "<sip:+358293000@203.0.113.9:1024>;expires=100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
		"200 for two seconds":   {reply(200, field.Header{Name: "Expires", Value: "2"}), Registered, "", 900 * time.Millisecond, 2 * time.Second, "1"},
		"202":                   {reply(202, field.Header{Name: "Expires", Value: "100"}), Registered, "", 70 * time.Second, 80 * time.Second, "1"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				g, k := newRegistrar(t), newTrunk(t, nil)
				g.odd["*"] = c.odd
				stop := k.run(t, g)
				defer stop()
				time.Sleep(500 * time.Millisecond)
				k.want(t, c.state, c.words)
				if left := time.Until(k.Status().Next) + 500*time.Millisecond; left < c.next || left > c.most {
					t.Errorf("next in %s", left)
				}
				asked := ""
				for _, r := range g.all() {
					h := hostOf(r)
					asked += h[len(h)-1:]
				}
				if asked != c.addresses {
					t.Errorf("asked %s, want %s", asked, c.addresses)
				}
			})
		})
	}
}

func TestAnIntervalThatIsTooBriefIsRaised(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		g.least = time.Hour
		stop := k.run(t, g)
		time.Sleep(time.Second)
		k.want(t, Registered, "")
		if s := k.Status(); s.Granted != time.Hour {
			t.Errorf("%+v", s)
		}
		before := g.count()
		time.Sleep(time.Hour)
		for _, r := range g.all()[before:] {
			if r.get("Expires") != "3600" {
				t.Errorf("asked for %s again", r.get("Expires"))
			}
		}
		stop()
	})
}

func TestARedirectionIsFollowedInTheOrderOfItsQ(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		g.password = ""
		g.odd["192.0.2.1"] = func(Request) (Response, error) {
			return Response{Status: 302, Headers: []field.Header{{Name: "Contact", Value: "<tel:+1>, <sip:192.0.2.8;x=y>;q=0.2"}, {Name: "Contact", Value: "<sip:192.0.2.9?a=b>;q=0.7"}}}, nil
		}
		g.odd["192.0.2.9"] = func(Request) (Response, error) { return Response{Status: 503}, nil }
		stop := k.run(t, g)
		time.Sleep(time.Second)
		k.want(t, Registered, "")
		if r := g.last(); r.URI != "sip:192.0.2.8;x=y" || hostOf(r) != "192.0.2.8" || r.To != "<sip:+358293000@carrier.example>" {
			t.Errorf("%+v", r)
		}
		stop()
		if r := g.last(); r.URI != "sip:192.0.2.8;x=y" || r.get("Expires") != "0" {
			t.Errorf("taken back at %+v", r)
		}
	})
}

func TestWhatWasAskedOverTLSIsNotRedirectedToLess(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, func(c *Config) { c.Registrar = "sips:carrier.example" })
		g.odd["192.0.2.1"] = func(Request) (Response, error) {
			return Response{Status: 302, Headers: []field.Header{{Name: "Contact", Value: "<sip:192.0.2.8>"}}}, nil
		}
		stop := k.run(t, g)
		time.Sleep(time.Second)
		k.want(t, Waiting, "nowhere")
		stop()
	})
}

func TestRetryAfterOfAllRegistrarsIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		for h, s := range map[string]string{"192.0.2.1": "300", "192.0.2.2": "200"} {
			g.odd[h] = func(Request) (Response, error) {
				return Response{Status: 503, Headers: []field.Header{{Name: "Retry-After", Value: s}}}, nil
			}
		}
		stop := k.run(t, g)
		time.Sleep(199 * time.Second)
		if n := g.count(); n != 2 {
			t.Errorf("%d requests", n)
		}
		g.set(func(g *registrar) { clear(g.odd) })
		time.Sleep(2 * time.Second)
		k.want(t, Registered, "")
		if hostOf(g.last()) != "192.0.2.2" {
			t.Errorf("%+v", g.last())
		}
		stop()
	})
}

func TestTheWayOutIsLearned(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, func(c *Config) {
			c.Params = field.Params{{Name: "+sip.instance", Value: `<urn:uuid:1>`}, {Name: "reg-id", Value: "1"}}
			c.Routes, c.Headers = []string{"<sip:edge.carrier.example;lr>"}, []field.Header{{Name: "X-Line", Value: "7"}}
		})
		g.extra = []field.Header{{Name: "Service-Route", Value: "<sip:a;lr>, <sip:b;lr>"}, {Name: "service-route", Value: "<sip:c;lr>"}, {Name: "Path", Value: "<sip:p;lr>"},
			{Name: "P-Associated-URI", Value: "<sip:+358293001@carrier.example>"}}
		stop := k.run(t, g)
		time.Sleep(time.Second)
		s := k.Status()
		if strings.Join(s.ServiceRoute, " ") != "<sip:a;lr> <sip:b;lr> <sip:c;lr>" || len(s.Path) != 1 || len(s.Associated) != 1 {
			t.Errorf("%+v", s)
		}
		r := g.last()
		if r.get("Route") != "<sip:edge.carrier.example;lr>" || r.get("X-Line") != "7" || r.get("Supported") != "path, outbound" ||
			r.get("Contact") != `<sip:+358293000@198.51.100.7:5060>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=600` {
			t.Errorf("%+v", r)
		}
		g.set(func(g *registrar) { g.extra = nil })
		time.Sleep(10 * time.Minute)
		if s := k.Status(); s.ServiceRoute != nil { // RFC 3608 section 6.1: replaced by each 2xx
			t.Errorf("%+v", s)
		}
		stop()
	})
}

func TestAnAddressOfOursThatChangedIsTakenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var mu sync.Mutex
		address := "sip:+358293000@198.51.100.7:5060"
		g, k := newRegistrar(t), newTrunk(t, func(c *Config) {
			c.Contact = func(targets.Hop) (string, error) {
				mu.Lock()
				defer mu.Unlock()
				if address == "" {
					return "", errors.New("no address")
				}
				return address, nil
			}
		})
		stop := k.run(t, g)
		time.Sleep(time.Second)
		mu.Lock()
		address = "sip:+358293000@203.0.113.1:5060"
		mu.Unlock()
		k.Again()
		time.Sleep(time.Second)
		if g.bound() || g.devices() != 1 {
			t.Errorf("%d bindings", g.devices())
		}
		mu.Lock()
		address = ""
		mu.Unlock()
		k.Again()
		time.Sleep(time.Second)
		k.want(t, Registered, "no address")
		stop()
	})
}

func TestGoodbyeTakesNoLongerThanItMay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g, k := newRegistrar(t), newTrunk(t, nil)
		stop := k.run(t, g)
		time.Sleep(time.Second)
		g.set(func(g *registrar) { g.odd["*"] = func(Request) (Response, error) { return Response{}, ErrSilent } })
		began := time.Now()
		stop()
		if d := time.Since(began); d < 2*time.Second || d > 2100*time.Millisecond {
			t.Errorf("%s", d)
		}
		// A REGISTER that is out may have been heard; one that was refused was not.
		k = newTrunk(t, nil)
		g = newRegistrar(t)
		g.odd["*"] = func(r Request) (Response, error) {
			if r.get("Expires") == "0" {
				return Response{}, nil
			}
			return Response{}, ErrSilent
		}
		stop = k.run(t, g)
		time.Sleep(time.Second)
		stop()
		if g.last().get("Expires") != "0" {
			t.Errorf("%+v", g.last())
		}
		k, g = newTrunk(t, nil), newRegistrar(t)
		g.odd["*"] = func(Request) (Response, error) { return Response{Status: 403}, nil }
		stop = k.run(t, g)
		time.Sleep(time.Second)
		stop()
		if g.count() != 1 {
			t.Errorf("%d requests", g.count())
		}
	})
}

func TestATrunkMayRegisterInSeveralPlacesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := newRegistrar(t)
		a, b := newTrunk(t, nil), newTrunk(t, nil)
		bad := newRegistrar(t)
		bad.odd["*"] = func(Request) (Response, error) { return Response{Status: 403}, nil }
		all := All{a.Registration, b.Registration}
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			defer close(done)
			all.Run(ctx, askers{a.callID: bad, b.callID: g})
		}()
		time.Sleep(time.Second)
		if !all.Registered() || !g.bound() {
			t.Errorf("%+v %+v", a.Status(), b.Status())
		}
		cancel()
		<-done
		if all.Registered() || g.bound() {
			t.Error("still registered")
		}
	})
}

// askers sends each registration's requests to a registrar of its own.
type askers map[string]*registrar

func (a askers) Ask(ctx context.Context, r Request) (Response, error) {
	return a[r.CallID].Ask(ctx, r)
}

func FuzzAnswer(f *testing.F) {
	f.Add("<sip:+358293000@198.51.100.7:5060>;expires=60", "100", "nextnonce=\"x\"")
	f.Add("sip:a@b;expires=1, <sip:c>;q=0.x", "x", "")
	f.Fuzz(func(t *testing.T, contact, expires, info string) {
		res := Response{Status: 200, Headers: []field.Header{{Name: "Contact", Value: contact}, {Name: "Expires", Value: expires}, {Name: "Authentication-Info", Value: info}}}
		d := granted(res, "sip:+358293000@198.51.100.7:5060", field.Params{{Name: "+sip.instance", Value: "x"}}, time.Minute)
		if d < 0 {
			t.Errorf("%s", d)
		}
		for _, uri := range redirections(res) {
			if _, err := field.ParseURI(uri); err != nil {
				t.Errorf("%q: %v", uri, err)
			}
		}
	})
}
