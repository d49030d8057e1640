package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap/zaptest"
	"pgregory.net/rapid"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
	"github.com/cordboard/cordboard/outbox/outboxtest"
)

var farFuture = time.Date(2100, 1, 1, 0, 0, 0, 0, time.UTC)

func someTask(rec call.Record) []outbox.Message {
	return []outbox.Message{{Kind: "task", Key: string(rec.ID), Body: json.RawMessage(`{"Subject":"Call"}`)}}
}

func TestACallNeverWaitsForTheDiskAndADiskThatFailsLosesNothing(t *testing.T) {
	s := open(t, newFile(t))
	must := func(_ sql.Result, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.write.Exec(`ALTER TABLE outbox RENAME TO gone`)) // every transaction with a message fails now
	began := time.Now()
	for i := range 500 {
		rec := record(i)
		s.Ledger().Open(rec)
		rec.Queue = "before"
		s.Ledger().Update(rec, nil)
		rec.Queue = "after"
		s.Ledger().Close(closed(rec), someTask(rec))
	}
	if took := time.Since(began); took > 2*time.Second {
		t.Errorf("the calls waited %v", took)
	}
	short, cancel := context.WithTimeout(t.Context(), 200*time.Millisecond)
	defer cancel()
	if err := s.Ledger().Flush(short); err == nil {
		t.Error("flushed to a disk that fails")
	}
	if s.Ledger().Faults() == 0 || s.Ledger().Waiting() == 0 {
		t.Errorf("%d faults, %d wait", s.Ledger().Faults(), s.Ledger().Waiting())
	}
	must(s.write.Exec(`ALTER TABLE gone RENAME TO outbox`))
	flush(t, s)
	all, err := s.Recent(t.Context(), Filter{Limit: 500})
	if err != nil || len(all) != 500 {
		t.Fatalf("%d calls, %v", len(all), err)
	}
	for _, rec := range all {
		if rec.Open() || rec.Queue != "after" {
			t.Errorf("call %s: open %v, %q", rec.ID, rec.Open(), rec.Queue)
		}
	}
	if stats, err := s.Outbox().Stats(t.Context()); err != nil || stats.Pending != 500 || s.Ledger().Waiting() != 0 {
		t.Errorf("%+v, %v; %d entries wait", stats, err, s.Ledger().Waiting())
	}
}

func TestManyCallsShareATransaction(t *testing.T) {
	s := open(t, newFile(t))
	release := holdWriter(t, s)
	for i := range 900 {
		s.Ledger().Close(closed(record(i)), someTask(record(i)))
	}
	release()
	flush(t, s)
	if n := s.Ledger().commits.Load(); n > 3 {
		t.Errorf("%d transactions for 900 calls", n)
	}
	select {
	case <-s.Outbox().News():
	default:
		t.Error("nobody was told")
	}
}

// holdWriter takes the writer's connection until release is called.
func holdWriter(t *testing.T, s *Store) (release func()) {
	t.Helper()
	conn, err := s.write.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return func() { _ = conn.Close() }
}

