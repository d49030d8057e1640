package outbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"
)

// Rows is where messages wait, on disk. The store implements it; putting messages in is the store's own affair, because
// it happens in the transaction that closes the call's record.
//
// Its rules: one row per kind and key. A message for a waiting row is merged into it. A message for a row that is leased
// waits beside it, and becomes the row when the lease is settled: alone after Delivered, merged otherwise. A message for
// a parked row is merged and the whole is tried again.
type Rows interface {
	// Lease hands out at most limit rows of the kind that are due at now, the longest due first, and nobody else
	// gets them until they are settled or hold has passed. When it hands out none, next is when the next one is due;
	// zero: nothing waits.
	Lease(ctx context.Context, kind string, now time.Time, limit int, hold time.Duration) (rows []Row, next time.Time, err error)
	// Settle ends leases. A row whose lease has been lost in the meantime is left alone.
	Settle(ctx context.Context, settled []Settled) error
	// Stats counts what is there, over all kinds.
	Stats(ctx context.Context) (Stats, error)
	// News receives a value, without being blocked on, after messages were put in.
	News() <-chan struct{}
}

// Row is a message that was handed out for delivery.
type Row struct {
	Message
	Lease    int64     // names this lease; made by Rows
	Attempts int       // deliveries tried before this one since the row last went well
	Since    time.Time // when its oldest undelivered news was put in
}

// Outcome is how a delivery went. The set is closed.
type Outcome uint8

// The outcomes.
const (
	Delivered Outcome = iota // the row goes, unless news came meanwhile
	Retry                    // again at Settled.Due
	Park                     // not again, unless an operator or later news asks for it
)

// Settled is the end of a lease.
type Settled struct {
	Row     Row
	Outcome Outcome
	Due     time.Time // Retry: not before this
	Counted bool      // Retry: it was an attempt
	Reason  string    // Retry, Park: why, for the operator
}

// Parked is a row that gave up.
type Parked struct {
	Kind, Key string
	Reason    string
	Body      json.RawMessage
	Since     time.Time
}

// Stats is how much waits.
type Stats struct {
	Pending int       // rows that wait or are under way
	Oldest  time.Time // since when the oldest of them has waited; zero: none
	Parked  int
}

// Check reports why a message cannot be put in, or nil. Bodies must be JSON objects.
func (m Message) Check() error {
	if m.Key == "" || m.Kind == "" {
		return errors.New("a message needs a kind and a key")
	}
	if body := bytes.TrimLeft(m.Body, " \t\r\n"); len(body) > 0 && body[0] == '{' && json.Valid(body) {
		return nil
	}
	var fields map[string]json.RawMessage // for its words
	if err := json.Unmarshal(m.Body, &fields); err != nil {
		return fmt.Errorf("the body of %s %s: %w", m.Kind, m.Key, err)
	}
	if fields == nil {
		return fmt.Errorf("the body of %s %s is not a JSON object", m.Kind, m.Key)
	}
	return nil
}

// Merge lays the later object over the earlier one, field by field and not deeper. A null is a value like any other: it
// clears the field outside.
func Merge(earlier, later json.RawMessage) (json.RawMessage, error) {
	var a, b map[string]json.RawMessage
	if len(bytes.TrimSpace(earlier)) == 0 {
		return later, nil
	}
	if err := json.Unmarshal(earlier, &a); err != nil {
		return nil, fmt.Errorf("earlier body: %w", err)
	}
	if err := json.Unmarshal(later, &b); err != nil {
		return nil, fmt.Errorf("later body: %w", err)
	}
	if a == nil || b == nil {
		return nil, errors.New("a body is not a JSON object")
	}
	for k, v := range b {
		a[k] = v
	}
	return json.Marshal(a) // keys in order: the same merge gives the same bytes
}
