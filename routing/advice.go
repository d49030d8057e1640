package routing

import (
	"context"

	"github.com/cordboard/cordboard/call"
)

// Inquiry is what a consultant is told about a call before it is routed: the inputs of the smart-routing Flow.
type Inquiry struct {
	Call   call.ID
	Caller call.Number // empty when withheld
	Called call.Number
	Queue  string     // the name of the queue the dial plan leads to; empty for a direct call
	Match  call.Match // filled in by the consultant when it looked the caller up itself
}

// Advice is what a consultant answers. It is advice: the router checks every name against our own queues and agents,
// and what it does not know it does not follow. The zero Advice changes nothing.
type Advice struct {
	Action           Action
	Queue            string      // name of a queue
	UserID           string      // Salesforce User id of the agent wanted
	Number           call.Number // where to, outside
	Priority         int         // added to the queue's own; 0: unchanged
	Language         string      // BCP 47, such as "fi"
	SkipLanguageMenu bool
	Match            call.Match // whom the consultant found under the caller's number
}

// Action is the Flow's output of that name.
type Action string

// The actions. Anything else counts as Continue, with a word in the trace.
const (
	Continue Action = "continue" // as configured; also the empty answer
	Queue    Action = "queue"
	Agent    Action = "agent"
	External Action = "external"
)

// Consultant is asked while the caller hears ringing. It returns within ctx's deadline or is not waited for.
type Consultant interface {
	Advise(ctx context.Context, flow string, q Inquiry) (Advice, error)
}
