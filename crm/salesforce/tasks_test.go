package salesforce

import (
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/outbox"
)

// org is the little that a stub must know of Tasks: which exist, and what it refuses.
type org struct {
	tasks  map[string]map[string]any
	refuse func(key string, fields map[string]any, exists bool) *fault
}

func (o *org) save(key string, fields map[string]any) (created bool, f *fault) {
	_, exists := o.tasks[key]
	if o.refuse != nil {
		if f := o.refuse(key, fields, exists); f != nil {
			return false, f
		}
	}
	if !exists {
		o.tasks[key] = map[string]any{}
	}
	for k, v := range fields {
		o.tasks[key][k] = v
	}
	return !exists, nil
}

// serve puts the org behind the stub. The handlers run one at a time in these tests.
func (o *org) serve(s *stub) {
	o.tasks = map[string]map[string]any{}
	s.on("/sobjects/Task/"+keyField+"/", func(r *http.Request, body []byte) (int, string) {
		var fields map[string]any
		_ = json.Unmarshal(body, &fields)
		created, f := o.save(r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:], fields)
		switch {
		case f != nil:
			return 400, encode([]any{map[string]any{"errorCode": f.StatusCode, "message": f.Message, "fields": f.Fields}})
		case created:
			return 201, `{"id":"00T000000000001AAA","success":true,"errors":[],"created":true}`
		}
		return 200, `{"id":"00T000000000001AAA","success":true,"errors":[],"created":false}`
	})
	s.on("/composite/sobjects/Task/"+keyField, func(r *http.Request, body []byte) (int, string) {
		var in struct{ Records []map[string]any }
		_ = json.Unmarshal(body, &in)
		var out []any
		for _, fields := range in.Records {
			key := fields[keyField].(string)
			delete(fields, keyField)
			delete(fields, "attributes")
			created, f := o.save(key, fields)
			if f != nil && f.StatusCode == "INVALID_FIELD" { // the whole request falls
				return 400, encode([]any{map[string]any{"errorCode": f.StatusCode, "message": f.Message}})
			}
			if f != nil {
				out = append(out, map[string]any{"success": false, "errors": []any{f}})
				continue
			}
			out = append(out, map[string]any{"id": "00T000000000001AAA", "success": true, "created": created, "errors": []any{}})
		}
		return 200, encode(out)
	})
}

func batch(n int) (messages []outbox.Message) {
	for i := range n {
		messages = append(messages, message(fmt.Sprintf("call%03d", i)))
	}
	return messages
}

func TestOneTaskGoesAloneAndTwoHundredInOneRequest(t *testing.T) {
	s := newStub(t)
	var o org
	o.serve(s)
	courier := s.client().Tasks()
	for i, err := range append(courier.Deliver(t.Context(), batch(1)), courier.Deliver(t.Context(), batch(200))[1:]...) {
		if err != nil {
			t.Errorf("message %d: %v", i, err)
		}
	}
	if len(o.tasks) != 200 || s.count("/composite/") != 1 || s.count("/sobjects/Task/"+keyField+"/call000") != 1 {
		t.Errorf("%d tasks, %d collections, %d single requests", len(o.tasks), s.count("/composite/"), s.count("/sobjects/"))
	}
	if got := o.tasks["call007"]["Subject"]; got != "Call - Sales" {
		t.Errorf("subject %v", got)
	}
}

func TestG3_ATaskWhoseAnswerWasLostIsWrittenAgainWithoutItsSubtype(t *testing.T) {
	for _, n := range []int{1, 5} {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			s := newStub(t)
			var o org
			o.refuse = func(key string, fields map[string]any, exists bool) *fault {
				if _, has := fields["TaskSubtype"]; exists && has {
					return &fault{StatusCode: "INVALID_FIELD_FOR_INSERT_UPDATE", Message: "Unable to create/update fields: TaskSubtype", Fields: []string{"TaskSubtype"}}
				}
				return nil
			}
			o.serve(s)
			for _, path := range []string{"/sobjects/Task/" + keyField + "/", "/composite/sobjects/Task/" + keyField} {
				honest, lost := s.rules[path], false
				s.on(path, func(r *http.Request, body []byte) (int, string) {
					status, reply := honest(r, body)
					if !lost {
						lost = true
						return 0, "HANG UP"
					}
					return status, reply
				})
			}
			courier := s.client().Tasks()
			for i, err := range courier.Deliver(t.Context(), batch(n)) {
				if err == nil || outbox.IsPermanent(err) {
					t.Errorf("message %d, its answer lost: %v", i, err)
				}
			}
			for i, err := range courier.Deliver(t.Context(), batch(n)) {
				if err != nil {
					t.Errorf("message %d again: %v", i, err)
				}
			}
			if len(o.tasks) != n || o.tasks["call000"]["TaskSubtype"] != "Call" {
				t.Errorf("%d tasks, the first %v", len(o.tasks), o.tasks["call000"])
			}
		})
	}
}

