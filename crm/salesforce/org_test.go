package salesforce

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/crm"
	"github.com/cordboard/cordboard/crm/sfsim"
	"github.com/cordboard/cordboard/outbox"
	"github.com/cordboard/cordboard/outbox/outboxtest"
	"github.com/cordboard/cordboard/routing"
)

// simulated is the demo org behind a real socket, and a client that logs in by JWT bearer.
type simulated struct {
	t      *testing.T
	org    *sfsim.Org
	server *httptest.Server
	client *Client
}

func simulate(t *testing.T, opt sfsim.Options) *simulated {
	t.Helper()
	s := &simulated{t: t, org: sfsim.New(opt)}
	s.server = httptest.NewServer(s.org)
	t.Cleanup(s.server.Close)
	s.org.Trust(sfsim.DemoClientID, sfsim.DemoUsername, &key().PublicKey)
	var err error
	s.client, err = New(Settings{LoginURL: s.server.URL, ClientID: sfsim.DemoClientID, Username: sfsim.DemoUsername, Key: key(), Region: "FI"},
		zap.NewNop())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.client.Close)
	return s
}

func (s *simulated) faults(body string) {
	s.t.Helper()
	s.request(http.MethodPut, "/_sim/faults", body)
}

func (s *simulated) request(method, path, body string) {
	s.t.Helper()
	req, err := http.NewRequest(method, s.server.URL+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	resp, err := s.server.Client().Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode > 299 {
		s.t.Fatalf("%s %s: %s", method, path, resp.Status)
	}
}

func (s *simulated) rows(soql string) []map[string]any {
	s.t.Helper()
	rows, err := s.org.Query(soql)
	if err != nil {
		s.t.Fatal(err)
	}
	return rows
}

func (s *simulated) count(part string) (n int) {
	for _, r := range s.org.Requests() {
		if strings.Contains(r.Path, part) {
			n++
		}
	}
	return n
}

func TestTheDemoCallersAreIdentified(t *testing.T) {
	s := simulate(t, sfsim.Options{})
	for number, want := range map[call.Number]string{
		"+358400000001": "1 Contact",
		"0400000001":    "1 Contact",
		"+358400000002": "4 Contact Contact Contact Account",
		"+358400000003": "0",
		"+358400000004": "1 Lead",
		"":              "0",
		"anonymous":     "0",
		"+46400000001":  "0", // the same national digits in another country
	} {
		m, err := s.client.Identify(t.Context(), number)
		if err != nil || !m.Looked {
			t.Errorf("%s: %+v, %v", number, m, err)
			continue
		}
		got := fmt.Sprint(m.Count)
		for _, p := range m.People {
			got += " " + p.Object
			if p.Name == "" || !crm.IsID(p.ID) || !strings.HasPrefix(p.URL, s.server.URL+"/lightning/r/"+p.Object+"/"+p.ID) {
				t.Errorf("%s: %+v", number, p)
			}
			if p.Object == "Contact" && (!crm.IsID(p.AccountID) || p.AccountName == "") {
				t.Errorf("%s: a contact without its account: %+v", number, p)
			}
		}
		if got != want {
			t.Errorf("%s: %s, want %s", number, got, want)
		}
	}
}

func TestTheFlowAdvisesByOwnerAndSLA(t *testing.T) {
	s := simulate(t, sfsim.Options{})
	q := routing.Inquiry{Call: call.NewID(), Caller: "+358400000001", Called: "+358293000100", Queue: "Customer Service EN"}
	a, err := s.client.Advise(t.Context(), "Cordboard_Smart_Routing", q)
	if err != nil || a.Match.Count != 1 || a.Priority <= 0 || a.UserID != sfsim.DemoUserID("anna") {
		t.Errorf("%+v, %v", a, err)
	}
	a, err = s.client.Advise(t.Context(), "Cordboard_Smart_Routing", routing.Inquiry{Call: call.NewID(), Caller: "+358400000003", Queue: "Sales"})
	if err != nil || a.Match.Count != 0 || a.UserID != "" {
		t.Errorf("a stranger: %+v, %v", a, err)
	}
	if a, err = s.client.Advise(t.Context(), "No_Such_Flow", q); err == nil || a.Match.Count != 1 {
		t.Errorf("a flow that is not there: %+v, %v", a, err)
	}
	if _, err = s.client.Advise(t.Context(), "../../sobjects/Task", q); err == nil {
		t.Error("a flow's name led elsewhere")
	}
}

func TestG5_AdviceEndsWithItsBudget(t *testing.T) {
	s := simulate(t, sfsim.Options{FlowLatency: 5 * time.Second})
	if err := s.client.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	began := time.Now()
	a, err := s.client.Advise(ctx, "Cordboard_Smart_Routing", routing.Inquiry{Caller: "+358400000001"})
	if took := time.Since(began); err == nil || took > time.Second {
		t.Errorf("%v after %v", err, took)
	}
	if a.Match.Count != 1 {
		t.Errorf("whom the number belongs to was known, and is forgotten: %+v", a)
	}
}

// finished is a call that has ended, as the ledger closes it.
func finished(i int) call.Record {
	began := time.Date(2026, 11, 22, 8, 0, i, 0, time.UTC)
	r := call.Record{ID: call.NewID(), Direction: call.Inbound, Customer: call.Party{Number: "+358400000001"}, Dialled: "+358293000100",
		Queue: "Customer Service EN", UserID: sfsim.DemoUserID("anna"), Started: began, Queued: began, Over: began.Add(3 * time.Minute),
		Ending: call.Ending{By: call.ByCustomer, Reason: call.Hungup}}
	if i%3 > 0 {
		r.Answered = began.Add(65 * time.Second)
	}
	return r
}

// deliver sends every call's Task through a real worker and waits until nothing is left.
func (s *simulated) deliver(rows *outboxtest.Memory, within time.Duration) {
	s.t.Helper()
	w := outbox.New(rows, map[string]outbox.Courier{crm.KindTask: s.client.Tasks()},
		outbox.Settings{Fill: 10 * time.Millisecond, First: 10 * time.Millisecond, Longest: 100 * time.Millisecond, Batch: 25}, zaptest.NewLogger(s.t))
	go w.Run(s.t.Context())
	defer w.Close()
	ctx, cancel := context.WithTimeout(s.t.Context(), within)
	defer cancel()
	if err := w.Idle(ctx); err != nil {
		s.t.Fatal(err)
	}
	if stats, err := rows.Stats(s.t.Context()); err != nil || stats.Parked > 0 {
		s.t.Fatalf("%+v, %v", stats, err)
	}
}

func put(t *testing.T, rows *outboxtest.Memory, rec call.Record) {
	t.Helper()
	if err := rows.Put(t.Context(), crm.Tasks(rec, crm.Settings{DetailsURL: "https://gateway.example/calls"})...); err != nil {
		t.Fatal(err)
	}
}

func TestACallBecomesATaskInTheOrg(t *testing.T) {
	s := simulate(t, sfsim.Options{})
	rec := finished(1)
	var err error
	if rec.Match, err = s.client.Identify(t.Context(), rec.Customer.Number); err != nil {
		t.Fatal(err)
	}
	rows := outboxtest.NewMemory()
	put(t, rows, rec)
	s.deliver(rows, 10*time.Second)
	got := s.rows("SELECT Subject, Status, TaskSubtype, CallType, CallDurationInSeconds, WhoId, WhatId, OwnerId, ActivityDate, " +
		"Cordboard_Queue_Wait__c, Cordboard_Queue_Wait_Seconds__c, Cordboard_Call_Result__c, Cordboard_Call_Details_URL__c, " +
		"Cordboard_Call_End_Time__c FROM Task WHERE Cordboard_Call_Key__c = '" + string(rec.ID) + "'")
	if len(got) != 1 {
		t.Fatalf("%d tasks", len(got))
	}
	only, _ := rec.Match.Only()
	for field, want := range map[string]any{
		"Subject": "Call - Customer Service EN", "Status": "Completed", "TaskSubtype": "Call", "CallType": "Inbound",
		"CallDurationInSeconds": "115", "WhoId": only.ID, "WhatId": only.AccountID, "OwnerId": sfsim.DemoUserID("anna"),
		"ActivityDate": "2026-11-22", "Cordboard_Queue_Wait__c": "1 min 5 s", "Cordboard_Queue_Wait_Seconds__c": "65",
		"Cordboard_Call_Result__c": "Answered", "Cordboard_Call_Details_URL__c": "https://gateway.example/calls/" + string(rec.ID),
	} {
		if fmt.Sprint(got[0][field]) != want {
			t.Errorf("%s is %v, want %v", field, got[0][field], want)
		}
	}
}

func TestG3_EachReplyIsLostOnceAndEachCallIsOneTask(t *testing.T) {
	for name, batch := range map[string]int{"one by one": 1, "in collections": 20} {
		t.Run(name, func(t *testing.T) {
			s := simulate(t, sfsim.Options{})
			s.faults(`{"drop_reply":true,"every":2,"paths":["/sobjects/"]}`) // both /sobjects/Task/… and /composite/sobjects/…
			rows := outboxtest.NewMemory()
			for i := range 40 / max(batch/4, 1) {
				for j := range batch {
					put(t, rows, finished(i+j))
				}
				s.deliver(rows, 20*time.Second)
			}
			all := s.rows("SELECT Cordboard_Call_Key__c, TaskSubtype FROM Task WHERE Cordboard_Call_Key__c != null")
			checkOnce(t, all, 40/max(batch/4, 1)*batch)
		})
	}
}

func checkOnce(t *testing.T, tasks []map[string]any, want int) {
	t.Helper()
	seen := map[any]bool{}
	for _, task := range tasks {
		if seen[task[keyField]] {
			t.Errorf("two tasks of call %v", task[keyField])
		}
		if task["TaskSubtype"] != "Call" {
			t.Errorf("a task of subtype %v", task["TaskSubtype"])
		}
		seen[task[keyField]] = true
	}
	if len(seen) != want {
		t.Errorf("%d tasks of %d calls", len(seen), want)
	}
}

func TestThreeHundredCallsOnABadDayLeaveThreeHundredTasks(t *testing.T) {
	s := simulate(t, sfsim.Options{})
	s.faults(`[{"status":503,"every":3,"paths":["/services/data/v"]},
		{"drop_reply":true,"every":4,"paths":["/sobjects/"]},
		{"expire_tokens":true,"every":5,"paths":["/services/data/v"]},
		{"status":503,"every":2,"paths":["/services/oauth2/token"],"times":3},
		{"error_code":"UNABLE_TO_LOCK_ROW","per_record":true,"every":7,"paths":["/composite/"]}]`)
	rows := outboxtest.NewMemory()
	for i := range 300 {
		put(t, rows, finished(i))
	}
	s.deliver(rows, 60*time.Second)
	checkOnce(t, s.rows("SELECT Cordboard_Call_Key__c, TaskSubtype FROM Task WHERE Cordboard_Call_Key__c != null"), 300)
}

func TestFiftyRingingPhonesWithExpiredSessionsLogInOnce(t *testing.T) {
	s := simulate(t, sfsim.Options{})
	if err := s.client.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.faults(`{"expire_tokens":true}`)
	errs := make(chan error, 50)
	for i := range 50 {
		go func() {
			_, err := s.client.Identify(t.Context(), call.Number(fmt.Sprintf("+3584010000%02d", i)))
			errs <- err
		}()
	}
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := s.count("/oauth2/token"); n != 2 {
		t.Errorf("%d logins, want the first and one more", n)
	}
}

func TestOneNumberIsLookedUpOnceHoweverManyAsk(t *testing.T) {
	s := simulate(t, sfsim.Options{})
	errs := make(chan error, 20)
	for range 20 {
		go func() {
			m, err := s.client.Identify(t.Context(), "+358400000001")
			if err == nil && m.Count != 1 {
				err = fmt.Errorf("%+v", m)
			}
			errs <- err
		}()
	}
	for range 20 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if n := s.count("/search"); n != 1 {
		t.Errorf("%d searches", n)
	}
}

func TestAnOrgThatRefusesALinkStillGetsTheTask(t *testing.T) {
	s := simulate(t, sfsim.Options{})
	rows := outboxtest.NewMemory()
	for i := range 3 {
		rec := finished(i)
		rec.UserID = "005Dn00000nobodyAAA"
		rec.Match = call.Match{Looked: true, Count: 1, People: []call.Person{{Object: "Contact", ID: "003Dn00000nobodyAAA"}}}
		put(t, rows, rec)
	}
	s.deliver(rows, 10*time.Second)
	checkOnce(t, s.rows("SELECT Cordboard_Call_Key__c, TaskSubtype FROM Task WHERE Cordboard_Call_Key__c != null"), 3)
}
