package crm

import (
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
)

const (
	anna    = "005Dn000000annaIAA"
	contact = "003Dn00000000AAIAX"
	account = "001Dn00000000AAIAX"
	lead    = "00QDn00000000AAIAX"
	someday = "2026-11-22T21:59:00.000Z"
)

var began = time.Date(2026, 11, 22, 21, 59, 0, 0, time.UTC)

// inbound is a call that waited 65 s in a queue and was talked about for two minutes.
func inbound() call.Record {
	return call.Record{ID: "01hx", Direction: call.Inbound, Customer: call.Party{Number: "+358400835862"}, Dialled: "+358293000100",
		Queue: "Customer Service EN", Agent: "anna", UserID: anna, Started: began, Queued: began.Add(time.Second),
		Answered: began.Add(66 * time.Second), Over: began.Add(186*time.Second + 400*time.Millisecond),
		Ending: call.Ending{By: call.ByCustomer, Reason: call.Hungup}}
}

func abandoned() call.Record {
	r := inbound()
	r.Answered, r.UserID, r.Agent = time.Time{}, "", ""
	r.Over = r.Queued.Add(2*time.Hour + 7*time.Second)
	r.Ending = call.Ending{By: call.ByCustomer, Reason: call.Cancelled}
	return r
}

func direct() call.Record {
	r := inbound()
	r.Queue, r.Queued, r.Dialled = "", time.Time{}, "+358293001001"
	return r
}

func outbound() call.Record {
	r := direct()
	r.Direction, r.Shown, r.Dialled = call.Outbound, "+358293000100", "+358400835862"
	return r
}

func ended(r call.Record, by call.By, reason call.Reason) call.Record {
	r.Answered = time.Time{}
	r.Ending = call.Ending{By: by, Reason: reason}
	return r
}

func fieldsOf(t *testing.T, rec call.Record, s Settings) map[string]any {
	t.Helper()
	messages := Tasks(rec, s)
	if len(messages) != 1 || messages[0].Kind != KindTask || messages[0].Key != string(rec.ID) || messages[0].Check() != nil || !messages[0].NotBefore.IsZero() {
		t.Fatalf("%+v", messages)
	}
	var fields map[string]any
	if err := json.Unmarshal(messages[0].Body, &fields); err != nil {
		t.Fatal(err)
	}
	return fields
}

// TestACallLeavesTheTaskOfSection31 has the call details of section 3.1 of the functional document, in the contract's names.
func TestACallLeavesTheTaskOfSection31(t *testing.T) {
	helsinki := time.FixedZone("EET", 2*3600)
	for name, tc := range map[string]struct {
		rec  call.Record
		want map[string]any // nil: the field must not be there
	}{
		"answered in a queue": {inbound(), map[string]any{
			"Subject": "Call - Customer Service EN", "Status": "Completed", "TaskSubtype": "Call", "CallType": "Inbound",
			"CallDurationInSeconds": 120.0, "CallDisposition": "Answered", "CallObject": "01hx", "ActivityDate": "2026-11-22",
			"OwnerId": anna, "WhoId": nil, "WhatId": nil,
			"Cordboard_Call_Date__c": someday, "Cordboard_Call_End_Time__c": "2026-11-22T22:02:06.400Z",
			"Cordboard_Call_Result__c": "Answered", "Cordboard_Queue__c": "Customer Service EN",
			"Cordboard_Queue_Wait__c": "1 min 5 s", "Cordboard_Queue_Wait_Seconds__c": 65.0,
			"Cordboard_Phone_Number__c": "+358400835862", "Cordboard_Phone_To__c": "+358293000100", "Cordboard_Phone_From__c": nil,
			"Cordboard_Call_Details_URL__c": nil, "Cordboard_Call_Key__c": nil,
		}},
		"abandoned in a queue": {abandoned(), map[string]any{
			"Cordboard_Call_Result__c": "Not Answered", "CallDisposition": "Abandoned in queue", "CallDurationInSeconds": 0.0,
			"Cordboard_Queue_Wait__c": "2 h 0 min 7 s", "Cordboard_Queue_Wait_Seconds__c": 7207.0, "OwnerId": nil,
		}},
		"direct": {direct(), map[string]any{
			"Subject": "Call - Direct", "Cordboard_Queue__c": nil, "Cordboard_Queue_Wait__c": nil, "Cordboard_Queue_Wait_Seconds__c": nil,
			"Cordboard_Phone_To__c": "+358293001001",
		}},
		"outbound": {outbound(), map[string]any{
			"Subject": "Call - +358400835862", "CallType": "Outbound", "Cordboard_Phone_From__c": "+358293000100",
			"Cordboard_Phone_Number__c": "+358400835862", "Cordboard_Phone_To__c": nil,
		}},
		"outbound, busy": {ended(outbound(), call.ByCustomer, call.Busy), map[string]any{
			"Cordboard_Call_Result__c": "Not Answered", "CallDisposition": "Busy",
		}},
		"outbound, declined":        {ended(outbound(), call.ByCustomer, call.Declined), map[string]any{"CallDisposition": "Declined"}},
		"outbound, not answered":    {ended(outbound(), call.ByUs, call.NoAnswer), map[string]any{"CallDisposition": "No answer"}},
		"outbound, given up":        {ended(outbound(), call.ByAgent, call.Cancelled), map[string]any{"CallDisposition": "Cancelled"}},
		"refused for lack of lines": {ended(inbound(), call.ByUs, call.Overloaded), map[string]any{"CallDisposition": "Lines busy"}},
		"open when the gateway died": {func() call.Record {
			r := inbound()
			r.Ending = call.Ending{By: call.ByUs, Reason: call.Stopped}
			return r
		}(), map[string]any{"CallDisposition": "Answered, connection lost", "Cordboard_Call_Result__c": "Answered"}},
		"withheld": {func() call.Record { r := inbound(); r.Customer.Number = ""; return r }(), map[string]any{
			"Cordboard_Phone_Number__c": nil, "Subject": "Call - Customer Service EN",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			got := fieldsOf(t, tc.rec, Settings{})
			for field, want := range tc.want {
				if got[field] != want {
					t.Errorf("%s is %v, want %v", field, got[field], want)
				}
			}
		})
	}
	if got := fieldsOf(t, inbound(), Settings{Zone: helsinki})["ActivityDate"]; got != "2026-11-22" {
		t.Errorf("the day in Helsinki: %v", got)
	}
	late := inbound()
	late.Started = began.Add(time.Minute)
	if got := fieldsOf(t, late, Settings{Zone: helsinki})["ActivityDate"]; got != "2026-11-23" {
		t.Errorf("the day in Helsinki after midnight: %v", got)
	}
}

