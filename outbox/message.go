package outbox

import (
	"encoding/json"
	"time"
)

// Message is one piece of news for a record outside.
type Message struct {
	// Key names the record for ever (a call's Task: the call's id): one row waits per Kind and Key.
	Key string
	// Kind says which courier brings it: "task".
	Kind string
	// NotBefore delays delivery, so that news that follows soon travels along. Zero: at once.
	NotBefore time.Time
	// Body is a JSON object. A later message of the same key is merged into a waiting row, field by field.
	Body json.RawMessage
}
