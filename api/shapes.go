package api

import (
	"cmp"
	"slices"
	"time"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
)

// The shapes of what the API says. Names of a call's fields are those of call.Record; durations are in seconds.

// User is somebody who has logged in.
type User struct {
	ID        string   `json:"id" doc:"Id for life" example:"anna"`
	Name      string   `json:"name" doc:"Name for people" example:"Anna Virtanen"`
	Extension string   `json:"extension" doc:"What colleagues dial" example:"1001"`
	Roles     []string `json:"roles" nullable:"false" enum:"agent,supervisor,admin" doc:"What the user is here"`
}

// Availability is what an agent chose, and until when.
type Availability struct {
	Type  string     `json:"type" enum:"available,busy,dnd,offwork" doc:"Which calls reach the agent"`
	Since *time.Time `json:"since,omitempty" doc:"When it began"`
	Until *time.Time `json:"until,omitempty" doc:"When it ends by itself; absent: it lasts until changed"`
}

// DisplayNumber is a number that an agent may show to those she calls.
type DisplayNumber struct {
	Number string `json:"number" doc:"E.164" example:"+358293000100"`
	Label  string `json:"label" doc:"What she calls it" example:"Customer service"`
}

// Me is the agent who asks.
type Me struct {
	User
	Availability   Availability    `json:"availability"`
	State          string          `json:"state" enum:"idle,reserved,ringing,connected,wrapup,unreachable" doc:"What the system has the agent doing"`
	Devices        int             `json:"devices" doc:"Phones and pages registered now"`
	DisplayNumbers []DisplayNumber `json:"display_numbers" nullable:"false" doc:"The first is the default"`
	Queues         []Membership    `json:"queues" nullable:"false" doc:"The queues the agent belongs to"`
}

// Colleague is an entry of the directory.
type Colleague struct {
	ID           string       `json:"id"`
	Name         string       `json:"name"`
	Extension    string       `json:"extension"`
	Availability Availability `json:"availability"`
	State        string       `json:"state" enum:"idle,reserved,ringing,connected,wrapup,unreachable"`
}

// Queue is a queue's live figures.
type Queue struct {
	Name              string `json:"name"`
	Waiting           int    `json:"waiting" doc:"Callers in the queue"`
	OldestWaitSeconds int    `json:"oldest_wait_seconds" doc:"How long the caller at the front has waited; 0: nobody waits"`
	AgentsFree        int    `json:"agents_free" doc:"Serving agents without a call"`
	AgentsServing     int    `json:"agents_serving" doc:"Members who can be reached and whose availability takes queue calls"`
}

// CallSummary is a call in a list.
type CallSummary struct {
	ID          string      `json:"id"`
	Direction   string      `json:"direction" enum:"Inbound,Outbound,Internal"`
	Customer    call.Party  `json:"customer" doc:"The party outside; for an internal call the one who was called. No number: withheld"`
	Dialled     string      `json:"dialled,omitempty" doc:"What the caller dialled"`
	Shown       string      `json:"shown,omitempty" doc:"Outbound: the display number"`
	Queue       string      `json:"queue,omitempty" doc:"The last queue the caller waited in"`
	Agent       string      `json:"agent,omitempty" doc:"Id of the last agent who had, or placed, the call"`
	Started     time.Time   `json:"started"`
	Queued      *time.Time  `json:"queued,omitempty"`
	Presented   *time.Time  `json:"presented,omitempty" doc:"First rang at an agent; outbound: at the callee"`
	Answered    *time.Time  `json:"answered,omitempty" doc:"Absent: never"`
	Away        bool        `json:"away,omitempty" doc:"The connection to the agent is lost: the customer hears music, and her phone is invited again when it registers"`
	Over        *time.Time  `json:"over,omitempty" doc:"Absent: the call goes on"`
	WaitSeconds float64     `json:"wait_seconds" doc:"How long the caller waited in the queue"`
	TalkSeconds float64     `json:"talk_seconds" doc:"How long customer and agent were joined"`
	Match       *call.Match `json:"match,omitempty" doc:"Whom the CRM knows under the customer's number"`
	Ending      *Ending     `json:"ending,omitempty" doc:"Absent: the call goes on"`
}

