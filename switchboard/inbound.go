package switchboard

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/routing"
)

// Arrival is a call from a trunk.
type Arrival struct {
	ID      call.ID
	Trunk   string
	Dialled call.Number
	// Diverted is whom the caller dialled, when somebody sent the call on to us; empty: nobody did.
	Diverted call.Number
	Caller   call.Party
	At       time.Time // when the INVITE came
}

// Inbound tells the story of a call from outside. It returns when the call is over and its record is with the ledger.
func (s *Switchboard) Inbound(customer call.Leg, a Arrival) {
	c := s.begin(customer, call.Record{ID: a.ID, Direction: call.Inbound, Trunk: a.Trunk, Customer: a.Caller, Dialled: a.Dialled, Diverted: a.Diverted, Started: a.At})
	defer c.end()

	entry, ok := s.Router.Look(a.Dialled)
	if !ok {
		c.refuse(routing.Refuse{Ending: call.Ending{By: call.ByUs, Reason: call.NotFound}, Why: "no such number in the dial plan"})
		return
	}
	if err := customer.Ring(customer.Context()); err != nil {
		return
	}
	decision := c.decide(entry)
	if customer.Context().Err() != nil {
		return
	}
	switch d := decision.(type) {
	case routing.ToQueue:
		c.queue(d)
	case routing.ToAgent:
		c.direct(d.Agent)
	case routing.ToNumber:
		c.forward(d)
	case routing.Refuse:
		c.refuse(d)
	}
}

// decide asks the router, and takes over whom it found under the caller's number; if it was not to ask, we ask.
func (c *story) decide(e routing.Entry) routing.Decision {
	r := c.snapshot()
	d, trace, match := c.Router.Decide(c.teller.Context(), e, routing.Inquiry{Call: r.ID, Caller: r.Customer.Number, Called: r.Dialled})
	c.update(func(r *call.Record) { r.Routing = trace })
	c.log.Info("routed", zap.String("to", trace.Done), zap.String("advice", trace.Answered), zap.Duration("took", trace.Took))
	c.saw(call.Decided, "")
	if match.Looked {
		c.matched(match)
	} else {
		c.identify()
	}
	return d
}

func (c *story) refuse(d routing.Refuse) {
	c.update(func(r *call.Record) { r.Routing.Done = d.String() })
	c.ended(d.Ending)
}

// queue lets the caller in, and lets him wait.
func (c *story) queue(d routing.ToQueue) {
	customer := c.teller
	settings, _ := c.Queues.Settings(d.Queue)
	customer.Audio().Hear(c.Sounds.Arrival(d.Queue))
	if err := c.admit(d); err != nil {
		return
	}
	c.wait(&queue.Ticket{Call: c.record.ID, Queue: d.Queue, Priority: settings.Priority + d.Priority, Preferred: d.Preferred, HoldFor: d.HoldFor, Entered: time.Now()})
}

// wait lets the caller wait and rings one agent after another until one takes him or he leaves.
func (c *story) wait(ticket *queue.Ticket) {
	settings, _ := c.Queues.Settings(ticket.Queue)
	ctx := c.teller.Context()
	if settings.MaxWait > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, settings.MaxWait, &call.Ended{Ending: call.Ending{By: call.ByUs, Reason: call.NoAnswer}})
		defer cancel()
	}
	defer c.Queues.Leave(ticket)
	c.update(func(r *call.Record) {
		r.Queue = ticket.Queue
		if r.Answered.IsZero() { // else he has waited already, and was handed back
			r.Queued = ticket.Entered
		}
	})
	c.Ledger.Note(c.snapshot())
	c.log.Info("queued", zap.String("queue", ticket.Queue))
	c.saw(call.Queued, "")
	for {
		turn, err := c.Queues.Wait(ctx, ticket)
		if err != nil {
			c.ended(call.EndingOfError(err))
			return
		}
		if c.turn(turn, settings.RingTimeout) {
			return
		}
	}
}

// admit lets the caller hear the queue: answered, or before the answer where the plan says so.
func (c *story) admit(d routing.ToQueue) error {
	if d.Early {
		return c.teller.Early(c.teller.Context())
	}
	return c.teller.Answer(c.teller.Context())
}

