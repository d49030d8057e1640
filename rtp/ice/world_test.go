package ice

import (
	"net/netip"
	"slices"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// world is a network in fake time. Every address belongs to one end; a packet takes delay, unless it is lost.
type world struct {
	t      *testing.T
	now    time.Time
	delay  time.Duration
	ends   map[netip.AddrPort]*end
	flying []packet
	lost   func(p packet) bool // nil: none
	seen   []packet            // all that were sent
}

type packet struct {
	raw      []byte
	from, to netip.AddrPort
	at       time.Time // of arrival
}

// end is one agent and the addresses that it is at; it answers from where it was asked, and asks from
// the first one, or as mapped.
type end struct {
	*Agent
	w       *world
	at      []netip.AddrPort
	mapped  netip.AddrPort // where its packets come from; invalid: at[0]
	out     Outbox
	ufrag   string
	secret  string
	ignores bool // it takes no packets
}

func newWorld(t *testing.T) *world {
	return &world{t: t, now: time.Unix(1_000_000, 0), delay: 10 * time.Millisecond, ends: map[netip.AddrPort]*end{}}
}

func (w *world) end(name string, number uint32, leads bool, at ...string) *end {
	e := &end{w: w, ufrag: name + "user", secret: name + "passwordpasswordpassword"}
	e.Agent = NewAgent(Config{Ufrag: e.ufrag, Password: e.secret, Number: number,
		Disconnected: 10 * time.Second, Failed: 10 * time.Second})
	e.Lead(leads)
	for _, a := range at {
		e.live(a)
	}
	return e
}

// live gives the end one more address.
func (e *end) live(at string) {
	a := netip.MustParseAddrPort(at)
	e.at = append(e.at, a)
	e.w.ends[a] = e
}

// knows gives it the description of another end: its credentials and candidates, the first one preferred.
func (e *end) knows(o *end, candidates ...string) { e.begin(o.remote(candidates...)) }

func (e *end) begin(r Remote) {
	e.Begin(r, e.w.now, &e.out)
	e.flush()
}

func (e *end) remote(candidates ...string) Remote {
	r := Remote{Ufrag: e.ufrag, Password: e.secret}
	for i, c := range candidates {
		r.Candidates = append(r.Candidates, Candidate{netip.MustParseAddrPort(c), hostPriority - uint32(i)<<8})
	}
	return r
}

func (e *end) flush() {
	from := e.at[0]
	if e.mapped.IsValid() {
		from = e.mapped
	}
	e.flushFrom(from)
}

func (e *end) flushFrom(from netip.AddrPort) {
	for i := range e.out.Len() {
		raw, to := e.out.At(i)
		p := packet{raw: slices.Clone(raw), from: from, to: to, at: e.w.now.Add(e.w.delay)}
		e.w.seen = append(e.w.seen, p)
		if e.w.lost == nil || !e.w.lost(p) {
			e.w.flying = append(e.w.flying, p)
		}
	}
	e.out.Reset()
}

// run lets time pass.
func (w *world) run(d time.Duration) { w.until(d, func() bool { return false }) }

// until lets time pass until something is so, and reports whether it came to be.
func (w *world) until(most time.Duration, so func() bool) bool {
	w.t.Helper()
	end := w.now.Add(most)
	for steps := 0; !so(); steps++ {
		if steps > 100_000 {
			w.t.Fatal("the agents go round in circles")
		}
		next, what := end, func() {}
		for i, p := range w.flying {
			if p.at.Before(next) {
				next, what = p.at, func() { w.arrive(i) }
			}
		}
		for _, e := range w.ends {
			if t := e.Next(); !t.IsZero() && t.Before(next) {
				next, what = t, func() { e.Due(w.now, &e.out); e.flush() }
			}
		}
		if next.After(w.now) {
			w.now = next
		}
		if !w.now.Before(end) {
			return so()
		}
		what()
	}
	return true
}

func (w *world) arrive(i int) {
	p := w.flying[i]
	w.flying = slices.Delete(w.flying, i, i+1)
	e := w.ends[p.to]
	if e == nil || e.ignores {
		return
	}
	e.Packet(p.raw, p.from, w.now, &e.out)
	e.flushFrom(p.to)
}

// sent are the messages from one address to another since the beginning, read.
func (w *world) sent(from, to string) []message {
	var all []message
	for _, p := range w.seen {
		if p.from.String() == from && p.to.String() == to {
			var m message
			if !m.read(p.raw) {
				w.t.Fatalf("an agent sent what is no STUN: %x", p.raw)
			}
			all = append(all, m)
		}
	}
	return all
}

func (e *end) wantPath(to string) {
	e.w.t.Helper()
	got, ok := e.Path()
	if !ok || got.String() != to {
		e.w.t.Fatalf("%s sends to %v (%v), not to %s; it is %s", e.ufrag, got, ok, to, e.State())
	}
}

// chosen reports whether there is a nominated pair in use.
func (e *end) chosen() bool {
	return e.current.selected != nil && e.current.selected.nominated && e.current.selected.state == valid
}
