package ice

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// Candidate is an address at which the browser says it may be reached by UDP.
type Candidate struct {
	Address  netip.AddrPort
	Priority uint32
}

// Remote is what a browser's description says about ICE.
type Remote struct {
	Ufrag, Password string
	Lite            bool // it only answers checks (RFC 8445 section 2.5)
	Once            bool // its ice-options have ice2: it expects one nomination (RFC 8445 section 10)
	Candidates      []Candidate
}

// Config is what an Agent is made with; all of it is required.
type Config struct {
	Ufrag, Password string
	// Number begins the id of each of our transactions, so that whoever reads the socket finds the agent of a response.
	Number uint32
	// Disconnected is how long nothing may be heard on a path that counts as good; Failed is how much longer until it is
	// given up.
	Disconnected, Failed time.Duration
}

// State of the way to the browser.
type State uint8

// The states.
const (
	New          State = iota // there is no description of the browser yet
	Checking                  // no way has been found yet
	Connected                 // there is one
	Disconnected              // nothing is heard any more; that comes and goes on a wireless network
	Failed                    // given up; an ICE restart helps, or a check of the browser's that comes through after all
)

// String is the state in the words of WebRTC.
func (s State) String() string {
	switch s {
	case New:
		return "new"
	case Checking:
		return "checking"
	case Connected:
		return "connected"
	case Disconnected:
		return "disconnected"
	case Failed:
		return "failed"
	}
	return "new"
}

// Times of the agent.
const (
	// retransmit is after how long a check that is not answered is repeated first; the time doubles up to retransmitMost.
	// RFC 8445 section 14.3 says 500 ms, for agents with many checks on a thin line. We have a few of a hundred bytes, and
	// what is lost here is what an agent waits for sound; most round trips are shorter than this.
	retransmit     = 100 * time.Millisecond
	retransmitMost = 1600 * time.Millisecond
	tries          = 8 // of a check: 8 s in all, after which the session's own deadline is near
	// pace is Ta (RFC 8445 section 14.2) for the checks beyond the first burst.
	pace  = 20 * time.Millisecond
	burst = 8
	// patience is for how long a pair of higher priority that is found after the first one is nominated in its place.
	// A relay may answer before the direct way does, and the call should not stay on it.
	patience = time.Second
	// consent is asked for every 4 to 6 s, and gone after 30 s without an answer (RFC 7675 section 5.1).
	consentLeast    = 4 * time.Second
	consentSpread   = 2 * time.Second
	consentLifetime = 30 * time.Second
	// quiet is how long the selected pair must have been silent before sound on another one moves us there: longer than
	// packets overtake each other.
	quiet = 200 * time.Millisecond
	// grace is how long checks of before an ICE restart are still answered when it is over.
	grace = 5 * time.Second
)

// maxPairs bounds what a browser can make us check and remember.
const maxPairs = 32

// Agent is a full ICE agent with one local candidate. Its methods must not be called at the same time.
type Agent struct {
	config     Config
	leads      bool // we are controlling
	tieBreaker uint64
	current    *generation
	former     *generation // of before an ICE restart, until the new one has a path; usually nil
	state      State
	revision   uint64
}

// generation is what one ICE session has: its credentials and pairs (RFC 8445 section 9: a restart begins a new one).
type generation struct {
	ufrag, password string
	remote          Remote
	known           bool // remote is
	pairs           []*pair
	nominee         *pair // controlling: the one whose checks carry USE-CANDIDATE
	selected        *pair
	since           time.Time // the first selection
	until           time.Time // of a former generation: when it is forgotten; zero: while it is needed
}

// NewAgent makes an agent, which does nothing before it knows the browser but answer its checks.
func NewAgent(c Config) *Agent {
	return &Agent{config: c, tieBreaker: rand.Uint64(), current: &generation{ufrag: c.Ufrag, password: c.Password}}
}

// Lead says who is controlling: who makes the offer that an ICE session begins with (RFC 8445 section 6.1.1). It is for the
// time before Begin; a conflict is settled by itself.
func (a *Agent) Lead(leads bool) {
	if !a.current.known {
		a.leads = leads
	}
}

// Begin takes the browser's description, and checks all of its candidates at once. It may come again: with new
// candidates, which are checked while there is no path.
func (a *Agent) Begin(r Remote, now time.Time, out *Outbox) {
	g := a.current
	first := !g.known
	if first {
		g.remote, g.known = r, true
		g.remote.Candidates = nil
		if a.state == New || a.state == Failed {
			a.state = Checking
			a.revision++
		}
		if r.Lite {
			a.leads = true // RFC 8445 section 6.1.1
		}
	} else if r.Ufrag != g.remote.Ufrag || r.Password != g.remote.Password {
		a.Restart(g.ufrag, g.password) // an answer of another browser than the one before
		a.Begin(r, now, out)
		return
	} else if g.selected != nil {
		return
	}
	for _, c := range r.Candidates {
		if p := g.find(c.Address); p != nil {
			p.priority = c.Priority
		} else if len(g.pairs) < maxPairs {
			g.pairs = append(g.pairs, &pair{remote: c.Address, priority: c.Priority})
		}
	}
	g.order()
	fresh := 0
	for _, p := range g.pairs {
		if p.state != waiting || p.pending {
			continue
		}
		if fresh < burst || p.heard {
			a.check(g, p, now, out)
		} else {
			p.next = now.Add(time.Duration(fresh-burst+1) * pace)
		}
		fresh++
	}
	a.assess(now)
}

