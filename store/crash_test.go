package store

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
)

// victimOf is the environment variable that turns the test binary into the process that is going to be killed.
const victimOf = "CORDBOARD_STORE_VICTIM"

// becomeVictim writes calls from four goroutines until it is killed, and says which are on disk.
func becomeVictim() {
	path := os.Getenv(victimOf)
	if path == "" {
		return
	}
	s, err := Open(context.Background(), path, zap.NewNop())
	if err != nil {
		fmt.Println("cannot open:", err)
		os.Exit(1)
	}
	var mu sync.Mutex
	var calls sync.WaitGroup
	for range 4 {
		calls.Go(func() {
			for {
				rec := record(1)
				rec.ID = call.NewID()
				s.Ledger().Open(rec)
				s.Ledger().Close(closed(rec), append(someTask(rec), someTask(rec)...))
				if err := s.Ledger().Flush(context.Background()); err != nil {
					os.Exit(2)
				}
				mu.Lock()
				fmt.Println(rec.ID)
				mu.Unlock()
			}
		})
	}
	calls.Wait()
}

func TestG6_WhatWasAcknowledgedOutlivesKill9(t *testing.T) {
	path := newFile(t)
	var acknowledged []string
	for round := range 5 {
		acknowledged = append(acknowledged, murder(t, path, 30+20*round)...)
	}
	s := open(t, path)
	messages := map[string]bool{}
	rows, _, err := s.Outbox().Lease(t.Context(), "task", farFuture, 1_000_000, 1)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		messages[r.Key] = true
	}
	for _, id := range acknowledged {
		rec, err := s.Get(t.Context(), call.ID(id))
		if err != nil || rec.Open() || !messages[id] {
			t.Errorf("call %s: %v, closed %v, message %v", id, err, !rec.Open(), messages[id])
		}
	}
	// Record and message are of one transaction: no closed record is without its message, and no message without.
	var closedCalls int
	if err := s.read.QueryRow(`SELECT COUNT(*) FROM calls WHERE ended > 0`).Scan(&closedCalls); err != nil || closedCalls != len(messages) {
		t.Errorf("%d closed calls, %d messages, %v", closedCalls, len(messages), err)
	}
	if closedCalls < len(acknowledged) || len(acknowledged) < 5*30 {
		t.Errorf("%d acknowledged, %d there", len(acknowledged), closedCalls)
	}
}

// murder starts a victim, lets it acknowledge n calls, kills it, and returns all that it acknowledged.
func murder(t *testing.T, path string, n int) (acknowledged []string) {
	t.Helper()
	victim := exec.Command(os.Args[0])
	victim.Env = append(os.Environ(), victimOf+"="+path)
	out, err := victim.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := victim.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewReader(out)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break // the pipe is empty and the victim dead; half a line acknowledges nothing
		}
		acknowledged = append(acknowledged, strings.TrimSpace(line))
		if len(acknowledged) == n {
			if err := victim.Process.Kill(); err != nil {
				t.Fatal(err)
			}
		}
	}
	var killed *exec.ExitError
	if err := victim.Wait(); !errors.As(err, &killed) || killed.Exited() || len(acknowledged) < n {
		t.Fatalf("the victim ended by itself: %v, %v", err, acknowledged)
	}
	return acknowledged
}
