package call

import "time"

// Record is what remains of a call: opened when it arrives, closed when it is over, and from then on unchanged except
// for what becomes known late. The goroutine that tells the call's story owns it; everyone else gets copies (Clone).
type Record struct {
	ID        ID        `json:"id"`
	Direction Direction `json:"direction"`
	Trunk     string    `json:"trunk,omitempty"` // the line it came in or went out by

	Customer Party  `json:"customer"` // the party outside; for an internal call, the one who was called
	Dialled  Number `json:"dialled"`  // the number the caller dialled, in E.164 where possible
	// Diverted is whom the caller dialled, when somebody sent the call on to us.
	Diverted Number `json:"diverted,omitempty"`
	Shown    Number `json:"shown,omitempty"`   // outbound: the display number
	Queue    string `json:"queue,omitempty"`   // the name of the last queue the caller waited in
	Agent    string `json:"agent,omitempty"`   // id of the last agent who had, or placed, the call
	UserID   string `json:"user_id,omitempty"` // that agent's Salesforce User id, when configured

	Started   time.Time `json:"started"`            // INVITE received
	Queued    time.Time `json:"queued,omitzero"`    // entered the queue
	Presented time.Time `json:"presented,omitzero"` // first rang at an agent (outbound: at the callee)
	Answered  time.Time `json:"answered,omitzero"`  // customer and agent joined; zero: never
	Over      time.Time `json:"over,omitzero"`

	Attempts []Attempt `json:"attempts,omitempty"`
	Segments []Segment `json:"segments,omitempty"`
	Sounds   []Sound   `json:"sounds,omitempty"` // how the legs sounded, at most the last 20
	Routing  Trace     `json:"routing,omitzero"`
	Match    Match     `json:"match,omitzero"`
	Ending   Ending    `json:"ending,omitzero"`
	// Context is what the application that started the call said of it: the record clicked, the host page.
	Context map[string]string `json:"context,omitempty"`
}

// Attempt is one time a call rang somewhere without being taken, or was taken.
type Attempt struct {
	Agent   string        `json:"agent,omitempty"`
	Number  Number        `json:"number,omitempty"`
	At      time.Time     `json:"at"`
	Took    time.Duration `json:"took"`              // ringing time, nanoseconds in JSON
	Outcome Reason        `json:"outcome,omitempty"` // empty: it was answered
	Why     string        `json:"why,omitempty"`     // why this agent, in words
}

// Segment is a stretch of conversation with one agent.
type Segment struct {
	Agent string        `json:"agent"`
	From  time.Time     `json:"from"`
	To    time.Time     `json:"to"`
	Held  time.Duration `json:"held,omitempty"`
	// Absences are when the agent's connection was lost and the customer heard music.
	Absences []Absence `json:"absences,omitempty"`
}

// Absence is a time in which an agent's phone was away from its call.
type Absence struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"` // when they talked again, or the segment ended without her
}

// Away is how long the agent's phone was away, by now.
func (s Segment) Away() (sum time.Duration) {
	for _, a := range s.Absences {
		to := a.To
		if to.IsZero() {
			to = time.Now()
		}
		sum += to.Sub(a.From)
	}
	return sum
}

// Trace tells in words why the call went where it went: what was asked, what came back, what was done.
type Trace struct {
	Plan     string        `json:"plan,omitempty"`     // what the dial plan says
	Asked    string        `json:"asked,omitempty"`    // which Flow, with which inputs; empty: nobody was asked
	Answered string        `json:"answered,omitempty"` // its advice, or why there is none
	Done     string        `json:"done,omitempty"`     // where the call went
	Took     time.Duration `json:"took,omitempty"`
}

// Match is whom the CRM knows under the customer's number.
type Match struct {
	Looked bool     `json:"looked,omitempty"` // the CRM gave an answer
	Count  int      `json:"count,omitempty"`
	People []Person `json:"people,omitempty"` // at most 10 of each object
}

// Person is one CRM record that a number belongs to.
type Person struct {
	Object      string `json:"object"` // Contact, Account or Lead
	ID          string `json:"id"`
	Name        string `json:"name"`
	AccountID   string `json:"account_id,omitempty"`
	AccountName string `json:"account_name,omitempty"`
	URL         string `json:"url,omitempty"` // where a browser shows it
}

// Only returns the person when there is exactly one.
func (m Match) Only() (Person, bool) {
	if m.Count == 1 && len(m.People) == 1 {
		return m.People[0], true
	}
	return Person{}, false
}

// Open reports whether the call still goes on.
func (r *Record) Open() bool { return r.Over.IsZero() }

// Wait is how long the caller waited in the queue: until the conversation began, or until the end without one.
func (r *Record) Wait() time.Duration {
	switch {
	case r.Queued.IsZero():
		return 0
	case !r.Answered.IsZero():
		return r.Answered.Sub(r.Queued)
	case !r.Over.IsZero():
		return r.Over.Sub(r.Queued)
	}
	return time.Since(r.Queued)
}

// Talk is how long customer and agent were joined.
func (r *Record) Talk() time.Duration {
	if r.Answered.IsZero() {
		return 0
	}
	if r.Over.IsZero() {
		return time.Since(r.Answered)
	}
	return r.Over.Sub(r.Answered)
}

// Away reports whether the agent's phone is away from the call now.
func (r *Record) Away() bool {
	n := len(r.Segments)
	if n == 0 {
		return false
	}
	absences := r.Segments[n-1].Absences
	return len(absences) > 0 && absences[len(absences)-1].To.IsZero()
}

// Clone returns a copy that shares nothing with r.
func (r *Record) Clone() Record {
	c := *r
	c.Attempts = append([]Attempt(nil), r.Attempts...)
	c.Segments = append([]Segment(nil), r.Segments...)
	for i := range c.Segments {
		c.Segments[i].Absences = append([]Absence(nil), r.Segments[i].Absences...)
	}
	c.Sounds = append([]Sound(nil), r.Sounds...)
	c.Match.People = append([]Person(nil), r.Match.People...)
	if r.Context != nil {
		c.Context = make(map[string]string, len(r.Context))
		for k, v := range r.Context {
			c.Context[k] = v
		}
	}
	return c
}
