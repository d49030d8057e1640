package sfsim

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
)

func TestRecordsAreSeededAndSeen(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodPost, "/_sim/records/UserServicePresence", `{"UserId":"`+DemoUserID("anna")+`","IsCurrentState":true}`, 201, `"success":true`)
	c.want(http.MethodGet, "/_sim/records/UserServicePresence", "", 200, `"IsCurrentState":true`, `"attributes":{"type":"UserServicePresence"`)
	id := namedID("003", "aino")
	c.want(http.MethodPost, "/_sim/records/Contact", `{"Id":"`+id+`","LastName":"Replaced"}`, 201, id)
	c.want(http.MethodGet, "sobjects/Contact/"+id, "", 200, `"Name":"Replaced"`)
	before := len(c.org.Records("Contact"))
	c.want(http.MethodPost, "/_sim/records/Contact", `[{"LastName":"good"},{"Nonsense":1}]`, 400, "INVALID_FIELD")
	if len(c.org.Records("Contact")) != before {
		t.Error("half of a seed stayed")
	}
	c.want(http.MethodPost, "/_sim/records/Nothing", `{}`, 404)
	c.want(http.MethodGet, "/_sim/records/Nothing", "", 404)
	c.want(http.MethodGet, "/_sim/nothing", "", 404)
	c.want(http.MethodPost, "/_sim/records/Contact", `null`, 400)
}

func TestAResetBringsTheStartBack(t *testing.T) {
	c := newClient(t, Options{Seed: 7})
	make1 := func() string {
		c.t.Helper()
		return idOf(t, c.want(http.MethodPost, "sobjects/Task", `{"Subject":"x"}`, 201))
	}
	first := make1()
	c.org.SetFaults(Fault{Status: 500})
	c.want(http.MethodPost, "/_sim/reset", "", 204)
	if n := len(c.org.Requests()); n != 0 {
		t.Errorf("%d requests in the log", n)
	}
	c.want(http.MethodGet, "limits", "", 401) // sessions are gone, faults too
	c.login()                                 // apps stay
	if again := make1(); again != first {
		t.Errorf("ids do not begin anew: %s, %s", first, again)
	}
	if other := New(Options{Seed: 8}); len(other.Records("Contact")) != 4 {
		t.Error("another seed, another demo")
	}
}

func TestTheLogOfRequests(t *testing.T) {
	c := newClient(t, Options{})
	c.want(http.MethodGet, "limits?x=1", "", 200)
	c.want(http.MethodGet, "/_sim/requests", "", 200, `"method":"GET","path":"/services/data/v67.0/limits?x=1","status":200,"ms":`)
	c.want(http.MethodDelete, "/_sim/requests", "", 204)
	c.want(http.MethodGet, "/_sim/requests", "", 200, "[]")
	l := newRequestLog()
	for i := range keptRequests + 10 {
		l.add(Request{Status: i})
	}
	if list := l.list(); len(list) != keptRequests || list[0].Status != 10 || list[len(list)-1].Status != keptRequests+9 {
		t.Error("the ring is not in order")
	}
}

func TestPagesForPeople(t *testing.T) {
	c := newClient(t, Options{})
	aino := namedID("003", "aino")
	c.want(http.MethodPost, "sobjects/Task", `{"Subject":"<script>alert(1)</script>","WhoId":"`+aino+`","Cordboard_Call_Details_URL__c":"javascript:alert(1)"}`, 201)
	task := c.org.Records("Task")[0]["Id"].(string)
	c.want(http.MethodGet, "/_sim/", "", 200, "Cordboard Demo", "&lt;script&gt;", "Aino Virtanen", "/services/oauth2/token")
	c.want(http.MethodGet, "/_sim", "", 200, "Cordboard Demo")
	for _, path := range []string{"/" + aino, "/" + aino[:15], "/lightning/r/Contact/" + aino + "/view", "/lightning/r/" + aino + "/view"} {
		c.want(http.MethodGet, path, "", 200, "<h1>Aino Virtanen</h1>", "Nordic Timber Oy", "Cracked planks", "&lt;script&gt;")
	}
	if page := c.want(http.MethodGet, "/"+task, "", 200); strings.Contains(page, `href="javascript:`) || strings.Contains(page, "<script>") {
		t.Error("a record's text became part of the page")
	}
	c.want(http.MethodGet, "/lightning/o/Lead/list", "", 200, "Sara Lindholm")
	c.want(http.MethodGet, "/003Dn0000000zzz", "", 404, "No such record")
	c.want(http.MethodGet, "/favicon.ico", "", 404)
	c.want(http.MethodGet, "/", "", 302)
	c.want(http.MethodPost, "/"+aino, "", 405)
	if status, _ := c.do(http.MethodPost, "/_sim/reset", "", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site"); status != 403 {
		t.Error("a page of another origin may reset the org:", status)
	}
}

