package targets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// zone is a DNS in memory.
type zone struct {
	mu    sync.Mutex
	srv   map[string][]SRV
	addrs map[string][]netip.Addr
	ttl   time.Duration
	delay time.Duration
	down  error
	asked []string
}

func (z *zone) enter(ctx context.Context, name string) error {
	z.mu.Lock()
	z.asked = append(z.asked, name)
	delay := z.delay
	z.mu.Unlock()
	select {
	case <-time.After(delay):
	case <-ctx.Done():
		return ctx.Err()
	}
	z.mu.Lock()
	defer z.mu.Unlock()
	return z.down
}

func (z *zone) SRV(ctx context.Context, name string) ([]SRV, time.Duration, error) {
	err := z.enter(ctx, name)
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.srv[name]), z.ttl, err
}

func (z *zone) Addrs(ctx context.Context, name string) ([]netip.Addr, time.Duration, error) {
	err := z.enter(ctx, name)
	z.mu.Lock()
	defer z.mu.Unlock()
	return slices.Clone(z.addrs[name]), z.ttl, err
}

func (z *zone) set(change func(*zone)) {
	z.mu.Lock()
	defer z.mu.Unlock()
	change(z)
}

func (z *zone) count() int {
	z.mu.Lock()
	defer z.mu.Unlock()
	return len(z.asked)
}

func ips(s ...string) []netip.Addr {
	var out []netip.Addr
	for _, a := range s {
		out = append(out, netip.MustParseAddr(a))
	}
	return out
}

func carrier() *zone {
	return &zone{ttl: time.Minute, srv: map[string][]SRV{
		"_sip._udp.carrier.example.": {
			{Host: "backup.carrier.example.", Port: 5080, Priority: 20},
			{Host: "a.carrier.example.", Port: 5060, Priority: 10, Weight: 1},
			{Host: "gone.carrier.example.", Port: 5060, Priority: 5},
		},
		"_sip._tcp.carrier.example.":   {{Host: "a.carrier.example.", Port: 5061, Priority: 1}},
		"_sips._tcp.carrier.example.":  {{Host: "a.carrier.example.", Port: 5071, Priority: 1}},
		"_sip._udp.nothere.example.":   {{Host: "."}},
		"_sip._tcp.tcponly.example.":   {{Host: "a.carrier.example.", Port: 5099}},
		"_sip._udp.literally.example.": {{Host: "192.0.2.77.", Port: 5060}},
	}, addrs: map[string][]netip.Addr{
		"a.carrier.example.":      ips("192.0.2.1", "2001:db8::1", "192.0.2.2"),
		"backup.carrier.example.": ips("192.0.2.9"),
		"plain.example":           ips("192.0.2.5", "192.0.2.6"),
		"nothere.example":         ips("192.0.2.8"),
	}}
}

func words(hops []Hop) string {
	var s []string
	for _, h := range hops {
		s = append(s, h.String())
	}
	return strings.Join(s, " ")
}