func TestEveryReasonHasWords(t *testing.T) {
	for _, reason := range []call.Reason{call.Hungup, call.Cancelled, call.NoAnswer, call.Busy, call.Declined, call.Unreachable,
		call.NotFound, call.Forbidden, call.NotAcceptable, call.TakenElsewhere, call.Transferred, call.MediaLost, call.SignalLost,
		call.Overloaded, call.Failed, call.Stopped} {
		missed := Disposition(ended(inbound(), call.ByUs, reason))
		answered := inbound()
		answered.Ending.Reason = reason
		if missed == "Not Answered" || missed == "" || !strings.HasPrefix(Disposition(answered), "Answered") {
			t.Errorf("%s: %q / %q", reason, missed, Disposition(answered))
		}
	}
}

func TestTheSettingsSayWhichCallsLeaveATask(t *testing.T) {
	internal := direct()
	internal.Direction = call.Internal
	open := inbound()
	open.Over = time.Time{}
	calls := []call.Record{inbound(), abandoned(), outbound(), ended(outbound(), call.ByCustomer, call.Busy), internal, open}
	for _, tc := range []struct {
		set  Settings
		want string // one letter a call, in the order above
	}{
		{Settings{}, "yyyy--"},
		{Settings{When: All}, "yyyy--"},
		{Settings{When: AnsweredOnly}, "y-y---"},
		{Settings{When: InboundOnly}, "yy----"},
		{Settings{When: OutboundOnly}, "--yy--"},
		{Settings{When: InboundAnswered}, "y-----"},
		{Settings{When: OutboundAnswered}, "--y---"},
		{Settings{When: Missed}, "-y-y--"},
		{Settings{When: Never}, "------"},
		{Settings{When: "every third"}, "yyyy--"},
		{Settings{Internal: true}, "yyyyy-"},
	} {
		var got strings.Builder
		for _, rec := range calls {
			got.WriteString(map[int]string{0: "-", 1: "y"}[len(Tasks(rec, tc.set))])
		}
		if got.String() != tc.want {
			t.Errorf("%+v: %s, want %s", tc.set, got.String(), tc.want)
		}
	}
}

