package call

import "strings"

// Direction says from which side a call was begun.
type Direction string

// The directions, as Salesforce's Task.CallType spells them.
const (
	Inbound  Direction = "Inbound"
	Outbound Direction = "Outbound"
	Internal Direction = "Internal"
)

// Number is a telephone number: E.164 with its plus where we know that, otherwise as it was dialled or shown to us.
// Empty means withheld. It prints masked, so that a log line never carries a whole number; convert it to string where
// the digits themselves are wanted.
type Number string

// String shows the first digits and the last two: "+35840•••••01".
func (n Number) String() string {
	const head, tail = 6, 2
	if len(n) <= head+tail {
		return string(n) // an extension or a short code tells nobody's number
	}
	return string(n[:head]) + strings.Repeat("•", len(n)-head-tail) + string(n[len(n)-tail:])
}

// Withheld reports whether the party did not show a number.
func (n Number) Withheld() bool { return n == "" }

// Party is one side of a call, as the other side would name it.
type Party struct {
	Name   string `json:"name,omitempty"`   // display name; empty when unknown
	Number Number `json:"number,omitempty"` // empty when withheld
	Agent  string `json:"agent,omitempty"`  // the agent's id when it is one of us; empty for the world outside
}

// Outside reports whether the party is a customer, a carrier's number, anyone but an agent.
func (p Party) Outside() bool { return p.Agent == "" }
