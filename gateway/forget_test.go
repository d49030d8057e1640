package gateway

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/store"
)

func TestCallsAreKeptAsLongAsTheConfigurationSays(t *testing.T) {
	dir := t.TempDir()
	before, err := store.Open(t.Context(), filepath.Join(dir, "cordboard.db"), zaptest.NewLogger(t))
	if err != nil {
		t.Fatal(err)
	}
	for id, age := range map[call.ID]time.Duration{"old": 25 * time.Hour, "young": 23 * time.Hour} {
		over := time.Now().Add(-age)
		before.Ledger().Close(call.Record{ID: id, Direction: call.Inbound, Started: over.Add(-time.Minute), Over: over}, nil)
	}
	if err := before.Close(); err != nil {
		t.Fatal(err)
	}
	c := demoHouse("")
	c.Node.DataDir, c.Node.KeepCalls = dir, 24*time.Hour
	h := openHouse(t, c)
	if _, err := h.store.Get(t.Context(), "old"); !errors.Is(err, store.ErrNotFound) {
		t.Errorf("a call of 25 hours ago is still there: %v", err)
	}
	if _, err := h.store.Get(t.Context(), "young"); err != nil {
		t.Errorf("a call of 23 hours ago is gone: %v", err)
	}
}
