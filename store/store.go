package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/pressly/goose/v3"
	"go.uber.org/zap"
	_ "modernc.org/sqlite" // the driver "sqlite"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Store is one open database. All methods are safe for concurrent use.
//
// Everything is written over one connection, so that SQLite never has two writers to choose from (SQLITE_BUSY), and
// read over a few others, which in WAL mode neither wait for the writer nor stop it.
type Store struct {
	write  *writer
	read   *sql.DB
	lock   *os.File
	ledger *Ledger
	outbox *Outbox
	log    *zap.Logger

	lastAlive time.Time // of the process before

	once   sync.Once
	closed error // of the one Close
}

const (
	readers     = 4
	lastWriting = 10 * time.Second // what Close gives the ledger to write the rest
)

// Open opens the database file, makes it when it is missing (readable by us alone), and brings its schema up to date.
// A database that another process has open is refused: each of the two would take the other's calls for its own
// unfinished ones.
func Open(ctx context.Context, path string, log *zap.Logger) (_ *Store, err error) {
	s := &Store{log: log}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("store %s: %w", path, err), s.release())
		}
	}()
	if path, err = filepath.Abs(path); err != nil {
		return nil, err
	}
	if err = os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, err
	}
	if s.lock, err = lockFile(path + ".lock"); err != nil {
		return nil, err
	}
	if err = touch(path); err != nil {
		return nil, err
	}
	if s.write, err = openWriter(ctx, path); err != nil {
		return nil, err
	}
	if s.read, err = sql.Open("sqlite", source(path, "_pragma=query_only(1)")); err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(readers)
	s.read.SetMaxIdleConns(readers)
	if s.outbox, err = openOutbox(ctx, s.write, s.read); err != nil {
		return nil, err
	}
	if s.lastAlive, err = readAlive(ctx, s.read); err != nil {
		return nil, err
	}
	s.ledger = openLedger(ctx, s.write, s.outbox, log)
	return s, nil
}

// source is the file as the driver wants it. synchronous is FULL, not the NORMAL that WAL allows: with NORMAL a power
// cut takes the last transactions with it, and a call whose Task was never written is what we exist to prevent. It
// costs one fsync a transaction, and the ledger puts all calls that end meanwhile into one.
func source(path, more string) string {
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + more +
		"&_pragma=busy_timeout(10000)" + // ms; checkpoints and other programs only, there is one writer
		"&_pragma=journal_mode(WAL)" +
		"&_pragma=synchronous(FULL)" +
		"&_pragma=foreign_keys(1)"
}

// touch makes the file before SQLite does, because SQLite would let others read it; WAL and shm files copy its mode.
func touch(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func migrate(ctx context.Context, db *sql.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	provider, err := goose.NewProvider(goose.DialectSQLite3, db, dir, goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return fmt.Errorf("migrations: %w", err)
	}
	at, err := provider.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("schema version: %w", err)
	}
	var known int64
	for _, m := range provider.ListSources() {
		known = max(known, m.Version)
	}
	if at > known {
		return fmt.Errorf("it was written by a newer version (schema %d, we know %d): install that version, or restore a backup", at, known)
	}
	if _, err := provider.Up(ctx); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	return nil
}

// Close writes what the ledger still holds, for at most ten seconds, and closes the database. Closing twice is harmless.
func (s *Store) Close() error {
	s.once.Do(func() { s.closed = errors.Join(s.ledger.close(lastWriting), s.release()) })
	return s.closed
}

func (s *Store) release() error {
	var errs []error
	if s.read != nil {
		errs = append(errs, s.read.Close())
	}
	if s.write != nil {
		errs = append(errs, s.write.Close())
	}
	if s.lock != nil {
		errs = append(errs, s.lock.Close())
	}
	return errors.Join(errs...)
}

// Ledger is where calls are written down.
func (s *Store) Ledger() *Ledger { return s.ledger }

// Outbox is the rows that wait for delivery: an outbox.Rows.
func (s *Store) Outbox() *Outbox { return s.outbox }

// micros and moment write times as they stand in the database: microseconds since 1970 UTC, 0 for never.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func moment(us int64) time.Time {
	if us == 0 {
		return time.Time{}
	}
	return time.UnixMicro(us)
}
