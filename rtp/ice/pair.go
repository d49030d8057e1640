package ice

import (
	"crypto/rand"
	"encoding/binary"
	mathrand "math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Priorities of ours (RFC 8445 section 5.1.2.1): type preference, the highest local preference, component 1.
const (
	hostPriority          = 126<<24 | 65535<<8 | 255
	peerReflexivePriority = 110<<24 | 65535<<8 | 255
)

// pairState is the state of a pair (RFC 8445 section 6.1.2.6). None is ever frozen: all have the same local candidate and
// component, and there is nothing to learn from one for another.
type pairState uint8

const (
	waiting pairState = iota
	checking
	valid // succeeded
	failed
)

// pair is our one candidate and one of the browser's.
type pair struct {
	remote    netip.AddrPort
	priority  uint32 // of the browser's candidate
	found     bool   // its candidate is in no description: peer-reflexive
	state     pairState
	heard     bool      // the browser has sent a check from there
	wanted    bool      // controlled: the browser's check carried USE-CANDIDATE
	nominated bool      // and it is valid
	last      time.Time // the browser was last heard there
	consented time.Time // it last answered a check of ours

	// The check under way.
	pending bool
	id      [12]byte
	as      role // that it claims
	use     bool // it carries USE-CANDIDATE
	tries   int
	sent    time.Time
	next    time.Time // when to repeat it, or else to begin one; zero: never
	before  [12]byte  // id of the check that it took the place of, whose answer still proves the way
}

// most is how often a check is sent. A peer-reflexive candidate is known from the browser's own checks, and each of them
// makes us check again; more would let forged senders use us to send to others.
func (p *pair) most() int {
	if p.found && p.state != valid {
		return 3
	}
	return tries
}

// good is until when the path counts as good, if nothing more is heard: what is heard must not be older than that, nor
// its consent older than it lasts.
func (p *pair) good(silence time.Duration) time.Time {
	until, consent := p.last.Add(silence), p.consented.Add(consentLifetime)
	if consent.Before(until) {
		return consent
	}
	return until
}

// rank is the priority of a pair (RFC 8445 section 6.1.2.3), which both sides find equal.
func (a *Agent) rank(p *pair) uint64 {
	high, low := uint64(hostPriority), uint64(p.priority)
	g, d := high, low
	if !a.leads {
		g, d = low, high
	}
	rank := min(g, d)<<32 + 2*max(g, d)
	if g > d {
		rank++
	}
	return rank
}

func (g *generation) find(remote netip.AddrPort) *pair {
	for _, p := range g.pairs {
		if p.remote == remote {
			return p
		}
	}
	return nil
}

// order puts first what the browser has shown to work, then what it prefers. Rank grows with its priority.
func (g *generation) order() {
	slices.SortStableFunc(g.pairs, func(p, q *pair) int {
		switch {
		case p.heard != q.heard && p.heard:
			return -1
		case p.heard != q.heard:
			return 1
		case p.priority > q.priority:
			return -1
		case p.priority < q.priority:
			return 1
		}
		return 0
	})
}

// discover adds a peer-reflexive candidate: an address that a check has come from (RFC 8445 section 7.3.1.3). When there is
// no room, what failed or has been silent longest makes it: a browser behind some NATs changes its port again and again.
func (g *generation) discover(remote netip.AddrPort, priority uint32) *pair {
	if priority == 0 {
		priority = peerReflexivePriority
	}
	p := &pair{remote: remote, priority: priority, found: true}
	if len(g.pairs) < maxPairs {
		g.pairs = append(g.pairs, p)
		return p
	}
	worst := -1
	for i, q := range g.pairs {
		if q != g.selected && q != g.nominee && (worst < 0 || q.lessUseful(g.pairs[worst])) {
			worst = i
		}
	}
	g.pairs[worst] = p
	return p
}

func (p *pair) lessUseful(q *pair) bool {
	if p.state == q.state {
		return p.last.Before(q.last)
	}
	return p.state == failed || q.state == valid
}

// check sends a check, or repeats the one under way: with the same id, so that a late answer to the first counts too.
func (a *Agent) check(g *generation, p *pair, now time.Time, out *Outbox) {
	if !p.pending {
		p.pending, p.tries, p.as = true, 0, roleOf(a.leads)
		p.use = a.nominates(g, p)
		binary.BigEndian.PutUint32(p.id[:], a.config.Number)
		_, _ = rand.Read(p.id[4:]) // never fails, see crypto/rand
		if p.state == waiting || p.state == failed {
			p.state = checking
		}
	}
	out.begin(p.remote, bindingRequest, p.id[:])
	out.username(g.remote.Ufrag, g.ufrag)
	out.priority(peerReflexivePriority)
	out.role(p.as, a.tieBreaker)
	if p.use {
		out.attribute(attrUseCandidate, 0)
	}
	out.seal(g.remote.Password)
	p.next = now.Add(min(retransmit<<p.tries, retransmitMost))
	p.tries = min(p.tries+1, tries)
	p.sent = now
}

// recheck begins a new check in the place of one under way.
func (a *Agent) recheck(g *generation, p *pair, now time.Time, out *Outbox) {
	if p.pending {
		p.before = p.id
	}
	p.pending = false
	a.check(g, p, now, out)
}

// nominates decides whether a check carries USE-CANDIDATE. We nominate the first pair that works, without waiting for
// others: all have the same end here, so that they differ in nothing but the browser's address. A pair is taken to work
// when it has been found valid; before that, one at a time, when the browser's own check has come through it or it is
// the only one, which saves a round trip to browsers that send nothing before a nomination.
func (a *Agent) nominates(g *generation, p *pair) bool {
	if !a.leads || p == g.selected && p.nominated {
		return false
	}
	if g.nominee == nil && (p.state == valid || p.heard || len(g.pairs) == 1) {
		g.nominee = p
	}
	return g.nominee == p
}

// use makes a pair the one in use.
func (a *Agent) use(g *generation, p *pair, now time.Time) {
	if g.selected == p {
		return
	}
	if g.selected != nil && !g.selected.pending {
		g.selected.next = time.Time{} // consent is asked for where we send
	}
	if g.since.IsZero() {
		g.since = now
	}
	g.selected = p
	if !p.pending {
		p.next = consentAfter(now)
	}
	if g == a.current && a.former != nil && a.former.until.IsZero() {
		a.former.until = now.Add(grace)
	}
	a.revision++
}

func consentAfter(now time.Time) time.Time {
	return now.Add(consentLeast + mathrand.N(consentSpread))
}
