package call

import "time"

// Moment is what has just happened in a call's story. The set is closed.
type Moment string

// The moments, in the order a call may see them.
const (
	Began     Moment = "began"     // the call arrived or was placed
	Decided   Moment = "decided"   // routing said where it goes
	Queued    Moment = "queued"    // it entered a queue
	Presented Moment = "presented" // it rings at Event.Agent
	Missed    Moment = "missed"    // Event.Agent did not take it
	Answered  Moment = "answered"  // customer and Event.Agent are joined
	Held      Moment = "held"      // Event.Agent put the customer on hold
	Resumed   Moment = "resumed"   //
	Away      Moment = "away"      // the connection to Event.Agent was lost in talk; the customer hears music
	Returned  Moment = "returned"  // Event.Agent is back, and they talk again
	Matched   Moment = "matched"   // the CRM said who the customer is
	Over      Moment = "over"      // the record is closed
)

// Event is one moment of one call, told to those who watch: the screen pop, the live figures, the metrics.
type Event struct {
	At     time.Time `json:"at"`
	Moment Moment    `json:"moment"`
	Agent  string    `json:"agent,omitempty"` // the agent concerned, when one is
	Record Record    `json:"record"`          // as it stands now; a copy
}
