package agent

import (
	"time"

	"github.com/cordboard/cordboard/call"
)

// Reservation makes an agent one call's own. Whoever holds it moves her through her work states and must Release it.
type Reservation struct {
	desk    *Desk
	agent   string
	call    call.ID // guarded by desk.mu
	handled bool    // guarded by desk.mu: the call reached her
}

// Reserve makes the agent the call's own if she is idle and her availability takes calls of that kind; of any number of
// callers at the same moment one succeeds.
func (d *Desk) Reserve(id string, c call.ID, k Kind) (*Reservation, bool) {
	var r *Reservation
	d.change(id, func(s *seat) {
		reachable := s.devices > 0 || k == OutboundCall // she who calls has a device in her hand
		if s.held != nil || !reachable || !s.availability.Type.Takes(k) {
			return
		}
		if s.wrapUp != nil && k == QueueCall {
			return
		}
		if s.wrapUp != nil {
			s.wrapUp.Stop()
			s.wrapUp = nil
		}
		r = &Reservation{desk: d, agent: id, call: c}
		s.held, s.work = r, Reserved
	})
	return r, r != nil
}

// Agent is who is reserved.
func (r *Reservation) Agent() string { return r.agent }

// Ringing says that her phone rings, or that she is dialling.
func (r *Reservation) Ringing() { r.work(Ringing) }

// Connected says that she talks.
func (r *Reservation) Connected() { r.work(Connected) }

func (r *Reservation) work(w Work) {
	r.desk.change(r.agent, func(s *seat) {
		if s.held == r {
			s.work = w
			r.handled = r.handled || w == Connected
		}
	})
}

// Serves says that she now has another call than the one that she was reserved for.
func (r *Reservation) Serves(c call.ID) {
	r.desk.change(r.agent, func(s *seat) {
		if s.held == r {
			r.call = c
		}
	})
}

// Release gives her back; after a call that reached her, with wrapUp of quiet before the next queue call (zero: none).
// Only the first Release counts.
func (r *Reservation) Release(wrapUp time.Duration) {
	r.desk.change(r.agent, func(s *seat) {
		if s.held != r {
			return
		}
		s.held = nil
		if !r.handled {
			return // an unanswered ring changes neither her place in the line nor her availability
		}
		s.idleSince = time.Now()
		if wrapUp > 0 {
			var timer *time.Timer
			timer = time.AfterFunc(wrapUp, func() { r.desk.endWrapUp(r.agent, &timer) })
			s.wrapUp = timer
		}
	})
}

// endWrapUp ends the wrap-up that timer was started for; a later one is left alone. timer is read under the lock, by when
// it has been set.
func (d *Desk) endWrapUp(id string, timer **time.Timer) {
	d.change(id, func(s *seat) {
		if s.wrapUp == *timer {
			s.wrapUp = nil
			s.idleSince = time.Now()
		}
	})
}
