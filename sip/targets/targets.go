package targets

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// Config is what a trunk says of its targets. Only Targets and Resolver have no useful zero value.
type Config struct {
	Targets  []Target
	Resolver *Resolver
	// Budget is how long a call waits for DNS. 1 s: the caller hears nothing meanwhile.
	Budget time.Duration
	// Most is how many hops a plan has at most. 8: a customer does not wait for more.
	Most  int
	Probe Probe
	// HoldDown is how long a hop is out of use at least, after calls failed on it: it doubles each time that happens soon
	// after it came back, up to HoldDownMost. 15 s and 5 min. Without it a proxy that answers OPTIONS, while what is
	// behind it is dead, would come back after each call it loses.
	HoldDown, HoldDownMost time.Duration
	// RetryAfterMost bounds what a Retry-After may ask. 30 min: a typing error of the far side is not a day without lines.
	RetryAfterMost time.Duration
	// Rand(n) is a number in [0, n); nil: a random one. It may be called by several goroutines at once.
	Rand func(n int64) int64
	Told Told
}

// Probe says how hops are asked whether they live. The zero value does not ask.
type Probe struct {
	Interval time.Duration // between two OPTIONS to a hop that is up, give or take a tenth; 0: none are sent
	Down     time.Duration // … that is down; 10 s
	Timeout  time.Duration // for the answer; 5 s, four transmissions over UDP (RFC 3261 timer E)
	Failures int           // in a row that take a hop out of use; 2, because one packet may be lost
	Answers  int           // in a row that bring it back; 2
}

// Told are ears for metrics and logs. They must not block, and any may be nil.
type Told struct {
	Changed func(h Hop, now Health, why Outcome)
	Probed  func(h Hop, o Outcome, took time.Duration)
	// Known is told of each hop that DNS leads to, and of each that it has not named for long. It is called with a lock
	// held: it must not call back.
	Known func(h Hop, known bool)
}

func (c Config) withDefaults() Config {
	or(&c.Budget, time.Second)
	or(&c.Most, 8)
	or(&c.Probe.Down, 10*time.Second)
	or(&c.Probe.Timeout, 5*time.Second)
	or(&c.Probe.Failures, 2)
	or(&c.Probe.Answers, 2)
	or(&c.HoldDown, 15*time.Second)
	or(&c.HoldDownMost, 5*time.Minute)
	or(&c.RetryAfterMost, 30*time.Minute)
	if c.Rand == nil {
		c.Rand = rand.Int64N
	}
	if c.Told.Changed == nil {
		c.Told.Changed = func(Hop, Health, Outcome) {}
	}
	if c.Told.Probed == nil {
		c.Told.Probed = func(Hop, Outcome, time.Duration) {}
	}
	if c.Told.Known == nil {
		c.Told.Known = func(Hop, bool) {}
	}
	return c
}

func or[T comparable](v *T, def T) {
	var zero T
	if *v == zero {
		*v = def
	}
}

// Targets are the targets of one trunk and what is known of their health. Safe for concurrent use.
type Targets struct {
	cfg Config

	mu    sync.Mutex
	hops  map[Hop]*hop  // guarded by mu
	nudge chan struct{} // wakes Watch: something may be due earlier
}

// New makes the targets of a trunk. All hops count as alive until something else is known.
func New(cfg Config) *Targets {
	return &Targets{cfg: cfg.withDefaults(), hops: make(map[Hop]*hop), nudge: make(chan struct{}, 1)}
}

// Try is one step of a plan.
type Try struct {
	Hop
	Health Health
	// NotBefore is when the hop wants to be asked again (Retry-After); zero: now. A call tries it all the same when
	// nothing else is left, a registration waits.
	NotBefore time.Time
}

