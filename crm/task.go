package crm

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"
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
	Never            When = "none"
)

// ContextRecord is the key of call.Record.Context under which the id of the record clicked to dial stands.
const ContextRecord = "record"

// Settings say what a call leaves behind; the caller resolves tenant and user into one of these.
type Settings struct {
	When     When
	Internal bool // calls between agents leave a Task too
	// Subject may hold {queue} (the queue's name, "Direct", or outbound the number called), {direction}, {number} and
	// {result}. Empty: "Call - {queue}".
	Subject string
	Status  string // empty: "Completed"
	// DetailsURL is where a browser shows a call: the call's id is put at "{id}", or at the end. Empty: no link.
	DetailsURL string
	Zone       *time.Location // the tenant's, for the date of the activity; nil: UTC
	// Owner is the Salesforce User id for calls without an agent that Salesforce knows; empty: the integration user.
	Owner string
	// RelateClicked relates an outbound call to the record it was clicked on, whatever object that is. A Contact or a
	// Lead is always related.
	RelateClicked bool
	// Fields are added to every Task as they are: API name to value. They win over ours.
	Fields map[string]any
}

// Tasks is what must stand in Salesforce of a closed record: one message, keyed by the call, or none. A record that has
// not ended leaves nothing. What a field cannot hold is cut to its length.
func Tasks(rec call.Record, s Settings) []outbox.Message {
	if rec.Open() || rec.ID == "" || !s.wants(rec) {
		return nil
	}
	fields := make(map[string]any, 24+len(s.Fields))
	for _, add := range []func(map[string]any, call.Record, Settings){activity, details, relations} {
		add(fields, rec, s)
	}
	for name, value := range s.Fields {
		fields[name] = value
	}
	body, err := json.Marshal(fields)
	if err != nil { // only a value of s.Fields can do that; the call must leave its trace all the same
		s.Fields = nil
		return Tasks(rec, s)
	}
	return []outbox.Message{{Key: string(rec.ID), Kind: KindTask, Body: body}}
}

func (s Settings) wants(rec call.Record) bool {
	answered := !rec.Answered.IsZero()
	inbound, outbound := rec.Direction == call.Inbound, rec.Direction == call.Outbound
	if rec.Direction == call.Internal && !s.Internal {
		return false
	}
	switch s.When {
	case All, "":
		return true
	case AnsweredOnly:
		return answered
	case InboundOnly:
		return inbound
	case OutboundOnly:
		return outbound
	case InboundAnswered:
		return inbound && answered
	case OutboundAnswered:
		return outbound && answered
	case Missed:
		return !answered
	case Never:
		return false
	}
	return true // an unknown choice must not lose calls
}

// Lengths of Salesforce fields, in characters.
const (
	longestSubject = 255 // Task.Subject, CallDisposition and our own text fields
	longestPhone   = 40
)

// activity fills in the standard fields of Task.
func activity(f map[string]any, rec call.Record, s Settings) {
	f["Subject"] = cut(subject(rec, s), longestSubject)
	f["Status"] = "Completed"
	if s.Status != "" {
		f["Status"] = s.Status
	}
	f["TaskSubtype"] = "Call" // cannot be changed later: the courier leaves it out where the Task is there already
	f["CallType"] = string(rec.Direction)
	f["CallDurationInSeconds"] = int(rec.Talk().Round(time.Second) / time.Second)
	f["CallDisposition"] = Disposition(rec)
	f["CallObject"] = string(rec.ID)
	zone := s.Zone
	if zone == nil {
		zone = time.UTC
	}
	f["ActivityDate"] = rec.Started.In(zone).Format(time.DateOnly)
}

// details fills in the call details of the package.
func details(f map[string]any, rec call.Record, s Settings) {
	f["Cordboard_Call_Date__c"] = instant(rec.Started)
	f["Cordboard_Call_End_Time__c"] = instant(rec.Over)
	f["Cordboard_Call_Result__c"] = Result(rec)
	text := func(name, value string, most int) {
		if value != "" {
			f[name] = cut(value, most)
		}
	}
	text("Cordboard_Phone_Number__c", string(rec.Customer.Number), longestPhone)
	switch rec.Direction {
	case call.Inbound:
		text("Cordboard_Phone_To__c", string(rec.Dialled), longestPhone)
	case call.Outbound:
		text("Cordboard_Phone_From__c", string(rec.Shown), longestPhone)
	case call.Internal:
	}
	text("Cordboard_Queue__c", rec.Queue, longestSubject)
	if !rec.Queued.IsZero() {
		wait := max(rec.Wait(), 0).Round(time.Second)
		f["Cordboard_Queue_Wait__c"] = spoken(wait)
		f["Cordboard_Queue_Wait_Seconds__c"] = int(wait / time.Second)
	}
	if s.DetailsURL != "" {
		f["Cordboard_Call_Details_URL__c"] = link(s.DetailsURL, rec.ID)
	}
}

