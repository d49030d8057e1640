package store

import (
	"context"
	"database/sql"
	"errors"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
)

// Store is one open database.
type Store struct {
	write *sql.DB
	read  *sql.DB
	log   *zap.Logger
}

// ErrNotFound says that there is no such record.
var ErrNotFound = errors.New("no such record")

// Filter says which calls Recent is asked for. The zero Filter asks for the last 50 of all.
type Filter struct {
	Agent  string  // id of the last agent who had the call; empty: any
	Queue  string  // name; empty: any
	Limit  int     // 50 when zero, 500 at most
	Before call.ID // only calls begun before this one: the last id of the page before
}

var errNotBuilt = errors.New("not built yet")

// Open opens the database file, makes it when it is missing, and brings its schema up to date.
func Open(ctx context.Context, path string, log *zap.Logger) (*Store, error) { return nil, errNotBuilt }

// Close writes what the ledger still holds, for at most ten seconds, and closes the database.
func (s *Store) Close() error { return errNotBuilt }

// Ledger is where calls are written down.
func (s *Store) Ledger() *Ledger { return nil }

// Outbox is the rows that wait for delivery: an outbox.Rows.
func (s *Store) Outbox() *Outbox { return nil }

// Unfinished are the records that were open when the process ended, oldest first.
func (s *Store) Unfinished(ctx context.Context) ([]call.Record, error) { return nil, errNotBuilt }

// Recent are the calls the filter asks for, the latest first.
func (s *Store) Recent(ctx context.Context, f Filter) ([]call.Record, error) { return nil, errNotBuilt }

// Get is one call, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id call.ID) (call.Record, error) {
	return call.Record{}, ErrNotFound
}

// Secret is the value kept under the name; the first time, make makes it.
func (s *Store) Secret(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	return nil, errNotBuilt
}
