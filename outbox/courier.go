package outbox

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Courier brings messages of one kind to where they must be known.
type Courier interface {
	// Deliver brings all messages, at most Settings.Batch of them and never two of one key, and says of each how it
	// went: errs[i] belongs to messages[i]. Nil is delivered; Permanent, Later and Limited say what to do with the
	// rest; any other error is tried again, for ever, with growing pauses. It returns by ctx's deadline.
	Deliver(ctx context.Context, messages []Message) (errs []error)
}

// Permanent marks an error that no repetition will cure. The row is parked, where an operator sees its reason and may
// send it again; it blocks nobody.
func Permanent(err error) error { return &permanent{err} }

// Later marks an error that will be over in a known time: a spent quota, a maintenance window. It is not counted as an
// attempt.
func Later(err error, after time.Duration) error { return &later{err, after} }

// Limited marks an error that may be cured by repetition but probably is not: the row is parked after that many attempts.
func Limited(err error, attempts int) error { return &limited{err, attempts} }

type permanent struct{ err error }

func (e *permanent) Error() string { return e.err.Error() }
func (e *permanent) Unwrap() error { return e.err }

type later struct {
	err   error
	after time.Duration
}

func (e *later) Error() string { return fmt.Sprintf("%v (again in %v)", e.err, e.after) }
func (e *later) Unwrap() error { return e.err }

type limited struct {
	err      error
	attempts int
}

func (e *limited) Error() string { return e.err.Error() }
func (e *limited) Unwrap() error { return e.err }

// IsPermanent reports whether err was marked by Permanent.
func IsPermanent(err error) bool {
	var p *permanent
	return errors.As(err, &p)
}

// After is the pause that Later asked for.
func After(err error) (time.Duration, bool) {
	var l *later
	if errors.As(err, &l) {
		return l.after, true
	}
	return 0, false
}

// AttemptsAllowed is how many attempts Limited gave; 0: as many as it takes.
func AttemptsAllowed(err error) int {
	var l *limited
	if errors.As(err, &l) {
		return l.attempts
	}
	return 0
}