// Ending is how a call came to its end.
type Ending struct {
	By     string `json:"by" enum:"customer,agent,gateway"`
	Reason string `json:"reason" doc:"hungup, cancelled, no-answer, busy, declined, unreachable, not-found, forbidden, not-acceptable, taken-elsewhere, transferred, media-lost, signal-lost, overloaded, failed or gateway-stopped"`
	Code   int    `json:"code,omitempty" doc:"The SIP status received, when there was one"`
}

// Call is a call with everything that is known of it.
type Call struct {
	CallSummary
	Trunk    string            `json:"trunk,omitempty" doc:"The line it came in or went out by"`
	UserID   string            `json:"user_id,omitempty" doc:"The agent's Salesforce User id"`
	Attempts []Attempt         `json:"attempts" nullable:"false" doc:"Each time it rang somewhere"`
	Segments []Segment         `json:"segments" nullable:"false" doc:"Stretches of conversation, one an agent"`
	Sounds   []Sound           `json:"sounds" nullable:"false" doc:"How each leg sounded, once its conversation is over"`
	Routing  *Routing          `json:"routing,omitempty" doc:"Why the call went where it went, in words"`
	Context  map[string]string `json:"context,omitempty" doc:"What the page that started the call said of it"`
}

// Attempt is one time a call rang somewhere.
type Attempt struct {
	Agent       string    `json:"agent,omitempty"`
	Number      string    `json:"number,omitempty"`
	At          time.Time `json:"at"`
	TookSeconds float64   `json:"took_seconds" doc:"Ringing time"`
	Outcome     string    `json:"outcome,omitempty" doc:"Why it was not answered; absent: it was"`
	Why         string    `json:"why,omitempty" doc:"Why this agent"`
}

// Segment is a stretch of conversation with one agent.
type Segment struct {
	Agent       string     `json:"agent"`
	From        time.Time  `json:"from"`
	To          *time.Time `json:"to,omitempty" doc:"Absent: it goes on"`
	HeldSeconds float64    `json:"held_seconds"`
	Absences    []Absence  `json:"absences,omitempty" doc:"When the connection to the agent was lost and the customer heard music"`
}

// Absence is a time in which an agent's phone was away from its call.
type Absence struct {
	From time.Time  `json:"from"`
	To   *time.Time `json:"to,omitempty" doc:"Absent: she is away now"`
}

// Sound is how one leg sounded.
type Sound struct {
	Agent            string  `json:"agent,omitempty" doc:"Whose leg; absent: that of somebody outside"`
	Codec            string  `json:"codec,omitempty" doc:"That we sent"`
	Protected        bool    `json:"protected" doc:"SRTP"`
	Received         uint64  `json:"received" doc:"Packets"`
	Lost             uint64  `json:"lost" doc:"Packets missing in what was received"`
	Late             uint64  `json:"late" doc:"Packets that came too late to be heard"`
	Sent             uint64  `json:"sent" doc:"Packets"`
	FarLost          float64 `json:"far_lost" doc:"Fraction of our packets that the far side reported lost last, 0 to 1"`
	JitterSeconds    float64 `json:"jitter_seconds"`
	RoundTripSeconds float64 `json:"round_trip_seconds" doc:"0: unknown"`
	MOS              float64 `json:"mos" doc:"Estimate by the E-model of how it is to talk over the line as we hear it, 1 to 4.5; 0: nothing was heard"`
	FarMOS           float64 `json:"far_mos,omitempty" doc:"The same of what they hear of us; absent: they have not reported"`
}

// Routing tells why a call went where it went.
type Routing struct {
	Plan        string  `json:"plan,omitempty" doc:"What the dial plan says"`
	Asked       string  `json:"asked,omitempty" doc:"Which Flow, with which inputs; absent: nobody was asked"`
	Answered    string  `json:"answered,omitempty" doc:"Its advice, or why there is none"`
	Done        string  `json:"done,omitempty" doc:"Where the call went"`
	TookSeconds float64 `json:"took_seconds"`
}

