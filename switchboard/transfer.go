package switchboard

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/routing"
)

// Waits of transfers.
const (
	// farewell is how long who has handed a call on may take to hang up, as her phone does when it hears that the
	// transfer succeeded; then we do.
	farewell = 2 * time.Second
	// encounter is how long one call waits for another to take notice of it. Two that want something of each other in the
	// same moment do so in vain.
	encounter = 2 * time.Second
)

// transfer hands the other party on, because an agent wishes so. She may hang up at once: whatever becomes of it, the
// other party is not left alone by her going. It fails, and she is there still: the two are joined again.
func (t *conversation) transfer(w call.Transfer, from, other call.Leg) {
	told := t.told(w)
	if from.Party().Outside() {
		told(call.Ending{By: call.ByUs, Reason: call.Forbidden})
		return
	}
	t.held = t.holder == from
	t.unhold()
	if w.Instead != nil {
		t.joinWith(w.Instead, from, other, told)
		return
	}
	p, _ := t.Desk.Profile(from.Party().Agent)
	shown, _ := p.Shows("")
	d, _ := t.Router.Dial(w.To, shown)
	t.log.Info("transfer", zap.String("by", p.ID), zap.Stringer("to", d))
	switch d := d.(type) {
	case routing.ToAgent:
		t.handToAgent(d.Agent, from, other, told)
	case routing.ToNumber:
		i := Invitation{Out: d, From: call.Party{Name: p.Name, Number: d.Shown}, Early: t.earlyFor(other)}
		t.handOn(i, from, other, told)
	case routing.ToQueue:
		t.handToQueue(d, from, other, told)
	case routing.Refuse:
		t.notHanded(d.Ending, from, other, told)
	}
}

// told tells the phone, if it asks, and counts.
func (t *conversation) told(w call.Transfer) func(call.Ending) {
	kind := "blind"
	if w.Instead != nil {
		kind = "attended"
	}
	return func(e call.Ending) {
		if e != (call.Ending{}) {
			t.meter.handed.WithLabelValues(kind, string(e.Reason)).Inc()
		}
		if w.Told != nil {
			w.Told(e)
		}
	}
}

// handToAgent hands the other party on to a colleague.
func (t *conversation) handToAgent(id string, from, other call.Leg, told func(call.Ending)) {
	held, ok := t.Desk.Reserve(id, t.record.ID, agent.DirectCall)
	if !ok {
		t.notHanded(call.Ending{By: call.ByAgent, Reason: t.whyNot(id)}, from, other, told)
		return
	}
	t.sits(id, seatOf(held))
	i := Invitation{Agent: id, From: t.asShown(other.Party())}
	if t.handOn(i, from, other, func(e call.Ending) {
		if e == (call.Ending{}) {
			held.Ringing()
		}
		told(e)
	}) {
		held.Connected()
		return
	}
	t.leave(id)
}

// asShown is the party as a colleague sees him; one of us by name and extension.
func (t *conversation) asShown(p call.Party) call.Party {
	if profile, ok := t.Desk.Profile(p.Agent); ok {
		return profile.Party()
	}
	if r := t.snapshot(); r.Customer.Outside() {
		return r.Customer
	}
	return p
}

// earlyFor lets the party who is handed on hear what is played before the answer.
func (t *conversation) earlyFor(other call.Leg) func(call.Source) {
	return func(heard call.Source) {
		if heard == nil {
			heard = t.Sounds.Ringback()
		}
		other.Audio().Hear(heard)
	}
}

// handOn rings somebody for the other party, and joins the two; true when it came to that.
func (t *conversation) handOn(i Invitation, from, other call.Leg, told func(call.Ending)) bool {
	by := call.ByCustomer
	if i.Agent != "" {
		by = call.ByAgent
	}
	ctx, cancel := context.WithTimeoutCause(other.Context(), t.Settings.Ring, &call.Ended{Ending: call.Ending{By: by, Reason: call.NoAnswer}})
	defer cancel()
	r := t.snapshot()
	i.Call, i.With, i.Queue = r.ID, other, r.Queue
	i.Rings = func() {
		t.rings(i.Agent)
		told(call.Ending{})
	}
	try := call.Attempt{Agent: i.Agent, Number: i.Out.Number, At: time.Now(), Why: "handed on by " + from.Party().Agent}
	from.Audio().Hear(nil)
	other.Audio().Hear(t.Sounds.Ringback())
	leg, err := t.Dialer.Dial(ctx, i)
	if err != nil {
		e := call.EndingOfError(err)
		try.Outcome = e.Reason
		t.attempt(try)
		t.notHanded(e, from, other, told)
		return false
	}
	t.dialled(leg)
	t.attempt(try)
	t.replace(from, leg)
	told(call.Ending{By: call.ByAgent, Reason: call.Transferred})
	return true
}

// notHanded goes on as before a transfer that failed: with her who wished for it, if she is still there. Her phone holds
// the other party on, if it did before.
func (t *conversation) notHanded(e call.Ending, from, other call.Leg, told func(call.Ending)) {
	told(e)
	t.log.Info("transfer failed", zap.Stringer("ending", e))
	if from.Context().Err() != nil {
		t.ends(e)
		return
	}
	t.join()
	if t.held {
		t.hold(from, other)
	}
}

