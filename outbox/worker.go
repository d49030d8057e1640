package outbox

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime/debug"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Settings are the worker's. The zero value of a field means its default.
type Settings struct {
	Batch    int           // messages in one delivery, at most; 200: a collection of Salesforce
	Fill     time.Duration // how long the first message waits for company; 200 ms
	Parallel int           // deliveries of one kind at the same time; 2, so that one that hangs does not stop the others
	Deadline time.Duration // of one delivery; 45 s
	Hold     time.Duration // of a row's lease; at least, and usually, 30 s more than Deadline, so that no row is under way twice
	Poll     time.Duration // look without being told, for what another node put in; 5 s
	First    time.Duration // pause after the first failure; 1 s, doubled each time
	Longest  time.Duration // the longest pause; 5 min
	Metrics  *Metrics      // nil: not counted
}

func (s Settings) withDefaults() Settings {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&s.Fill, 200*time.Millisecond)
	set(&s.Deadline, 45*time.Second)
	s.Hold = max(s.Hold, s.Deadline+30*time.Second)
	set(&s.Poll, 5*time.Second)
	set(&s.First, time.Second)
	set(&s.Longest, 5*time.Minute)
	if s.Batch <= 0 {
		s.Batch = 200
	}
	if s.Parallel <= 0 {
		s.Parallel = 2
	}
	if s.Metrics == nil {
		s.Metrics = NewMetrics(nil)
	}
	return s
}

// Worker carries rows to their couriers until it is told to stop.
type Worker struct {
	rows     Rows
	couriers map[string]Courier
	set      Settings
	log      *zap.Logger

	freed chan struct{} // a delivery has ended and its place is free
	seen  time.Time     // when the figures were looked at; owned by Run

	mu      sync.Mutex
	running sync.WaitGroup          // Run; Add under mu
	closed  bool                    // guarded by mu
	stop    context.CancelCauseFunc // guarded by mu: ends Run; nil: it does not run
	changed chan struct{}           // guarded by mu: closed and replaced after each settlement
}

// errClosed is the cause of the end of a worker that was closed.
var errClosed = errors.New("the outbox was closed")

// New makes a worker; Run starts it. The couriers are by kind; a row of a kind without a courier waits for a version of
// us that has one.
func New(rows Rows, couriers map[string]Courier, s Settings, log *zap.Logger) *Worker {
	return &Worker{rows: rows, couriers: couriers, set: s.withDefaults(), log: log,
		freed: make(chan struct{}, 1), changed: make(chan struct{})}
}

// Run delivers until ctx ends or Close is called, and returns when its last delivery has. It runs once; after Close it
// does nothing.
func (w *Worker) Run(ctx context.Context) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	if !w.enter(cancel) {
		return
	}
	defer w.running.Done()

	var lanes []*lane
	for kind, courier := range w.couriers {
		lanes = append(lanes, &lane{kind: kind, courier: courier, places: make(chan struct{}, w.set.Parallel)})
	}
	var deliveries sync.WaitGroup
	defer deliveries.Wait()
	for ctx.Err() == nil {
		wake := time.Now().Add(w.set.Poll)
		for _, l := range lanes {
			if next := w.dispatch(ctx, l, &deliveries); !next.IsZero() && next.Before(wake) {
				wake = next
			}
		}
		if again := w.observe(ctx); again.Before(wake) {
			wake = again
		}
		w.wait(ctx, wake)
	}
}

// Close stops Run and returns when it has returned. Rows under way go back to waiting.
func (w *Worker) Close() {
	w.mu.Lock()
	w.closed = true
	if w.stop != nil {
		w.stop(errClosed)
	}
	w.mu.Unlock()
	w.running.Wait()
}

// Idle returns when nothing waits any more (parked rows do not count), or with ctx's error. For a drain, and for tests.
// What a ledger has not written yet does not count either: flush it first.
func (w *Worker) Idle(ctx context.Context) error {
	for {
		w.mu.Lock()
		changed := w.changed
		w.mu.Unlock()
		stats, err := w.rows.Stats(ctx)
		if err != nil {
			return err
		}
		if stats.Pending == 0 {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("%d messages still wait: %w", stats.Pending, context.Cause(ctx))
		}
	}
}

func (w *Worker) enter(stop context.CancelCauseFunc) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed || w.stop != nil {
		return false
	}
	w.stop = stop
	w.running.Add(1)
	return true
}

