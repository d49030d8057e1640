package lab

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// openAgents registers as many agents as there will be calls.
func (l *load) openAgents(ctx context.Context) error {
	l.agents = make([]agent, l.Calls)
	l.calls = make([]*measuredCall, l.Calls)
	for i := range l.calls {
		l.calls[i] = &measuredCall{}
	}
	errs := make([]error, l.Calls)
	inParallel(l.Calls, 16, func(i int) { errs[i] = l.openAgent(ctx, i) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("agents: %w", errs[firstError(errs)])
	}
	l.Told("registered", l.Calls, l.Calls)
	return pause(ctx, time.Second) // what registering left to do is done
}

func firstError(errs []error) int {
	for i, err := range errs {
		if err != nil {
			return i
		}
	}
	return 0
}

func (l *load) openAgent(ctx context.Context, i int) error {
	user := l.User(i)
	var s *station
	var register func() error
	if l.URL != "" {
		b, err := NewBrowser(BrowserOptions{URL: l.URL, User: user, Password: l.Password(user), Domain: l.Domain,
			Formats: []Format{l.Agent}, Clock: l.clock})
		if err != nil {
			return err
		}
		b.newMedia = func(formats []Format) (media, error) { return l.headsets.open(formats) }
		l.agents[i], s, register = b, b.station, func() error { return b.Open(ctx) }
	} else {
		p, err := NewPhone(PhoneOptions{Server: l.Target, User: user, Password: l.Password(user), Domain: l.Domain,
			Formats: []Format{l.Agent}, Clock: l.clock})
		if err != nil {
			return err
		}
		l.agents[i], s, register = p, p.station, func() error { _, err := p.Register(ctx, time.Hour); return err }
	}
	if l.Rate > 0 {
		s.newMedia = l.figureheads.open
		s.Listen(func(in *Call) {
			l.answer(ctx, in, func(took time.Duration) { l.answered.Store(callerOf(in.Invite), took) })
			<-in.Ended()
			s.Forget(in)
		})
	} else {
		c := l.calls[i]
		s.newMedia = l.measured(s.newMedia, c, i)
		s.Listen(func(in *Call) { l.answer(ctx, in, c.took) })
	}
	if err := register(); err != nil {
		return fmt.Errorf("agent %s: %w", user, err)
	}
	return nil
}

// measured makes the agent's sound of the i-th call one that is measured.
func (l *load) measured(open func([]Format) (media, error), c *measuredCall, i int) func([]Format) (media, error) {
	return func(formats []Format) (media, error) {
		m, err := open(formats)
		if err == nil {
			c.mu.Lock()
			c.agent, c.farEar = m, l.instrument(m, l.Agent, uint32(2*i+1), uint32(2*i))
			c.mu.Unlock()
		}
		return m, err
	}
}

// answer rings and answers at once, as a phone does that picks up by itself.
func (l *load) answer(ctx context.Context, in *Call, sent func(took time.Duration)) {
	began := time.Now()
	in.Ring()
	if err := in.answerTimed(ctx, func() { sent(time.Since(began)) }); err != nil && ctx.Err() == nil && in.End().Reason != "bye" { // which may overtake the ACK
		l.failed("agent: " + err.Error())
	}
}

func (c *measuredCall) took(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.agentTook = d
}
