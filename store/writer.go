package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// writer is the connection that writes, with the statements of every call and every delivery. They are prepared once,
// because SQLite takes longer to understand them than to carry them out.
type writer struct {
	*sql.DB
	alive, putCall, putPart               *sql.Stmt
	putRow, waiting, lease, held, deliver *sql.Stmt
}

// openWriter opens the file, brings its schema up to date and prepares the statements.
func openWriter(ctx context.Context, path string) (_ *writer, err error) {
	w := new(writer)
	if w.DB, err = sql.Open("sqlite", source(path, "_txlock=immediate")); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, w.Close())
		}
	}()
	w.SetMaxOpenConns(1)
	if err := migrate(ctx, w.DB); err != nil {
		return nil, err
	}
	return w, w.prepare(ctx)
}

func (w *writer) prepare(ctx context.Context) (err error) {
	for _, s := range []struct {
		into **sql.Stmt
		text string
	}{
		{&w.alive, `INSERT INTO settings (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value`},
		{&w.putCall, `INSERT INTO calls (id, direction, agent, queue, customer, started, ended, reason, record)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)
			ON CONFLICT (id) DO UPDATE SET direction = excluded.direction, agent = excluded.agent, queue = excluded.queue,
				customer = excluded.customer, started = excluded.started, ended = excluded.ended, reason = excluded.reason,
				record = excluded.record`},
		{&w.putPart, `INSERT INTO parts (agent, id) VALUES (?, ?) ON CONFLICT DO NOTHING`},
		{&w.putRow, `INSERT INTO outbox (kind, id, body, since, due) VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`},
		{&w.waiting, `SELECT body, COALESCE(late, ''), late_due, due, lease, parked, reason FROM outbox WHERE kind = ? AND id = ?`},
		{&w.lease, `UPDATE outbox SET lease = ?, held_until = ? WHERE kind = ? AND id IN
				(SELECT id FROM outbox WHERE kind = ? AND parked = 0 AND due <= ? AND held_until <= ? ORDER BY due LIMIT ?)
			RETURNING id, body, COALESCE(late, ''), attempts, since`},
		{&w.held, `SELECT body, COALESCE(late, ''), late_since, late_due FROM outbox WHERE kind = ? AND id = ? AND lease = ?`},
		{&w.deliver, `DELETE FROM outbox WHERE kind = ? AND id = ? AND lease = ? AND late IS NULL`},
	} {
		if *s.into, err = w.PrepareContext(ctx, s.text); err != nil {
			return fmt.Errorf("prepare: %w", err)
		}
	}
	return nil
}

// tx is one short transaction. Nothing inside may wait for anything but the disk.
type tx struct {
	*sql.Tx
	w    *writer
	ctx  context.Context         // never ends: what has begun waits for nobody, and to watch for an end costs a goroutine a statement
	used map[*sql.Stmt]*sql.Stmt // prepared statements as those of this transaction
}

// within runs one transaction on the writer. ctx bounds the wait for its turn.
func (w *writer) within(ctx context.Context, work func(t *tx) error) error {
	begun, err := w.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	t := &tx{Tx: begun, w: w, ctx: context.WithoutCancel(ctx), used: make(map[*sql.Stmt]*sql.Stmt, 4)}
	if err := work(t); err != nil {
		return errors.Join(err, ignoreDone(begun.Rollback()))
	}
	return begun.Commit()
}

// kept is a prepared statement as one of this transaction.
func (t *tx) kept(s *sql.Stmt) *sql.Stmt {
	mine := t.used[s]
	if mine == nil {
		mine = t.StmtContext(t.ctx, s)
		t.used[s] = mine
	}
	return mine
}

// do carries out a prepared statement and says how many rows it changed.
func (t *tx) do(s *sql.Stmt, args ...any) (int64, error) {
	result, err := t.kept(s).ExecContext(t.ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// one reads the row that a prepared statement finds.
func (t *tx) one(s *sql.Stmt, args ...any) *sql.Row { return t.kept(s).QueryRowContext(t.ctx, args...) }

func ignoreDone(err error) error {
	if errors.Is(err, sql.ErrTxDone) {
		return nil
	}
	return err
}
