package registration

import (
	"context"
	"crypto/rand"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/sip/targets"
)

// State is how a registration stands. The set is closed.
type State string

// The states.
const (
	Asking     State = "asking"     // not registered; a REGISTER is out, or about to be
	Registered State = "registered" // until Status.Until
	Waiting    State = "waiting"    // not registered; asks again at Status.Next
	Refused    State = "refused"    // the registrar does not want us: a wrong password, an unknown number
	Stopped    State = "stopped"
)

// Status is a registration as people see it.
type Status struct {
	AOR     string
	State   State
	Since   time.Time   // of the state
	Hop     targets.Hop // that answered last
	Contact string      // our address there
	Granted time.Duration
	Until   time.Time // when the binding expires; zero: there is none
	Next    time.Time // when we ask again
	// Code and Reason are the last final response, 0 when there was none; Err is why, in words: also while we are still
	// registered, when a refresh has failed.
	Code   int
	Reason string
	Err    error
	Fails  int // rounds in a row that failed
	// ServiceRoute is what requests through this registration carry as Route (RFC 3608), Path what the proxies between
	// have added (RFC 3327), Associated the numbers that are ours as well (RFC 7315 section 4.1).
	ServiceRoute, Path, Associated []string
}

// Registration keeps one address of record registered. Safe for concurrent use.
type Registration struct {
	cfg         Config
	callID, tag string
	again       chan struct{}

	// Owned by Run.
	seq     uint32
	expires time.Duration // what we ask for, raised by a 423
	contact string        // bound, as far as we know
	hop     targets.Hop   // that the last request went to
	uri     string        // its Request-URI
	asked   bool          // there may be a binding

	mu     sync.Mutex
	status Status // guarded by mu
}

// New makes a registration, which Run keeps up.
func New(cfg Config) *Registration {
	cfg = cfg.withDefaults()
	return &Registration{
		cfg: cfg, expires: cfg.Expires,
		callID: strings.ToLower(rand.Text()), tag: strings.ToLower(rand.Text()), // the same over refreshes (section 10.2.4)
		again:  make(chan struct{}, 1),
		status: Status{AOR: cfg.AOR, State: Asking},
	}
}

// Status says how it stands.
func (r *Registration) Status() Status {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.status
}

// Again makes Run ask at once: the password was changed, the network is back.
func (r *Registration) Again() {
	select {
	case r.again <- struct{}{}:
	default:
	}
}

// Run registers and refreshes until ctx ends, then takes the binding back and returns. Call it once at a time.
func (r *Registration) Run(ctx context.Context, asker Asker) {
	defer r.stop(ctx, asker)
	r.change(func(s *Status) { s.State = Asking })
	for {
		end := r.round(ctx, asker)
		if ctx.Err() != nil {
			return
		}
		r.settle(end)
		if !r.rest(ctx) {
			return
		}
	}
}

// change changes the status and tells of it.
func (r *Registration) change(f func(*Status)) {
	r.mu.Lock()
	before := r.status.State
	f(&r.status)
	if r.status.State != before || r.status.Since.IsZero() {
		r.status.Since = time.Now()
	}
	now := r.status
	r.mu.Unlock()
	r.cfg.Told(now)
}

// settle takes the end of a round into the status and says when the next one is due.
func (r *Registration) settle(end ending) {
	now := time.Now()
	r.change(func(s *Status) {
		s.Code, s.Reason, s.Err = end.code, end.reason, end.err
		if end.hop != (targets.Hop{}) {
			s.Hop = end.hop
		}
		switch end.kind {
		case bound:
			s.State, s.Fails = Registered, 0
			s.Contact, s.Granted, s.Until = r.contact, end.granted, now.Add(end.granted)
			s.ServiceRoute, s.Path, s.Associated = end.serviceRoute, end.path, end.associated
			s.Next = now.Add(r.refreshIn(end.granted))
		case refused:
			s.State = Refused
			s.Fails++
			s.Next = now.Add(max(r.backOff(r.cfg.Refused, r.cfg.RefusedMost, s.Fails), end.wait))
		case failed, moved:
			if s.State != Registered || !s.Until.After(now) {
				s.State, s.Until = Waiting, time.Time{}
			}
			s.Fails++
			s.Next = now.Add(max(r.backOff(r.cfg.Retry, r.cfg.RetryMost, s.Fails), end.wait))
		}
	})
}

// refreshIn is when to ask again for a binding that lives for d: after 70 to 80 % of it, so that two attempts fit in what
// is left of the shortest usual ones, and many trunks that began together do not stay together.
func (r *Registration) refreshIn(d time.Duration) time.Duration {
	return max(d*8/10-r.jitter(d/10), min(d/2, time.Second))
}

// backOff is the wait after the nth failure in a row.
func (r *Registration) backOff(first, most time.Duration, n int) time.Duration {
	d := first
	for ; n > 1 && d < most; n-- {
		d *= 2
	}
	d = min(d, most)
	return d - r.jitter(d/2)
}

func (r *Registration) jitter(d time.Duration) time.Duration {
	return time.Duration(r.cfg.Rand(int64(max(d, 0)) + 1))
}

// rest waits for the next round, and notes on its way that the binding has expired. false: ctx has ended.
func (r *Registration) rest(ctx context.Context) bool {
	for {
		s := r.Status()
		next, lapses := s.Next, s.State == Registered && s.Until.Before(s.Next)
		if lapses {
			next = s.Until
		}
		timer := time.NewTimer(time.Until(next))
		select {
		case <-ctx.Done():
			timer.Stop()
			return false
		case <-r.again:
			timer.Stop()
			r.change(func(s *Status) { s.Fails = 0 })
			return true
		case <-timer.C:
		}
		if !lapses {
			return true
		}
		r.change(func(s *Status) { s.State, s.Until = Waiting, time.Time{} })
	}
}

// stop takes the binding back, in the time that is left, at the registrar that has it.
func (r *Registration) stop(ctx context.Context, asker Asker) {
	if r.asked {
		limited, cancel := context.WithTimeout(context.WithoutCancel(ctx), r.cfg.Goodbye)
		_ = r.at(limited, asker, r.hop, r.uri, true) // it expires by itself if this fails
		cancel()
	}
	r.asked = false
	r.change(func(s *Status) { s.State, s.Until, s.Next = Stopped, time.Time{}, time.Time{} })
}

// All are the registrations of one trunk that registers in several places at once, each of which may send it calls.
type All []*Registration

// Run runs all of them and returns when all have ended.
func (a All) Run(ctx context.Context, asker Asker) {
	var all sync.WaitGroup
	for _, r := range a {
		all.Go(func() { r.Run(ctx, asker) })
	}
	all.Wait()
}

// Registered reports whether at least one of them is: calls can come.
func (a All) Registered() bool {
	for _, r := range a {
		if r.Status().State == Registered {
			return true
		}
	}
	return false
}
