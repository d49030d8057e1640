package switchboard

import (
	"context"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// story is one call while it goes on: whose it is, and what remains of it so far.
type story struct {
	*Switchboard
	teller call.Leg // the customer's, or for an outbound call the agent's; written by the story with mu held
	log    *zap.Logger

	closed   chan struct{} // closed when the ledger has the closed record
	meetings chan meeting  // what other calls want of this one, while two talk in it

	mu     sync.Mutex
	record call.Record      // guarded by mu: the story writes it, and so does whoever found out who the customer is
	others []call.Leg       // guarded by mu: whom we dialled, once answered, and whoever came from another call
	seats  map[string]*seat // guarded by mu: the agents in this call, by id
	empty  bool             // guarded by mu: the story is over, no seat may be taken in it
}

// begin opens the record and starts to ask who the customer is. The caller defers end.
func (s *Switchboard) begin(teller call.Leg, r call.Record) *story {
	if r.Started.IsZero() {
		r.Started = time.Now()
	}
	c := &story{Switchboard: s, teller: teller, record: r, closed: make(chan struct{}), meetings: make(chan meeting), seats: make(map[string]*seat),
		log: s.Log.WithLazy(zap.String("call", string(r.ID)))}
	s.calls.add(c)
	s.meter.began()
	s.Ledger.Open(r.Clone())
	c.log.Info("call began", zap.String("direction", string(r.Direction)), zap.Stringer("customer", r.Customer.Number),
		zap.Stringer("dialled", r.Dialled), zap.String("trunk", r.Trunk), zap.String("agent", r.Agent))
	c.saw(call.Began, r.Agent)
	return c
}

// end closes the record, hangs up whoever told the story, and leaves the rest to those who deliver. Deferred itself, it
// also ends a story that panicked.
func (c *story) end() {
	defer c.calls.remove(c)
	ending := call.EndingOf(c.teller.Context())
	if p := recover(); p != nil {
		c.log.Error("panic contained", zap.String("in", "story"), zap.Any("panic", p), zap.Stack("stack"))
		ending = call.Ending{By: call.ByUs, Reason: call.Failed}
	}
	c.update(func(r *call.Record) {
		if r.Ending == (call.Ending{}) {
			r.Ending = ending
		}
		if r.Ending == (call.Ending{}) { // the story ended before any leg did
			r.Ending = call.Ending{By: call.ByUs, Reason: call.Hungup}
		}
		r.Over = time.Now()
		closeSegment(r, r.Over)
	})
	r := c.snapshot()
	c.hangup(r.Ending)
	c.leaveAll()
	c.Ledger.Close(r)
	close(c.closed)
	c.meter.ended(r)
	c.log.Info("call over", zap.Stringer("ending", r.Ending), zap.Duration("wait", r.Wait()), zap.Duration("talk", r.Talk()), zap.String("agent", r.Agent))
	c.saw(call.Over, r.Agent)
}

// closeSegment ends the conversation with the last agent, and her absence from it.
func closeSegment(r *call.Record, at time.Time) {
	n := len(r.Segments)
	if n == 0 || !r.Segments[n-1].To.IsZero() {
		return
	}
	s := &r.Segments[n-1]
	s.To = at
	if m := len(s.Absences); m > 0 && s.Absences[m-1].To.IsZero() {
		s.Absences[m-1].To = at
	}
}

// dialled notes who answered, so that nobody is left on the line whatever becomes of the story.
func (c *story) dialled(l call.Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = append(c.others, l)
}

// handsOver takes a leg out of the story, because it goes on in another one; it is not hung up at the end.
func (c *story) handsOver(l call.Leg) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.others = slices.DeleteFunc(c.others, func(o call.Leg) bool { return o == l })
}

// early lets the caller hear what the called party's side plays before the answer: a carrier's announcement, the ringing
// of the country. Where that stops while it rings on he hears ours, since his phone has stopped to make its own.
func (c *story) early(ctx context.Context) func(call.Source) {
	return func(heard call.Source) {
		if heard == nil {
			heard = c.Sounds.Ringback()
		}
		c.teller.Audio().Hear(heard)
		if err := c.teller.Early(ctx); err != nil {
			c.log.Debug("no early media", zap.Error(err))
		}
	}
}

func (c *story) hangup(e call.Ending) {
	c.mu.Lock()
	teller := c.teller
	c.mu.Unlock()
	teller.Hangup(e)
	c.hangupOthers(e)
}

func (c *story) hangupOthers(e call.Ending) {
	c.mu.Lock()
	others := slices.Clone(c.others)
	c.mu.Unlock()
	for _, l := range others {
		l.Hangup(e)
	}
}

// update changes the record.
func (c *story) update(f func(*call.Record)) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f(&c.record)
}

func (c *story) snapshot() call.Record {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.record.Clone()
}

// saw tells the witness what has just happened. One with a fault does not end a call.
func (c *story) saw(m call.Moment, agent string) {
	defer c.contain("witness")
	c.Witness.Saw(call.Event{At: time.Now(), Moment: m, Agent: agent, Record: c.snapshot()})
}

// ended notes how the call ended, unless that is known already.
func (c *story) ended(e call.Ending) {
	c.update(func(r *call.Record) {
		if r.Ending == (call.Ending{}) {
			r.Ending = e
		}
	})
}

// matched notes who the customer is. After the end it is added to the record that has been closed.
func (c *story) matched(m call.Match) {
	c.update(func(r *call.Record) { r.Match = m })
	r := c.snapshot()
	if r.Open() {
		c.saw(call.Matched, r.Agent)
		return
	}
	<-c.closed // else the closing record, which does not know him, would be written over this one
	c.Ledger.Amend(r)
}

// identify asks who the customer is, beside the story: nobody waits for the answer, and it is not lost when it comes
// after the end.
func (c *story) identify() {
	number := c.snapshot().Customer.Number
	if c.Identifier == nil || number.Withheld() {
		return
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(c.teller.Context()), c.Settings.Identify)
	c.calls.background(func() {
		defer cancel()
		defer context.AfterFunc(c.calls.life, cancel)()
		defer c.contain("identify")
		m, err := c.Identifier.Identify(ctx, number)
		if err != nil {
			c.log.Warn("customer not identified", zap.Error(err))
			return
		}
		c.matched(m)
	})
}

// contain keeps a panic in something beside the story from ending the process.
func (c *story) contain(what string) {
	if p := recover(); p != nil {
		c.log.Error("panic contained", zap.String("in", what), zap.Any("panic", p), zap.Stack("stack"))
	}
}

// attempt notes that it rang somewhere, how long, and what came of it ("" means it was answered).
func (c *story) attempt(a call.Attempt) {
	a.Took = time.Since(a.At)
	c.update(func(r *call.Record) {
		const most = 50 // a caller may be requeued all day; the first and the latest tell enough
		if len(r.Attempts) == most {
			r.Attempts = append(r.Attempts[:1], r.Attempts[2:]...)
		}
		r.Attempts = append(r.Attempts, a)
	})
}

// joins notes that customer and agent talk from now on.
func (c *story) joins(p agent.Profile) {
	now := time.Now()
	c.update(func(r *call.Record) {
		if r.Answered.IsZero() {
			r.Answered = now
		}
		r.Agent, r.UserID = p.ID, p.Salesforce
		r.Segments = append(r.Segments, call.Segment{Agent: p.ID, From: now})
	})
	c.Ledger.Note(c.snapshot())
	c.log.Info("answered", zap.String("agent", p.ID))
	c.saw(call.Answered, p.ID)
}
