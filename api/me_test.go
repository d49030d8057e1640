package api

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
)

func TestMe(t *testing.T) {
	h := newHouse(t)
	h.desk.Devices("anna", 2)
	var me Me
	a := h.want(200, h.in("anna"), "GET", "/me", nil, &me)
	if me.ID != "anna" || me.Name != "Anna Virtanen" || me.Availability.Type != "available" || me.Availability.Since == nil ||
		me.Availability.Until != nil || me.State != "idle" || me.Devices != 2 {
		t.Errorf("anna is %+v", me)
	}
	if len(me.DisplayNumbers) != 1 || me.DisplayNumbers[0].Number != "+358293000100" || len(me.Queues) != 1 || !me.Queues[0].Active {
		t.Errorf("anna has %+v", me)
	}
	if strings.Contains(string(a.body), "null") {
		t.Errorf("null in %s", a.body)
	}
	a = h.want(200, h.in("root"), "GET", "/me", nil, &me) // who is no agent
	if me.State != "unreachable" || me.Availability.Type != "offwork" || strings.Contains(string(a.body), "null") {
		t.Errorf("root is %s", a.body)
	}
}

func TestSetAvailability(t *testing.T) {
	h := newHouse(t)
	anna := h.in("anna")
	until := time.Now().Add(time.Hour).Truncate(time.Second).UTC()
	var got Availability
	h.want(200, anna, "PUT", "/me/availability", map[string]any{"type": "busy", "until": until}, &got)
	if got.Type != "busy" || got.Until == nil || !got.Until.Equal(until) || got.Since == nil {
		t.Errorf("availability %+v", got)
	}
	if s, _ := h.desk.Status("anna"); s.Availability.Type != agent.Busy || !s.Availability.Until.Equal(until) {
		t.Errorf("at the desk %+v", s.Availability)
	}
	h.want(200, anna, "PUT", "/me/availability", got, nil) // sent back as it came
	got = Availability{}
	h.want(200, anna, "PUT", "/me/availability", map[string]any{"type": "offwork"}, &got)
	if got.Type != "offwork" || got.Until != nil {
		t.Errorf("availability %+v", got)
	}
	h.wantProblem(422, anna, "PUT", "/me/availability", map[string]any{"type": "lunch"}, "body.type", "lunch", "offwork")
	h.wantProblem(422, anna, "PUT", "/me/availability", map[string]any{}, "type")
	h.wantProblem(422, anna, "PUT", "/me/availability", map[string]any{"type": "busy", "until": "noon"}, "until", "noon")
	h.wantProblem(422, anna, "PUT", "/me/availability", map[string]any{"type": "busy", "until": "2020-01-01T00:00:00Z"}, "until", "2020")
	h.wantProblem(403, h.in("root"), "PUT", "/me/availability", map[string]any{"type": "busy"}, "root", "no agent")
}

func TestSIPCredentialsAreGoodForDigest(t *testing.T) {
	h := newHouse(t)
	var c SIPCredentials
	a := h.want(200, h.in("anna"), "POST", "/me/sip-credentials", nil, &c)
	if c.URI != "sip:anna@cordboard" || c.WSURL != "/sip" || c.DisplayName != "Anna Virtanen" || time.Until(c.ExpiresAt) < time.Hour {
		t.Errorf("credentials %+v", c)
	}
	if a.Header.Get("Cache-Control") != "no-store" {
		t.Error("credentials may be cached")
	}
	if password, aor, ok := newGuard(t).Password(c.AuthorizationUser); password != c.Password || aor != "anna" || !ok {
		t.Errorf("digest: %q %v", aor, ok)
	}
}

// record is a call of the past.
func record(id, agent string, started time.Time) call.Record {
	return call.Record{ID: call.ID(id), Direction: call.Inbound, Customer: call.Party{Name: "Ines", Number: "+358400000001"},
		Dialled: "+358293000100", Queue: "Sales", Agent: agent, Started: started, Queued: started.Add(time.Second),
		Answered: started.Add(11 * time.Second), Over: started.Add(71500 * time.Millisecond),
		Ending:   call.Ending{By: call.ByCustomer, Reason: call.Hungup},
		Attempts: []call.Attempt{{Agent: "bo", At: started, Took: 1500 * time.Millisecond, Outcome: call.NoAnswer, Why: "idle longest"}},
		Segments: []call.Segment{{Agent: agent, From: started.Add(11 * time.Second), To: started.Add(71 * time.Second), Held: 2 * time.Second}},
		Routing:  call.Trace{Plan: "main number", Asked: "Flow", Answered: "queue Sales", Done: "queue Sales", Took: 250 * time.Millisecond},
		Match:    call.Match{Looked: true, Count: 1, People: []call.Person{{Object: "Contact", ID: "003", Name: "Ines"}}},
		Context:  map[string]string{"record_id": "003"}, Trunk: "demo", UserID: "005"}
}

