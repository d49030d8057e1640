package agent

import (
	"cmp"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/call"
)

// Work is what the system has an agent doing.
type Work string

// The work states.
const (
	Idle        Work = "idle"
	Reserved    Work = "reserved" // chosen for a call, her phone is about to ring
	Ringing     Work = "ringing"
	Connected   Work = "connected"
	WrapUp      Work = "wrapup"
	Unreachable Work = "unreachable" // no device of hers is registered
)

// Status is an agent as she stands now.
type Status struct {
	ID           string
	Availability Availability
	Work         Work
	Call         call.ID   // whose she is; empty when idle
	Devices      int       // registered devices
	IdleSince    time.Time // since her last handled call, or since she became available
}

// Free reports whether a call of that kind may be offered to her now.
func (s Status) Free(k Kind) bool { return s.Work == Idle && s.Availability.Type.Takes(k) }

// Desk holds the agents. Its methods are safe for concurrent use and never wait for anything outside.
type Desk struct {
	people atomic.Pointer[people]

	mu     sync.Mutex
	seats  map[string]*seat // guarded by mu
	notify func(Status)     // set once by Watch, before the first call
}

// seat is one agent's changing part.
type seat struct {
	id           string
	availability Availability
	devices      int
	held         *Reservation // nil: nobody's
	work         Work         // of the reservation
	idleSince    time.Time
	wrapUp       *time.Timer // nil: not wrapping up
	until        *time.Timer // ends a timed availability
}

// NewDesk seats the agents, each with her starting availability.
func NewDesk(profiles []Profile) *Desk {
	d := &Desk{seats: make(map[string]*seat, len(profiles)), notify: func(Status) {}}
	d.people.Store(newPeople(profiles))
	for _, p := range profiles {
		d.seats[p.ID] = newSeat(p)
	}
	return d
}

func newSeat(p Profile) *seat {
	now := time.Now()
	return &seat{id: p.ID, availability: Availability{Type: cmp.Or(p.Start, Available), Since: now}, idleSince: now}
}

// Replace seats these agents and nobody else. Who stays keeps her availability and her call; who is new begins with her
// starting availability; who goes is offered no more calls, and one that she is on goes on.
func (d *Desk) Replace(profiles []Profile) {
	d.mu.Lock()
	seats := make(map[string]*seat, len(profiles))
	var new []Status
	for _, p := range profiles {
		if seats[p.ID] = d.seats[p.ID]; seats[p.ID] == nil {
			seats[p.ID] = newSeat(p)
			new = append(new, seats[p.ID].status())
		}
	}
	for id, s := range d.seats {
		if seats[id] == nil {
			s.stopTimers()
		}
	}
	d.seats = seats
	d.people.Store(newPeople(profiles))
	d.mu.Unlock()
	for _, s := range new {
		d.notify(s)
	}
}

// Watch names who is told of every change, after it happened. It must not block. Call it before anything else.
func (d *Desk) Watch(notify func(Status)) { d.notify = notify }

// Profile returns an agent's profile.
func (d *Desk) Profile(id string) (Profile, bool) {
	p, ok := d.people.Load().profiles[id]
	return p, ok
}

// Find returns the agent with that id or extension.
func (d *Desk) Find(who string) (Profile, bool) { return d.people.Load().find(who) }

// BySalesforceUser returns the agent who is that Salesforce User (15 or 18 character id).
func (d *Desk) BySalesforceUser(user string) (Profile, bool) {
	return d.people.Load().bySalesforceUser(user)
}

// Status returns how an agent stands.
func (d *Desk) Status(id string) (Status, bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	s, ok := d.seats[id]
	if !ok {
		return Status{}, false
	}
	return s.status(), true
}

// All returns every agent's status, by id.
func (d *Desk) All() []Status {
	d.mu.Lock()
	all := make([]Status, 0, len(d.seats))
	for _, s := range d.seats {
		all = append(all, s.status())
	}
	d.mu.Unlock()
	slices.SortFunc(all, func(a, b Status) int { return cmp.Compare(a.ID, b.ID) })
	return all
}

// Set changes what a person chose; a zero until lasts until the next change, otherwise she goes back to what she had.
// It ends a wrap-up. It is false for an unknown agent or type.
func (d *Desk) Set(id string, t Type, until time.Time) bool {
	return t.Known() && d.change(id, func(s *seat) {
		before := s.availability.Type
		s.stopTimers()
		now := time.Now()
		if !before.Takes(QueueCall) && t.Takes(QueueCall) {
			s.idleSince = now // who comes to work joins the end of the line
		}
		s.availability = Availability{Type: t, Since: now, Until: until}
		if !until.IsZero() {
			s.until = time.AfterFunc(until.Sub(now), func() { d.expire(id, until, before) })
		}
	})
}

func (d *Desk) expire(id string, until time.Time, back Type) {
	d.change(id, func(s *seat) {
		if s.availability.Until.Equal(until) { // else somebody chose anew while the timer ran out
			s.availability = Availability{Type: back, Since: time.Now()}
		}
	})
}

// Devices says how many devices of the agent are registered now.
func (d *Desk) Devices(id string, n int) {
	d.change(id, func(s *seat) { s.devices = n })
}

// change runs f under the lock and tells the watcher afterwards, if anything is different now.
func (d *Desk) change(id string, f func(*seat)) bool {
	d.mu.Lock()
	s, ok := d.seats[id]
	if !ok {
		d.mu.Unlock()
		return false
	}
	before := s.status()
	f(s)
	now := s.status()
	d.mu.Unlock()
	if now != before {
		d.notify(now)
	}
	return true
}

// Close stops the timers.
func (d *Desk) Close() {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, s := range d.seats {
		s.stopTimers()
	}
}

func (s *seat) stopTimers() {
	if s.wrapUp != nil {
		s.wrapUp.Stop()
		s.wrapUp = nil
	}
	if s.until != nil {
		s.until.Stop()
		s.until = nil
	}
}

func (s *seat) status() Status {
	st := Status{ID: s.id, Availability: s.availability, Work: Idle, Devices: s.devices, IdleSince: s.idleSince}
	switch {
	case s.held != nil:
		st.Work, st.Call = s.work, s.held.call
	case s.wrapUp != nil:
		st.Work = WrapUp
	case s.devices == 0:
		st.Work = Unreachable
	}
	return st
}
