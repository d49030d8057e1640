package registration

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/sip/digest"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/targets"
)

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
