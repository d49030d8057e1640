package crm

import (
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/outbox"
)

// KindTask is the outbox kind of a call's Task.
const KindTask = "task"

// When says which calls leave a Task. The set is closed.
type When string

// The choices.
const (
	All              When = "all" // also the empty choice
	AnsweredOnly     When = "answered"
	InboundOnly      When = "inbound"
	OutboundOnly     When = "outbound"
	InboundAnswered  When = "inbound-answered"
	OutboundAnswered When = "outbound-answered"
	Missed           When = "missed" // those nobody answered
	Never            When = "never"
)

// ContextRecord is the key of call.Record.Context under which the id of the record clicked to dial stands.
const ContextRecord = "record"

// Settings say what a call leaves behind; the caller resolves tenant and user into one of these.
type Settings struct {
	When     When
	Internal bool   // calls between agents leave a Task too
	Subject  string // "{queue}" is the queue's name, "Direct", or, outbound, the number called; empty: "Call - {queue}"
	Status   string // empty: "Completed"
	// DetailsURL is where a browser shows a call: the call's id is put at "{id}", or at the end. Empty: no link.
	DetailsURL string
	Zone       *time.Location // the tenant's, for the date of the activity; nil: UTC
	// Owner is the Salesforce User id for calls without an agent that Salesforce knows; empty: the integration user.
	Owner string
	// RelateClicked relates an outbound call to the record it was clicked on, whatever object that is. A Contact or a
	// Lead is always related.
	RelateClicked bool
	// Fields are added to every Task as they are: API name to value.
	Fields map[string]any
}

// Tasks is what must stand in Salesforce of a closed record: one message, keyed by the call, or none.
func Tasks(rec call.Record, s Settings) []outbox.Message { return nil }
