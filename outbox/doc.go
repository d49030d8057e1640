// Package outbox brings what happened to where it must be known, at least once, in order per record, and without ever
// being waited for by a call. Each row has a key that makes a repeat harmless; later news of the same key joins the
// row that still waits.
package outbox
