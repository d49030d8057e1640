package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/cordboard/cordboard/outbox"
)

// Outbox is the outbox's rows in this database.
type Outbox struct {
	write *writer
	read  *sql.DB
	news  chan struct{}
}

var _ outbox.Rows = (*Outbox)(nil)

// openOutbox takes back what the process before had leased: it is not there any more to settle it.
func openOutbox(ctx context.Context, write *writer, read *sql.DB) (*Outbox, error) {
	o := &Outbox{write: write, read: read, news: make(chan struct{}, 1)}
	if _, err := write.ExecContext(ctx, `UPDATE outbox SET lease = 0, held_until = 0 WHERE lease <> 0`); err != nil {
		return nil, fmt.Errorf("outbox: %w", err)
	}
	o.tell()
	return o, nil
}

// News implements outbox.Rows.
func (o *Outbox) News() <-chan struct{} { return o.news }

func (o *Outbox) tell() {
	select {
	case o.news <- struct{}{}:
	default:
	}
}

// Put puts messages in outside of any call, in a transaction of their own.
func (o *Outbox) Put(ctx context.Context, messages ...outbox.Message) error {
	for _, m := range messages {
		if err := m.Check(); err != nil {
			return err
		}
	}
	err := o.write.within(ctx, func(t *tx) error {
		for _, m := range messages {
			if err := put(t, m, time.Now()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return fmt.Errorf("put messages: %w", err)
	}
	o.tell()
	return nil
}

// Lease implements outbox.Rows. An idle worker asks the readers only, and takes none of the writer's time.
func (o *Outbox) Lease(ctx context.Context, kind string, now time.Time, limit int, hold time.Duration) ([]outbox.Row, time.Time, error) {
	next, err := o.next(ctx, kind, now)
	if err != nil || next.IsZero() || next.After(now) {
		return nil, next, err
	}
	var leased []outbox.Row
	err = o.write.within(ctx, func(t *tx) error {
		leased, err = lease(t, kind, now, limit, hold)
		return err
	})
	if err != nil {
		return nil, time.Time{}, fmt.Errorf("lease: %w", err)
	}
	return leased, now, nil // there may be more that is due
}

// next is when the next row of the kind is due: now, if one is already.
func (o *Outbox) next(ctx context.Context, kind string, now time.Time) (time.Time, error) {
	var due bool
	var at sql.NullInt64
	err := o.read.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM outbox WHERE kind = ? AND parked = 0 AND due <= ? AND held_until <= ?)`,
		kind, micros(now), micros(now)).Scan(&due)
	if err == nil && !due {
		err = o.read.QueryRowContext(ctx, `SELECT MIN(CASE WHEN held_until > due THEN held_until ELSE due END)
			FROM outbox WHERE kind = ? AND parked = 0`, kind).Scan(&at)
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("next row: %w", err)
	}
	if due {
		return now, nil
	}
	return moment(at.Int64), nil
}

func lease(t *tx, kind string, now time.Time, limit int, hold time.Duration) ([]outbox.Row, error) {
	token := rand.Int64N(1<<62) + 1
	found, err := t.kept(t.w.lease).QueryContext(t.ctx, token, micros(now.Add(hold)), kind, kind, micros(now), micros(now), limit)
	if err != nil {
		return nil, err
	}
	defer found.Close()
	var rows []outbox.Row
	var joined []int // those whose late news of a lost lease must be joined
	for found.Next() {
		r := outbox.Row{Message: outbox.Message{Kind: kind}, Lease: token}
		var body, late string
		var since int64
		if err := found.Scan(&r.Key, &body, &late, &r.Attempts, &since); err != nil {
			return nil, err
		}
		r.Since, r.Body = moment(since), json.RawMessage(body)
		if late != "" {
			if r.Body, err = outbox.Merge(r.Body, json.RawMessage(late)); err != nil {
				return nil, err
			}
			joined = append(joined, len(rows))
		}
		rows = append(rows, r)
	}
	if err := errors.Join(found.Err(), found.Close()); err != nil {
		return nil, err
	}
	for _, i := range joined {
		if _, err := t.ExecContext(t.ctx, `UPDATE outbox SET body = ?, late = NULL WHERE kind = ? AND id = ?`,
			string(rows[i].Body), kind, rows[i].Key); err != nil {
			return nil, err
		}
	}
	return rows, nil
}

// put merges a message into its row by the rules of outbox.Rows.
func put(t *tx, m outbox.Message, now time.Time) error {
	due := micros(now)
	if m.NotBefore.After(now) {
		due = micros(m.NotBefore)
	}
	made, err := t.do(t.w.putRow, m.Kind, m.Key, string(m.Body), micros(now), due)
	if err != nil || made > 0 {
		return err
	}
	return join(t, m, micros(now), due)
}

// join brings a message to the row that is there.
func join(t *tx, m outbox.Message, now, due int64) error {
	var body, late, reason string
	var lateDue, rowDue, token int64
	var parked bool
	err := t.one(t.w.waiting, m.Kind, m.Key).Scan(&body, &late, &lateDue, &rowDue, &token, &parked, &reason)
	if err != nil {
		return err
	}
	if token != 0 { // under way: wait beside it
		return joinBeside(t, m, late, now, due, lateDue)
	}
	joined, err := mergeAll(body, late, string(m.Body))
	if err != nil {
		return err
	}
	switch {
	case parked: // the news may be the cure
		reason = ""
	case reason != "": // it has failed and pauses: news does not shorten the pause
		due = rowDue
	default:
		due = min(due, rowDue)
	}
	_, err = t.ExecContext(t.ctx, `UPDATE outbox SET body = ?, late = NULL, due = ?, parked = 0,
		attempts = CASE WHEN parked = 1 THEN 0 ELSE attempts END, reason = ? WHERE kind = ? AND id = ?`,
		joined, due, reason, m.Kind, m.Key)
	return err
}

func joinBeside(t *tx, m outbox.Message, late string, now, due, lateDue int64) error {
	if late == "" {
		_, err := t.ExecContext(t.ctx, `UPDATE outbox SET late = ?, late_since = ?, late_due = ? WHERE kind = ? AND id = ?`,
			string(m.Body), now, due, m.Kind, m.Key)
		return err
	}
	joined, err := outbox.Merge(json.RawMessage(late), m.Body)
	if err != nil {
		return err
	}
	_, err = t.ExecContext(t.ctx, `UPDATE outbox SET late = ?, late_due = ? WHERE kind = ? AND id = ?`,
		string(joined), min(lateDue, due), m.Kind, m.Key)
	return err
}

func mergeAll(bodies ...string) (string, error) {
	var all json.RawMessage
	for _, b := range bodies {
		if b == "" {
			continue
		}
		var err error
		if all, err = outbox.Merge(all, json.RawMessage(b)); err != nil {
			return "", err
		}
	}
	return string(all), nil
}
