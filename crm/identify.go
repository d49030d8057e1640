package crm

import (
	"context"

	"github.com/cordboard/cordboard/call"
)

// Identifier knows whose number it is. A withheld or impossible number is answered at once with a Match that was looked
// up and is empty; an error means that the CRM did not answer.
type Identifier interface {
	Identify(ctx context.Context, number call.Number) (call.Match, error)
}