var noon = time.Date(2026, 11, 22, 12, 0, 0, 0, time.FixedZone("Helsinki", 7200))

func TestCallsOfThePast(t *testing.T) {
	h := newHouse(t)
	h.calls.past = []call.Record{record("c3", "anna", noon), record("c2", "sue", noon), record("c1", "anna", noon)}
	anna, sue := h.in("anna"), h.in("sue")

	var list struct{ Calls []CallSummary }
	ids := func() (ids []string) {
		for _, c := range list.Calls {
			ids = append(ids, c.ID)
		}
		return ids
	}
	h.want(200, anna, "GET", "/me/calls", nil, &list)
	if !slices.Equal(ids(), []string{"c3", "c1"}) {
		t.Errorf("anna's calls %v", ids())
	}
	if c := list.Calls[0]; c.WaitSeconds != 10 || c.TalkSeconds != 60.5 || c.Customer.Number != "+358400000001" || c.Ending.Reason != "hungup" ||
		c.Match.People[0].Name != "Ines" || c.Started.Location() != time.UTC || c.Presented != nil {
		t.Errorf("summary %+v", c)
	}
	h.want(200, anna, "GET", "/me/calls?limit=1", nil, &list)
	if len(list.Calls) != 1 {
		t.Errorf("limit 1 gives %d", len(list.Calls))
	}
	h.wantProblem(422, anna, "GET", "/me/calls?limit=0", nil, "limit", "got 0")
	h.wantProblem(422, anna, "GET", "/me/calls?limit=501", nil, "limit")
	h.wantProblem(422, anna, "GET", "/me/calls?limit=many", nil, "limit", "many")
	h.wantProblem(403, anna, "GET", "/calls", nil, "anna", "GET /me/calls")
	h.want(200, sue, "GET", "/calls", nil, &list)
	if !slices.Equal(ids(), []string{"c3", "c2", "c1"}) {
		t.Errorf("all calls %v", ids())
	}
	if a := h.want(200, h.in("root"), "GET", "/me/calls", nil, nil); strings.TrimSpace(string(a.body)) != `{"calls":[]}` {
		t.Errorf("no calls: %s", a.body)
	}
}

func TestOneCall(t *testing.T) {
	h := newHouse(t)
	h.calls.past = []call.Record{record("c1", "anna", noon)}
	stranger := record("c2", "sue", noon)
	stranger.Attempts = nil
	h.calls.past = append(h.calls.past, stranger)
	for _, who := range []string{"anna", "bo", "sue"} { // the one who had it, one at whom it rang, a supervisor
		var c Call
		h.want(200, h.in(who), "GET", "/calls/c1", nil, &c)
		if c.ID != "c1" || c.Attempts[0].TookSeconds != 1.5 || c.Attempts[0].Outcome != "no-answer" || c.Segments[0].HeldSeconds != 2 ||
			c.Routing.TookSeconds != 0.25 || c.Routing.Asked != "Flow" || c.Context["record_id"] != "003" || c.Trunk != "demo" || c.TalkSeconds != 60.5 {
			t.Errorf("%s sees %+v", who, c)
		}
	}
	anna := h.in("anna")
	mine := h.wantProblem(404, anna, "GET", "/calls/c2", nil, `"c2"`)
	none := h.wantProblem(404, anna, "GET", "/calls/c9", nil, `"c9"`)
	if strings.ReplaceAll(string(mine.body), "c2", "c9") != string(none.body) {
		t.Errorf("the answer tells which calls there are: %s, %s", mine.body, none.body)
	}
	h.wantProblem(422, anna, "GET", "/calls/"+strings.Repeat("x", 65), nil, "id")
}

func TestActiveCalls(t *testing.T) {
	h := newHouse(t)
	going := func(id, agent string) call.Record {
		return call.Record{ID: call.ID(id), Direction: call.Inbound, Agent: agent, Started: time.Now()}
	}
	h.calls.active = []call.Record{going("c1", "anna"), going("c2", "bo"), going("c3", "")}
	ringing := going("c3", "")
	h.Saw(call.Event{At: time.Now(), Moment: call.Presented, Agent: "anna", Record: ringing})
	sees := func(who string, want ...string) {
		t.Helper()
		var list struct{ Calls []CallSummary }
		h.want(200, h.in(who), "GET", "/calls/active", nil, &list)
		var got []string
		for _, c := range list.Calls {
			got = append(got, c.ID)
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s sees %v, want %v", who, got, want)
		}
	}
	sees("anna", "c3", "c1")
	sees("bo", "c2")
	sees("sue", "c3", "c2", "c1")
	h.Saw(call.Event{At: time.Now(), Moment: call.Missed, Agent: "anna", Record: ringing})
	sees("anna", "c1")
}

