package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
)

func open(t *testing.T, path string) *Store {
	t.Helper()
	s, err := Open(t.Context(), path, zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func newFile(t *testing.T) string { return filepath.Join(t.TempDir(), "with space & 100%.db") }

func flush(t *testing.T, s *Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	if err := s.Ledger().Flush(ctx); err != nil {
		t.Fatal(err)
	}
}

func task(key, body string) outbox.Message {
	return outbox.Message{Kind: "task", Key: key, Body: json.RawMessage(body)}
}

func record(i int) call.Record {
	return call.Record{ID: call.ID(fmt.Sprintf("c%06d", i)), Direction: call.Inbound, Agent: fmt.Sprintf("agent%d", i%2), Queue: fmt.Sprintf("queue%d", i%3),
		Customer: call.Party{Number: "+358400000001"}, Started: time.Now().Add(time.Duration(i) * time.Second).Round(0), Context: map[string]string{"n": fmt.Sprint(i)}}
}

func closed(rec call.Record) call.Record {
	rec.Over = rec.Started.Add(time.Minute)
	rec.Ending = call.Ending{By: call.ByCustomer, Reason: call.Hungup}
	return rec
}

func TestARecordComesBackAsItWasWritten(t *testing.T) {
	s := open(t, newFile(t))
	rec := closed(record(1))
	rec.Answered = rec.Started.Add(3 * time.Second)
	rec.Match = call.Match{Looked: true, Count: 1, People: []call.Person{{Object: "Contact", ID: "003", Name: "Zoë \x00 O'Hara"}}}
	s.Ledger().Open(record(1))
	s.Ledger().Close(rec, nil)
	flush(t, s)
	got, err := s.Get(t.Context(), rec.ID)
	if err != nil {
		t.Fatal(err)
	}
	want, _ := json.Marshal(rec)
	have, _ := json.Marshal(got)
	if string(want) != string(have) {
		t.Errorf("wrote %s\nread  %s", want, have)
	}
	if _, err := s.Get(t.Context(), "nobody"); !errors.Is(err, ErrNotFound) {
		t.Errorf("a call that never was: %v", err)
	}
}

func TestTheCallsOpenAtACrashAreFoundAtTheNextStart(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	for i := range 10 {
		s.Ledger().Open(record(i))
		if i%2 == 0 {
			s.Ledger().Close(closed(record(i)), nil)
		}
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	s = open(t, path)
	left, err := s.Unfinished(t.Context())
	if err != nil || len(left) != 5 {
		t.Fatalf("%d calls, %v", len(left), err)
	}
	for i, rec := range left {
		if rec.ID != record(2*i+1).ID {
			t.Errorf("call %d is %s", i, rec.ID)
		}
	}
}

func TestRecentCallsComeInPages(t *testing.T) {
	s := open(t, newFile(t))
	for i := range 60 {
		s.Ledger().Close(closed(record(i)), nil)
	}
	flush(t, s)
	for _, tc := range []struct {
		name        string
		filter      Filter
		count       int
		first, last call.ID
	}{
		{"all", Filter{}, 50, "c000059", "c000010"},
		{"a page of an agent", Filter{Agent: "agent1", Limit: 5}, 5, "c000059", "c000051"},
		{"the next page", Filter{Agent: "agent1", Limit: 5, Before: "c000051"}, 5, "c000049", "c000041"},
		{"a queue", Filter{Queue: "queue0", Limit: 500}, 20, "c000057", "c000000"},
		{"both", Filter{Queue: "queue0", Agent: "agent0", Limit: 500}, 10, "c000054", "c000000"},
		{"nothing", Filter{Agent: "'; DROP TABLE calls; --"}, 0, "", ""},
	} {
		got, err := s.Recent(t.Context(), tc.filter)
		if err != nil || len(got) != tc.count {
			t.Errorf("%s: %d calls, %v", tc.name, len(got), err)
			continue
		}
		if tc.count > 0 && (got[0].ID != tc.first || got[tc.count-1].ID != tc.last) {
			t.Errorf("%s: %s … %s", tc.name, got[0].ID, got[tc.count-1].ID)
		}
	}
}

func TestForgettingSparesTheCallsThatGoOn(t *testing.T) {
	s := open(t, newFile(t))
	s.Ledger().Open(record(1))
	s.Ledger().Close(closed(record(2)), nil)
	flush(t, s)
	n, err := s.Forget(t.Context(), time.Now().Add(time.Hour))
	left, _ := s.Recent(t.Context(), Filter{})
	if err != nil || n != 1 || len(left) != 1 || left[0].ID != record(1).ID {
		t.Errorf("forgot %d, %v; left %v", n, err, left)
	}
}

func TestASecretIsMadeOnceAndOutlivesTheProcess(t *testing.T) {
	path := newFile(t)
	made := 0
	value := func() []byte { made++; return []byte{0, 255, byte(made)} }
	s := open(t, path)
	first, err := s.Secret(t.Context(), "sessions", value)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	again, err := open(t, path).Secret(t.Context(), "sessions", value)
	if err != nil || string(again) != string(first) || made != 1 {
		t.Errorf("%v then %v, made %d times, %v", first, again, made, err)
	}
}

func TestADatabaseIsOpenedByOneProcessAtATimeAndReadableByUsAlone(t *testing.T) {
	path := newFile(t)
	open(t, path)
	if other, err := Open(t.Context(), path, zaptest.NewLogger(t)); err == nil {
		_ = other.Close()
		t.Error("it was opened twice")
	}
	for _, file := range []string{path, path + "-wal"} {
		info, err := os.Stat(file)
		if err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v %v", file, info.Mode(), err)
		}
	}
}

func TestADatabaseOfANewerVersionIsRefused(t *testing.T) {
	path := newFile(t)
	s := open(t, path)
	if _, err := s.write.Exec(`INSERT INTO goose_db_version (version_id, is_applied) VALUES (999, 1)`); err != nil {
		t.Fatal(err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if other, err := Open(t.Context(), path, zaptest.NewLogger(t)); err == nil {
		_ = other.Close()
		t.Error("it was opened")
	}
}

func TestAFileThatIsNoDatabaseIsRefusedAndLeftAlone(t *testing.T) {
	path := newFile(t)
	const poem = "SELECT is not a poem, and this is not a database, however long it is made to look like one"
	if err := os.WriteFile(path, []byte(poem), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time, because the first must have let go of the lock
		s, err := Open(t.Context(), path, zaptest.NewLogger(t))
		if err == nil {
			_ = s.Close()
			t.Fatal("it was opened")
		}
	}
	if left, err := os.ReadFile(path); err != nil || string(left) != poem {
		t.Errorf("the file holds %q, %v", left, err)
	}
}
