package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strconv"
	"time"
)

// LastAlive is when the process before us last showed life, to about ten seconds: a call that was open then has gone on
// until then at least, and not until we started. Zero: there was none.
func (s *Store) LastAlive() time.Time { return s.lastAlive }

const aliveName = "alive" // in settings: microseconds since 1970

func writeAlive(t *tx, now time.Time) error {
	if _, err := t.do(t.w.alive, aliveName, strconv.FormatInt(micros(now), 10)); err != nil {
		return fmt.Errorf("note that we live: %w", err)
	}
	return nil
}

func readAlive(ctx context.Context, db *sql.DB) (time.Time, error) {
	var text string
	err := db.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = ?`, aliveName).Scan(&text)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, fmt.Errorf("last sign of life: %w", err)
	}
	us, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, nil // it is only used to be more exact
	}
	return moment(us), nil
}
