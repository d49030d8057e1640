package store

import (
	"context"
	"time"

	"github.com/cordboard/cordboard/outbox"
)

// Outbox is the outbox's rows in this database.
type Outbox struct{}

var _ outbox.Rows = (*Outbox)(nil)

// Lease implements outbox.Rows.
func (o *Outbox) Lease(ctx context.Context, kind string, now time.Time, limit int, hold time.Duration) ([]outbox.Row, time.Time, error) {
	return nil, time.Time{}, errNotBuilt
}

// Settle implements outbox.Rows.
func (o *Outbox) Settle(ctx context.Context, settled []outbox.Settled) error { return errNotBuilt }

// Stats implements outbox.Rows.
func (o *Outbox) Stats(ctx context.Context) (outbox.Stats, error) { return outbox.Stats{}, errNotBuilt }

// News implements outbox.Rows.
func (o *Outbox) News() <-chan struct{} { return nil }

// Put puts messages in outside of any call, in a transaction of their own.
func (o *Outbox) Put(ctx context.Context, messages ...outbox.Message) error { return errNotBuilt }

// Parked lists what gave up, the oldest first.
func (o *Outbox) Parked(ctx context.Context, limit int) ([]outbox.Parked, error) {
	return nil, errNotBuilt
}

// Requeue sends a parked row on its way again; an empty key sends all of the kind. It says how many.
func (o *Outbox) Requeue(ctx context.Context, kind, key string) (int, error) { return 0, errNotBuilt }
