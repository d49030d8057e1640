package ice

import (
	"math/rand/v2"
	"net/netip"
	"time"
)

// Packet takes a STUN packet. False: it is none, or not the browser's, or answers nothing that was asked; nothing has been
// answered to it, so that no forged sender can make us send.
func (a *Agent) Packet(raw []byte, from netip.AddrPort, now time.Time, out *Outbox) bool {
	var m message
	if !m.read(raw) {
		return false
	}
	taken := false
	switch m.kind {
	case bindingRequest:
		taken = a.request(raw, &m, from, now, out)
	case bindingSuccess, bindingRejected:
		taken = a.response(raw, &m, from, now, out)
	}
	if taken {
		a.assess(now)
	}
	return taken
}

// addressed finds the generation that a request is for.
func (a *Agent) addressed(m *message) *generation {
	for _, g := range [...]*generation{a.current, a.former} {
		if g == nil {
			continue
		}
		if n := len(g.ufrag); len(m.username) > n && m.username[n] == ':' && string(m.username[:n]) == g.ufrag {
			return g
		}
	}
	return nil
}

// request answers a check of the browser's (RFC 8445 section 7.3), and checks the pair in our turn.
func (a *Agent) request(raw []byte, m *message, from netip.AddrPort, now time.Time, out *Outbox) bool {
	g := a.addressed(m)
	if g == nil || !m.authentic(raw, g.password) {
		return false
	}
	if m.unknowns > 0 {
		out.begin(from, bindingRejected, m.id)
		out.errorCode(codeUnknownAttribute)
		out.unknown(m.unknown[:m.unknowns])
		out.seal(g.password)
		return true
	}
	if m.role == roleOf(a.leads) && !a.yields(m) {
		out.begin(from, bindingRejected, m.id)
		out.errorCode(codeRoleConflict)
		out.seal(g.password)
		return true
	}
	out.begin(from, bindingSuccess, m.id)
	out.mapped(from, m.id)
	out.seal(g.password)
	p := g.find(from)
	if p == nil {
		p = g.discover(from, m.priority)
	}
	if !p.heard {
		p.heard = true
		a.revision++
	}
	p.last = now
	if m.useCandidate && !a.leads {
		p.wanted = true
		if p.state == valid {
			a.nominated(g, p, now)
		}
	}
	if g.known {
		a.trigger(g, p, now, out)
	}
	return true
}

// yields settles a conflict of roles (RFC 8445 section 7.3.1.1): the larger tie-breaker is controlling. It reports whether we
// have changed our role; if not, the browser shall.
func (a *Agent) yields(m *message) bool {
	if (a.tieBreaker >= m.tieBreaker) == a.leads {
		return false
	}
	a.turn()
	return true
}

// turn changes our role. What has been nominated stays in use.
func (a *Agent) turn() {
	a.leads = !a.leads
	for _, g := range [...]*generation{a.current, a.former} {
		if g != nil {
			g.nominee = nil
		}
	}
}

// trigger checks the pair that a check has come through (RFC 8445 section 7.3.1.4). One under way is repeated at once the
// first time, because the browser's own packet may just have opened the way; later not more often than the answer
// needs. A spare one that is known to work is asked now and then, so that it is ready when the path is lost.
func (a *Agent) trigger(g *generation, p *pair, now time.Time, out *Outbox) {
	stale := now.Sub(p.sent) >= retransmit/2
	switch {
	case p.state == valid && !p.pending:
		if p != g.selected && now.Sub(p.consented) > consentLifetime/2 {
			a.check(g, p, now, out)
		}
	case !p.pending:
		a.check(g, p, now, out)
	case p.as != roleOf(a.leads), a.leads && g.nominee == nil && p.state != valid:
		a.recheck(g, p, now, out) // it says too little
	case stale && p.tries >= p.most():
		a.recheck(g, p, now, out)
	case stale:
		a.check(g, p, now, out)
	}
}

