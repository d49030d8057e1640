package agent

import "time"

// Type is one of the four kinds every availability belongs to, whatever the customer names it.
type Type string

// The types.
const (
	Available Type = "available"
	Busy      Type = "busy"
	DND       Type = "dnd"
	OffWork   Type = "offwork"
)

// Kind is what sort of call wants an agent.
type Kind uint8

// The kinds.
const (
	QueueCall Kind = iota
	DirectCall
	OutboundCall
)

// takes is the availability table: which calls reach an agent of each type. A direct call that may not come in follows
// the user's forwarding.
func (t Type) takes() (row [3]bool, known bool) {
	switch t {
	//                     queue  direct outbound
	case Available:
		return [3]bool{true, true, true}, true
	case Busy:
		return [3]bool{true, true, true}, true
	case DND:
		return [3]bool{false, false, true}, true
	case OffWork:
		return [3]bool{false, true, true}, true
	}
	return [3]bool{}, false
}

// Takes reports whether an agent of this availability gets calls of that kind. An unknown type takes none.
func (t Type) Takes(k Kind) bool { row, _ := t.takes(); return row[k] }

// Known reports whether t is one of the four types.
func (t Type) Known() bool { _, known := t.takes(); return known }

// Availability is what a person chose, and until when.
type Availability struct {
	Type  Type
	Since time.Time
	Until time.Time // zero: until changed
}