func TestBodiesAreBoundedAndMayBeZipped(t *testing.T) {
	c := newClient(t, Options{})
	var zipped bytes.Buffer
	zip := gzip.NewWriter(&zipped)
	if _, err := zip.Write([]byte(`{"Subject":"zipped"}`)); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if status, body := c.do(http.MethodPost, "sobjects/Task", zipped.String(), "Content-Encoding", "gzip"); status != 201 {
		t.Error(status, body)
	}
	if status, _ := c.do(http.MethodPost, "sobjects/Task", "no gzip", "Content-Encoding", "gzip"); status != 400 {
		t.Error(status)
	}
	zipped.Reset()
	zip.Reset(&zipped)
	if _, err := zip.Write(bytes.Repeat([]byte(" "), maxBody+1)); err != nil { // a few kB that become too many
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if status, _ := c.do(http.MethodPost, "sobjects/Task", zipped.String(), "Content-Encoding", "gzip"); status != 413 {
		t.Error(status)
	}
	c.want(http.MethodGet, "query?q="+strings.Repeat("x", maxURI), "", 414)
	status, _ := c.do(http.MethodGet, "sobjects", "", "Accept-Encoding", "gzip")
	if status != 200 || c.last.Header.Get("Content-Encoding") != "gzip" {
		t.Error("a long answer is not zipped for those who take it")
	}
	if status, _ := c.do(http.MethodPost, "sobjects/Contact/"+namedID("003", "tom")+"?_HttpMethod=PATCH", `{"Title":"x"}`); status != 204 {
		t.Error("PATCH by another name:", status)
	}
}

func TestManyClientsAtOnce(t *testing.T) {
	c := newClient(t, Options{})
	var all sync.WaitGroup
	for worker := range 8 {
		all.Go(func() {
			mine := &client{t: t, org: c.org, at: c.at, token: c.token}
			for i := range 25 {
				mine.do(http.MethodPatch, fmt.Sprintf("sobjects/Task/Cordboard_Call_Key__c/k%d", i), `{"Subject":"x"}`)
				mine.do(http.MethodGet, "search?q=FIND+%7B358400000001%7D+IN+PHONE+FIELDS+RETURNING+Contact(Id)", "")
				mine.do(http.MethodPost, flowPath+"Cordboard_Smart_Routing", `{"inputs":[{"contactId":"`+namedID("003", "aino")+`"}]}`)
				if worker == 0 {
					mine.do(http.MethodGet, "/_sim/", "")
					c.org.SetFaults(Fault{Latency: 1, Every: 5})
				}
			}
		})
	}
	all.Wait()
	if n := len(c.org.Records("Task")); n != 25 {
		t.Errorf("%d tasks of 25 keys", n)
	}
}

func TestALoadTestDoesNotFillTheMemory(t *testing.T) {
	c := newClient(t, Options{Keep: 20})
	for i := range 30 {
		c.want(http.MethodPatch, fmt.Sprintf("sobjects/Task/Cordboard_Call_Key__c/k%d", i), `{"Subject":"x"}`, 201)
	}
	c.want(http.MethodPatch, "sobjects/Task/Cordboard_Call_Key__c/k29", `{"Subject":"y"}`, 200)
	c.want(http.MethodGet, "sobjects/Task/Cordboard_Call_Key__c/k9", "", 404)
	c.want(http.MethodGet, "sobjects/Task/Cordboard_Call_Key__c/k10", "", 200)
	if n := len(c.org.Records("Task")); n != 20 {
		t.Errorf("%d tasks are kept", n)
	}
}

// FuzzDoor: whatever comes over the wire, an answer goes back.
func FuzzDoor(f *testing.F) {
	for _, seed := range [][3]string{
		{"PATCH", "sobjects/Task/Cordboard_Call_Key__c/a%2Fb", `{"Subject":"x","Who":{"Email":1},"attributes":{}}`},
		{"POST", "composite", composite(true, part("POST", "sobjects/Case", "a", "{}"), part("POST", "sobjects/Task", "b", `{"WhatId":"@{a.id}"}`))},
		{"PATCH", "composite/sobjects/Task/Cordboard_Call_Key__c", `{"allOrNone":true,"records":[{"attributes":{"type":"Task"},"Cordboard_Call_Key__c":"a"},null]}`},
		{"DELETE", "composite/sobjects?ids=00T,003Dn000000ainoIAA", ""}, {"POST", "actions/custom/flow/Cordboard_Smart_Routing", `{"inputs":[{"matchCount":1},null]}`},
		{"GET", "query/01gDn-1?columns=true", ""}, {"POST", "parameterizedSearch", `{"q":"a b","sobjects":[{"name":"Contact"}]}`}, {"PUT", "/_sim/faults", `[{"every":3}]`},
		{"POST", "/_sim/records/Task", `[{"OwnerId":null},{"CallDurationInSeconds":1e99}]`}, {"GET", "/lightning/r/Contact/x/view", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	o := New(Options{Keep: 50})
	o.TrustSecret(DemoClientID, "s", DemoUsername)
	f.Fuzz(func(t *testing.T, method, path, body string) {
		if !strings.HasPrefix(path, "/") {
			path = "/services/data/v67.0/" + path
		}
		u, err := url.Parse(path)
		if err != nil || u.Host != "" {
			return
		}
		o.SetFaults() // a fault of an earlier round must not hide what this one does
		o.mu.Lock()
		token := o.open(DemoClientID, DemoUserID("gateway")).token
		o.mu.Unlock()
		r := httptest.NewRequest(http.MethodGet, "/", strings.NewReader(body))
		r.Method, r.URL, r.RequestURI = method, u, path
		r.Header.Set("Authorization", "Bearer "+token)
		w := httptest.NewRecorder()
		o.ServeHTTP(w, r)
		if w.Code < 200 || w.Code > 599 {
			t.Errorf("%s %s: %d", method, path, w.Code)
		}
		o.revoke(token)
	})
}
