package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
)

// ErrNotFound says that there is no such record.
var ErrNotFound = errors.New("no such record")

// Filter says which calls Recent is asked for. The zero Filter asks for the last 50 of all.
type Filter struct {
	Agent  string  // id of an agent who had a part in the call: placed it, took it, was called or let it ring; empty: any
	Queue  string  // name; empty: any
	Limit  int     // 50 when zero, 500 at most
	Before call.ID // only calls begun before this one: the last id of the page before
}

const (
	usualPage   = 50
	longestPage = 500
)

// Unfinished are the records that are open on disk, oldest first: asked at start-up, those of the process before.
func (s *Store) Unfinished(ctx context.Context) ([]call.Record, error) {
	return s.records(ctx, `SELECT record FROM calls WHERE ended = 0 ORDER BY id`)
}

// Recent are the calls the filter asks for, those that go on included, the latest first.
func (s *Store) Recent(ctx context.Context, f Filter) ([]call.Record, error) {
	var where []string
	var args []any
	only := func(condition string, value any) {
		where, args = append(where, condition), append(args, value)
	}
	if f.Agent != "" {
		only("id IN (SELECT id FROM parts WHERE agent = ?)", f.Agent)
	}
	if f.Queue != "" {
		only("queue = ?", f.Queue)
	}
	if f.Before != "" {
		only("id < ?", string(f.Before))
	}
	query := "SELECT record FROM calls"
	if len(where) > 0 {
		query += " WHERE " + strings.Join(where, " AND ")
	}
	limit := usualPage
	if f.Limit > 0 {
		limit = min(f.Limit, longestPage)
	}
	return s.records(ctx, query+" ORDER BY id DESC LIMIT ?", append(args, limit)...)
}

// Get is one call, or ErrNotFound.
func (s *Store) Get(ctx context.Context, id call.ID) (call.Record, error) {
	found, err := s.records(ctx, `SELECT record FROM calls WHERE id = ?`, string(id))
	if err != nil {
		return call.Record{}, err
	}
	if len(found) == 0 {
		return call.Record{}, fmt.Errorf("call %s: %w", id, ErrNotFound)
	}
	return found[0], nil
}

// Forget deletes calls that ended before the moment and says how many: what the law or the tenant does not let us keep.
func (s *Store) Forget(ctx context.Context, before time.Time) (int, error) {
	res, err := s.write.ExecContext(ctx, `DELETE FROM calls WHERE ended > 0 AND ended < ?`, micros(before))
	if err != nil {
		return 0, fmt.Errorf("forget calls: %w", err)
	}
	if _, err := s.write.ExecContext(ctx, `DELETE FROM parts WHERE id NOT IN (SELECT id FROM calls)`); err != nil {
		return 0, fmt.Errorf("forget who had a part in calls: %w", err)
	}
	n, err := res.RowsAffected()
	return int(n), err
}

func (s *Store) records(ctx context.Context, query string, args ...any) ([]call.Record, error) {
	rows, err := s.read.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	defer rows.Close()
	records := []call.Record{}
	for rows.Next() {
		var body []byte
		var rec call.Record
		if err := rows.Scan(&body); err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		if err := json.Unmarshal(body, &rec); err != nil {
			return nil, fmt.Errorf("read calls: %w", err)
		}
		records = append(records, rec)
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	return records, nil
}

// writeCall writes the record over whatever stood there. The agents in known stand on disk already.
func writeCall(t *tx, rec *call.Record, body string, known []string) error {
	if _, err := t.do(t.w.putCall, string(rec.ID), string(rec.Direction), rec.Agent, rec.Queue, string(rec.Customer.Number),
		micros(rec.Started), micros(rec.Over), string(rec.Ending.Reason), body); err != nil {
		return err
	}
	for _, agent := range agentsOf(rec) {
		if slices.Contains(known, agent) {
			continue
		}
		if _, err := t.do(t.w.putPart, agent, string(rec.ID)); err != nil {
			return err
		}
	}
	return nil
}

// agentsOf are those who had a part in the call, each once.
func agentsOf(rec *call.Record) []string {
	all := []string{rec.Agent, rec.Customer.Agent}
	for _, a := range rec.Attempts {
		all = append(all, a.Agent)
	}
	for _, s := range rec.Segments {
		all = append(all, s.Agent)
	}
	slices.Sort(all)
	return slices.DeleteFunc(slices.Compact(all), func(id string) bool { return id == "" })
}
