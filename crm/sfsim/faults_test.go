package sfsim

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestEveryThirdRequestFails(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPut, "/_sim/faults", `{"status":503,"every":3,"paths":["/limits"]}`, 200, `"every":3`)
	var seen []int
	for range 7 {
		status, body := c.do(http.MethodGet, "limits", "")
		seen = append(seen, status)
		if status == 503 && (!strings.HasPrefix(c.last.Header.Get("Content-Type"), "text/html") || !strings.HasPrefix(body, "<!DOCTYPE html>")) {
			t.Error("a 503 comes from the edge, as HTML:", body)
		}
		c.want(http.MethodGet, "sobjects", "", 200) // not on its path
	}
	if got := fmt.Sprint(seen); got != "[200 200 503 200 200 503 200]" {
		t.Error(got)
	}
	c.want(http.MethodDelete, "/_sim/faults", "", 204)
	c.want(http.MethodGet, "/_sim/faults", "", 200, "[]")
}

func TestG3_TheAnswerIsLostAfterTheWorkIsDone(t *testing.T) {
	c := newClient(t, Options{})
	c.org.SetFaults(Fault{DropReply: true, Paths: []string{"/sobjects/Task"}, Times: 1})
	path := "sobjects/Task/Cordboard_Call_Key__c/k"
	if status, body := c.do(http.MethodPatch, path, `{"Subject":"x"}`); status != 0 {
		t.Fatal("an answer came:", status, body)
	}
	if n := len(c.org.Records("Task")); n != 1 {
		t.Fatalf("%d tasks: the work was not done", n)
	}
	c.want(http.MethodPatch, path, `{"Subject":"x"}`, 200, `"created":false`)
	log := c.org.Requests()
	if lost := log[len(log)-2]; !lost.Dropped || !lost.Faulted || lost.Status != 201 {
		t.Errorf("the log says %+v", lost)
	}
}

func TestErrorCodesThatAFaultMayGive(t *testing.T) {
	c := newClient(t, Options{})
	for fault, want := range map[string]struct {
		status int
		body   string
	}{
		`{"error_code":"UNABLE_TO_LOCK_ROW"}`:                             {400, `"message":"unable to obtain exclusive access to this record or 1 records: `},
		`{"error_code":"UNABLE_TO_LOCK_ROW","status":500}`:                {500, `"errorCode":"UNABLE_TO_LOCK_ROW"`},
		`{"error_code":"REQUEST_LIMIT_EXCEEDED"}`:                         {403, `[{"message":"TotalRequests Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`},
		`{"error_code":"REQUEST_LIMIT_EXCEEDED:ConcurrentPerOrgLongTxn"}`: {403, `[{"message":"ConcurrentPerOrgLongTxn Limit exceeded.","errorCode":"REQUEST_LIMIT_EXCEEDED"}]`},
		`{"error_code":"INVALID_SESSION_ID"}`:                             {401, "Session expired or invalid"},
		`{"error_code":"INVALID_SESSION_ID:Connected app"}`:               {401, "Connected app is not attached to Agent"},
		`{"error_code":"UNKNOWN_EXCEPTION"}`:                              {500, "ErrorId"},
		`{"error_code":"MY_OWN","message":"words","status":418}`:          {418, `[{"message":"words","errorCode":"MY_OWN"}]`},
		`{"status":502}`: {502, "<html>"},
		`{"status":404}`: {404, `"errorCode":"NOT_FOUND"`},
		`[{"error_code":"SERVER_UNAVAILABLE"},{"status":500,"paths":["x"]}]`: {503, "SERVER_UNAVAILABLE"},
	} {
		c.want(http.MethodPut, "/_sim/faults", fault, 200)
		c.want(http.MethodGet, "limits", "", want.status, want.body)
	}
	c.want(http.MethodPut, "/_sim/faults", `{"error_code":"invalid_app_access","paths":["/oauth2/token"]}`, 200)
	if status, body := c.form("/services/oauth2/token", nil); status != 400 || body != `{"error":"invalid_app_access","error_description":"user is not admin approved to access this app"}` {
		t.Error(status, body)
	}
}

func TestTheDailyLimitIsReachedAndGiven(t *testing.T) {
	now := time.Now()
	c := newClient(t, Options{Now: func() time.Time { return now }, DailyLimit: 100, SessionLife: 100 * time.Hour})
	c.want(http.MethodPut, "/_sim/faults", `{"daily_limit":2}`, 200)
	c.want(http.MethodGet, "limits", "", 200, `"DailyApiRequests":{"Max":2,"Remaining":1}`)
	c.want(http.MethodGet, "/services/data", "", 200) // costs nothing
	if c.last.Header.Get("Sforce-Limit-Info") != "" {
		t.Error("the list of versions tells usage")
	}
	c.want(http.MethodGet, "limits", "", 200)
	c.want(http.MethodGet, "limits", "", 403, "TotalRequests Limit exceeded.")
	if info := c.last.Header.Get("Sforce-Limit-Info"); info != "api-usage=2/2" {
		t.Error(info)
	}
	c.want(http.MethodDelete, "/_sim/faults", "", 204)
	c.want(http.MethodGet, "limits", "", 200, `"Max":100`)
	for range 99 {
		c.want(http.MethodGet, "limits", "", 200)
	}
	c.want(http.MethodGet, "limits", "", 403)
	now = now.Add(24 * time.Hour)
	c.want(http.MethodGet, "limits", "", 200)
}

func TestLatencyIsWaitedAndJitterAdded(t *testing.T) {
	f := newFaults(1)
	f.set([]Fault{{Latency: 100, Jitter: 50, Methods: []string{"GET"}}})
	for range 100 {
		if h := f.next("GET", "/x"); h.delay < 100*time.Millisecond || h.delay >= 150*time.Millisecond {
			t.Fatal(h.delay)
		}
	}
	if h := f.next("POST", "/x"); h.delay != 0 || h.fell {
		t.Error("another method:", h)
	}
	c := newClient(t, Options{})
	c.org.SetFaults(Fault{Latency: 30})
	began := time.Now()
	c.want(http.MethodGet, "limits", "", 200)
	if took := time.Since(began); took < 30*time.Millisecond {
		t.Error(took)
	}
}

func TestSessionsMayEndWithEveryNthRequest(t *testing.T) {
	c := newClient(t, Options{})
	c.org.SetFaults(Fault{ExpireTokens: true, Every: 2, Paths: []string{"/services/data"}})
	c.want(http.MethodGet, "limits", "", 200)
	c.want(http.MethodGet, "limits", "", 401)
	c.login()
	c.want(http.MethodGet, "limits", "", 200)
	c.want(http.MethodGet, "limits", "", 401)
}

func TestAFaultThatIsNoneIsRefused(t *testing.T) {
	c := newClient(t, Options{})
	for _, bad := range []string{`{"latency":5}`, `{"latency_ms":-1}`, `{"status":99}`, `nothing`, `null`, `{"every":"x"}`} {
		c.want(http.MethodPut, "/_sim/faults", bad, 400)
	}
	c.want(http.MethodGet, "limits", "", 200)
}
