// Package outboxtest helps to test what stands on either side of the outbox: rows in memory, a remote side that fails,
// and the property that every implementation of outbox.Rows must have.
package outboxtest

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"sync"
	"time"

	"github.com/cordboard/cordboard/outbox"
)

// Memory is outbox.Rows without a disk, by the same rules.
type Memory struct {
	news chan struct{}

	mu     sync.Mutex
	rows   map[name]*row // guarded by mu
	leases int64         // guarded by mu
}

type name struct{ kind, key string }

type row struct {
	name
	body, late     json.RawMessage
	since, due     time.Time
	lateSince      time.Time
	lateDue        time.Time
	lease          int64
	held           time.Time
	attempts       int
	parked, failed bool
	reason         string
}

var _ outbox.Rows = (*Memory)(nil)

// NewMemory makes an empty one.
func NewMemory() *Memory { return &Memory{news: make(chan struct{}, 1), rows: map[name]*row{}} }

// News implements outbox.Rows.
func (m *Memory) News() <-chan struct{} { return m.news }

func (m *Memory) tell() {
	select {
	case m.news <- struct{}{}:
	default:
	}
}

// Put puts messages in.
func (m *Memory) Put(_ context.Context, messages ...outbox.Message) error {
	for _, msg := range messages {
		if err := msg.Check(); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, msg := range messages {
		m.put(msg)
	}
	m.tell()
	return nil
}

func (m *Memory) put(msg outbox.Message) {
	now := time.Now()
	due := now
	if msg.NotBefore.After(now) {
		due = msg.NotBefore
	}
	id := name{msg.Kind, msg.Key}
	r, there := m.rows[id]
	switch {
	case !there:
		m.rows[id] = &row{name: id, body: msg.Body, since: now, due: due}
	case r.lease != 0 && r.late == nil:
		r.late, r.lateSince, r.lateDue = msg.Body, now, due
	case r.lease != 0:
		r.late, r.lateDue = merge(r.late, msg.Body), earlier(r.lateDue, due)
	default:
		r.body, r.late = merge(merge(r.body, r.late), msg.Body), nil
		switch {
		case r.parked:
			r.parked, r.failed, r.attempts, r.reason, r.due = false, false, 0, "", due
		case !r.failed:
			r.due = earlier(r.due, due)
		}
	}
}

func merge(a, b json.RawMessage) json.RawMessage {
	if b == nil {
		return a
	}
	joined, err := outbox.Merge(a, b)
	if err != nil {
		panic(err) // both were checked when they came in
	}
	return joined
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// Lease implements outbox.Rows.
func (m *Memory) Lease(_ context.Context, kind string, now time.Time, limit int, hold time.Duration) ([]outbox.Row, time.Time, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var due []*row
	var next time.Time
	for _, r := range m.rows {
		if r.kind != kind || r.parked {
			continue
		}
		at := r.due
		if r.held.After(at) {
			at = r.held
		}
		if !at.After(now) {
			due = append(due, r)
		} else if next.IsZero() || at.Before(next) {
			next = at
		}
	}
	slices.SortFunc(due, func(a, b *row) int { return cmp.Or(a.due.Compare(b.due), cmp.Compare(a.key, b.key)) })
	var leased []outbox.Row
	m.leases++
	for _, r := range due[:min(limit, len(due))] {
		r.body, r.late = merge(r.body, r.late), nil
		r.lease, r.held = m.leases, now.Add(hold)
		leased = append(leased, outbox.Row{Message: outbox.Message{Kind: kind, Key: r.key, Body: r.body},
			Lease: r.lease, Attempts: r.attempts, Since: r.since})
	}
	return leased, next, nil
}

// Settle implements outbox.Rows.
func (m *Memory) Settle(_ context.Context, settled []outbox.Settled) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, s := range settled {
		r := m.rows[name{s.Row.Kind, s.Row.Key}]
		if r == nil || r.lease != s.Row.Lease {
			continue
		}
		m.settle(r, s)
	}
	return nil
}

func (m *Memory) settle(r *row, s outbox.Settled) {
	late := r.late
	r.lease, r.held, r.late = 0, time.Time{}, nil
	if late != nil {
		defer m.tell()
	}
	switch s.Outcome {
	case outbox.Delivered:
		if late == nil {
			delete(m.rows, r.name)
			return
		}
		r.body, r.since, r.due, r.attempts, r.failed, r.reason = late, r.lateSince, r.lateDue, 0, false, ""
	case outbox.Park:
		r.body = merge(r.body, late)
		if late != nil {
			r.due, r.attempts, r.failed = r.lateDue, 0, false
			return
		}
		r.parked, r.reason = true, s.Reason
	case outbox.Retry:
		r.body = merge(r.body, late)
		r.due, r.failed, r.reason = s.Due, true, s.Reason
		if s.Counted {
			r.attempts++
		}
	}
}

// Stats implements outbox.Rows.
func (m *Memory) Stats(context.Context) (outbox.Stats, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	var s outbox.Stats
	for _, r := range m.rows {
		if r.parked {
			s.Parked++
			continue
		}
		s.Pending++
		if s.Oldest.IsZero() || r.since.Before(s.Oldest) {
			s.Oldest = r.since
		}
	}
	return s, nil
}

// Requeue sends parked rows of the kind on their way again: one, or with an empty key all.
func (m *Memory) Requeue(_ context.Context, kind, key string) (int, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n := 0
	for _, r := range m.rows {
		if r.parked && r.kind == kind && (key == "" || r.key == key) {
			r.parked, r.failed, r.attempts, r.due = false, false, 0, time.Now()
			n++
		}
	}
	m.tell()
	return n, nil
}

// Restart forgets all leases, as a process that starts again does.
func (m *Memory) Restart() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, r := range m.rows {
		r.lease, r.held = 0, time.Time{}
	}
	m.tell()
	return nil
}
