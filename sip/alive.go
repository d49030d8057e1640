package sip

import (
	"context"
	"errors"
)

// Alive asks the far side, by an OPTIONS within the dialog (RFC 3261 section 11), whether it is there: any answer will do
// but those that end the dialog, 481 and 408, and none at all. Before the dialog is confirmed nobody is asked, and the
// answer is yes. What it learns of the dialog's end it does: Context is then over.
func (d *Dialog) Alive(ctx context.Context) bool {
	if !d.inPhase(up) {
		return d.Context().Err() == nil
	}
	_, err := d.ask(ctx, "OPTIONS", nil, "", nil)
	var refused *Refused
	if err == nil || errors.As(err, &refused) && refused.Err == nil {
		return d.Context().Err() == nil
	}
	return false
}