// turn rings the agent whose turn it is; true when the call is over, false when the caller waits on.
func (c *story) turn(turn *queue.Turn, patience time.Duration) (over bool) {
	defer turn.Missed(call.Failed) // a story that fails gives her back too; after the outcome it does nothing
	leg, reason := c.present(turn.Agent, turn.Why, patience, turn.Ringing)
	if leg == nil && c.teller.Context().Err() != nil {
		turn.Left()
		return true
	}
	if leg == nil {
		turn.Missed(reason)
		return false
	}
	c.sits(turn.Agent, &seat{release: turn.Taken(), serves: turn.Serves})
	defer c.leave(turn.Agent)
	c.converse(leg, turn.Agent)
	return true
}

// direct rings one agent for a caller who asked for her; the caller is answered when she is.
func (c *story) direct(id string) {
	held, ok := c.Desk.Reserve(id, c.record.ID, agent.DirectCall)
	if !ok {
		c.ended(call.Ending{By: call.ByAgent, Reason: c.whyNot(id)})
		return
	}
	c.sits(id, seatOf(held))
	defer c.leave(id)
	leg, reason := c.present(id, "called directly", c.Settings.Ring, held.Ringing)
	if leg == nil {
		c.ended(call.Ending{By: call.ByAgent, Reason: reason})
		return
	}
	held.Connected()
	c.converse(leg, id)
}

// whyNot says why an agent could not be reserved.
func (c *story) whyNot(id string) call.Reason {
	switch s, known := c.Desk.Status(id); {
	case !known:
		return call.NotFound
	case s.Devices == 0:
		return call.Unreachable
	default:
		return call.Busy
	}
}

// present rings an agent and returns her leg when she answers, or why she did not.
func (c *story) present(id, why string, patience time.Duration, ringing func()) (call.Leg, call.Reason) {
	ctx, cancel := context.WithTimeoutCause(c.teller.Context(), patience, &call.Ended{Ending: call.Ending{By: call.ByAgent, Reason: call.NoAnswer}})
	defer cancel()
	try := call.Attempt{Agent: id, At: time.Now(), Why: why}
	r := c.snapshot()
	leg, err := c.Dialer.Dial(ctx, Invitation{Call: r.ID, Agent: id, From: r.Customer, Queue: r.Queue, With: c.teller, Rings: func() {
		ringing()
		c.rings(id)
	}})
	if err == nil {
		c.dialled(leg)
		c.attempt(try)
		return leg, ""
	}
	try.Outcome = call.EndingOfError(err).Reason
	c.attempt(try)
	c.log.Info("not taken", zap.String("agent", id), zap.String("reason", string(try.Outcome)))
	c.saw(call.Missed, id)
	return nil, try.Outcome
}

// rings notes that the call has reached somebody's phone.
func (c *story) rings(id string) {
	first := false
	c.update(func(r *call.Record) {
		if first = r.Presented.IsZero(); first {
			r.Presented = time.Now()
		}
	})
	if first {
		c.meter.rang(c.snapshot())
	}
	c.log.Info("presented", zap.String("agent", id))
	c.saw(call.Presented, id)
}

// forward calls a number outside for a caller from outside.
func (c *story) forward(d routing.ToNumber) {
	r := c.snapshot()
	ctx, cancel := context.WithTimeoutCause(c.teller.Context(), c.Settings.Ring, &call.Ended{Ending: call.Ending{By: call.ByCustomer, Reason: call.NoAnswer}})
	defer cancel()
	try := call.Attempt{Number: d.Number, At: time.Now(), Why: "dial plan"}
	leg, err := c.Dialer.Dial(ctx, Invitation{Call: r.ID, Out: d, From: r.Customer, With: c.teller, Rings: func() { c.rings("") }, Early: c.early(ctx)})
	if err != nil {
		e := call.EndingOfError(err)
		try.Outcome = e.Reason
		c.attempt(try)
		c.ended(e)
		return
	}
	c.dialled(leg)
	c.attempt(try)
	c.converse(leg, "")
}
