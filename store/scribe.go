package store

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
)

// scribe is the only writer of calls.
type scribe struct {
	*Ledger
	began time.Time            // the last transaction; owned by run, as all below
	alive time.Time            // the last sign of life
	parts map[call.ID][]string // of the calls that go on: the agents who stand on disk as having a part in them
	told  map[call.ID]bool     // whose last state in a batch has been found
	text  bytes.Buffer
	spare []entry // an array for what comes next
}

const (
	mostInOne = 1000 // entries in one transaction, so that readers of the outbox get their turn
	// pace is from the beginning of one transaction to that of the next, so that a busy second has few of them. What
	// comes after a pause is written at once.
	pace         = 25 * time.Millisecond
	heartbeat    = 10 * time.Second // how exactly we know when a process died that had calls
	brief        = time.Second      // a sign of life so young needs no other
	firstPause   = 20 * time.Millisecond
	longestPause = 5 * time.Second
	keptEntries  = 256 // the longest array that is kept; that of a busy hour goes
)

func (s *scribe) run(ctx context.Context) {
	for s.sleep(ctx) {
		batch, closing := s.take(s.spare)
		for some := range slices.Chunk(batch, mostInOne) {
			if !s.persist(ctx, some) {
				return
			}
		}
		if closing {
			return // nothing was noted since
		}
		s.spare = nil
		if cap(batch) <= keptEntries {
			clear(batch)
			s.spare = batch[:0]
		}
	}
}

// sleep returns when there is something to write and its time has come, or false: it is over. While calls go on it
// shows every now and then that we live.
func (s *scribe) sleep(ctx context.Context) bool {
	for {
		var beat <-chan time.Time
		if len(s.parts) > 0 { // else nobody will ever ask
			beat = time.After(time.Until(s.alive.Add(heartbeat)))
		}
		select {
		case <-s.wake:
			return s.gather(ctx)
		case <-beat:
			s.live(ctx)
		case <-ctx.Done():
			return false
		}
	}
}

// gather waits for more to write at once.
func (s *scribe) gather(ctx context.Context) bool {
	wait := pace - time.Since(s.began)
	if wait <= 0 {
		return true
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-s.hurry:
	case <-ctx.Done():
		return false
	}
	return true
}

// live notes that we are. A fault is not reported here: the next call will meet it too.
func (s *scribe) live(ctx context.Context) {
	s.alive = time.Now()
	if err := s.db.within(ctx, func(t *tx) error { return writeAlive(t, s.alive) }); err != nil {
		s.faults.Add(1)
	}
}

// persist writes the batch, however often that takes. It reports false when the ledger must end without it.
func (s *scribe) persist(ctx context.Context, batch []entry) bool {
	bodies := s.encode(batch)
	pause := firstPause
	var said time.Time
	for {
		s.began = time.Now()
		err := s.db.within(ctx, func(t *tx) error { return s.writeAll(t, batch, bodies) })
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return false
		}
		s.faults.Add(1)
		if time.Since(said) > time.Minute {
			s.log.Error("ledger cannot write; calls go on and wait in memory", zap.Int("entries", s.Waiting()), zap.Error(err))
			said = time.Now()
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return false
		}
		pause = min(2*pause, longestPause)
	}
	s.remember(batch, bodies)
	s.wrote(len(batch))
	for _, e := range batch {
		if len(e.messages) > 0 {
			s.outbox.tell()
			break
		}
	}
	return true
}

// encode makes the text of each record that is to be written: of several states of one call only the last.
func (s *scribe) encode(batch []entry) []string {
	clear(s.told)
	bodies := make([]string, len(batch))
	to := json.NewEncoder(&s.text)
	for i := range slices.Backward(batch) {
		rec := &batch[i].rec
		if s.told[rec.ID] {
			continue
		}
		s.text.Reset()
		if err := to.Encode(rec); err != nil {
			s.log.Error("record cannot be written", zap.String("call", string(rec.ID)), zap.Error(err))
			continue
		}
		s.told[rec.ID] = true
		bodies[i] = strings.TrimSuffix(s.text.String(), "\n")
	}
	return bodies
}

func (s *scribe) writeAll(t *tx, batch []entry, bodies []string) error {
	now := s.began
	if now.Sub(s.alive) > brief {
		if err := writeAlive(t, now); err != nil {
			return err
		}
	}
	for i := range batch {
		e := &batch[i]
		if bodies[i] != "" {
			if err := writeCall(t, &e.rec, bodies[i], s.parts[e.rec.ID]); err != nil {
				return fmt.Errorf("call %s: %w", e.rec.ID, err)
			}
		}
		for _, m := range e.messages {
			if err := put(t, m, now); err != nil {
				return fmt.Errorf("message %s %s: %w", m.Kind, m.Key, err)
			}
		}
	}
	return nil
}

// remember notes what is on disk now, so that it need not be written again.
func (s *scribe) remember(batch []entry, bodies []string) {
	if s.began.Sub(s.alive) > brief {
		s.alive = s.began
	}
	for i := range batch {
		rec := &batch[i].rec
		switch {
		case bodies[i] == "":
		case rec.Open():
			s.parts[rec.ID] = agentsOf(rec)
		default:
			delete(s.parts, rec.ID)
		}
	}
}
