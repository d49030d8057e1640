package queue

import (
	"context"
	"sync"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// Settings describe one queue.
type Settings struct {
	Name        string
	Members     map[string]int // agent id → level, 1 to 10
	Priority    int            // of its callers, added to what smart routing says
	RingTimeout time.Duration  // how long it rings at one agent
	MaxWait     time.Duration  // 0: as long as the caller likes
	WrapUp      time.Duration  // quiet after an answered call
	Ageing      time.Duration  // waiting this long is worth one step of priority; 0: never
	Rest        time.Duration  // an agent who missed a call is left alone this long
	Music       string         // file; empty: the house's music
	Welcome     string         // prompt played on arrival; empty: none
}

// Ticket is one caller's place. The same ticket is used again when an agent did not answer, so the place is kept.
type Ticket struct {
	Call      call.ID
	Queue     string
	Priority  int           // the queue's and smart routing's together
	Preferred string        // agent id; empty: anyone
	HoldFor   time.Duration // wait this long for the preferred agent before anyone will do
	Entered   time.Time     // set by the first Wait unless already set
	Front     bool          // before everybody else: he has been served already, and was lost
}

// Turn is an agent reserved for a caller. One of Taken, Missed and Left must be called, once; more are ignored.
type Turn struct {
	Agent string
	Why   string // why this agent, in words

	distributor *Distributor
	ticket      *Ticket
	held        *agent.Reservation
	settle      sync.Once
}

// Ringing says that the agent's phone rings.
func (t *Turn) Ringing() { t.held.Ringing() }

// Taken says that she answered. release, called when the conversation is over, gives her back.
func (t *Turn) Taken() (release func()) {
	t.settle.Do(func() {
		t.held.Connected()
		t.distributor.forget(t.ticket)
	})
	return func() { t.held.Release(t.distributor.wrapUp(t.ticket.Queue)) }
}

// Serves says that she goes on with another call than the one that she was taken for.
func (t *Turn) Serves(c call.ID) { t.held.Serves(c) }

// Missed says that she did not: the caller goes back to his place, and she is not asked again at once.
func (t *Turn) Missed(call.Reason) {
	t.settle.Do(func() {
		t.distributor.miss(t.ticket, t.Agent)
		t.held.Release(0)
	})
}

// Left says that the caller left while it rang: she has missed nothing, and is free for the next one.
func (t *Turn) Left() { t.settle.Do(func() { t.held.Release(0) }) }

// wait is a caller inside the distributor.
type wait struct {
	ticket *Ticket
	turn   chan *Turn           // buffered for one
	missed map[string]time.Time // guarded by Distributor.mu
}

// Wait blocks until an agent has been reserved for the caller, or ctx ends; then it returns ctx's cause.
func (d *Distributor) Wait(ctx context.Context, t *Ticket) (*Turn, error) {
	w, err := d.enter(t)
	if err != nil {
		return nil, err
	}
	select {
	case turn := <-w.turn:
		return turn, nil
	case <-ctx.Done():
		if turn := d.leave(w); turn != nil {
			turn.held.Release(0) // reserved in the very moment he left
			d.Changed()
		}
		return nil, context.Cause(ctx)
	}
}
