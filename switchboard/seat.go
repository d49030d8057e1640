package switchboard

import (
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// seat is an agent's place in a call: while she has it she is reserved. Who asks a colleague during a call has two calls
// and one reservation; it stays with the first, and passes to the other when that ends before.
type seat struct {
	held    *agent.Reservation // nil: a queue's, or none
	release func()             // nil: another call of hers has the reservation
	serves  func(call.ID)
}

// seatOf is the seat by a reservation; nil makes one without.
func seatOf(r *agent.Reservation) *seat {
	if r == nil {
		return &seat{}
	}
	return &seat{held: r, release: func() { r.Release(0) }, serves: r.Serves}
}

func (s *seat) ringing() {
	if s.held != nil {
		s.held.Ringing()
	}
}

func (s *seat) connected() {
	if s.held != nil {
		s.held.Connected()
	}
}

// sits gives an agent her seat in the call. It is given back by leave, at the latest when the story is over.
func (c *story) sits(id string, s *seat) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.seats[id] = s
}

// rises takes an agent's seat out of the call without giving it back: it goes on in another one.
func (c *story) rises(id string) *seat {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.seats[id]
	delete(c.seats, id)
	return s
}

// leave gives an agent's seat back, or to the other call that she has. Leaving twice is harmless.
func (c *story) leave(id string) {
	s := c.rises(id)
	if s == nil || s.release == nil {
		return
	}
	for _, other := range c.calls.all() {
		if other != c && other.inherits(id, s) {
			return
		}
	}
	s.release()
}

func (c *story) leaveAll() {
	c.mu.Lock()
	c.empty = true
	ids := make([]string, 0, len(c.seats))
	for id := range c.seats {
		ids = append(ids, id)
	}
	c.mu.Unlock()
	for _, id := range ids {
		c.leave(id)
	}
}

// inherits takes over the reservation of an agent who sits here without one.
func (c *story) inherits(id string, s *seat) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	mine := c.seats[id]
	if c.empty || mine == nil || mine.release != nil {
		return false
	}
	c.seats[id] = s
	if s.serves != nil {
		s.serves(c.record.ID)
	}
	return true
}

// talks reports whether an agent is in a conversation.
func (l *calls) talks(id string) bool {
	for _, c := range l.all() {
		r := c.snapshot()
		c.mu.Lock()
		s := c.seats[id]
		c.mu.Unlock()
		if s != nil && s.release != nil && !r.Answered.IsZero() {
			return true
		}
	}
	return false
}
