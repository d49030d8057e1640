package salesforce

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/cordboard/cordboard/call"
)

// people remembers for a short time whose number it is. Faults are not remembered.
type people struct {
	most int
	life time.Duration

	mu    sync.Mutex
	known map[string]*lookup // guarded by mu
}

// lookup is one search: under way, or done and valid until then.
type lookup struct {
	done  chan struct{}
	until time.Time // zero while it is under way
	match call.Match
	err   error
}

// strangerLife is how long "nobody" is believed, at most: a customer who was saved during the call before should be found.
const strangerLife = 10 * time.Second

func newPeople(most int, life time.Duration) *people {
	return &people{most: most, life: life, known: map[string]*lookup{}}
}

// get returns what is known, or waits for the search that search starts; search hands its result to found, once, and
// reports false if it could not start.
func (p *people) get(ctx context.Context, key string, search func(found func(call.Match, error)) bool) (call.Match, error) {
	p.mu.Lock()
	l := p.known[key]
	if l == nil || !l.until.IsZero() && time.Now().After(l.until) {
		l = &lookup{done: make(chan struct{})}
		if !search(func(m call.Match, err error) { p.found(key, l, m, err) }) {
			p.mu.Unlock()
			return call.Match{}, errClosed
		}
		p.makeRoom()
		p.known[key] = l
	}
	p.mu.Unlock()
	select {
	case <-l.done:
		m := l.match
		m.People = append([]call.Person(nil), m.People...) // each caller owns its copy
		return m, l.err
	case <-ctx.Done():
		return call.Match{}, fmt.Errorf("salesforce search: %w", context.Cause(ctx))
	}
}

func (p *people) found(key string, l *lookup, m call.Match, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	l.match, l.err = m, err
	l.until = time.Now().Add(p.life)
	if m.Count == 0 {
		l.until = time.Now().Add(min(p.life, strangerLife))
	}
	if err != nil && p.known[key] == l {
		delete(p.known, key)
	}
	close(l.done)
}

// makeRoom drops what is stale, then any: the map's order is as good as another for so short a memory. Called with mu
// held.
func (p *people) makeRoom() {
	if len(p.known) < p.most {
		return
	}
	now := time.Now()
	for key, l := range p.known {
		if !l.until.IsZero() && now.After(l.until) {
			delete(p.known, key)
		}
	}
	for key := range p.known {
		if len(p.known) < p.most {
			return
		}
		delete(p.known, key)
	}
}