func TestATaskIsRelatedToTheCustomerWhenThereIsNoDoubt(t *testing.T) {
	people := func(p ...call.Person) call.Match { return call.Match{Looked: true, Count: len(p), People: p} }
	c := call.Person{Object: "Contact", ID: contact, AccountID: account}
	a := call.Person{Object: "Account", ID: account, AccountID: account}
	l := call.Person{Object: "Lead", ID: lead}
	clicked := func(id string) map[string]string { return map[string]string{ContextRecord: id} }
	for name, tc := range map[string]struct {
		match     call.Match
		direction call.Direction
		context   map[string]string
		set       Settings
		who, what string
	}{
		"one contact":                    {match: people(c), direction: call.Inbound, who: contact, what: account},
		"one contact of no account":      {match: people(call.Person{Object: "Contact", ID: contact}), direction: call.Inbound, who: contact},
		"one account":                    {match: people(a), direction: call.Inbound, what: account},
		"one lead, and nothing beside":   {match: people(l), direction: call.Inbound, who: lead},
		"several":                        {match: people(c, a), direction: call.Inbound},
		"none":                           {match: people(), direction: call.Inbound},
		"more than are shown":            {match: call.Match{Looked: true, Count: 11, People: []call.Person{c}}, direction: call.Inbound},
		"clicked on the contact":         {match: people(c, a), direction: call.Outbound, context: clicked(contact), who: contact},
		"clicked on the only match":      {match: people(c), direction: call.Outbound, context: clicked(contact[:15]), who: contact[:15], what: account},
		"clicked on a lead":              {direction: call.Outbound, context: clicked(lead), who: lead},
		"clicked on a case, not wanted":  {direction: call.Outbound, context: clicked("500Dn00000000AAIAX")},
		"clicked on a case, wanted":      {direction: call.Outbound, context: clicked("500Dn00000000AAIAX"), set: Settings{RelateClicked: true}, what: "500Dn00000000AAIAX"},
		"clicked on something made up":   {match: people(c), direction: call.Outbound, context: clicked("javascript:alert"), who: contact, what: account},
		"a context on an inbound call":   {match: people(c), direction: call.Inbound, context: clicked(lead), who: contact, what: account},
		"an id that is none":             {match: people(call.Person{Object: "Contact", ID: "'; --"}), direction: call.Inbound},
		"an account id that is none too": {match: people(call.Person{Object: "Contact", ID: contact, AccountID: "x"}), direction: call.Inbound, who: contact},
	} {
		t.Run(name, func(t *testing.T) {
			rec := inbound()
			rec.Direction, rec.Match, rec.Context = tc.direction, tc.match, tc.context
			got := fieldsOf(t, rec, tc.set)
			who, _ := got["WhoId"].(string)
			what, _ := got["WhatId"].(string)
			if who != tc.who || what != tc.what {
				t.Errorf("who %q what %q, want %q %q", who, what, tc.who, tc.what)
			}
		})
	}
}

func TestTheTenantChoosesSubjectStatusOwnerAndMore(t *testing.T) {
	rec := abandoned()
	rec.UserID = "anna@example.org" // a username is no id
	got := fieldsOf(t, rec, Settings{Subject: "{direction} {result} {number} {queue} {what}", Status: "Closed", Owner: anna,
		DetailsURL: "https://gw.example/center/calls/{id}?tab=1", Fields: map[string]any{"Type": "Call", "CallObject": "ours"}})
	for field, want := range map[string]any{
		"Subject": "Inbound Not Answered +358400835862 Customer Service EN {what}", "Status": "Closed", "OwnerId": anna,
		"Cordboard_Call_Details_URL__c": "https://gw.example/center/calls/01hx?tab=1", "Type": "Call", "CallObject": "ours",
	} {
		if got[field] != want {
			t.Errorf("%s is %v, want %v", field, got[field], want)
		}
	}
	if got := fieldsOf(t, rec, Settings{Fields: map[string]any{"x": math.NaN()}}); got["Subject"] == nil || got["x"] != nil {
		t.Errorf("a value that is no JSON: %v", got)
	}
}

func TestWhatAFieldCannotHoldIsCut(t *testing.T) {
	rec := inbound()
	rec.Queue = strings.Repeat("ä", 400)
	rec.Customer.Number = call.Number(strings.Repeat("9", 300))
	got := fieldsOf(t, rec, Settings{})
	for field, most := range map[string]int{"Subject": 255, "Cordboard_Queue__c": 255, "Cordboard_Phone_Number__c": 40} {
		if n := len([]rune(fmt.Sprint(got[field]))); n != most {
			t.Errorf("%s has %d characters, want %d", field, n, most)
		}
	}
}

// The limits are what was measured and a fifth.
func TestWhatATaskCosts(t *testing.T) {
	rec, set := inbound(), Settings{DetailsURL: "https://gw.example/calls"}
	if n := testing.AllocsPerRun(1000, func() { Tasks(rec, set) }); n > 76 {
		t.Errorf("a Task allocates %v times", n)
	}
}

func TestASubjectTakesWhatItNamesAndNothingElse(t *testing.T) {
	rec := inbound()
	rec.Queue = "Sales {number}"
	for pattern, want := range map[string]string{
		"{queue}":                 "Sales {number}", // a value is no pattern
		"{ {{result}} {unknown":   "{ {Answered} {unknown",
		"{nothing} } {direction}": "{nothing} } Inbound",
	} {
		if got := fieldsOf(t, rec, Settings{Subject: pattern})["Subject"]; got != want {
			t.Errorf("%q gives %q, want %q", pattern, got, want)
		}
	}
}

func BenchmarkTasks(b *testing.B) {
	rec := inbound()
	b.ReportAllocs()
	for b.Loop() {
		Tasks(rec, Settings{DetailsURL: "https://gw.example/calls"})
	}
}
