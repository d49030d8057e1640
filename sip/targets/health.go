package targets

import (
	"context"
	"slices"
	"strings"
	"sync"
	"time"
)

// Health is whether a hop is used. The set is closed.
type Health string

// The states of a hop.
const (
	Up   Health = "up"
	Down Health = "down"
	// Trial: it was down, nothing is sent to it to find out whether it lives, and its time out of use has passed. The next
	// call tells.
	Trial Health = "trial"
)

// Result is what kind of end a request had. The set is closed.
type Result int

// The results.
const (
	Replied     Result = iota // there was a final response
	Silent                    // none came in time
	Unreachable               // it could not be sent: no connection, no route, a certificate that is not theirs
)

// Outcome is what became of a request.
type Outcome struct {
	Result Result
	Status int // of the final response
	// RetryAfter is what a 503 asks for (RFC 3261 section 20.33); 0: it does not say.
	RetryAfter time.Duration
	Err        error // of the transport, for people
}

// Next reports whether the request goes to the next hop: after a transport that failed, silence and 503 (RFC 3263
// section 4.3). Any other answer is one, from 408 of a proxy whose phone is silent to 603 of a person: asking the next
// hop would ring twice.
func (o Outcome) Next() bool { return o.Result != Replied || o.Status == 503 }

// alive reports whether the outcome shows that the hop lives. A probe asks the hop itself, so that 408 is its own.
func (o Outcome) alive(probe bool) bool { return !o.Next() && (!probe || o.Status != 408) }

// hop is what is known of one. Guarded by the mu of its Targets.
type hop struct {
	health      Health // Up or Down
	since       time.Time
	fails, good int       // in a row
	notBefore   time.Time // Retry-After
	until       time.Time // while calls hold it down
	holdDown    time.Duration
	next        time.Time // when a probe is due
	probing     bool
	seen        time.Time // DNS led to it
	last        Outcome
	heard       time.Time     // when that was
	took        time.Duration // of the last probe
}

// at is the health of a hop now. t.mu is held.
func (t *Targets) at(s *hop, now time.Time) Health {
	if s.health == Down && t.cfg.Probe.Interval == 0 && !now.Before(s.until) && !now.Before(s.notBefore) {
		return Trial
	}
	return s.health
}

// good takes a sign of life. Of a hop that is down it takes several, and time. t.mu is held.
func (t *Targets) good(s *hop, now time.Time, probe bool) {
	s.fails = 0
	if s.good++; s.health == Up {
		if !probe && now.Sub(s.since) > s.holdDown {
			s.holdDown = 0 // calls get through, for long enough
		}
		return
	}
	if t.at(s, now) == Trial || s.good >= t.cfg.Probe.Answers && !now.Before(s.until) && !now.Before(s.notBefore) {
		s.health, s.until, s.notBefore = Up, time.Time{}, time.Time{}
	}
}

// bad takes a failure. A call that failed for want of a peer takes the hop out of use at once, for the next one would
// wait as long. A 503 to a call may be about the number that was called, so that alone it counts as one probe does, unless
// it says for how long. t.mu is held.
func (t *Targets) bad(s *hop, o Outcome, now time.Time, probe bool) {
	s.good = 0
	s.fails++
	if o.RetryAfter > 0 {
		s.notBefore = now.Add(min(o.RetryAfter, t.cfg.RetryAfterMost))
	}
	certain := o.RetryAfter > 0 || !probe && o.Result != Replied
	if s.health == Down && t.at(s, now) != Trial {
		return // until counts from the first failure, or a busy trunk would never let it come back
	}
	if !certain && s.fails < t.cfg.Probe.Failures {
		return
	}
	s.health = Down
	if !probe {
		if s.holdDown = min(s.holdDown*2, t.cfg.HoldDownMost); s.holdDown == 0 {
			s.holdDown = t.cfg.HoldDown
		}
		s.until = now.Add(s.holdDown)
	}
}