func TestDirectoryAndQueues(t *testing.T) {
	h := newHouse(t)
	h.queues.set(queue.Figures{Queue: "Support"}, queue.Figures{Queue: "Sales", Waiting: 2, Oldest: 61500 * time.Millisecond, Free: 1, Serving: 3})
	h.desk.Devices("bo", 1)
	token := h.in("anna")
	var people []Colleague
	h.want(200, token, "GET", "/agents", nil, &people)
	if len(people) != 3 || people[0].ID != "anna" || people[1].State != "idle" || people[2].State != "unreachable" || people[2].Availability.Type != "available" {
		t.Errorf("directory %+v", people)
	}
	var queues []Queue
	h.want(200, token, "GET", "/queues", nil, &queues)
	if want := []Queue{{"Sales", 2, 61, 1, 3}, {Name: "Support"}}; !slices.Equal(queues, want) {
		t.Errorf("queues %+v, want %+v", queues, want)
	}
	h.queues.set()
	if a := h.want(200, token, "GET", "/queues", nil, nil); strings.TrimSpace(string(a.body)) != "[]" {
		t.Errorf("no queues: %s", a.body)
	}
}

func TestAnnouncedCalls(t *testing.T) {
	h := newHouse(t)
	anna := h.in("anna")
	var out struct {
		CallToken string    `json:"call_token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	h.want(201, anna, "POST", "/me/calls", map[string]any{"to": "+358400000001", "display_number": "+358293000100",
		"context": map[string]string{"record_id": "003", "record_name": "Ines"}}, &out)
	if d := time.Until(out.ExpiresAt); d < 50*time.Second || d > time.Minute {
		t.Errorf("good for %v", d)
	}
	if _, ok := h.Take(out.CallToken, "bo"); ok {
		t.Error("bo takes what anna announced")
	}
	i, ok := h.Take(out.CallToken, "anna")
	if !ok || i.To != "+358400000001" || i.Display != "+358293000100" || i.Context["record_name"] != "Ines" || i.Agent != "anna" {
		t.Errorf("intent %+v %v", i, ok)
	}
	if _, ok := h.Take(out.CallToken, "anna"); ok {
		t.Error("a token is good twice")
	}
	h.want(201, anna, "POST", "/me/calls", map[string]any{"to": "1002"}, nil)

	many := map[string]string{}
	for i := range 21 {
		many[fmt.Sprint(i)] = ""
	}
	for _, c := range []struct {
		body  map[string]any
		words string
	}{
		{map[string]any{}, "to"}, {map[string]any{"to": ""}, "to"},
		{map[string]any{"to": "1002", "display_number": "+35899"}, "+35899"},
		{map[string]any{"to": "1002", "context": many}, "21 entries"},
		{map[string]any{"to": "1002", "context": map[string]string{"name": strings.Repeat("x", 501)}}, `"name" is too long`},
		{map[string]any{"to": "1002", "context": map[string]any{"name": 7}}, "context"},
		{map[string]any{"to": "1002", "from": "x"}, "from"},
	} {
		h.wantProblem(422, anna, "POST", "/me/calls", c.body, c.words)
	}
	h.wantProblem(403, h.in("root"), "POST", "/me/calls", map[string]any{"to": "1002"}, "no agent")
}

func TestIntentsEndAndAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		in := newIntents()
		old, _ := in.put(Intent{Agent: "anna"}, time.Now())
		time.Sleep(time.Minute + time.Second)
		if _, ok := in.take(old, "anna", time.Now()); ok {
			t.Error("an old token is good")
		}
		for range 2 * maxIntents {
			in.put(Intent{Agent: "anna"}, time.Now())
		}
		last, _ := in.put(Intent{Agent: "anna"}, time.Now())
		if n := len(in.waiting["anna"]); n > maxIntents {
			t.Errorf("%d kept", n)
		}
		if _, ok := in.take(last, "anna", time.Now()); !ok {
			t.Error("the newest is not kept")
		}
	})
}

func TestASessionOfSomebodyWhoLeftIsOver(t *testing.T) {
	h := newHouse(t)
	token := h.in("anna")
	later := newHouse(t, func(c *Config) {
		c.Guard = newGuard(t, func(c *access.Config) { c.Users = c.Users[1:] })
	})
	later.wantProblem(401, token, "GET", "/me", nil, "no longer here")
}
