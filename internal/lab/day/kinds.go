package day

import (
	"context"
	"fmt"

	"github.com/cordboard/cordboard/internal/lab"
)

// kind is a story of the day.
type kind struct {
	name string
	told func(*seat) error
}

func kinds() []kind {
	return []kind{
		{"answered", (*seat).answers},
		{"held and resumed", (*seat).holds},
		{"cancelled", (*seat).isCancelled},
		{"declined", (*seat).declines},
		{"busy phone", (*seat).isBusy},
		{"abandoned in a queue", (*seat).isAbandoned},
		{"answered", (*seat).answers},
		{"a call out", (*seat).callsOut},
		{"a call out, given up", (*seat).givesUp},
		{"her tab is reloaded", (*seat).vanishes},
	}
}

// called places a call to her and returns both ends of it, ringing.
func (s *seat) called() (customer, rung *lab.Call, err error) {
	if customer, err = s.customer(s.number, lab.CallOptions{Sound: lab.Silence()}); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(s.ctx, s.Patience)
	defer cancel()
	if rung, err = s.next(ctx); err != nil {
		err = fmt.Errorf("%w; the caller: %v", err, customer.End())
	}
	return customer, rung, err
}

func (s *seat) talks() (customer, rung *lab.Call, err error) {
	if customer, rung, err = s.called(); err != nil {
		return nil, nil, err
	}
	if err = rung.Answer(s.ctx); err != nil {
		return nil, nil, err
	}
	if err = s.await("answered", customer.Answered(), customer); err != nil {
		return nil, nil, err
	}
	if path := rung.Connected(); path != nil {
		err = s.await("connected", path, rung)
	}
	return customer, rung, err
}

func (s *seat) answers() error {
	customer, rung, err := s.talks()
	if err != nil {
		return err
	}
	first := customer
	if s.user[len(s.user)-1]%2 == 0 { // either side may hang up
		first = rung
	}
	if err := first.Bye(s.ctx); err != nil {
		return err
	}
	return s.over(customer, rung)
}

func (s *seat) holds() error {
	customer, rung, err := s.talks()
	if err != nil {
		return err
	}
	if err := rung.Hold(s.ctx); err != nil {
		return err
	}
	if err := rung.Resume(s.ctx); err != nil {
		return err
	}
	if err := customer.Bye(s.ctx); err != nil {
		return err
	}
	return s.over(customer, rung)
}

func (s *seat) isCancelled() error {
	customer, rung, err := s.called()
	if err != nil {
		return err
	}
	rung.Ring()
	customer.Cancel()
	return s.over(customer, rung)
}

func (s *seat) declines() error { return s.refuses(603, "Decline") }
func (s *seat) isBusy() error   { return s.refuses(486, "Busy Here") }

func (s *seat) refuses(status int, reason string) error {
	customer, rung, err := s.called()
	if err != nil {
		return err
	}
	rung.Decline(status, reason)
	return s.over(customer, rung)
}

func (s *seat) isAbandoned() error {
	customer, err := s.customer(s.Waiters, lab.CallOptions{})
	if err != nil {
		return err
	}
	if err := s.await("answered", customer.Answered(), customer); err != nil {
		return err
	}
	if err := customer.Bye(s.ctx); err != nil {
		return err
	}
	return s.over(customer)
}

func (s *seat) callsOut() error {
	out, err := s.dials()
	if err != nil {
		return err
	}
	if err := s.await("answered", out.Answered(), out); err != nil {
		return err
	}
	if err := out.Bye(s.ctx); err != nil {
		return err
	}
	return s.over(out)
}

func (s *seat) givesUp() error {
	out, err := s.dials()
	if err != nil {
		return err
	}
	if err := s.await("tried", out.Trying(), out); err != nil {
		return err
	}
	out.Cancel() // it may be answered in the same moment
	select {
	case <-out.Ended():
		return nil
	case <-out.Answered():
		return out.Bye(s.ctx)
	case <-s.ctx.Done():
		return fmt.Errorf("goes on: %w", context.Cause(s.ctx))
	}
}

// vanishes lets her tab be killed while it rings, and opens it again; a desk phone declines.
func (s *seat) vanishes() error {
	if s.browser == nil {
		return s.declines()
	}
	customer, rung, err := s.called()
	if err != nil {
		return err
	}
	rung.Ring()
	if err := s.browser.Reload(s.ctx); err != nil {
		return err
	}
	return s.over(customer)
}