func TestARefusedLinkCostsTheLinkAndNotTheTask(t *testing.T) {
	for name, tc := range map[string]struct {
		fault fault
		gone  []string
	}{
		"a contact deleted meanwhile": {fault{StatusCode: "ENTITY_IS_DELETED", Fields: []string{"WhoId"}}, []string{"WhoId"}},
		"an owner who has left":       {fault{StatusCode: "INACTIVE_OWNER_OR_USER", Fields: []string{"OwnerId"}}, []string{"OwnerId"}},
		"it does not say which":       {fault{StatusCode: "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"}, []string{"OwnerId", "WhoId"}},
	} {
		for _, n := range []int{1, 3} {
			t.Run(fmt.Sprint(name, n), func(t *testing.T) {
				s := newStub(t)
				var o org
				o.refuse = func(_ string, fields map[string]any, _ bool) *fault {
					for _, f := range tc.gone {
						if _, has := fields[f]; has {
							return &tc.fault
						}
					}
					return nil
				}
				o.serve(s)
				for i, err := range s.client().Tasks().Deliver(t.Context(), batch(n)) {
					if err != nil {
						t.Errorf("message %d: %v", i, err)
					}
				}
				for _, f := range []string{"OwnerId", "WhoId", "Subject"} {
					if _, has := o.tasks["call000"][f]; has == slices.Contains(tc.gone, f) {
						t.Errorf("%s: there %v", f, has)
					}
				}
			})
		}
	}
}

func TestG4_OnePoisonousTaskDoesNotBlockTheOthers(t *testing.T) {
	for name, code := range map[string]string{"refused alone": "STRING_TOO_LONG", "refused with all": "INVALID_FIELD"} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			var o org
			o.refuse = func(key string, _ map[string]any, _ bool) *fault {
				if key == "call042" {
					return &fault{StatusCode: code, Message: "no"}
				}
				return nil
			}
			o.serve(s)
			for i, err := range s.client().Tasks().Deliver(t.Context(), batch(100)) {
				if i == 42 && !outbox.IsPermanent(err) || i != 42 && err != nil {
					t.Errorf("message %d: %v", i, err)
				}
			}
			if len(o.tasks) != 99 {
				t.Errorf("%d tasks", len(o.tasks))
			}
		})
	}
}

