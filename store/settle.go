package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/cordboard/cordboard/outbox"
)

// Settle implements outbox.Rows.
func (o *Outbox) Settle(ctx context.Context, settled []outbox.Settled) error {
	var news bool // that waited beside a row, and may be due now
	err := o.write.within(ctx, func(t *tx) error {
		news = false
		for _, s := range settled {
			more, err := settle(t, s)
			if err != nil {
				return fmt.Errorf("settle %s %s: %w", s.Row.Kind, s.Row.Key, err)
			}
			news = news || more
		}
		return nil
	})
	if err == nil && news {
		o.tell()
	}
	return err
}

// settle reports whether news had come for the row while it was leased.
func settle(t *tx, s outbox.Settled) (news bool, err error) {
	if s.Outcome == outbox.Delivered { // nearly always, and nearly always there is no more to do
		gone, err := t.do(t.w.deliver, s.Row.Kind, s.Row.Key, s.Row.Lease)
		if err != nil || gone > 0 {
			return false, err
		}
	}
	var body, late string
	var lateSince, lateDue int64
	err = t.one(t.w.held, s.Row.Kind, s.Row.Key, s.Row.Lease).Scan(&body, &late, &lateSince, &lateDue)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil // the lease was lost: whoever has it now settles it
	}
	if err != nil {
		return false, err
	}
	news = late != ""
	if s.Outcome == outbox.Delivered { // what was delivered is done; what came meanwhile is the row now
		return news, release(t, s, `body = ?, since = ?, due = ?, attempts = 0, reason = ''`, late, lateSince, lateDue)
	}
	joined, err := mergeAll(body, late)
	if err != nil {
		return news, err
	}
	switch {
	case s.Outcome == outbox.Park && !news:
		return news, release(t, s, `parked = 1, attempts = attempts + 1, reason = ?`, s.Reason)
	case s.Outcome == outbox.Park: // the news may be the cure
		return news, release(t, s, `body = ?, due = ?, attempts = 0, reason = ''`, joined, lateDue)
	}
	return news, release(t, s, `body = ?, due = ?, attempts = attempts + ?, reason = ?`,
		joined, micros(s.Due), counted(s), s.Reason)
}

func counted(s outbox.Settled) int {
	if s.Counted {
		return 1
	}
	return 0
}

func release(t *tx, s outbox.Settled, set string, args ...any) error {
	_, err := t.ExecContext(t.ctx, `UPDATE outbox SET lease = 0, held_until = 0, late = NULL, `+set+` WHERE kind = ? AND id = ?`,
		append(args, s.Row.Kind, s.Row.Key)...)
	return err
}

// Stats implements outbox.Rows.
func (o *Outbox) Stats(ctx context.Context) (outbox.Stats, error) {
	var stats outbox.Stats
	var oldest sql.NullInt64
	err := o.read.QueryRowContext(ctx, `SELECT (SELECT COUNT(*) FROM outbox WHERE parked = 0),
		(SELECT MIN(since) FROM outbox WHERE parked = 0), (SELECT COUNT(*) FROM outbox WHERE parked = 1)`).
		Scan(&stats.Pending, &oldest, &stats.Parked)
	if err != nil {
		return outbox.Stats{}, fmt.Errorf("outbox stats: %w", err)
	}
	stats.Oldest = moment(oldest.Int64)
	return stats, nil
}

// Parked lists what gave up, the oldest first, at most limit.
func (o *Outbox) Parked(ctx context.Context, limit int) ([]outbox.Parked, error) {
	rows, err := o.read.QueryContext(ctx, `SELECT kind, id, reason, body, since FROM outbox WHERE parked = 1
		ORDER BY since LIMIT ?`, limit)
	if err != nil {
		return nil, fmt.Errorf("parked messages: %w", err)
	}
	defer rows.Close()
	parked := []outbox.Parked{}
	for rows.Next() {
		var p outbox.Parked
		var body string
		var since int64
		if err := rows.Scan(&p.Kind, &p.Key, &p.Reason, &body, &since); err != nil {
			return nil, fmt.Errorf("parked messages: %w", err)
		}
		p.Body, p.Since = json.RawMessage(body), moment(since)
		parked = append(parked, p)
	}
	return parked, rows.Err()
}

// Requeue sends a parked row on its way again; an empty key sends all of the kind. It says how many.
func (o *Outbox) Requeue(ctx context.Context, kind, key string) (int, error) {
	res, err := o.write.ExecContext(ctx, `UPDATE outbox SET parked = 0, attempts = 0, due = 0, reason = ''
		WHERE parked = 1 AND kind = ? AND (? = '' OR id = ?)`, kind, key, key)
	if err != nil {
		return 0, fmt.Errorf("requeue %s %s: %w", kind, key, err)
	}
	n, err := res.RowsAffected()
	o.tell()
	return int(n), err
}
