//go:build !unix

package store

import "os"

// lockFile only opens the file: here nothing keeps a second process out.
func lockFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
}
