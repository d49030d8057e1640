package targets

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// line is a trunk of three targets, a and b of equal standing and c behind them, and its peers.
type line struct {
	*Targets
	t       *testing.T
	mu      sync.Mutex
	answers map[string]Outcome // by address; Replied 200 when absent
	probes  []string           // address and second
	changes []string
	began   time.Time
}

func newLine(t *testing.T, change func(*Config)) *line {
	l := &line{t: t, answers: map[string]Outcome{}, began: time.Now()}
	r := NewResolver(ResolverConfig{DNS: &zone{}})
	t.Cleanup(r.Close)
	cfg := Config{
		Targets:  []Target{{Host: "192.0.2.1"}, {Host: "192.0.2.2"}, {Host: "192.0.2.3", Priority: 10}},
		Resolver: r,
		Rand:     func(n int64) int64 { return n / 2 },
		Told: Told{Changed: func(h Hop, now Health, _ Outcome) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.changes = append(l.changes, fmt.Sprintf("%s %s %d", short(h), now, l.second()))
		}},
	}
	if change != nil {
		change(&cfg)
	}
	l.Targets = New(cfg)
	return l
}

func hopTo(ip string) Hop { return Hop{UDP, netip.AddrPortFrom(netip.MustParseAddr(ip), 5060), ip} }

func short(h Hop) string    { s := h.Addr.Addr().String(); return s[len(s)-1:] }
func (l *line) second() int { return int(time.Since(l.began) / time.Second) }

func (l *line) set(host string, o Outcome) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.answers[host] = o
}

func (l *line) reply(h Hop) Outcome {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o, ok := l.answers[short(h)]; ok {
		return o
	}
	return Outcome{Status: 200}
}

func (l *line) probe(ctx context.Context, h Hop) Outcome {
	l.mu.Lock()
	l.probes = append(l.probes, fmt.Sprintf("%s@%d", short(h), l.second()))
	l.mu.Unlock()
	o := l.reply(h)
	if o.Result == Silent {
		<-ctx.Done()
	}
	return o
}

// watch begins to probe; what it returns ends that and waits.
func (l *line) watch() (stop func()) {
	ctx, cancel := context.WithCancel(l.t.Context())
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.Watch(ctx, l.probe)
	}()
	return func() {
		cancel()
		<-done
	}
}

// plan is the order of the hops, a bar before those that are only tried in need.
func (l *line) plan() string {
	l.t.Helper()
	tries, err := l.Plan(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	var b strings.Builder
	rank := 0
	for _, try := range tries {
		if try.rank() != rank {
			b.WriteString(strings.Repeat("|", try.rank()-rank))
			rank = try.rank()
		}
		b.WriteString(short(try.Hop))
	}
	return b.String()
}

// call goes through the plan as a call does, and says which hops it tried.
func (l *line) call() string {
	tries, _ := l.Plan(l.t.Context())
	tried := ""
	for _, try := range tries {
		o := l.reply(try.Hop)
		l.Report(try.Hop, o)
		tried += short(try.Hop)
		if !o.Next() {
			break
		}
	}
	return tried
}

func (l *line) want(what, got, want string) {
	l.t.Helper()
	if got != want {
		l.t.Errorf("%s at %d s: %s, want %s", what, l.second(), got, want)
	}
}

func TestOnly503AndSilenceAndABrokenTransportMoveOn(t *testing.T) {
	for o, want := range map[Outcome]bool{
		{Status: 200}: false, {Status: 302}: false, {Status: 404}: false, {Status: 408}: false, {Status: 480}: false, {Status: 486}: false,
		{Status: 500}: false, {Status: 502}: false, {Status: 504}: false, {Status: 603}: false,
		{Status: 503}: true, {Result: Silent}: true, {Result: Unreachable, Err: errors.ErrUnsupported}: true,
	} {
		if o.Next() != want {
			t.Errorf("%+v: %t", o, !want)
		}
	}
}

func TestAFailedCallMovesOnAndTheNextOneDoesNotTryTheDeadHopFirst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, nil)
		l.want("plan", l.plan(), "123")
		l.set("1", Outcome{Result: Silent})
		l.want("the unlucky call tries", l.call(), "12")
		l.want("plan", l.plan(), "23|1")
		l.want("the next call tries", l.call(), "2")
		l.set("2", Outcome{Status: 486})
		l.want("a busy number is tried", l.call(), "2")
		l.want("plan", l.plan(), "23|1")
		time.Sleep(15 * time.Second)
		l.want("plan", l.plan(), "123") // on trial
		l.want("a call tries", l.call(), "12")
		time.Sleep(29 * time.Second)
		l.want("plan", l.plan(), "23|1") // it was held for twice as long
		time.Sleep(time.Second)
		l.set("1", Outcome{Status: 200})
		l.want("a call tries", l.call(), "1")
		l.want("changes", strings.Join(l.changes, ", "), "1 down 0, 1 up 45")
	})
}

func TestABare503CountsOnlyWhenItComesAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, nil)
		l.set("1", Outcome{Status: 503})
		l.want("a call tries", l.call(), "12")
		l.want("plan", l.plan(), "123")
		l.set("1", Outcome{Status: 200})
		l.call()
		l.set("1", Outcome{Status: 503})
		l.call()
		l.want("plan", l.plan(), "123")
		l.call()
		l.want("plan", l.plan(), "23|1")
	})
}

func TestRetryAfterIsHonouredAndBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, func(c *Config) { c.Probe.Interval = 30 * time.Second })
		stop := l.watch()
		time.Sleep(3 * time.Second)
		l.set("1", Outcome{Status: 503, RetryAfter: 100 * time.Second})
		l.call()
		l.want("plan", l.plan(), "23||1")
		l.set("1", Outcome{Status: 200})
		time.Sleep(99 * time.Second)
		l.want("plan", l.plan(), "23||1")
		l.mu.Lock()
		probes := slices.Clone(l.probes)
		l.mu.Unlock()
		for _, p := range probes {
			if at := 0; strings.HasPrefix(p, "1@") {
				if _, _ = fmt.Sscanf(p, "1@%d", &at); at > 3 && at < 103 {
					t.Errorf("it was asked at %d s", at)
				}
			}
		}
		time.Sleep(20 * time.Second)
		l.want("plan", l.plan(), "123")
		l.set("2", Outcome{Status: 503, RetryAfter: 1e6 * time.Hour})
		l.Report(hopTo("192.0.2.2"), l.reply(hopTo("192.0.2.2")))
		l.want("plan", l.plan(), "13||2")
		l.set("2", Outcome{Status: 200})
		time.Sleep(31 * time.Minute)
		l.want("plan", l.plan(), "123")
		stop()
	})
}

func TestWhenAllAreDownAllAreTriedInOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, nil)
		for _, h := range []string{"1", "2", "3"} {
			l.set(h, Outcome{Result: Unreachable})
		}
		l.want("a call tries", l.call(), "123")
		l.want("plan", l.plan(), "|123")
		l.want("the next call tries", l.call(), "123")
		l.set("3", Outcome{Status: 200})
		l.want("the next call tries", l.call(), "123")
		l.want("plan", l.plan(), "|123") // one answer in a storm does not end it
	})
}

func TestProbesTakeAHopOutOfUseAndBringItBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, func(c *Config) { c.Probe.Interval = 30 * time.Second })
		stop := l.watch()
		time.Sleep(time.Minute + 5*time.Second)
		l.want("plan", l.plan(), "123")
		l.set("1", Outcome{Result: Silent})
		time.Sleep(40 * time.Second)
		l.want("plan", l.plan(), "123") // one may be lost
		time.Sleep(30 * time.Second)
		l.want("plan", l.plan(), "23|1")
		for _, refusal := range []Outcome{{Status: 503}, {Status: 408}, {Result: Unreachable}} {
			l.set("1", refusal)
			time.Sleep(time.Minute)
			l.want("plan", l.plan(), "23|1")
		}
		l.set("1", Outcome{Status: 405}) // it lives, whatever it thinks of OPTIONS
		time.Sleep(11 * time.Second)
		l.want("plan", l.plan(), "23|1") // one answer is not enough
		time.Sleep(10 * time.Second)
		l.want("plan", l.plan(), "123")
		if st := l.Statuses()[0]; st.Health != Up || st.Last.Status != 405 || st.NextProbe.IsZero() || st.Fails != 0 {
			t.Errorf("%+v", st)
		}
		stop()
		n := len(l.probes)
		time.Sleep(time.Hour)
		if len(l.probes) != n {
			t.Error("probes after the end")
		}
	})
}