func mustParse(t testing.TB, s string) Target {
	t.Helper()
	target, err := Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

func TestTargetsAreReadAsPeopleWriteThem(t *testing.T) {
	for s, want := range map[string]Target{
		"carrier.example":                             {Host: "carrier.example"},
		"sip:carrier.example;transport=tcp":           {Host: "carrier.example", Transport: TCP},
		"SIPS:Carrier.example":                        {Host: "carrier.example", Transport: TLS},
		"sips:carrier.example;transport=tcp":          {Host: "carrier.example", Transport: TLS},
		"192.0.2.1:5070;transport=tls":                {Host: "192.0.2.1", Port: 5070, Transport: TLS},
		"2001:db8::1":                                 {Host: "2001:db8::1"},
		"[2001:db8::1]:5070":                          {Host: "2001:db8::1", Port: 5070},
		"sip:user@carrier.example:5060;maddr=1.2.3.4": {Host: "1.2.3.4", Port: 5060},
	} {
		got, err := Parse(s)
		if err != nil || got != want {
			t.Errorf("%s: %+v %v, want %+v", s, got, err, want)
		}
		if again, err := Parse(got.String()); err != nil || again != got {
			t.Errorf("%s is written as %s, which is %+v %v", s, got, again, err)
		}
	}
	for _, s := range []string{"", "a b", "sip:", "tel:+358", "h;transport=ws", "sips:h;transport=udp", "h:99999", "h;maddr=!"} {
		if got, err := Parse(s); !errors.Is(err, ErrTarget) {
			t.Errorf("%q: %+v %v", s, got, err)
		}
	}
}

func TestEveryRecordAndEveryAddressIsTriedInTheOrderOfRFC3263(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carrier()
		r := NewResolver(ResolverConfig{DNS: z})
		defer r.Close()
		for target, want := range map[string]string{
			"192.0.2.3":                        "udp:192.0.2.3:5060",
			"192.0.2.3;transport=tls":          "tls:192.0.2.3:5061",
			"[2001:db8::3]:5070;transport=tcp": "tcp:[2001:db8::3]:5070",
			"carrier.example;transport=udp":    "udp:192.0.2.1:5060 udp:[2001:db8::1]:5060 udp:192.0.2.2:5060 udp:192.0.2.9:5080",
			"carrier.example":                  "udp:192.0.2.1:5060 udp:[2001:db8::1]:5060 udp:192.0.2.2:5060 udp:192.0.2.9:5080 tcp:192.0.2.1:5061 tcp:[2001:db8::1]:5061 tcp:192.0.2.2:5061",
			"sips:carrier.example":             "tls:192.0.2.1:5071 tls:[2001:db8::1]:5071 tls:192.0.2.2:5071",
			"tcponly.example":                  "tcp:192.0.2.1:5099 tcp:[2001:db8::1]:5099 tcp:192.0.2.2:5099",
			"plain.example":                    "udp:192.0.2.5:5060 udp:192.0.2.6:5060",
			"plain.example;transport=tls":      "tls:192.0.2.5:5061 tls:192.0.2.6:5061",
			"plain.example:5070;transport=tcp": "tcp:192.0.2.5:5070 tcp:192.0.2.6:5070",
			"literally.example;transport=udp":  "udp:192.0.2.77:5060",
			"nothere.example;transport=tcp":    "tcp:192.0.2.8:5060",
		} {
			hops, err := r.Resolve(t.Context(), mustParse(t, target))
			if got := words(hops); got != want || err != nil {
				t.Errorf("%s:\n got %s %v\nwant %s", target, got, err, want)
			}
			for _, h := range hops {
				if h.Host != mustParse(t, target).Host {
					t.Errorf("%s: a certificate for %q would do", target, h.Host)
				}
			}
		}
		for _, target := range []string{"nowhere.example", "nothere.example;transport=udp", "nowhere.example:5060"} {
			if hops, err := r.Resolve(t.Context(), mustParse(t, target)); !errors.Is(err, ErrNowhere) {
				t.Errorf("%s: %s %v", target, words(hops), err)
			}
		}
	})
}

func TestOnlyAddressesThatThereIsASocketForAreUsed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for family, want := range map[Family]string{IPv4Only: "tls:192.0.2.1:5071 tls:192.0.2.2:5071", IPv6Only: "tls:[2001:db8::1]:5071"} {
			r := NewResolver(ResolverConfig{DNS: carrier(), Family: family})
			if hops, err := r.Resolve(t.Context(), mustParse(t, "sips:carrier.example")); words(hops) != want {
				t.Errorf("%v: %s %v", family, words(hops), err)
			}
			r.Close()
		}
		z := &zone{ttl: time.Minute, addrs: map[string][]netip.Addr{"odd.example": ips("0.0.0.0", "::", "224.0.0.1", "::ffff:192.0.2.1")}}
		r := NewResolver(ResolverConfig{DNS: z})
		defer r.Close()
		if hops, _ := r.Resolve(t.Context(), mustParse(t, "odd.example:5060")); words(hops) != "udp:192.0.2.1:5060" {
			t.Errorf("%s", words(hops))
		}
	})
}

