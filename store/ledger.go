package store

import (
	"context"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
)

// Ledger writes calls down without ever being waited for: its methods put the news in a queue in memory, and one
// goroutine writes all that has gathered in one transaction.
type Ledger struct{}

// Open notes that a call has begun. It never blocks.
func (l *Ledger) Open(rec call.Record) {}

// Close notes that a call is over, and in the same transaction puts in what must be known outside. It never blocks.
func (l *Ledger) Close(rec call.Record, messages []outbox.Message) {}

// Update notes what became known of a call after Open or after Close, with what must be known outside. It never blocks.
func (l *Ledger) Update(rec call.Record, messages []outbox.Message) {}

// Flush returns when everything noted before it is on disk, or with ctx's error.
func (l *Ledger) Flush(ctx context.Context) error { return errNotBuilt }
