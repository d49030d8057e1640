package store

import (
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
)

func TestABusySecondHasFewTransactionsAndALoneCallIsWrittenAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), newFile(t), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		l := s.Ledger()
		began := time.Now()
		l.Open(record(0))
		synctest.Wait()
		if l.Waiting() != 0 || time.Since(began) != 0 {
			t.Errorf("the first of all waits: %d, %v", l.Waiting(), time.Since(began))
		}
		for i := range 1000 {
			l.Open(record(i))
			l.Close(closed(record(i)), someTask(record(i)))
			time.Sleep(time.Millisecond)
		}
		time.Sleep(pace)
		synctest.Wait()
		if n := l.commits.Load(); l.Waiting() != 0 || n > int64(time.Second/pace)+2 {
			t.Errorf("%d transactions for a second, %d wait", n, l.Waiting())
		}
		l.Open(record(2000))
		synctest.Wait()
		l.Open(record(2001)) // just after a transaction: waits for company, unless somebody is in a hurry
		synctest.Wait()
		if l.Waiting() != 1 {
			t.Errorf("%d wait for company", l.Waiting())
		}
		now := time.Now()
		flush(t, s)
		if l.Waiting() != 0 || time.Since(now) != 0 {
			t.Errorf("flushed %v later, %d wait", time.Since(now), l.Waiting())
		}
	})
}

func TestWeShowThatWeLiveAsLongAsThereAreCallsToLose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := Open(t.Context(), newFile(t), zap.NewNop())
		if err != nil {
			t.Fatal(err)
		}
		defer s.Close()
		alive := func() time.Time {
			t.Helper()
			synctest.Wait()
			at, err := readAlive(t.Context(), s.read)
			if err != nil {
				t.Fatal(err)
			}
			return at
		}
		time.Sleep(time.Hour)
		if at := alive(); !at.IsZero() {
			t.Errorf("wrote at %v with no call up", at)
		}
		s.Ledger().Open(record(1))
		for range 3 {
			time.Sleep(time.Minute)
			if age := time.Since(alive()); age > heartbeat {
				t.Errorf("last seen alive %v ago with a call up", age)
			}
		}
		s.Ledger().Close(closed(record(1)), nil)
		over := alive()
		time.Sleep(time.Hour)
		if at := alive(); !at.Equal(over) {
			t.Errorf("still shows life at %v, the last call ended at %v", at, over)
		}
	})
}

// What a call costs in allocations. The limits are what was measured and a fifth; a statement prepared for each call, or a
// record encoded for each of its states, is beyond them.
func TestWhatACallCosts(t *testing.T) {
	s, err := Open(t.Context(), newFile(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	l, n := s.Ledger(), 0
	rec := record(1)
	over := closed(rec)
	release := holdWriter(t, s) // the scribe costs nothing meanwhile
	l.Open(rec)
	told := testing.AllocsPerRun(2000, func() {
		l.Open(rec)
		l.Close(over, nil)
	})
	release()
	flush(t, s)
	// A hundred calls in one transaction, as in a busy second.
	written := testing.AllocsPerRun(20, func() {
		release := holdWriter(t, s)
		for range 100 {
			n++
			rec, over := rec, over
			rec.ID = call.NewID()
			over.ID = rec.ID
			l.Open(rec)
			l.Update(rec, nil)
			l.Close(over, someTask(rec))
		}
		release()
		flush(t, s)
	}) / 100
	var rows int // one for each call: a key that comes again would measure the merging of messages
	if err := s.write.QueryRow(`SELECT count(*) FROM outbox`).Scan(&rows); err != nil || rows != n {
		t.Fatalf("%d messages of %d calls, %v", rows, n, err)
	}
	t.Logf("a call allocates %.1f times to be told and %.1f times to be written", told, written)
	if told > 2 || written > 72 {
		t.Errorf("a call allocates %.1f times to be told and %.1f times to be written", told, written)
	}
}

// From the transaction that puts it in to the one that takes it out.
func TestWhatAMessageCosts(t *testing.T) {
	s, err := Open(t.Context(), newFile(t), zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	const batch = 200
	var messages []outbox.Message
	for i := range batch {
		messages = append(messages, someTask(record(i))...)
	}
	settled := make([]outbox.Settled, batch)
	n := testing.AllocsPerRun(10, func() {
		if err := s.Outbox().Put(t.Context(), messages...); err != nil {
			t.Fatal(err)
		}
		rows, _, err := s.Outbox().Lease(t.Context(), "task", time.Now(), batch, time.Minute)
		if err != nil || len(rows) != batch {
			t.Fatalf("%d rows, %v", len(rows), err)
		}
		for i, r := range rows {
			settled[i] = outbox.Settled{Row: r}
		}
		if err := s.Outbox().Settle(t.Context(), settled); err != nil {
			t.Fatal(err)
		}
	}) / batch
	t.Logf("a message allocates %.1f times", n)
	if n > 44 {
		t.Errorf("a message allocates %.1f times", n)
	}
}
