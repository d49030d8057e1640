package store

import (
	"context"
	"database/sql"
	"encoding/base64"
	"errors"
	"fmt"
)

// Secret is the value kept under the name, such as the key that signs sessions; the first time, make makes it.
func (s *Store) Secret(ctx context.Context, name string, make func() []byte) ([]byte, error) {
	var value []byte
	name = "secret:" + name // the table holds other things too
	err := s.write.within(ctx, func(t *tx) error {
		var text string
		err := t.QueryRowContext(ctx, `SELECT value FROM settings WHERE name = ?`, name).Scan(&text)
		if errors.Is(err, sql.ErrNoRows) {
			value = make()
			_, err = t.ExecContext(ctx, `INSERT INTO settings (name, value) VALUES (?, ?)`,
				name, base64.StdEncoding.EncodeToString(value))
			return err
		}
		if err != nil {
			return err
		}
		value, err = base64.StdEncoding.DecodeString(text)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("secret %q: %w", name, err)
	}
	return value, nil
}
