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
	mu    sync.Mutex
	going map[*story]struct{} // guarded by mu
	work  sync.WaitGroup      // stories and what they started
}

func newCalls() *calls { return &calls{going: make(map[*story]struct{})} }

func (l *calls) add(c *story) {
	l.work.Add(1)
	l.mu.Lock()
	l.going[c] = struct{}{}
	l.mu.Unlock()
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

func (l *calls) active() []call.Record {
	var active []call.Record
	for _, c := range l.all() {
		active = append(active, c.snapshot())
	}
	slices.SortFunc(active, func(a, b call.Record) int { return cmp.Compare(a.ID, b.ID) })
	return active
}

func (l *calls) hangup(e call.Ending) {
	for _, c := range l.all() {
		c.teller.Hangup(e)
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