// Restart begins an ICE restart with new credentials of ours; Begin follows with the browser's. What was found before
// carries the sound until then.
func (a *Agent) Restart(ufrag, password string) {
	if a.current.known && (a.former == nil || a.current.selected != nil) {
		a.former = a.current
	}
	if a.former != nil {
		a.former.until = time.Time{}
	}
	a.current = &generation{ufrag: ufrag, password: password}
	a.revision++
}

// Abandon takes a Restart back which the browser did not follow. It reports whether there was one.
func (a *Agent) Abandon() bool {
	if a.current.known || a.former == nil {
		return false
	}
	a.current, a.former = a.former, nil
	a.revision++
	return true
}

// Due does what is to be done by now.
func (a *Agent) Due(now time.Time, out *Outbox) {
	for _, g := range [...]*generation{a.current, a.former} {
		if g == nil || !g.known {
			continue
		}
		for _, p := range g.pairs {
			if p.next.IsZero() || p.next.After(now) {
				continue
			}
			if p.pending && p.tries >= p.most() {
				a.unanswered(g, p, now)
			} else {
				a.check(g, p, now, out)
			}
		}
	}
	a.assess(now)
}

// unanswered ends a check that nobody answered. A path that has been good is asked again for as long as it is ours.
func (a *Agent) unanswered(g *generation, p *pair, now time.Time) {
	p.pending, p.next = false, time.Time{}
	if p.state != valid {
		p.state = failed
	}
	if p == g.nominee && p != g.selected {
		if g.nominee = a.best(g); g.nominee != nil && !g.nominee.pending {
			g.nominee.next = now
		}
	}
	if _, path := a.path(); p == path {
		p.next = now
	}
}

// Next is when Due is due; zero if it is not.
func (a *Agent) Next() time.Time {
	var next time.Time
	sooner := func(t time.Time) {
		if !t.IsZero() && (next.IsZero() || t.Before(next)) {
			next = t
		}
	}
	for _, g := range [...]*generation{a.current, a.former} {
		if g == nil {
			continue
		}
		for _, p := range g.pairs {
			sooner(p.next)
		}
		sooner(g.until)
	}
	if _, p := a.path(); p != nil && a.state == Disconnected {
		sooner(p.good(a.config.Disconnected + a.config.Failed))
	} else if p != nil {
		sooner(p.good(a.config.Disconnected))
	}
	return next
}

// Path is where to send: the selected pair's address, before there is one that of the best pair known to work, and none
// when the browser has not consented (RFC 7675).
func (a *Agent) Path() (to netip.AddrPort, ok bool) {
	_, p := a.path()
	if p == nil {
		return netip.AddrPort{}, false
	}
	return p.remote, true
}

// path is the pair in use, and the generation that it is of.
func (a *Agent) path() (*generation, *pair) {
	switch {
	case a.current.selected != nil:
		return a.current, a.current.selected
	case a.former != nil && a.former.selected != nil:
		return a.former, a.former.selected
	}
	if p := a.best(a.current); p != nil || a.former == nil {
		return a.current, p
	}
	return a.former, a.best(a.former)
}

// best is the valid pair of the highest priority.
func (a *Agent) best(g *generation) *pair {
	var best *pair
	for _, p := range g.pairs {
		if p.state == valid && (best == nil || a.rank(p) > a.rank(best)) {
			best = p
		}
	}
	return best
}

// State of the way to the browser.
func (a *Agent) State() State { return a.state }

// Revision changes when Path, State, Users or Addresses may have.
func (a *Agent) Revision() uint64 { return a.revision }

// Users are the ice-ufrags of ours under which checks are answered.
func (a *Agent) Users() []string {
	if a.former == nil {
		return []string{a.current.ufrag}
	}
	return []string{a.current.ufrag, a.former.ufrag}
}

// Addresses calls yield with each address that the browser has been heard at; proven are those that answered a check
// of ours, which no forged sender can.
func (a *Agent) Addresses(yield func(address netip.AddrPort, proven bool)) {
	for _, g := range [...]*generation{a.former, a.current} {
		if g == nil {
			continue
		}
		for _, p := range g.pairs {
			if p.heard || p.state == valid {
				yield(p.remote, p.state == valid)
			}
		}
	}
}

// assess finds the state for what is known now.
func (a *Agent) assess(now time.Time) {
	if f := a.former; f != nil && !f.until.IsZero() && !f.until.After(now) {
		a.former = nil
		a.revision++
	}
	g, p := a.path()
	state := a.state
	switch {
	case p == nil:
	case now.Before(p.good(a.config.Disconnected)):
		state = Connected
	default:
		if a.detour(p, now) {
			a.assess(now)
			return
		}
		state = Disconnected
		if !now.Before(p.good(a.config.Disconnected + a.config.Failed)) {
			a.giveUp(g)
			state = Failed
		}
	}
	if state != a.state {
		a.state = state
		a.revision++
	}
}

// giveUp forgets a generation's paths; a check of the browser's may revive one.
func (a *Agent) giveUp(g *generation) {
	for _, p := range g.pairs {
		if p.state == valid {
			p.state, p.pending, p.next = failed, false, time.Time{}
			p.nominated, p.wanted = false, false
		}
	}
	g.selected, g.nominee, g.since = nil, nil, time.Time{}
}

// detour leaves a silent path for one on which the browser has been heard since.
func (a *Agent) detour(silent *pair, now time.Time) bool {
	for _, g := range [...]*generation{a.current, a.former} {
		if g == nil {
			continue
		}
		var best *pair
		for _, p := range g.pairs {
			if p != silent && p.state == valid && now.Before(p.good(a.config.Disconnected)) && (best == nil || a.rank(p) > a.rank(best)) {
				best = p
			}
		}
		if best != nil {
			a.move(g, best, now)
			return true
		}
	}
	return false
}