func TestAnEndlessAnswerIsCutShort(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := &zone{ttl: time.Minute, srv: map[string][]SRV{}, addrs: map[string][]netip.Addr{}}
		for i := range 500 {
			host := fmt.Sprintf("h%d.example.", i)
			z.srv["_sip._udp.big.example."] = append(z.srv["_sip._udp.big.example."], SRV{Host: host, Port: 5060})
			z.addrs[host] = ips(fmt.Sprintf("10.0.%d.1", i%256), fmt.Sprintf("10.1.%d.1", i%256))
		}
		r := NewResolver(ResolverConfig{DNS: z})
		defer r.Close()
		if hops, err := r.Resolve(t.Context(), mustParse(t, "big.example;transport=udp")); len(hops) != mostHops {
			t.Errorf("%d hops %v", len(hops), err)
		}
		for i := range 2 * mostNames {
			_, _ = r.Resolve(t.Context(), Target{Host: fmt.Sprintf("n%d.example", i), Port: 5060})
		}
		if n := len(r.addrs.names); n > mostNames {
			t.Errorf("%d names kept", n)
		}
	})
}

// Of two equals, each comes first as often as its weight says.
func TestWeightsAreKeptWhateverTheyAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.Uint16Range(0, 100), 2, 5).Draw(t, "weights")
		rnd := rand.New(rand.NewPCG(uint64(rapid.Int().Draw(t, "seed")), 1))
		type item struct {
			i int
			w uint16
		}
		var items []item
		sum := 0
		for i, w := range weights {
			items = append(items, item{i, w})
			sum += int(w)
		}
		const draws = 4000
		first := make([]int, len(items))
		for range draws {
			got := ordered(items, func(i item) (uint16, uint16) { return 7, i.w }, rnd.Int64N)
			if len(got) != len(items) {
				t.Fatalf("%d of %d", len(got), len(items))
			}
			seen := map[int]bool{}
			for _, g := range got {
				seen[g.i] = true
			}
			if len(seen) != len(items) {
				t.Fatalf("not a permutation: %v", got)
			}
			first[got[0].i]++
		}
		if sum < 10 {
			return // RFC 2782 draws from 0 to the sum, which counts for something when the sum is small
		}
		for i, w := range weights {
			want, got := float64(w)/float64(sum), float64(first[i])/draws
			if diff := got - want; diff > 0.12 || diff < -0.12 {
				t.Errorf("weights %v: %d came first %.2f of the time, want %.2f", weights, i, got, want)
			}
		}
	})
}

func TestPriorityGoesBeforeWeightAndWhatWeighsNothingKeepsItsOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		type item struct{ i, p, w uint16 }
		var items []item
		for i := range rapid.IntRange(1, 12).Draw(t, "n") {
			items = append(items, item{uint16(i), rapid.Uint16Range(0, 3).Draw(t, "p"), 0})
		}
		got := ordered(items, func(i item) (uint16, uint16) { return i.p, i.w }, func(n int64) int64 { return n - 1 })
		if !slices.IsSortedFunc(got, func(a, b item) int { return int(a.p)*100 + int(a.i) - int(b.p)*100 - int(b.i) }) {
			t.Errorf("%v", got)
		}
	})
}

func TestAnswersAreKeptForTheirTimeAndAskedAgainBeforeTheyExpire(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carrier()
		z.delay = 50 * time.Millisecond
		r := NewResolver(ResolverConfig{DNS: z})
		defer r.Close()
		ask := func() time.Duration {
			began := time.Now()
			if _, err := r.Resolve(t.Context(), Target{Host: "plain.example", Port: 5060}); err != nil {
				t.Error(err)
			}
			return time.Since(began)
		}
		if d := ask(); d != 50*time.Millisecond {
			t.Errorf("the first took %s", d)
		}
		for range 20 * 60 { // a call a second for 20 minutes: nobody waits
			time.Sleep(time.Second)
			if d := ask(); d != 0 {
				t.Fatalf("one waited %s", d)
			}
		}
		if n := z.count(); n < 20 || n > 26 {
			t.Errorf("asked %d times in 20 minutes, with a life of one", n)
		}
		n := z.count()
		time.Sleep(time.Hour)
		if got := z.count() - n; got > 1 {
			t.Errorf("asked %d times for nobody", got)
		}
	})
}