// handToQueue lets the caller wait in a queue again; the agent who sent him there is free at once.
func (t *conversation) handToQueue(d routing.ToQueue, from, other call.Leg, told func(call.Ending)) {
	if other != t.teller || other.Party().Agent != "" {
		t.notHanded(call.Ending{By: call.ByUs, Reason: call.Forbidden}, from, other, told) // whom we called did not come to wait
		return
	}
	told(call.Ending{By: call.ByAgent, Reason: call.Transferred})
	t.dismiss(from)
	t.over = true
	t.queue(d)
}

// joinWith joins the other party with whoever talks to the agent in another call of hers.
func (t *conversation) joinWith(there, from, other call.Leg, told func(call.Ending)) {
	second := t.calls.of(there)
	if second == nil || second == t.story {
		t.notHanded(call.Ending{By: call.ByUs, Reason: call.NotFound, Code: 481}, from, other, told)
		return
	}
	got := second.meets(other.Context(), meeting{leaving: there})
	if got.why == sitsFast && other != t.teller { // he tells the other story: so our party goes there
		agent := t.rises(other.Party().Agent)
		t.handsOver(other)
		got = second.meets(other.Context(), meeting{leaving: there, coming: other, seat: agent})
		if got.ok {
			told(call.Ending{By: call.ByAgent, Reason: call.Transferred})
			t.dismiss(from)
			t.ends(call.Ending{By: call.ByAgent, Reason: call.Transferred})
			return
		}
		t.dialled(other)
		t.sits(other.Party().Agent, agent)
	}
	if !got.ok {
		t.notHanded(call.Ending{By: call.ByUs, Reason: call.Failed}, from, other, told)
		return
	}
	t.dialled(got.leg)
	t.replaceBy(from, got.leg, got.seat)
	told(call.Ending{By: call.ByAgent, Reason: call.Transferred})
}

// meeting is what one call wants of another: that an agent's leg give way, and the party she talks to come over, or
// somebody take her place.
type meeting struct {
	leaving call.Leg
	coming  call.Leg // nil: the other party is to come over
	seat    *seat    // of who comes, if an agent
	outcome chan<- met
}

// met is what came of a meeting.
type met struct {
	ok   bool
	why  refusal
	leg  call.Leg // who comes over
	seat *seat
}

// refusal is why nobody comes over. The set is closed.
type refusal uint8

const (
	notThere refusal = iota // the agent is not, or no longer, in a conversation there
	sitsFast                // who would come over tells the story there
)

// meets brings a wish before another call's story.
func (c *story) meets(ctx context.Context, m meeting) met {
	outcome := make(chan met, 1)
	m.outcome = outcome
	patience := time.NewTimer(encounter)
	defer patience.Stop()
	select {
	case c.meetings <- m:
		return <-outcome
	case <-c.closed:
	case <-ctx.Done():
	case <-patience.C:
	}
	return met{}
}

// meet does what another call wants of this one.
func (t *conversation) meet(m meeting) {
	other := t.caller
	switch m.leaving {
	case t.caller:
		other = t.answered
	case t.answered:
	default:
		m.outcome <- met{}
		return
	}
	t.unhold()
	if m.coming != nil {
		t.dialled(m.coming)
		t.replaceBy(m.leaving, m.coming, m.seat)
		m.outcome <- met{ok: true}
		return
	}
	if other == t.teller {
		m.outcome <- met{why: sitsFast}
		return
	}
	t.handsOver(other)
	t.ends(call.Ending{By: call.ByAgent, Reason: call.Transferred})
	m.outcome <- met{ok: true, leg: other, seat: t.rises(other.Party().Agent)}
}

// replaceBy puts who comes from another call into the place of an agent who leaves.
func (t *conversation) replaceBy(leaving, coming call.Leg, s *seat) {
	if id := coming.Party().Agent; id != "" && s != nil {
		if s.serves != nil {
			s.serves(t.record.ID)
		}
		t.sits(id, s)
	}
	t.replace(leaving, coming)
}

// replace joins the party who stays with somebody new, and lets the agent go who brought them together.
func (t *conversation) replace(leaving, coming call.Leg) {
	if t.caller == leaving {
		t.caller = coming
	} else {
		t.answered = coming
	}
	t.join()
	t.update(func(r *call.Record) { closeSegment(r, time.Now()) })
	t.dismiss(leaving)
	if p, ok := t.Desk.Profile(coming.Party().Agent); ok {
		t.joins(p)
	} else {
		t.Ledger.Note(t.snapshot())
	}
}

// dismiss lets an agent go who has handed the call on: she is free at once, her phone has a moment to hang up by itself.
func (t *conversation) dismiss(l call.Leg) {
	t.leave(l.Party().Agent)
	t.calls.background(func() {
		wait := time.NewTimer(farewell)
		defer wait.Stop()
		select {
		case <-l.Context().Done():
		case <-wait.C:
		}
		l.Hangup(call.Ending{By: call.ByAgent, Reason: call.Transferred})
	})
}

// has reports whether a leg belongs to the story.
func (c *story) has(l call.Leg) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.teller == l {
		return true
	}
	for _, o := range c.others {
		if o == l {
			return true
		}
	}
	return false
}