func TestCloseWritesWhatWaitsAndRefusesWhatComesAfter(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	for i := range 2500 {
		s.Ledger().Close(closed(record(i)), nil)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s.Ledger().Open(record(9999))
	s = open(t, path)
	var n int
	if err := s.read.QueryRow(`SELECT COUNT(*) FROM calls`).Scan(&n); err != nil || n != 2500 {
		t.Errorf("%d calls, %v", n, err)
	}
}

func TestTheNextProcessKnowsWhenWeDied(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	if !s.LastAlive().IsZero() {
		t.Errorf("a new file remembers %v", s.LastAlive())
	}
	before := time.Now().Truncate(time.Microsecond)
	s.Ledger().Open(record(1))
	flush(t, s)
	after := time.Now()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if got := open(t, path).LastAlive(); got.Before(before) || got.After(after) {
		t.Errorf("%v is not between %v and %v", got, before, after)
	}
}

func TestTheLedgersFiguresAreRegisteredOnce(t *testing.T) {
	s := open(t, newFile(t))
	reg := prometheus.NewRegistry()
	if err := s.Register(reg); err != nil {
		t.Fatal(err)
	}
	s.Ledger().Open(record(1))
	flush(t, s)
	families, err := reg.Gather()
	if err != nil || len(families) != 3 || families[0].GetName() != "cordboard_ledger_commits_total" || families[0].GetMetric()[0].GetCounter().GetValue() != 1 {
		t.Errorf("%v, %v", families, err)
	}
	if s.Register(reg) == nil {
		t.Error("registered twice")
	}
}

func TestAMessageThatIsNoObjectDoesNotStopTheLedger(t *testing.T) {
	s := open(t, newFile(t))
	s.Ledger().Close(closed(record(1)), []outbox.Message{task("a", `[1]`), task("", `{}`), task("b", `{"x":1}`), task("c", `null`), task("d", ``)})
	flush(t, s)
	stats, err := s.Outbox().Stats(t.Context())
	if _, e := s.Get(t.Context(), record(1).ID); e != nil || err != nil || stats.Pending != 1 {
		t.Errorf("%v, %v, %+v", e, err, stats)
	}
}

func TestG6_BusyNeverSurfaces(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	ctx := t.Context()
	other, err := sql.Open("sqlite", source(path, "_txlock=immediate")) // an operator with a shell, a backup
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	const rounds = 30
	var all sync.WaitGroup
	each := func(what string, f func(i int) error) {
		all.Go(func() {
			for i := range rounds {
				if err := f(i); err != nil {
					t.Errorf("%s: %v", what, err)
					return
				}
			}
		})
	}
	for n := range 2 {
		each("put", func(i int) error { return s.Outbox().Put(ctx, task(fmt.Sprint(n, i%7), `{"a":1}`)) })
		each("deliver", func(int) error {
			rows, _, err := s.Outbox().Lease(ctx, "task", time.Now(), 3, time.Minute)
			if err != nil {
				return err
			}
			var done []outbox.Settled
			for _, r := range rows {
				done = append(done, outbox.Settled{Row: r})
			}
			return s.Outbox().Settle(ctx, done)
		})
		each("read", func(int) error {
			if _, err := s.Outbox().Stats(ctx); err != nil {
				return err
			}
			_, err := s.Recent(ctx, Filter{})
			return err
		})
	}
	each("ledger", func(i int) error {
		s.Ledger().Close(closed(record(i)), someTask(record(i)))
		return s.Ledger().Flush(ctx)
	})
	each("secret", func(i int) error {
		_, err := s.Secret(ctx, fmt.Sprint(i), func() []byte { return []byte("x") })
		return err
	})
	each("checkpoint", func(int) error { _, err := other.Exec(`PRAGMA wal_checkpoint(TRUNCATE)`); return err })
	each("a writer outside", func(i int) error {
		return (&writer{DB: other}).within(ctx, func(t *tx) error {
			_, err := t.Exec(`DELETE FROM settings WHERE name = ?`, fmt.Sprint("secret:", i))
			return err
		})
	})
	all.Wait()
	if n := s.Ledger().Faults(); n != 0 {
		t.Errorf("%d faults of the ledger", n)
	}
}

// house lets the property of the outbox be tried on a real file.
type house struct {
	*Outbox
	ctx context.Context
}

// Restart does to the rows what opening the file does.
func (h *house) Restart() (err error) {
	h.Outbox, err = openOutbox(h.ctx, h.write, h.read)
	return err
}

func TestTheOutboxDeliversWhateverHappens(t *testing.T) {
	s := open(t, newFile(t))
	// Thousands of transactions, whose durability is not what is looked at here.
	if _, err := s.write.Exec(`PRAGMA synchronous = OFF`); err != nil {
		t.Fatal(err)
	}
	rapid.Check(t, outboxtest.Deliveries(func(r *rapid.T) outboxtest.House {
		if _, err := s.write.Exec(`DELETE FROM outbox`); err != nil {
			r.Fatal(err)
		}
		return &house{s.Outbox(), t.Context()}
	}))
}

func TestParkedMessagesAreShownWithTheirReasonAndSentAgain(t *testing.T) {
	s := open(t, newFile(t))
	o := s.Outbox()
	if err := o.Put(t.Context(), task("a", `{"x":1}`), task("b", `{"x":2}`)); err != nil {
		t.Fatal(err)
	}
	rows, _, err := o.Lease(t.Context(), "task", farFuture, 10, 1)
	if err != nil || len(rows) != 2 {
		t.Fatalf("%v, %v", rows, err)
	}
	var done []outbox.Settled
	for _, r := range rows {
		done = append(done, outbox.Settled{Row: r, Outcome: outbox.Park, Reason: "no such field " + r.Key})
	}
	if err := o.Settle(t.Context(), done); err != nil {
		t.Fatal(err)
	}
	parked, err := o.Parked(t.Context(), 10)
	if err != nil || len(parked) != 2 || !strings.HasPrefix(parked[0].Reason, "no such field") || string(parked[0].Body) == "" || time.Since(parked[0].Since) > time.Minute {
		t.Errorf("%+v, %v", parked, err)
	}
	if n, err := o.Requeue(t.Context(), "task", "a"); n != 1 || err != nil {
		t.Errorf("requeued %d, %v", n, err)
	}
	if n, err := o.Requeue(t.Context(), "task", ""); n != 1 || err != nil {
		t.Errorf("requeued the rest: %d, %v", n, err)
	}
	if stats, err := o.Stats(t.Context()); err != nil || stats.Pending != 2 || stats.Parked != 0 {
		t.Errorf("%+v, %v", stats, err)
	}
}

// BenchmarkLedger is one call, begun and ended, with its message: what the call pays.
func BenchmarkLedger(b *testing.B) {
	s, err := Open(b.Context(), b.TempDir()+"/ledger.db", zaptest.NewLogger(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		rec := record(i)
		s.Ledger().Open(rec)
		s.Ledger().Close(closed(rec), someTask(rec))
	}
	flushed(b, s)
}

// BenchmarkLedgerToDisk is the same with the disk: what a machine can take.
func BenchmarkLedgerToDisk(b *testing.B) {
	s, err := Open(b.Context(), b.TempDir()+"/ledger.db", zaptest.NewLogger(b))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	b.ResetTimer()
	for i := range b.N {
		rec := record(i)
		s.Ledger().Open(rec)
		s.Ledger().Close(closed(rec), someTask(rec))
	}
	flushed(b, s)
}

func flushed(b *testing.B, s *Store) {
	b.Helper()
	if err := s.Ledger().Flush(b.Context()); err != nil {
		b.Fatal(err)
	}
}
