package switchboard

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/routing"
)

// Dialer makes legs towards parties.
type Dialer interface {
	// Dial rings and returns the leg once somebody answered. An agent's devices ring together and the first one that
	// answers is taken. ctx bounds the dialling, not the leg; the error is a *call.Ended, ctx's cause if that was it.
	Dial(ctx context.Context, i Invitation) (call.Leg, error)
}

// Invitation is whom to ring, and what they are told.
type Invitation struct {
	Call  call.ID
	Agent string           // ring this agent's devices; else:
	Out   routing.ToNumber // call this number
	From  call.Party       // the caller as shown
	Queue string           // that the caller comes from; empty: direct
	With  call.Leg         // whom the answering party will talk to: the sound is negotiated to suit
	Lost  call.Leg         // the agent's leg in this call, whose connection was lost: she is rung to take it back; nil: a first time
	Rings func()           // called once, when the far side is alerting; nil with Lost
	// Early is called with the far side's sound when some comes before the answer, and with nil when it has stopped
	// though the far side rings on; not after Dial has returned. Nil: nobody is interested.
	Early func(heard call.Source)
}

// Router is package routing's Router.
type Router interface {
	Look(called call.Number) (routing.Entry, bool)
	Decide(ctx context.Context, e routing.Entry, q routing.Inquiry) (routing.Decision, call.Trace, call.Match)
	Dial(dialled string, shown call.Number) (routing.Decision, call.Trace)
}

// Queues is package queue's Distributor.
type Queues interface {
	Wait(ctx context.Context, t *queue.Ticket) (*queue.Turn, error)
	Leave(t *queue.Ticket)
	Settings(name string) (queue.Settings, bool)
}

// Desk is package agent's Desk.
type Desk interface {
	Reserve(id string, c call.ID, k agent.Kind) (*agent.Reservation, bool)
	Status(id string) (agent.Status, bool)
	Profile(id string) (agent.Profile, bool)
}

// Ledger keeps the records. Its methods return at once; what they are told is on disk soon after, in order.
type Ledger interface {
	Open(call.Record)
	// Note keeps what has become of an open record so far, so that it is not lost with the process.
	Note(call.Record)
	// Close ends the record and, in the same transaction, leaves word of it for the CRM.
	Close(call.Record)
	// Amend adds what became known after the end.
	Amend(call.Record)
}

// Identifier finds out who the customer is.
type Identifier interface {
	Identify(ctx context.Context, n call.Number) (call.Match, error)
}

// Witness is told what happens. It must not block.
type Witness interface{ Saw(call.Event) }

// Sounds are what callers hear besides people.
type Sounds interface {
	// Arrival is heard on entering a queue: its welcome, if it has one, then its music.
	Arrival(queue string) call.Source
	// Music is heard on hold; queue may be "".
	Music(queue string) call.Source
	// Ringback is heard in the place of a callee who rings.
	Ringback() call.Source
}

// Parts are what a switchboard is made of.
type Parts struct {
	Dialer     Dialer
	Router     Router
	Queues     Queues
	Desk       Desk
	Ledger     Ledger
	Identifier Identifier // nil: nobody is looked up
	Witness    Witness
	Sounds     Sounds
	Log        *zap.Logger
	Metrics    prometheus.Registerer
	Settings   Settings
}

// Settings of the stories.
type Settings struct {
	// Ring is how long it rings at an agent who is called directly, and at a colleague; default 45 s.
	Ring time.Duration
	// Identify is how long the CRM may take to say who a caller is; default 10 s, nobody waits for it.
	Identify time.Duration
	// Away says what happens when the connection to an agent is lost in talk; it is asked each time. Nil: the call ends.
	Away func() Away
}

// Away is what happens when the connection to an agent is lost in talk.
type Away struct {
	// Grace is how long the other party hears music meanwhile; 0: the call ends.
	Grace time.Duration
	// Ends ends a call from a queue after that; otherwise its caller is the next one to be served there.
	Ends bool
}

// Switchboard tells stories. Its methods are safe for concurrent use.
type Switchboard struct {
	Parts
	calls *calls
	meter meter
}

// New makes a switchboard.
func New(p Parts) *Switchboard {
	if p.Settings.Ring == 0 {
		p.Settings.Ring = 45 * time.Second
	}
	if p.Settings.Away == nil {
		p.Settings.Away = func() Away { return Away{} }
	}
	if p.Settings.Identify == 0 {
		p.Settings.Identify = 10 * time.Second
	}
	return &Switchboard{Parts: p, calls: newCalls(), meter: newMeter(p.Metrics)}
}

// Active are the calls that go on, oldest first.
func (s *Switchboard) Active() []call.Record { return s.calls.active() }

// Stop ends every call with this reason, refuses what begins later, and waits until the stories have been told to their
// end, or ctx is over. Whoever still asks the CRM who a customer is gets half of that time.
func (s *Switchboard) Stop(ctx context.Context, why call.Reason) error {
	s.calls.hangup(call.Ending{By: call.ByUs, Reason: why})
	asking, cancel := ctx, context.CancelFunc(func() {})
	if end, ok := ctx.Deadline(); ok {
		asking, cancel = context.WithDeadline(ctx, time.Now().Add(time.Until(end)/2))
	}
	defer cancel()
	if err := s.Wait(asking); err == nil {
		return nil
	}
	s.calls.interrupt()
	return s.Wait(ctx)
}

// Wait waits until no call goes on and everything known late has been told to the ledger.
func (s *Switchboard) Wait(ctx context.Context) error { return s.calls.wait(ctx) }
