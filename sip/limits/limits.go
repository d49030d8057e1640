package limits

import (
	"fmt"
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"github.com/cordboard/cordboard/call"
)

// Limits count the calls of one trunk. Safe for concurrent use.
type Limits struct {
	mu     sync.Mutex
	rules  rules         // guarded by mu
	rate   *rate.Limiter // nil: any number; guarded by mu
	active int           // guarded by mu
}

// New makes the limits of a trunk. The error says what is wrong with the configuration.
func New(c Config) (*Limits, error) {
	l := &Limits{}
	return l, l.Change(c)
}

// Change sets other limits. Calls that are up go on and are counted, also when they are more than may be now.
func (l *Limits) Change(c Config) error {
	r, err := check(c)
	if err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if c.PerSecond == l.rules.PerSecond && c.Burst == l.rules.Burst {
		l.rules = r
		return nil // the bucket stays as full as it is
	}
	l.rules, l.rate = r, nil
	if c.PerSecond > 0 {
		burst := c.Burst
		if burst == 0 {
			burst = max(1, int(math.Ceil(c.PerSecond)))
		}
		l.rate = rate.NewLimiter(rate.Limit(c.PerSecond), burst)
	}
	return nil
}

// Out takes a place for a call to a number, in E.164 where it can be; the error is a *Refusal. Call release, once or more
// often, when the call is over. A call to an emergency number is counted, and never refused.
func (l *Limits) Out(to call.Number) (release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.rules.emergency(to) {
		return l.take(), nil
	}
	if r := l.rules.destination(to); r != nil {
		return nil, r // first, for what may not be called costs no place
	}
	return l.enter()
}

// In takes a place for a call that the trunk brings.
func (l *Limits) In() (release func(), err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.enter()
}

// enter takes a place if there is one. l.mu is held.
func (l *Limits) enter() (func(), error) {
	if most := l.rules.Calls; most > 0 && l.active >= most {
		return nil, &Refusal{Why: TooMany, Status: 503, RetryAfter: 5 * time.Second,
			Reason: fmt.Sprintf("all %d lines of this trunk are in use", most)}
	}
	if l.rate != nil && !l.rate.Allow() {
		wait := time.Duration(float64(time.Second) / l.rules.PerSecond)
		return nil, &Refusal{Why: TooFast, Status: 503, RetryAfter: max(time.Second, wait.Round(time.Second)),
			Reason: fmt.Sprintf("this trunk takes %g new calls a second", l.rules.PerSecond)}
	}
	return l.take(), nil
}

// take counts one call. l.mu is held.
func (l *Limits) take() func() {
	l.active++
	var once sync.Once
	return func() {
		once.Do(func() {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.active--
		})
	}
}

// Active is how many calls there are, and how many there may be; most 0 is any number.
func (l *Limits) Active() (calls, most int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.active, l.rules.Calls
}