func TestWhatTheOrgSaysDecidesWhatBecomesOfTheRow(t *testing.T) {
	html := "<html><body>Down for maintenance</body></html>"
	list := func(code, message string) string {
		return encode([]any{map[string]any{"errorCode": code, "message": message}})
	}
	for name, tc := range map[string]struct {
		status int
		body   string
		want   string
	}{
		"maintenance in HTML":          {503, html, "again"},
		"a proxy's word":               {403, html, "again"},
		"edge overload":                {420, html, "again"},
		"a locked row":                 {400, list("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access"), "again"},
		"a trigger that wraps a lock":  {400, list("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "UNABLE_TO_LOCK_ROW, unable"), "again"},
		"a trigger that threw":         {400, list("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "no"), "parked"},
		"a validation rule":            {400, list("FIELD_CUSTOM_VALIDATION_EXCEPTION", "no"), "parked"},
		"a missing field":              {400, list("INVALID_FIELD", "No such column"), "parked"},
		"two rows of one external id":  {300, `["/services/data/v67.0/sobjects/Task/1","/services/data/v67.0/sobjects/Task/2"]`, "parked"},
		"the day's calls are spent":    {403, list("REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."), "later"},
		"too many long ones":           {403, list("REQUEST_LIMIT_EXCEEDED", "ConcurrentPerOrgLongTxn Limit exceeded."), "later"},
		"the API is off":               {403, list("API_DISABLED_FOR_ORG", "no"), "later"},
		"an unexpected error":          {500, list("UNKNOWN_EXCEPTION", "An unexpected error occurred. ErrorId: 12345-6789"), "limited"},
		"nonsense with a good status":  {200, html, "again"},
		"an empty good answer":         {200, `{"success":false}`, "parked"},
		"a race that was never won":    {400, list("DUPLICATE_VALUE", "duplicate value found"), "again"},
		"no answer at all":             {0, "HANG UP", "again"},
		"a link that cannot be blamed": {400, list("MALFORMED_ID", "no"), "parked"},
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.on("/sobjects/Task/", func(*http.Request, []byte) (int, string) { return tc.status, tc.body })
			err := s.client().Tasks().Deliver(t.Context(), batch(1))[0]
			if got := fate(err); got != tc.want {
				t.Errorf("%s: %v", got, err)
			}
		})
	}
}

// fate is what the outbox will do.
func fate(err error) string {
	_, later := outbox.After(err)
	switch {
	case err == nil:
		return "delivered"
	case outbox.IsPermanent(err):
		return "parked"
	case later:
		return "later"
	case outbox.AttemptsAllowed(err) > 0:
		return "limited"
	}
	return "again"
}

func TestACollectionWithTheWrongNumberOfResultsIsSentAgain(t *testing.T) {
	s := newStub(t)
	s.on("/composite/", func(*http.Request, []byte) (int, string) { return 200, `[{"success":true}]` })
	for i, err := range s.client().Tasks().Deliver(t.Context(), batch(3)) {
		if fate(err) != "again" {
			t.Errorf("message %d: %v", i, err)
		}
	}
}

func TestNearTheDailyLimitTheOutboxHoldsItsBreathAndCallersAreStillIdentified(t *testing.T) {
	s := newStub(t)
	var o org
	o.serve(s)
	s.on("/search", func(*http.Request, []byte) (int, string) { return 200, `{"searchRecords":[]}` })
	c := s.client(func(set *Settings) { set.Transport = limited{"api-usage=14400/15000"} })
	if _, err := c.Identify(t.Context(), "+358400000001"); err != nil {
		t.Fatal(err)
	}
	if got := fate(c.Tasks().Deliver(t.Context(), batch(1))[0]); got != "delivered" {
		t.Errorf("the first batch of the minute: %s", got)
	}
	if got := fate(c.Tasks().Deliver(t.Context(), batch(1))[0]); got != "later" {
		t.Errorf("the second batch of the minute: %s", got)
	}
	if _, err := c.Identify(t.Context(), "+358400000002"); err != nil || s.count("/search") != 2 {
		t.Errorf("identification: %v, %d searches", err, s.count("/search"))
	}
	if used, limit := c.usage.used.Load(), c.usage.limit.Load(); used != 14400 || limit != 15000 {
		t.Errorf("usage %d of %d", used, limit)
	}
}

// limited puts the usage header on every answer.
type limited struct{ usage string }

func (l limited) RoundTrip(r *http.Request) (*http.Response, error) {
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err == nil {
		resp.Header.Set("Sforce-Limit-Info", l.usage)
	}
	return resp, err
}

func TestTasksTravelAsTheyWereWritten(t *testing.T) {
	parcels := make([]*parcel, 200)
	for i := range parcels {
		parcels[i] = &parcel{key: fmt.Sprintf(`call "%d"`, i), body: []byte(`{"Subject":"Call","CallDurationInSeconds":12}`)}
	}
	parcels[7].body = []byte(`{ }`)
	body, err := collection(parcels)
	if err != nil {
		t.Fatal(err)
	}
	var sent struct {
		AllOrNone *bool
		Records   []map[string]any
	}
	if err := json.Unmarshal(body, &sent); err != nil || sent.AllOrNone == nil || *sent.AllOrNone || len(sent.Records) != len(parcels) {
		t.Fatalf("%v, %d records in %s", err, len(sent.Records), body)
	}
	if got := encode(sent.Records[9]); got != `{"CallDurationInSeconds":12,"Cordboard_Call_Key__c":"call \"9\"","Subject":"Call","attributes":{"type":"Task"}}` {
		t.Errorf("sent %s", got)
	}
	if got := encode(sent.Records[7]); got != `{"Cordboard_Call_Key__c":"call \"7\"","attributes":{"type":"Task"}}` {
		t.Errorf("sent %s", got)
	}
	n := testing.AllocsPerRun(20, func() {
		for _, p := range parcels {
			p.drop(keyField)
		}
		_, _ = collection(parcels)
	})
	if n > 4*200 { // the key as JSON, under -race a little more; to decode and encode the fields takes 18 a Task
		t.Errorf("200 Tasks allocate %v times", n)
	}
}

func TestAFieldIsTakenOutOfATaskAndOnlyThat(t *testing.T) {
	p := &parcel{body: []byte(`{"Subject":"TaskSubtype","TaskSubtype":"Call","n":1.50}`)}
	if !p.drop("TaskSubtype") || string(p.body) != `{"Subject":"TaskSubtype","n":1.50}` || p.drop("TaskSubtype") {
		t.Errorf("left %s", p.body)
	}
}