// Plan is where a request goes: first the hop to try, then those to try when that one fails as Outcome.Next says. Hops
// that are down stand at the end, in the same order, because a customer's call is worth an attempt; those that asked for
// time come last. It waits for DNS for at most Config.Budget. The error wraps ErrNowhere, or is the reason of ctx.
func (t *Targets) Plan(ctx context.Context) ([]Try, error) {
	budget, cancel := within(ctx, t.cfg.Budget)
	defer cancel()
	hops, err := t.locate(budget)
	if len(hops) == 0 {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		return nil, err
	}
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	tries := make([]Try, 0, len(hops))
	for _, h := range hops {
		s := t.know(h, now)
		try := Try{Hop: h, Health: t.at(s, now)}
		if s.notBefore.After(now) {
			try.NotBefore = s.notBefore
		}
		tries = append(tries, try)
	}
	slices.SortStableFunc(tries, func(a, b Try) int { return a.rank() - b.rank() })
	return tries[:min(len(tries), t.cfg.Most)], nil
}

// rank is the part of a plan that a hop stands in.
func (t Try) rank() int {
	switch {
	case !t.NotBefore.IsZero():
		return 2
	case t.Health == Down:
		return 1
	}
	return 0
}

// Health is how a hop is known to be; Up when nothing is known of it.
func (t *Targets) Health(h Hop) Health {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.hops[h]
	if !ok {
		return Up
	}
	return t.at(s, time.Now())
}

// Locate is where a URI leads that a peer named, in a redirection or a Service-Route.
func (t *Targets) Locate(ctx context.Context, uri string) ([]Hop, error) {
	target, err := Parse(uri)
	if err != nil {
		return nil, err
	}
	budget, cancel := within(ctx, t.cfg.Budget)
	defer cancel()
	return t.cfg.Resolver.Resolve(budget, target)
}

// locate resolves all targets at once and puts their hops in order. The error is of those that led nowhere.
func (t *Targets) locate(ctx context.Context) ([]Hop, error) {
	type found struct {
		Target
		hops []Hop
	}
	all, errs := make([]found, len(t.cfg.Targets)), make([]error, len(t.cfg.Targets))
	each(len(all), func(i int) {
		all[i].Target = t.cfg.Targets[i]
		all[i].hops, errs[i] = t.cfg.Resolver.Resolve(ctx, all[i].Target)
	})
	var hops []Hop
	for _, f := range ordered(all, func(f found) (uint16, uint16) { return f.Priority, f.Weight }, t.cfg.Rand) {
		for _, h := range f.hops {
			if !slices.Contains(hops, h) {
				hops = append(hops, h)
			}
		}
	}
	if err := errors.Join(errs...); err != nil && !errors.Is(err, ErrNowhere) {
		return hops, fmt.Errorf("%w: %w", ErrNowhere, err)
	} else if err != nil {
		return hops, err
	}
	if len(hops) == 0 {
		return nil, ErrNowhere
	}
	return hops, nil
}

// know returns what is known of a hop, from now on. t.mu is held.
func (t *Targets) know(h Hop, now time.Time) *hop {
	s, ok := t.hops[h]
	if !ok {
		s = &hop{health: Up, since: now, next: now.Add(t.jitter(min(t.cfg.Probe.Interval, time.Second)))}
		t.hops[h] = s
		t.cfg.Told.Known(h, true)
		t.wake()
	}
	s.seen = now
	return s
}

// jitter is a random part of d.
func (t *Targets) jitter(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return time.Duration(t.cfg.Rand(int64(d) + 1))
}

func (t *Targets) wake() {
	select {
	case t.nudge <- struct{}{}:
	default:
	}
}

// Report tells what became of a request to a hop of a plan. A request that was given up while nobody had answered says
// nothing about the hop and is not reported.
func (t *Targets) Report(h Hop, o Outcome) { t.report(h, o, 0, false) }

func (t *Targets) report(h Hop, o Outcome, took time.Duration, probe bool) {
	now := time.Now()
	t.mu.Lock()
	s, ok := t.hops[h]
	if !ok { // DNS dropped it meanwhile
		t.mu.Unlock()
		return
	}
	before := s.health
	s.last, s.heard = o, now
	if probe {
		s.probing, s.took = false, took
	}
	if o.alive(probe) {
		t.good(s, now, probe)
	} else {
		t.bad(s, o, now, probe)
	}
	if s.health != before {
		s.since = now
	}
	after := s.health
	if probe || after != before {
		t.schedule(s, now)
		t.wake()
	}
	t.mu.Unlock()
	if probe {
		t.cfg.Told.Probed(h, o, took)
	}
	if after != before {
		t.cfg.Told.Changed(h, after, o)
	}
}