// A proxy that answers OPTIONS while what is behind it is dead loses fewer and fewer calls.
func TestAHopThatAnswersProbesAndLosesCallsStaysAwayLongerEachTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, func(c *Config) { c.Probe.Interval = 30 * time.Second })
		stop := l.watch()
		time.Sleep(2 * time.Second)
		lost := 0
		for range 3600 {
			time.Sleep(time.Second)
			tries, err := l.Plan(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, try := range tries {
				o := Outcome{Status: 200}
				if short(try.Hop) == "1" {
					o, lost = Outcome{Result: Silent}, lost+1
				}
				l.Report(try.Hop, o)
				if !o.Next() {
					break
				}
			}
		}
		if lost < 5 || lost > 20 {
			t.Errorf("%d calls of an hour met the dead hop, want about 15", lost)
		}
		for range 600 { // repaired: once it is used again, its past is forgotten
			time.Sleep(time.Second)
			tries, _ := l.Plan(t.Context())
			l.Report(tries[0].Hop, Outcome{Status: 200})
		}
		l.want("plan", l.plan(), "123")
		l.Report(hopTo("192.0.2.1"), Outcome{Result: Silent})
		time.Sleep(40 * time.Second)
		l.want("plan", l.plan(), "123")
		stop()
	})
}

func TestProbesOfAWatchThatEndsAreNotHeldAgainstTheHop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLine(t, func(c *Config) { c.Probe.Interval = 30 * time.Second; c.Probe.Failures = 1 })
		l.set("1", Outcome{Result: Silent})
		ctx, stop := context.WithTimeout(t.Context(), 3*time.Second) // while the first probe is out
		l.Watch(ctx, l.probe)
		stop()
		l.want("plan", l.plan(), "123")
		ctx, stop = context.WithTimeout(t.Context(), 10*time.Second)
		defer stop()
		l.Watch(ctx, l.probe)
		l.want("plan", l.plan(), "23|1")
	})
}

func TestHopsThatDNSDropsAreForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		z := carrier()
		r := NewResolver(ResolverConfig{DNS: z})
		defer r.Close()
		g := New(Config{Targets: []Target{{Host: "plain.example", Port: 5060}}, Resolver: r, Probe: Probe{Interval: 30 * time.Second}})
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		var mu sync.Mutex
		asked := map[string]int{}
		go func() {
			g.Watch(ctx, func(_ context.Context, h Hop) Outcome {
				mu.Lock()
				defer mu.Unlock()
				asked[h.String()]++
				return Outcome{Status: 200}
			})
			close(done)
		}()
		time.Sleep(time.Minute)
		z.set(func(z *zone) { z.addrs["plain.example"] = ips("192.0.2.6", "192.0.2.7") })
		time.Sleep(20 * time.Minute)
		var known []string
		for _, s := range g.Statuses() {
			known = append(known, s.Hop.String())
		}
		if !slices.Equal(known, []string{"udp:192.0.2.6:5060", "udp:192.0.2.7:5060"}) {
			t.Errorf("known %v", known)
		}
		mu.Lock()
		if asked["udp:192.0.2.7:5060"] < 30 {
			t.Errorf("asked %v", asked)
		}
		mu.Unlock()
		z.set(func(z *zone) { z.down = errors.New("servfail") })
		time.Sleep(2 * time.Hour)
		if n := len(g.Statuses()); n != 2 {
			t.Errorf("DNS is down, and %d hops are left", n)
		}
		stop()
		<-done
	})
}