// wait sleeps until something can be done: news (and a moment more, for company), a free place, or the time has come.
func (w *Worker) wait(ctx context.Context, wake time.Time) {
	timer := time.NewTimer(max(time.Until(wake), 10*time.Millisecond))
	defer timer.Stop()
	select {
	case <-w.rows.News():
		fill := time.NewTimer(w.set.Fill)
		defer fill.Stop()
		select {
		case <-fill.C:
		case <-ctx.Done():
		}
	case <-w.freed:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// lane is the way of one kind.
type lane struct {
	kind    string
	courier Courier
	places  chan struct{}
}

// dispatch starts deliveries as long as there are rows and places, and says when the next row is due.
func (w *Worker) dispatch(ctx context.Context, l *lane, deliveries *sync.WaitGroup) (next time.Time) {
	for {
		select {
		case l.places <- struct{}{}:
		default:
			return time.Time{} // freed will wake us
		}
		rows, next, err := w.rows.Lease(ctx, l.kind, time.Now(), w.set.Batch, w.set.Hold)
		if err != nil || len(rows) == 0 {
			<-l.places
			if err != nil && ctx.Err() == nil {
				w.log.Warn("outbox cannot read its rows", zap.String("kind", l.kind), zap.Error(err))
				next = time.Now().Add(w.set.First)
			}
			return next
		}
		deliveries.Go(func() {
			defer w.free(l)
			w.settle(ctx, l.kind, w.deliver(ctx, l.courier, rows))
		})
	}
}

func (w *Worker) free(l *lane) {
	<-l.places
	select {
	case w.freed <- struct{}{}:
	default:
	}
}

// deliver calls the courier, which cannot hurt us, and turns its answers into outcomes.
func (w *Worker) deliver(ctx context.Context, c Courier, rows []Row) []Settled {
	ctx, cancel := context.WithTimeout(ctx, w.set.Deadline)
	defer cancel()
	messages := make([]Message, len(rows))
	for i, r := range rows {
		messages[i] = r.Message
	}
	errs := guarded(ctx, c, messages)
	settled := make([]Settled, len(rows))
	for i, r := range rows {
		err := errNoAnswer
		if i < len(errs) {
			err = errs[i]
		}
		settled[i] = w.judge(r, err)
	}
	return settled
}

var errNoAnswer = errors.New("the courier said nothing of this message")

func guarded(ctx context.Context, c Courier, messages []Message) (errs []error) {
	defer func() {
		if p := recover(); p != nil {
			errs = make([]error, len(messages))
			for i := range errs {
				errs[i] = fmt.Errorf("the courier panicked: %v\n%s", p, debug.Stack())
			}
		}
	}()
	return c.Deliver(ctx, messages)
}

// judge turns a courier's answer into what happens to the row.
func (w *Worker) judge(r Row, err error) Settled {
	s := Settled{Row: r}
	if err == nil {
		return s
	}
	s.Reason = bounded(err.Error())
	few := AttemptsAllowed(err)
	after, wait := After(err)
	switch {
	case IsPermanent(err), few > 0 && r.Attempts+1 >= few:
		s.Outcome = Park
	case wait:
		s.Outcome, s.Due = Retry, time.Now().Add(max(after, w.set.First)) // a courier in a hurry must not make us spin
	default:
		s.Outcome, s.Counted, s.Due = Retry, true, time.Now().Add(w.pause(r.Attempts))
	}
	return s
}

// pause grows from First to Longest, with up to half of it at random, so that what failed together does not come back
// together.
func (w *Worker) pause(attempts int) time.Duration {
	d := w.set.First
	for range min(attempts, 30) {
		if d *= 2; d >= w.set.Longest {
			d = w.set.Longest
			break
		}
	}
	return d/2 + rand.N(d/2+1)
}

// settle writes the outcomes down. It is tried again until the rows take it or the worker ends: a delivered row that is
// not settled would be delivered a second time, which is harmless, but later.
func (w *Worker) settle(ctx context.Context, kind string, settled []Settled) {
	w.set.Metrics.count(kind, settled)
	for _, s := range settled {
		if s.Outcome == Park {
			w.log.Error("message parked", zap.String("kind", kind), zap.String("key", s.Row.Key), zap.String("reason", s.Reason))
		}
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), w.set.Deadline/2)
	defer cancel()
	for attempt := 0; ; attempt++ {
		err := w.rows.Settle(keep, settled)
		if err == nil {
			break
		}
		w.log.Warn("outbox cannot settle its rows", zap.String("kind", kind), zap.Error(err))
		select {
		case <-time.After(min(w.pause(attempt), 5*time.Second)):
			continue
		case <-keep.Done():
		case <-ctx.Done():
		}
		return
	}
	w.mu.Lock()
	close(w.changed)
	w.changed = make(chan struct{})
	w.mu.Unlock()
}

// figuresAge is how old the figures may be while there is work: all rows are counted for them.
const figuresAge = time.Second

// observe looks at the figures, unless it has just done so, and says when to look again.
func (w *Worker) observe(ctx context.Context) (again time.Time) {
	if due := w.seen.Add(figuresAge); time.Now().Before(due) {
		return due
	}
	w.seen = time.Now()
	if stats, err := w.rows.Stats(ctx); err == nil { // else the lease has said it
		w.set.Metrics.observe(stats)
	}
	return w.seen.Add(w.set.Poll)
}

// bounded keeps a reason readable and small.
func bounded(s string) string {
	const most = 1000
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}
