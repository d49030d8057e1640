package salesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/routing"
)

// TestAHostileFlowAdvisesNothing: the Flow belongs to the customer's admin, and its values come from wherever.
func TestAHostileFlowAdvisesNothing(t *testing.T) {
	long := strings.Repeat("x", 10_000)
	for name, tc := range map[string]struct {
		outputs string
		want    routing.Advice
	}{
		"all as it should be": {`{"action":"Queue","targetQueue":"Sales","targetUserId":"005Dn000000annaIAA","targetNumber":"+358 (40) 083-5862",
			"priority":8,"language":"fi","skipLanguageMenu":true,"Flow__InterviewStatus":"Finished"}`,
			routing.Advice{Action: routing.Queue, Queue: "Sales", UserID: "005Dn000000annaIAA", Number: "+358400835862", Priority: 8, Language: "fi", SkipLanguageMenu: true}},
		"texts where numbers belong": {`{"priority":"8.0","skipLanguageMenu":"TRUE","language":"en_US"}`,
			routing.Advice{Priority: 8, SkipLanguageMenu: true, Language: "en-US"}},
		"nothing":           {`{}`, routing.Advice{}},
		"nulls":             {`{"action":null,"targetQueue":null,"priority":null,"language":null,"skipLanguageMenu":null}`, routing.Advice{}},
		"no outputs at all": {`null`, routing.Advice{}},
		"wrong types": {`{"action":7,"targetQueue":["Sales"],"targetUserId":{},"targetNumber":358,"priority":{},"language":1,"skipLanguageMenu":"perhaps"}`,
			routing.Advice{}},
		"too long":                     {`{"action":"` + long + `","targetQueue":"` + long + `","targetNumber":"` + strings.Repeat("1", 200) + `","language":"` + long + `"}`, routing.Advice{}},
		"control characters":           {`{"action":"queue\n","targetQueue":"Sales\r\nVia: evil","targetNumber":"+358\u0000"}`, routing.Advice{}},
		"a number that is an address":  {`{"targetNumber":"sip:evil@example.org"}`, routing.Advice{}},
		"a user id that is none":       {`{"targetUserId":"anna"}`, routing.Advice{}},
		"a priority out of this world": {`{"priority":1e300}`, routing.Advice{Priority: mostPriority}},
		"and one below it":             {`{"priority":-1e300}`, routing.Advice{Priority: -mostPriority}},
		"and one that is no number":    {`{"priority":"NaN"}`, routing.Advice{}},
		"an action nobody knows":       {`{"action":"Dance"}`, routing.Advice{Action: "dance"}},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.on("/search", func(*http.Request, []byte) (int, string) { return 200, `{"searchRecords":[]}` })
			s.on("/actions/custom/flow/Route", func(*http.Request, []byte) (int, string) {
				return 200, `[{"actionName":"Route","errors":null,"isSuccess":true,"outputValues":` + tc.outputs + `}]`
			})
			got, err := s.client().Advise(t.Context(), "Route", routing.Inquiry{Caller: "+358400000001"})
			if err != nil {
				t.Fatal(err)
			}
			if !got.Match.Looked {
				t.Error("the caller was not looked up")
			}
			got.Match = call.Match{}
			if fmt.Sprintf("%#v", got) != fmt.Sprintf("%#v", tc.want) {
				t.Errorf("got  %#v\nwant %#v", got, tc.want)
			}
		})
	}
}

func TestTheFlowIsToldWhatTheContractNames(t *testing.T) {
	person := func(object, id, account string) call.Match {
		return call.Match{Looked: true, Count: 1, People: []call.Person{{Object: object, ID: id, AccountID: account}}}
	}
	for name, tc := range map[string]struct {
		match call.Match
		want  string
	}{
		"a contact":  {person("Contact", "003x", "001x"), `{"accountId":"001x","callId":"id","calledNumber":"2","callerNumber":"1","contactId":"003x","matchCount":1,"queueName":"Sales"}`},
		"an account": {person("Account", "001x", "001x"), `{"accountId":"001x","callId":"id","calledNumber":"2","callerNumber":"1","matchCount":1,"queueName":"Sales"}`},
		"a lead":     {person("Lead", "00Qx", ""), `{"callId":"id","calledNumber":"2","callerNumber":"1","matchCount":1,"queueName":"Sales"}`},
		"several":    {call.Match{Looked: true, Count: 4}, `{"callId":"id","calledNumber":"2","callerNumber":"1","matchCount":4,"queueName":"Sales"}`},
		"not looked": {call.Match{}, `{"callId":"id","calledNumber":"2","callerNumber":"1","queueName":"Sales"}`},
	} {
		got := encode(inputs(routing.Inquiry{Call: "id", Caller: "1", Called: "2", Queue: "Sales", Match: tc.match}))
		if got != tc.want {
			t.Errorf("%s: %s", name, got)
		}
	}
}