// schedule says when the next probe is due: after a probe, or when the health has changed. t.mu is held.
func (t *Targets) schedule(s *hop, now time.Time) {
	p := t.cfg.Probe
	if p.Interval == 0 {
		return
	}
	every := p.Interval
	if s.health == Down {
		every = min(p.Down, p.Interval)
	}
	s.next = now.Add(every - every/10 + t.jitter(every/5))
	if s.next.Before(s.notBefore) {
		s.next = s.notBefore
	}
}

// Due returns the hops that are to be probed now, each of which the caller tells about with Probed, and when the next
// ones are due; zero: nobody knows yet.
func (t *Targets) Due() (now []Hop, next time.Time) {
	at := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.cfg.Probe.Interval == 0 {
		return nil, time.Time{}
	}
	for h, s := range t.hops {
		switch {
		case s.probing:
		case !s.next.After(at):
			s.probing = true
			now = append(now, h)
		case next.IsZero() || s.next.Before(next):
			next = s.next
		}
	}
	slices.SortFunc(now, func(a, b Hop) int { return strings.Compare(a.String(), b.String()) })
	return now, next
}

// Probed tells what became of a probe and how long its answer took.
func (t *Targets) Probed(h Hop, o Outcome, took time.Duration) { t.report(h, o, took, true) }

// Watch probes, and keeps DNS warm, until ctx ends; then it waits for the probes that are out. probe sends one OPTIONS;
// its context ends after Probe.Timeout, which it returns as Silent.
func (t *Targets) Watch(ctx context.Context, probe func(ctx context.Context, h Hop) Outcome) {
	var out sync.WaitGroup
	defer out.Wait()
	for ctx.Err() == nil {
		t.look(ctx)
		due, next := t.Due()
		for _, h := range due {
			out.Go(func() {
				limited, cancel := context.WithTimeout(ctx, t.cfg.Probe.Timeout)
				defer cancel()
				began := time.Now()
				o := probe(limited, h)
				if ctx.Err() != nil {
					t.unasked(h) // given up by us, which says nothing
					return
				}
				t.Probed(h, o, time.Since(began))
			})
		}
		pause := time.Minute // for DNS, when nothing is probed
		if !next.IsZero() {
			pause = min(pause, max(time.Until(next), 0))
		}
		t.rest(ctx, pause)
	}
}

// unasked takes back what Due said.
func (t *Targets) unasked(h Hop) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if s, ok := t.hops[h]; ok {
		s.probing = false
	}
}

// rest waits, until something may be due earlier.
func (t *Targets) rest(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-t.nudge:
	case <-timer.C:
	}
}

// look asks DNS where the targets are, and forgets what it no longer names.
func (t *Targets) look(ctx context.Context) {
	budget, cancel := within(ctx, patience)
	defer cancel()
	hops, err := t.locate(budget)
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, h := range hops {
		t.know(h, now)
	}
	if err != nil {
		return // what could not be asked is not gone
	}
	for h, s := range t.hops {
		if !s.probing && now.Sub(s.seen) > forgotten {
			delete(t.hops, h)
			t.cfg.Told.Known(h, false)
		}
	}
}

// forgotten is how long a hop is remembered that DNS does not name any more: its calls are still reporting, and a name
// with rotating answers names it again.
const forgotten = 10 * time.Minute

// Status is a hop as people see it.
type Status struct {
	Hop
	Health    Health
	Since     time.Time
	NotBefore time.Time     // as the far side asked; zero: it did not
	Fails     int           // in a row
	Last      Outcome       // of the last request
	Heard     time.Time     // when that was; zero: never
	Took      time.Duration // from the last OPTIONS to its answer
	NextProbe time.Time     // zero: none
}

// Statuses are all hops that are known, sorted by their names.
func (t *Targets) Statuses() []Status {
	now := time.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	all := make([]Status, 0, len(t.hops))
	for h, s := range t.hops {
		st := Status{Hop: h, Health: t.at(s, now), Since: s.since, Fails: s.fails, Last: s.last, Heard: s.heard, Took: s.took}
		if s.notBefore.After(now) {
			st.NotBefore = s.notBefore
		}
		if t.cfg.Probe.Interval > 0 {
			st.NextProbe = s.next
		}
		all = append(all, st)
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Hop.String(), b.Hop.String()) })
	return all
}
