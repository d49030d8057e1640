package switchboard

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/cordboard/cordboard/call"
)

// calls are the stories being told, and the work beside them.
type calls struct {
	mu      sync.Mutex
	going   map[*story]struct{} // guarded by mu
	stopped *call.Ending        // guarded by mu: set, calls that begin are ended at once
	work    sync.WaitGroup      // stories and what they started

	life      context.Context // of the work beside the stories
	interrupt context.CancelFunc
}

func newCalls() *calls {
	l := &calls{going: make(map[*story]struct{})}
	l.life, l.interrupt = context.WithCancel(context.Background())
	return l
}

func (l *calls) add(c *story) {
	l.work.Add(1)
	l.mu.Lock()
	l.going[c] = struct{}{}
	stopped := l.stopped
	l.mu.Unlock()
	if stopped != nil { // it came in while the calls were being ended
		c.hangup(*stopped)
	}
}

func (l *calls) remove(c *story) {
	l.mu.Lock()
	delete(l.going, c)
	l.mu.Unlock()
	l.work.Done()
}

// background runs f beside a story that still goes on.
func (l *calls) background(f func()) { l.work.Go(f) }

func (l *calls) all() []*story {
	l.mu.Lock()
	defer l.mu.Unlock()
	all := make([]*story, 0, len(l.going))
	for c := range l.going {
		all = append(all, c)
	}
	return all
}

// of is the story in which a leg is, nil when there is none.
func (l *calls) of(leg call.Leg) *story {
	for _, c := range l.all() {
		if c.has(leg) {
			return c
		}
	}
	return nil
}

func (l *calls) active() []call.Record {
	var active []call.Record
	for _, c := range l.all() {
		active = append(active, c.snapshot())
	}
	slices.SortFunc(active, func(a, b call.Record) int { return cmp.Compare(a.ID, b.ID) })
	return active
}

// hangup ends every call that goes on, and those that begin from now on.
func (l *calls) hangup(e call.Ending) {
	l.mu.Lock()
	l.stopped = &e
	l.mu.Unlock()
	for _, c := range l.all() {
		c.hangup(e) // all of it: who began it may have left by a transfer
	}
}

func (l *calls) wait(ctx context.Context) error {
	done := make(chan struct{})
	go func() { l.work.Wait(); close(done) }()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