func TestAFlowThatFailsIsAnErrorAndKeepsTheMatch(t *testing.T) {
	for name, reply := range map[string]struct {
		status int
		body   string
	}{
		"inside, with 200":  {200, `[{"isSuccess":false,"errors":[{"statusCode":"FLOW_EXCEPTION","message":"oh"}],"outputValues":null}]`},
		"inside, with 400":  {400, `[{"actionName":"Route","isSuccess":false,"errors":[{"statusCode":"INVALID_API_INPUT","message":"oh","fields":[]}],"outputValues":null}]`},
		"without a word":    {200, `[{"isSuccess":false}]`},
		"no result":         {200, `[]`},
		"too many results":  {200, `[{"isSuccess":true},{"isSuccess":true}]`},
		"HTML":              {503, `<html>`},
		"HTML with 200":     {200, `<html>`},
		"not there":         {404, `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`},
		"the line was lost": {0, "HANG UP"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.on("/search", func(*http.Request, []byte) (int, string) { return 200, searchReply("+358400000001") })
			s.on("/flow/", func(*http.Request, []byte) (int, string) { return reply.status, reply.body })
			a, err := s.client().Advise(t.Context(), "Route", routing.Inquiry{Caller: "+358400000001"})
			if err == nil || a.Match.Count != 1 || a.Action != "" {
				t.Errorf("%+v, %v", a, err)
			}
		})
	}
}

// searchReply is a search answer with one contact of that number.
func searchReply(phone string) string {
	return encode(map[string]any{"searchRecords": []any{map[string]any{
		"attributes": map[string]any{"type": "Contact", "url": "/x"}, "Id": "003Dn00000Xenia1AA", "Name": "Xenia", "MobilePhone": phone,
		"AccountId": "001Dn00000Xenia1AA", "Account": map[string]any{"Name": "Acme"},
	}}})
}

func FuzzAnswers(f *testing.F) {
	for _, s := range []string{`[]`, `{}`, `null`, `[null]`, `[{"errors":[null]}]`, `{"searchRecords":[null,{"attributes":null},{"attributes":{"type":"Contact"},"Id":7}]}`,
		`[{"isSuccess":true,"outputValues":{"priority":"1e999","action":{}}}]`, `{"error":1}`, `<html>`, `[{"success":true},{"success":false,"errors":[{}]}]`,
		searchReply("+358400000001"), `[{"errorCode":"X","fields":null,"message":"` + strings.Repeat("é", 400) + `"}]`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if hits, err := readHits(body); err == nil {
			m := verified(hits, breadths()[0], "+358400000001", "FI", "https://x")
			if len(m.People) > m.Count || len(m.People) > 3*mostShown {
				t.Errorf("%d people, count %d", len(m.People), m.Count)
			}
		}
		if outputs, err := readFlow(body); err == nil {
			var a routing.Advice
			read(outputs, &a)
			if a.Priority > mostPriority || a.Priority < -mostPriority || len(a.Queue)+len(a.Language)+len(a.Number)+len(a.UserID) > 4*longOutput {
				t.Errorf("%+v", a)
			}
		}
		if results, err := readSaved(body, 2); err == nil {
			for _, r := range results {
				_ = r.err()
			}
		}
		e := newAPIError("fuzz", 400, http.Header{"Retry-After": {string(body)}}, body)
		if len(e.Error()) > 5000 || len(e.Raw) > mostRaw || e.RetryAfter < 0 {
			t.Errorf("%+v", e)
		}
		_ = e.Class().String()
		var u usage
		u.read(http.Header{"Sforce-Limit-Info": {string(body)}})
		_ = u.low()
		_ = json.Valid(body)
	})
}