// response takes the answer to a check of ours.
func (a *Agent) response(raw []byte, m *message, from netip.AddrPort, now time.Time, out *Outbox) bool {
	g, p := a.asked(m, from)
	if p == nil || !m.authentic(raw, g.remote.Password) {
		return false
	}
	last := string(m.id) == string(p.id[:])
	if m.kind == bindingRejected {
		if last && m.code == codeRoleConflict {
			a.rejected(g, p, now, out)
		}
		return true // after any other error the check is repeated until its time is over
	}
	p.state, p.last, p.consented = valid, now, now
	a.revision++
	if last {
		p.pending, p.tries, p.next = false, 0, time.Time{}
	}
	switch {
	case a.leads && last && p.use && p.as == controlling:
		p.nominated = true
		a.use(g, p, now)
	case a.leads && !p.pending && a.prefers(g, p, now):
		g.nominee = p
		a.check(g, p, now, out)
	case !a.leads && p.wanted:
		a.nominated(g, p, now)
	}
	if _, path := a.path(); p == path && !p.pending {
		p.next = consentAfter(now)
	}
	return true
}

// asked finds the check that a response answers. It must come from where the check went (RFC 8445 section 7.2.5.2.1).
func (a *Agent) asked(m *message, from netip.AddrPort) (*generation, *pair) {
	for _, g := range [...]*generation{a.current, a.former} {
		if g == nil {
			continue
		}
		if p := g.find(from); p != nil && p.pending && (string(p.id[:]) == string(m.id) || string(p.before[:]) == string(m.id)) {
			return g, p
		}
	}
	return nil, nil
}

// rejected takes note of a conflict of roles (RFC 8445 section 7.2.5.1).
func (a *Agent) rejected(g *generation, p *pair, now time.Time, out *Outbox) {
	if p.as == roleOf(a.leads) {
		a.turn()
		a.tieBreaker = rand.Uint64()
	}
	a.recheck(g, p, now, out)
}

// prefers decides whether a pair that has just been found valid is to be nominated: the first one, and for a while one that
// is better. Browsers follow: as the controlled side, Firefox takes the nominated pair of the highest priority, Chrome
// and Safari among nominated ones that on which they last heard sound.
func (a *Agent) prefers(g *generation, p *pair, now time.Time) bool {
	if g.selected == nil {
		return g.nominee == nil || g.nominee.state != valid
	}
	return !g.remote.Lite && !g.remote.Once && now.Sub(g.since) < patience && a.rank(p) > a.rank(g.selected)
}

// nominated takes the browser's nomination of a valid pair. Among several, the highest priority counts, as it did in
// RFC 5245 (section 8.1.1.2): browsers nominate every pair that is better than the one before. One that is not, replaces
// a path that has fallen silent.
func (a *Agent) nominated(g *generation, p *pair, now time.Time) {
	p.nominated = true
	if s := g.selected; s == nil || a.rank(p) > a.rank(s) || !now.Before(s.good(a.config.Disconnected)) {
		a.use(g, p, now)
	}
}

// Heard takes note that the browser's sound has come from an address, whose keys have proved it. Where the browser sends is
// where it wants to be reached: if the selected pair is silent meanwhile, as when it moves from one network to
// another, we follow.
func (a *Agent) Heard(from netip.AddrPort, at time.Time) {
	_, path := a.path()
	for _, g := range [...]*generation{a.current, a.former} {
		if g == nil {
			continue
		}
		p := g.find(from)
		if p == nil || p.state != valid {
			continue
		}
		if at.After(p.last) {
			p.last = at
		}
		if p != path && at.Sub(path.last) >= quiet && at.Before(p.consented.Add(consentLifetime)) {
			a.move(g, p, at)
		}
		break
	}
	a.assess(at)
}

// move takes another pair than the nominated one into use. A controlling agent nominates it with its next check, which
// is due now.
func (a *Agent) move(g *generation, p *pair, now time.Time) {
	if a.leads {
		g.nominee, p.nominated, p.pending = p, false, false
		a.use(g, p, now)
		p.next = now
		return
	}
	a.use(g, p, now)
}