// Result is the Call Result of the record: "Answered" or "Not Answered".
func Result(rec call.Record) string {
	if rec.Answered.IsZero() {
		return "Not Answered"
	}
	return "Answered"
}

// Disposition says in words how the call ended, for people who read the activity.
func Disposition(rec call.Record) string {
	if !rec.Answered.IsZero() {
		switch rec.Ending.Reason {
		case call.Transferred:
			return "Answered, transferred"
		case call.MediaLost, call.SignalLost, call.Stopped, call.Failed:
			return "Answered, connection lost"
		case call.Hungup, call.Cancelled, call.NoAnswer, call.Busy, call.Declined, call.Unreachable, call.NotFound,
			call.Forbidden, call.NotAcceptable, call.TakenElsewhere, call.Overloaded:
			return "Answered"
		}
		return "Answered"
	}
	switch rec.Ending.Reason {
	case call.Hungup, call.Cancelled:
		if !rec.Queued.IsZero() && rec.Ending.By == call.ByCustomer {
			return "Abandoned in queue"
		}
		return "Cancelled"
	case call.NoAnswer:
		return "No answer"
	case call.Busy:
		return "Busy"
	case call.Declined:
		return "Declined"
	case call.Unreachable, call.MediaLost, call.SignalLost:
		return "Unreachable"
	case call.NotFound:
		return "Unknown number"
	case call.Forbidden, call.NotAcceptable:
		return "Refused"
	case call.TakenElsewhere, call.Transferred:
		return "Transferred"
	case call.Overloaded:
		return "Lines busy"
	case call.Failed, call.Stopped:
		return "Failed"
	}
	return "Not Answered"
}

func subject(rec call.Record, s Settings) string {
	about := rec.Queue
	switch {
	case about != "":
	case rec.Direction == call.Outbound && !rec.Customer.Number.Withheld():
		about = string(rec.Customer.Number)
	default:
		about = "Direct"
	}
	number := string(rec.Customer.Number)
	if number == "" {
		number = "withheld"
	}
	pattern := s.Subject
	if pattern == "" {
		pattern = "Call - {queue}"
	}
	return strings.TrimSpace(filled(pattern, func(name string) (string, bool) {
		switch name {
		case "queue":
			return about, true
		case "direction":
			return string(rec.Direction), true
		case "number":
			return number, true
		case "result":
			return Result(rec), true
		}
		return "", false
	}))
}

// filled puts values where the pattern names them in braces; what nobody knows stays, and values are taken as they are.
func filled(pattern string, value func(name string) (string, bool)) string {
	var b strings.Builder
	for {
		before, rest, open := strings.Cut(pattern, "{")
		b.WriteString(before)
		if !open {
			return b.String()
		}
		name, after, shut := strings.Cut(rest, "}")
		if v, known := value(name); shut && known {
			b.WriteString(v)
			pattern = after
			continue
		}
		b.WriteByte('{')
		pattern = rest
	}
}

func link(base string, id call.ID) string {
	escaped := url.PathEscape(string(id))
	if strings.Contains(base, "{id}") {
		return strings.ReplaceAll(base, "{id}", escaped)
	}
	return strings.TrimSuffix(base, "/") + "/" + escaped
}

// instant writes a moment as the REST API wants it: ISO 8601, UTC, milliseconds.
func instant(t time.Time) string { return t.UTC().Format("2006-01-02T15:04:05.000Z") }

// spoken is a wait as people say it: "1 min 5 s", "2 h 0 min 7 s".
func spoken(d time.Duration) string {
	h, m, s := int(d/time.Hour), int(d/time.Minute)%60, int(d/time.Second)%60
	switch {
	case h > 0:
		return fmt.Sprintf("%d h %d min %d s", h, m, s)
	case m > 0:
		return fmt.Sprintf("%d min %d s", m, s)
	}
	return fmt.Sprintf("%d s", s)
}

// cut shortens text to that many characters.
func cut(s string, most int) string {
	if len(s) <= most { // bytes, and so characters
		return s
	}
	if r := []rune(s); len(r) > most {
		return string(r[:most-1]) + "…"
	}
	return s
}
