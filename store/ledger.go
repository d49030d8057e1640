package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
)

// Ledger writes calls down without ever being waited for: its methods put the news in a queue in memory, and one
// goroutine writes all that has gathered in one transaction. When the disk fails it tries again for ever, in order.
type Ledger struct {
	db     *sql.DB
	outbox *Outbox
	log    *zap.Logger
	wake   chan struct{}
	ended  chan struct{} // closed when the writer has returned
	stop   context.CancelFunc

	faults  atomic.Int64
	commits atomic.Int64

	mu      sync.Mutex
	waiting []entry       // guarded by mu: noted, not yet on disk (those being written included)
	noted   uint64        // guarded by mu: entries ever noted
	written uint64        // guarded by mu: of those, how many are on disk
	closing bool          // guarded by mu
	changed chan struct{} // guarded by mu: closed and replaced when written has grown
}

// entry is one piece of news, ready to be written.
type entry struct {
	rec      call.Record // only what the columns need is read
	body     []byte
	messages []outbox.Message
}

const (
	mostInOne    = 1000             // entries in one transaction, so that readers of the outbox get their turn
	heartbeat    = 10 * time.Second // how exactly we know when a process died
	firstPause   = 20 * time.Millisecond
	longestPause = 5 * time.Second
)

func openLedger(ctx context.Context, db *sql.DB, o *Outbox, log *zap.Logger) *Ledger {
	l := &Ledger{db: db, outbox: o, log: log, wake: make(chan struct{}, 1), ended: make(chan struct{}), changed: make(chan struct{})}
	// What has been noted must be written even when the start-up context is long gone.
	ctx, l.stop = context.WithCancel(context.WithoutCancel(ctx))
	go l.run(ctx)
	return l
}

// Open notes that a call has begun. It never blocks.
func (l *Ledger) Open(rec call.Record) { l.note(rec, nil) }

// Close notes that a call is over, and in the same transaction puts in what must be known outside. It never blocks.
func (l *Ledger) Close(rec call.Record, messages []outbox.Message) { l.note(rec, messages) }

// Update notes what became known of a call after Open or after Close, with what must be known outside. It never blocks.
func (l *Ledger) Update(rec call.Record, messages []outbox.Message) { l.note(rec, messages) }

// Flush returns when everything noted before it is on disk, or with ctx's error.
func (l *Ledger) Flush(ctx context.Context) error {
	l.mu.Lock()
	upTo := l.noted
	l.mu.Unlock()
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

// note takes a copy in the form in which it is written: JSON, which shares nothing with the record.
func (l *Ledger) note(rec call.Record, messages []outbox.Message) {
	body, err := json.Marshal(rec)
	if err != nil {
		l.log.Error("record cannot be written", zap.String("call", string(rec.ID)), zap.Error(err))
	}
	e := entry{rec: rec, body: body}
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
	l.mu.Unlock()
	l.rouse()
}

func (l *Ledger) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// run is the only writer of calls.
func (l *Ledger) run(ctx context.Context) {
	defer close(l.ended)
	beat := time.NewTicker(heartbeat)
	defer beat.Stop()
	for {
		l.mu.Lock()
		batch := l.waiting[:min(len(l.waiting), mostInOne)]
		closing := l.closing
		l.mu.Unlock()
		if len(batch) > 0 {
			if !l.persist(ctx, batch) {
				return
			}
			continue
		}
		if closing {
			return
		}
		select {
		case <-l.wake:
		case <-beat.C:
			l.live(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// live notes that we are. A fault is not reported here: the next call will meet it too.
func (l *Ledger) live(ctx context.Context) {
	if err := writeAlive(ctx, l.db, time.Now()); err != nil {
		l.faults.Add(1)
	}
}

// persist writes the batch, however often that takes. It reports false when the ledger must end without it.
func (l *Ledger) persist(ctx context.Context, batch []entry) bool {
	pause := firstPause
	var said time.Time
	for {
		err := within(ctx, l.db, func(tx *sql.Tx) error { return l.writeAll(ctx, tx, batch) })
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		l.faults.Add(1)
		if time.Since(said) > time.Minute {
			l.log.Error("ledger cannot write; calls go on and wait in memory", zap.Int("entries", l.Waiting()), zap.Error(err))
			said = time.Now()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
		pause = min(2*pause, longestPause)
	}
	l.commits.Add(1)
	l.mu.Lock()
	l.waiting = l.waiting[len(batch):]
	if len(l.waiting) == 0 {
		l.waiting = nil // let the array of a busy hour go
	}
	l.written += uint64(len(batch))
	close(l.changed)
	l.changed = make(chan struct{})
	l.mu.Unlock()
	for _, e := range batch {
		if len(e.messages) > 0 {
			l.outbox.tell()
			break
		}
	}
	return true
}

func (l *Ledger) writeAll(ctx context.Context, tx *sql.Tx, batch []entry) error {
	last := make(map[call.ID]int, len(batch)) // of several states of one call only the last need be written
	for i, e := range batch {
		if e.body != nil {
			last[e.rec.ID] = i
		}
	}
	now := time.Now()
	if err := writeAlive(ctx, tx, now); err != nil {
		return err
	}
	for i := range batch {
		e := &batch[i]
		if at, ok := last[e.rec.ID]; ok && at == i {
			if err := writeCall(ctx, tx, &e.rec, e.body); err != nil {
				return fmt.Errorf("call %s: %w", e.rec.ID, err)
			}
		}
		for _, m := range e.messages {
			if err := put(ctx, tx, m, now); err != nil {
				return fmt.Errorf("message %s %s: %w", m.Kind, m.Key, err)
			}
		}
	}
	return nil
}

// Waiting is how many entries are not on disk yet.
func (l *Ledger) Waiting() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.waiting)
}

// Faults is how many transactions have failed.
func (l *Ledger) Faults() int64 { return l.faults.Load() }

// close takes no more, writes the rest for at most patience, and waits for the writer.
func (l *Ledger) close(patience time.Duration) error {
	l.mu.Lock()
	l.closing = true
	l.mu.Unlock()
	l.rouse()
	timer := time.AfterFunc(patience, l.stop)
	defer timer.Stop()
	<-l.ended
	l.stop()
	if n := l.Waiting(); n > 0 {
		return errors.New("the ledger was closed with " + fmt.Sprint(n) + " entries that are not on disk")
	}
	return nil
}
