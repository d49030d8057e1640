//go:build unix

package store

import (
	"errors"
	"os"
	"syscall"
)

// lockFile takes the file for this process until it is closed or the process ends, however it ends. It is a file of its
// own: closing any descriptor of the database itself would drop SQLite's own locks on it (POSIX fcntl).
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		err = errors.New("another process has it open")
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