func userShape(u access.User) User {
	s := User{ID: u.ID, Name: u.Name, Extension: u.Extension, Roles: make([]string, 0, len(u.Roles))}
	for _, r := range u.Roles {
		s.Roles = append(s.Roles, string(r))
	}
	if len(s.Roles) == 0 {
		s.Roles = append(s.Roles, string(access.Agent))
	}
	return s
}

func availabilityShape(a agent.Availability) Availability {
	return Availability{Type: string(a.Type), Since: moment(a.Since), Until: moment(a.Until)}
}

func queueShapes(figures []queue.Figures) []Queue {
	all := make([]Queue, 0, len(figures))
	for _, f := range figures {
		all = append(all, Queue{Name: f.Queue, Waiting: f.Waiting, OldestWaitSeconds: int(f.Oldest / time.Second),
			AgentsFree: f.Free, AgentsServing: f.Serving})
	}
	slices.SortFunc(all, func(x, y Queue) int { return cmp.Compare(x.Name, y.Name) })
	return all
}

func summaryShape(r call.Record) CallSummary {
	s := CallSummary{
		ID: string(r.ID), Direction: string(r.Direction), Customer: r.Customer, Dialled: string(r.Dialled), Shown: string(r.Shown),
		Queue: r.Queue, Agent: r.Agent, Started: r.Started.UTC(), Queued: moment(r.Queued), Presented: moment(r.Presented),
		Answered: moment(r.Answered), Away: r.Away(), Over: moment(r.Over), WaitSeconds: seconds(r.Wait()), TalkSeconds: seconds(r.Talk()),
	}
	if r.Match.Looked || r.Match.Count > 0 {
		s.Match = &r.Match
	}
	if r.Ending != (call.Ending{}) {
		s.Ending = &Ending{By: string(r.Ending.By), Reason: string(r.Ending.Reason), Code: r.Ending.Code}
	}
	return s
}

func summaryShapes(records []call.Record) []CallSummary {
	all := make([]CallSummary, 0, len(records))
	for _, r := range records {
		all = append(all, summaryShape(r))
	}
	return all
}

func callShape(r call.Record) Call {
	c := Call{CallSummary: summaryShape(r), Trunk: r.Trunk, UserID: r.UserID, Context: r.Context,
		Attempts: make([]Attempt, 0, len(r.Attempts)), Segments: make([]Segment, 0, len(r.Segments)), Sounds: make([]Sound, 0, len(r.Sounds))}
	for _, a := range r.Attempts {
		c.Attempts = append(c.Attempts, Attempt{Agent: a.Agent, Number: string(a.Number), At: a.At.UTC(),
			TookSeconds: seconds(a.Took), Outcome: string(a.Outcome), Why: a.Why})
	}
	for _, s := range r.Segments {
		segment := Segment{Agent: s.Agent, From: s.From.UTC(), To: moment(s.To), HeldSeconds: seconds(s.Held)}
		for _, a := range s.Absences {
			segment.Absences = append(segment.Absences, Absence{From: a.From.UTC(), To: moment(a.To)})
		}
		c.Segments = append(c.Segments, segment)
	}
	for _, s := range r.Sounds {
		c.Sounds = append(c.Sounds, soundShape(s))
	}
	if t := r.Routing; t != (call.Trace{}) {
		c.Routing = &Routing{Plan: t.Plan, Asked: t.Asked, Answered: t.Answered, Done: t.Done, TookSeconds: seconds(t.Took)}
	}
	return c
}

func soundShape(s call.Sound) Sound {
	return Sound{Agent: s.Agent, Codec: s.Codec, Protected: s.Protected, Received: s.Received, Lost: s.Lost, Late: s.Late, Sent: s.Sent,
		FarLost: s.FarLost, JitterSeconds: s.Jitter.Seconds(), RoundTripSeconds: s.RoundTrip.Seconds(), MOS: s.MOS, FarMOS: s.FarMOS}
}

// moment is t in UTC, or nothing when it never came.
func moment(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	t = t.UTC()
	return &t
}

// seconds rounds to milliseconds: nobody wants to read more digits.
func seconds(d time.Duration) float64 { return float64(d.Milliseconds()) / 1000 }
