package store

import (
	"context"
	"encoding/json"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
)

// flaky is a far side that does the work and often says that it has not.
type flaky struct {
	mu     sync.Mutex
	calm   bool           // guarded by mu
	tasks  map[string]int // guarded by mu: deliveries by key
	flying map[string]bool
	twice  bool // guarded by mu
}

func (f *flaky) Deliver(_ context.Context, messages []outbox.Message) []error {
	errs := make([]error, len(messages))
	f.mu.Lock()
	for _, m := range messages {
		f.twice = f.twice || f.flying[m.Key]
		f.flying[m.Key] = true
	}
	f.mu.Unlock()
	f.mu.Lock()
	defer f.mu.Unlock()
	for i, m := range messages {
		delete(f.flying, m.Key)
		f.tasks[m.Key]++
		if !f.calm && rand.IntN(3) == 0 {
			errs[i] = errors.New("the answer was lost")
		}
	}
	return errs
}

func TestAWorkerDeliversFromTheFileHoweverOftenWeStartAgain(t *testing.T) {
	path := newFile(t)
	far := &flaky{tasks: map[string]int{}, flying: map[string]bool{}}
	set := outbox.Settings{Fill: time.Millisecond, First: 5 * time.Millisecond, Longest: 20 * time.Millisecond, Batch: 10}
	var ids []call.ID
	const lives, calls = 4, 60
	for life := range lives {
		s := open(t, path)
		w := outbox.New(s.Outbox(), map[string]outbox.Courier{"task": far}, set, zaptest.NewLogger(t))
		ended := make(chan struct{})
		go func() { defer close(ended); w.Run(t.Context()) }()
		for range calls {
			rec := record(1)
			rec.ID = call.NewID()
			ids = append(ids, rec.ID)
			s.Ledger().Open(rec)
			s.Ledger().Close(closed(rec), someTask(rec))
			s.Ledger().Update(closed(rec), []outbox.Message{{Kind: "task", Key: string(rec.ID), Body: json.RawMessage(`{"Late":1}`)}})
		}
		if life == lives-1 {
			far.mu.Lock()
			far.calm = true
			far.mu.Unlock()
			flush(t, s)
			patience, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			if err := w.Idle(patience); err != nil {
				t.Fatal(err)
			}
		}
		w.Close()
		<-ended
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if far.twice {
		t.Error("a key was under way twice")
	}
	for _, id := range ids {
		if far.tasks[string(id)] == 0 {
			t.Errorf("call %s never arrived", id)
		}
	}
}
