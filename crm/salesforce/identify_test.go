package salesforce

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/call"
)

func TestAnImpatientCallerDoesNotSpoilTheSearchForOthers(t *testing.T) {
	s := newStub(t)
	entered, open := make(chan struct{}), make(chan struct{})
	s.on("/search", func(*http.Request, []byte) (int, string) {
		close(entered)
		<-open
		return 200, searchReply("+358400000001")
	})
	c := s.client()
	hasty, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := c.Identify(hasty, "+358400000001"); done <- err }()
	<-entered
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the hasty one: %v", err)
	}
	close(open)
	if m, err := c.Identify(t.Context(), "0400000001"); err != nil || m.Count != 1 || s.count("/search") != 1 {
		t.Errorf("the patient one: %+v, %v, %d searches", m, err, s.count("/search"))
	}
}

func TestAFailedSearchIsNotRemembered(t *testing.T) {
	s := newStub(t)
	fail := true
	s.on("/search", func(*http.Request, []byte) (int, string) {
		if fail {
			fail = false
			return 503, "<html>"
		}
		return 200, searchReply("+358400000001")
	})
	c := s.client()
	if m, err := c.Identify(t.Context(), "+358400000001"); err == nil || m.Looked {
		t.Errorf("%+v, %v", m, err)
	}
	if m, err := c.Identify(t.Context(), "+358400000001"); err != nil || m.Count != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestAnOrgThatHidesFieldsIsAskedForFewer(t *testing.T) {
	s := newStub(t)
	s.on("/search", func(r *http.Request, _ []byte) (int, string) {
		q := r.URL.Query().Get("q")
		switch {
		case strings.Contains(q, "HomePhone"):
			return 400, `[{"errorCode":"INVALID_FIELD","message":"No such column 'HomePhone' on entity 'Contact'"}]`
		case strings.Contains(q, "Lead("):
			return 400, `[{"errorCode":"INVALID_TYPE","message":"sObject type 'Lead' is not supported."}]`
		}
		return 200, searchReply("+358400000001")
	})
	c := s.client()
	for i := range 3 {
		if m, err := c.Identify(t.Context(), call.Number(fmt.Sprintf("+35840000000%d", i))); err != nil || m.Count > 1 {
			t.Errorf("%+v, %v", m, err)
		}
	}
	if n := s.count("/search"); n != 5 {
		t.Errorf("%d searches; the lesson costs two", n)
	}
}

func TestOnlyTenOfEachAreShownAndAllAreCounted(t *testing.T) {
	var records []any
	for i := range 11 {
		records = append(records, map[string]any{"attributes": map[string]any{"type": "Contact"}, "Id": fmt.Sprintf("003Dn0000000%03dAAA", i),
			"Name": "X", "Phone": "0400 000001"})
	}
	records = append(records, map[string]any{"attributes": map[string]any{"type": "Contact"}, "Id": "003Dn0000000100AAA", "Phone": "0400 000009"},
		map[string]any{"attributes": map[string]any{"type": "User"}, "Id": "005Dn0000000100AAA", "Phone": "0400 000001"},
		map[string]any{"attributes": map[string]any{"type": "Account"}, "Id": "../../../x", "Phone": "0400 000001"})
	s := newStub(t)
	s.on("/search", func(*http.Request, []byte) (int, string) {
		return 200, encode(map[string]any{"searchRecords": records})
	})
	m, err := s.client().Identify(t.Context(), "+358400000001")
	if err != nil || m.Count != 11 || len(m.People) != 10 {
		t.Errorf("%d counted, %d shown, %v", m.Count, len(m.People), err)
	}
}

func TestTheSearchHoldsDigitsOnly(t *testing.T) {
	got := sosl([]string{"358400835862", "0400835862"}, breadths()[2])
	want := "FIND {358400835862 OR 0400835862} IN PHONE FIELDS RETURNING " +
		"Contact(Id,Name,AccountId,Account.Name,Phone,MobilePhone ORDER BY LastModifiedDate DESC LIMIT 11), " +
		"Account(Id,Name,Phone ORDER BY LastModifiedDate DESC LIMIT 11)"
	if got != want {
		t.Errorf("%s", got)
	}
}

func TestWhatIsKnownGrowsOldAndTakesBoundedRoom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPeople(10, time.Minute)
		searches := 0
		look := func(key string, count int) {
			t.Helper()
			_, err := p.get(t.Context(), key, func(found func(call.Match, error)) bool {
				searches++
				go found(call.Match{Looked: true, Count: count}, nil)
				return true
			})
			if err != nil {
				t.Error(err)
			}
		}
		for want, step := range []struct {
			key    string
			count  int
			pause  time.Duration
			repeat bool
		}{
			{"a customer", 1, 0, false}, {"a customer", 1, 59 * time.Second, true}, {"a customer", 1, 2 * time.Second, false},
			{"a stranger", 0, 0, false}, {"a stranger", 0, 9 * time.Second, true}, {"a stranger", 0, 2 * time.Second, false},
		} {
			time.Sleep(step.pause)
			before := searches
			look(step.key, step.count)
			if again := searches == before; again != step.repeat {
				t.Errorf("step %d: known %v", want, again)
			}
		}
		for i := range 1000 {
			look(fmt.Sprint(i), 1)
		}
		if len(p.known) > 10 {
			t.Errorf("%d remembered", len(p.known))
		}
	})
}

