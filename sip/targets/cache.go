package targets

import (
	"context"
	"errors"
	"sync"
	"time"
)

// Bounds of what is kept of answers.
const (
	shortestLife = 5 * time.Second  // also of answers that say 0: a burst of calls asks once
	longestLife  = time.Hour        // also of answers that say a week: a carrier moves when it must
	aheadAt      = 0.8              // of its life a name in use is asked for again
	stalest      = 24 * time.Hour   // after that an old answer is no longer better than none (RFC 8767 section 5)
	askAgain     = 10 * time.Second // after a question that failed; until then nobody waits for DNS
	patience     = 5 * time.Second  // of one question, which goes on when the call that asked it does not wait
	mostNames    = 1024             // names kept; they come from the configuration and from SRV records
)

// cache keeps the answers to one kind of question.
type cache[T any] struct {
	ask  func(ctx context.Context, name string) ([]T, time.Duration, error)
	told func(name string, a Answer)

	base context.Context
	work *sync.WaitGroup // of the Resolver, which waits for the questions that are being asked

	mu     sync.Mutex
	names  map[string]*entry[T] // guarded by mu
	closed bool                 // guarded by mu
}

// entry is what is known of one name. Guarded by the cache's mu.
type entry[T any] struct {
	values  []T
	known   bool      // there was an answer; it may have been empty
	fetched time.Time // of that answer
	expires time.Time
	err     error         // of the last question; nil when it was answered
	failed  time.Time     // when it failed
	used    bool          // since it was fetched
	asking  chan struct{} // closed when the question being asked is answered; nil: none is
	ahead   *time.Timer   // asks again before the answer expires
}

// get returns what name has: a fresh answer at once; else that of a question, for as long as ctx waits; else an old one.
// Who asks after DNS has failed is not made to wait for it again.
func (c *cache[T]) get(ctx context.Context, name string) ([]T, error) {
	c.mu.Lock()
	e, ok := c.names[name]
	if !ok {
		c.makeRoom()
		e = &entry[T]{}
		c.names[name] = e
	}
	e.used = true
	now := time.Now()
	if e.known && now.Before(e.expires) {
		defer c.mu.Unlock()
		return e.values, nil
	}
	wait := e.asking
	if e.err == nil || !now.Before(e.failed.Add(askAgain)) {
		wait = c.start(name, e)
	}
	if e.err != nil && e.known {
		wait = nil
	}
	c.mu.Unlock()
	if wait != nil {
		select {
		case <-wait:
		case <-ctx.Done():
		}
	}
	return c.best(ctx, name, e)
}

// best is what there is when waiting is over.
func (c *cache[T]) best(ctx context.Context, name string, e *entry[T]) ([]T, error) {
	c.mu.Lock()
	values, known, expires, err := e.values, e.known, e.expires, e.err
	c.mu.Unlock()
	now := time.Now()
	switch {
	case known && now.Before(expires):
		return values, nil
	case known && now.Before(expires.Add(stalest)):
		c.told(name, AnsweredStale)
		return values, nil
	case err != nil:
		return nil, err
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	}
	return nil, errClosed
}

var errClosed = errors.New("the resolver is closed")

// start asks, unless that is being done, and returns what is closed when there is an answer. c.mu is held.
func (c *cache[T]) start(name string, e *entry[T]) chan struct{} {
	if e.asking != nil {
		return e.asking
	}
	done := make(chan struct{})
	if c.closed {
		close(done)
		return done
	}
	e.asking = done
	c.work.Go(func() {
		ctx, cancel := context.WithTimeout(c.base, patience)
		defer cancel()
		values, good, err := c.ask(ctx, name)
		c.mu.Lock()
		c.learn(name, e, values, good, err)
		e.asking = nil
		c.mu.Unlock()
		close(done)
		if err != nil {
			c.told(name, AnswerFailed)
			return
		}
		c.told(name, Answered)
	})
	return done
}

// learn keeps an answer and sees to it that a name in use is asked for again before it expires. c.mu is held.
func (c *cache[T]) learn(name string, e *entry[T], values []T, good time.Duration, err error) {
	now := time.Now()
	if e.err = err; err != nil {
		if e.failed = now; e.known { // the next call shall find a fresh answer, not be the one that asks
			c.later(name, e, askAgain)
		}
		return
	}
	good = min(max(good, shortestLife), longestLife)
	e.values, e.known, e.fetched, e.expires, e.used = values, true, now, now.Add(good), false
	c.later(name, e, time.Duration(aheadAt*float64(good)))
}

// later asks again after a while, if anybody asked in the meantime. c.mu is held.
func (c *cache[T]) later(name string, e *entry[T], d time.Duration) {
	if c.closed {
		return
	}
	if e.ahead != nil {
		e.ahead.Stop()
	}
	e.ahead = time.AfterFunc(d, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if e.used && c.names[name] == e {
			c.start(name, e)
		}
	})
}

// makeRoom forgets the name whose answer is the oldest, when there are too many. c.mu is held.
func (c *cache[T]) makeRoom() {
	if len(c.names) < mostNames {
		return
	}
	var oldest string
	for name, e := range c.names {
		if e.asking == nil && (oldest == "" || e.fetched.Before(c.names[oldest].fetched)) {
			oldest = name
		}
	}
	if e := c.names[oldest]; e != nil {
		if e.ahead != nil {
			e.ahead.Stop()
		}
		delete(c.names, oldest)
	}
}

// close stops the timers; the questions being asked end with the base context.
func (c *cache[T]) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.closed = true
	for _, e := range c.names {
		if e.ahead != nil {
			e.ahead.Stop()
		}
	}
}
