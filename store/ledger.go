package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
)

// Ledger writes calls down without ever being waited for: its methods put the news in a queue in memory, and a scribe
// writes all that has gathered in one transaction. When the disk fails it tries again for ever, in order.
type Ledger struct {
	db     *writer
	outbox *Outbox
	log    *zap.Logger
	wake   chan struct{}
	hurry  chan struct{} // somebody waits for what has been noted
	ended  chan struct{} // closed when the scribe has returned
	stop   context.CancelFunc

	faults  atomic.Int64
	commits atomic.Int64

	mu      sync.Mutex
	waiting []entry       // guarded by mu: noted, not yet being written
	writing int           // guarded by mu: entries taken out of waiting that are not yet on disk
	noted   uint64        // guarded by mu: entries ever noted
	written uint64        // guarded by mu: of those, how many are on disk
	closing bool          // guarded by mu
	changed chan struct{} // guarded by mu: closed and replaced when written has grown
}

// entry is one piece of news.
type entry struct {
	rec      call.Record
	messages []outbox.Message
}

func openLedger(ctx context.Context, db *writer, o *Outbox, log *zap.Logger) *Ledger {
	l := &Ledger{db: db, outbox: o, log: log, wake: make(chan struct{}, 1), hurry: make(chan struct{}, 1), ended: make(chan struct{}),
		changed: make(chan struct{})}
	// What has been noted must be written even when the start-up context is long gone.
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(l.ended)
		s := &scribe{Ledger: l, parts: make(map[call.ID][]string), told: make(map[call.ID]bool)}
		s.run(ctx)
	}()
	return l
}

// Open notes that a call has begun. It never blocks. Nobody may change anymore what the record holds: it is written later.
func (l *Ledger) Open(rec call.Record) { l.note(rec, nil) }

// Close notes that a call is over, and in the same transaction puts in what must be known outside. As Open, it never
// blocks and keeps the record.
func (l *Ledger) Close(rec call.Record, messages []outbox.Message) { l.note(rec, messages) }

// Update notes what became known of a call after Open or after Close, with what must be known outside. As Open, it
// never blocks and keeps the record.
func (l *Ledger) Update(rec call.Record, messages []outbox.Message) { l.note(rec, messages) }

// Flush returns when everything noted before it is on disk, or with ctx's error.
func (l *Ledger) Flush(ctx context.Context) error {
	l.mu.Lock()
	upTo := l.noted
	l.mu.Unlock()
	rouse(l.hurry)
	for {
		l.mu.Lock()
		written, changed := l.written, l.changed
		l.mu.Unlock()
		if written >= upTo {
			return nil
		}
		select {
		case <-changed:
		case <-l.ended:
			return fmt.Errorf("%d entries of the ledger are not on disk: it was closed", upTo-written)
		case <-ctx.Done():
			return fmt.Errorf("%d entries of the ledger are not on disk: %w", upTo-written, context.Cause(ctx))
		}
	}
}

func (l *Ledger) note(rec call.Record, messages []outbox.Message) {
	e := entry{rec: rec}
	for _, m := range messages {
		if err := m.Check(); err != nil { // one message that nobody can deliver must not stop the ledger
			l.log.Error("message refused", zap.String("call", string(rec.ID)), zap.Error(err))
			continue
		}
		e.messages = append(e.messages, m)
	}
	l.mu.Lock()
	if l.closing {
		l.mu.Unlock()
		l.log.Error("record came after the ledger was closed", zap.String("call", string(rec.ID)))
		return
	}
	l.waiting = append(l.waiting, e)
	l.noted++
	first := len(l.waiting) == 1 // after it the scribe knows
	l.mu.Unlock()
	if first {
		rouse(l.wake)
	}
}

func rouse(c chan<- struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// take hands out all that waits, in place of an array that was handed out before.
func (l *Ledger) take(spare []entry) (batch []entry, closing bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	batch = l.waiting
	l.waiting, l.writing = spare[:0], len(batch)
	return batch, l.closing
}

// wrote notes that n of what was taken are on disk, and tells those who wait for it.
func (l *Ledger) wrote(n int) {
	l.commits.Add(1)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.writing -= n
	l.written += uint64(n)
	close(l.changed)
	l.changed = make(chan struct{})
}

// Waiting is how many entries are not on disk yet.
func (l *Ledger) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting) + l.writing
}

// Faults is how many transactions have failed.
func (l *Ledger) Faults() int64 { return l.faults.Load() }

// close takes no more, writes the rest for at most patience, and waits for the scribe.
func (l *Ledger) close(patience time.Duration) error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	rouse(l.wake)
	rouse(l.hurry)
	timer := time.AfterFunc(patience, l.stop)
	defer timer.Stop()
	<-l.ended
	l.stop()
	if n := l.Waiting(); n > 0 {
		return errors.New("the ledger was closed with " + fmt.Sprint(n) + " entries that are not on disk")
	}
	return nil
}