func TestAZippedAnswerIsRead(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := `{"access_token":"t","instance_url":"http://` + r.Host + `"}`
		if strings.Contains(r.URL.Path, "/search") {
			body = searchReply("+358400000001")
		}
		if !strings.Contains(r.Header.Get("Accept-Encoding"), "gzip") {
			w.WriteHeader(400)
			return
		}
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		_, _ = z.Write([]byte(body))
		_ = z.Close()
	}))
	defer server.Close()
	c, err := New(Settings{LoginURL: server.URL, ClientID: "c", ClientSecret: "s", Region: "FI"}, nopLogger())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if m, err := c.Identify(t.Context(), "+358400000001"); err != nil || m.Count != 1 {
		t.Errorf("%+v, %v", m, err)
	}
}

func TestWritesDoNotStandBeforeARingingPhone(t *testing.T) {
	s := newStub(t)
	open := make(chan struct{})
	entered := make(chan struct{}, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodPatch {
			entered <- struct{}{}
			<-open
		}
		s.serve(w, r)
	}))
	defer server.Close()
	s.URL = server.URL
	s.on("/search", func(*http.Request, []byte) (int, string) { return 200, searchReply("+358400000001") })
	c := s.client()
	done := make(chan struct{})
	for range 3 * mostPatient {
		go func() {
			c.Tasks().Deliver(t.Context(), batch(1))
			done <- struct{}{}
		}()
	}
	for range mostPatient {
		<-entered
	}
	if m, err := c.Identify(t.Context(), "+358400000001"); err != nil || m.Count != 1 {
		t.Errorf("%+v, %v", m, err)
	}
	close(open)
	for range 3 * mostPatient {
		<-done
	}
}

func TestSettingsThatCannotWorkAreRefusedAllAtOnce(t *testing.T) {
	for name, tc := range map[string]struct {
		set  Settings
		want []string
	}{
		"nothing":         {Settings{}, []string{"login URL", "client id", "private key"}},
		"in the clear":    {Settings{LoginURL: "http://login.example.org", ClientID: "c", ClientSecret: "s"}, []string{"in the clear"}},
		"nobody to be":    {Settings{LoginURL: "https://login.salesforce.com", ClientID: "c", Key: key()}, []string{"username"}},
		"no URL at all":   {Settings{LoginURL: "login.salesforce.com", ClientID: "c", ClientSecret: "s"}, []string{"login URL"}},
		"a file, no host": {Settings{LoginURL: "file:///etc/passwd", ClientID: "c", ClientSecret: "s"}, []string{"login URL"}},
	} {
		_, err := New(tc.set, nopLogger())
		for _, want := range tc.want {
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v, want %q in it", name, err, want)
			}
		}
	}
}

func TestAClosedClientAnswersAtOnce(t *testing.T) {
	s := newStub(t)
	c := s.client()
	c.Close()
	if _, err := c.Identify(t.Context(), "+358400000001"); err == nil {
		t.Error("it still identifies")
	}
	if err := c.Warm(t.Context()); err == nil {
		t.Error("it still logs in")
	}
	c.Close()
}

func TestOneConnectionServesManyCalls(t *testing.T) {
	s := newStub(t)
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(s.serve))
	server.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	defer server.Close()
	s.URL = server.URL
	turn := 0
	s.on("/search", func(*http.Request, []byte) (int, string) {
		if turn++; turn%3 == 0 {
			return 503, strings.Repeat("<html>", 1000) // a fault does not cost the connection
		}
		return 200, searchReply("+358400000001")
	})
	c := s.client()
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	for i := range 30 {
		_, _ = c.Identify(t.Context(), call.Number(fmt.Sprintf("+3584000000%02d", i)))
	}
	if n := opened.Load(); n != 1 || s.count("/search") != 30 {
		t.Errorf("%d connections for %d searches", n, s.count("/search"))
	}
}