func TestWhileDNSIsDownOldAnswersServeAndNobodyWaitsTwice(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carrier()
		var stale atomic.Int64
		r := NewResolver(ResolverConfig{DNS: z, Told: func(_ string, a Answer) {
			if a == AnsweredStale {
				stale.Add(1)
			}
		}})
		defer r.Close()
		g := New(Config{Targets: []Target{{Host: "plain.example", Port: 5060}}, Resolver: r})
		plan := func() (string, time.Duration) {
			began := time.Now()
			tries, err := g.Plan(t.Context())
			if err != nil {
				return err.Error(), time.Since(began)
			}
			return tries[0].String(), time.Since(began)
		}
		if got, _ := plan(); got != "udp:192.0.2.5:5060" {
			t.Fatal(got)
		}
		z.set(func(z *zone) { z.delay = time.Hour; z.down = errors.New("servfail") }) // silent
		waited := time.Duration(0)
		for range 60 {
			time.Sleep(time.Minute)
			got, d := plan()
			if got != "udp:192.0.2.5:5060" {
				t.Fatalf("%s", got)
			}
			waited += d
		}
		if waited > 2*time.Second {
			t.Errorf("calls waited %s together in an hour without DNS", waited)
		}
		if n := stale.Load(); n < 50 {
			t.Errorf("%d old answers counted", n)
		}
		z.set(func(z *zone) { z.delay, z.down = 0, nil; z.addrs["plain.example"] = ips("192.0.2.50") })
		time.Sleep(time.Minute)
		plan()
		time.Sleep(time.Second)
		if got, _ := plan(); got != "udp:192.0.2.50:5060" {
			t.Errorf("DNS is back, and the plan is %s", got)
		}
		z.set(func(z *zone) { z.down = errors.New("servfail") })
		time.Sleep(30 * time.Hour)
		plan()
		time.Sleep(time.Second)
		if got, _ := plan(); !strings.Contains(got, "servfail") {
			t.Errorf("an answer of the day before yesterday: %s", got)
		}
	})
}

func TestACallNeverWaitsLongerForDNSThanItsBudget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carrier()
		z.delay = 3 * time.Second
		r := NewResolver(ResolverConfig{DNS: z})
		defer r.Close()
		g := New(Config{Targets: []Target{{Host: "plain.example", Port: 5060}, {Host: "192.0.2.3", Priority: 9}}, Resolver: r, Budget: 300 * time.Millisecond})
		began := time.Now()
		tries, err := g.Plan(t.Context())
		if d := time.Since(began); d != 300*time.Millisecond || err != nil || tries[0].String() != "udp:192.0.2.3:5060" {
			t.Errorf("%s %v %v", d, tries, err)
		}
		time.Sleep(3 * time.Second)
		if tries, _ := g.Plan(t.Context()); len(tries) != 3 {
			t.Errorf("the answer that came late is not used: %v", tries)
		}
		alone := New(Config{Targets: []Target{{Host: "slow.example", Port: 5060}}, Resolver: r, Budget: 300 * time.Millisecond})
		if _, err := alone.Plan(t.Context()); !errors.Is(err, ErrNowhere) || !errors.Is(err, errBudget) {
			t.Errorf("%v", err)
		}
		gone := errors.New("the caller is gone")
		ctx, cancel := context.WithCancelCause(t.Context())
		cancel(gone)
		if _, err := alone.Plan(ctx); !errors.Is(err, gone) {
			t.Errorf("%v", err)
		}
	})
}
