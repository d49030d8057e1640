package salesforce

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/outbox"
)

func TestExpiredSessionsOfFiftyRequestsCostOneLogin(t *testing.T) {
	s := newStub(t)
	var arrived sync.WaitGroup
	s.on("/limits", func(*http.Request, []byte) (int, string) { return 200, `{}` })
	c := s.client()
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.expire()
	errs := make(chan error, 50)
	for range 50 {
		arrived.Go(func() {
			_, err := c.do(t.Context(), ask{op: "limits", method: http.MethodGet, path: c.data("/limits")})
			errs <- err
		})
	}
	arrived.Wait()
	for range 50 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if s.logins != 2 {
		t.Errorf("%d logins; want the first and one more", s.logins)
	}
}

func TestA401ThatANewSessionCannotCureDoesNotLoop(t *testing.T) {
	for name, body := range map[string]string{
		"again and again": `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`,
		"app policy":      `Connected app is not attached to Agent`,
		"address policy":  `[{"message":"This session is not valid for use with the REST API","errorCode":"INVALID_SESSION_ID"}]`,
	} {
		t.Run(name, func(t *testing.T) {
			s := newStub(t)
			s.on("/limits", func(*http.Request, []byte) (int, string) { return 401, body })
			c := s.client()
			_, err := c.do(t.Context(), ask{op: "limits", method: http.MethodGet, path: c.data("/limits")})
			var e *APIError
			if !errors.As(err, &e) || e.HTTP != 401 || e.Class() != Login {
				t.Errorf("got %v", err)
			}
			want := 1
			if name == "again and again" {
				want = 2
			}
			if s.logins != want || s.count("/limits") != want {
				t.Errorf("%d logins, %d requests; want %d of each", s.logins, s.count("/limits"), want)
			}
		})
	}
}

func TestARefusedLoginIsNotRepeatedAtOnceAndNotTheRowsFault(t *testing.T) {
	s := newStub(t)
	s.login = func() (int, string) {
		return 400, `{"error":"invalid_grant","error_description":"user hasn't approved this consumer"}`
	}
	c := s.client()
	for range 20 {
		errs := c.Tasks().Deliver(t.Context(), []outbox.Message{message("a")})
		if _, wait := outbox.After(errs[0]); !wait || !strings.Contains(errs[0].Error(), "hasn't approved") {
			t.Fatalf("got %v", errs[0])
		}
	}
	if s.logins != 1 {
		t.Errorf("%d logins within a moment", s.logins)
	}
}

func TestSecretsAreInNoError(t *testing.T) {
	s := newStub(t)
	c := s.client()
	if err := c.Warm(t.Context()); err != nil {
		t.Fatal(err)
	}
	s.CloseClientConnections()
	s.Server.Close()
	_, err := c.Identify(t.Context(), "+358400835862")
	if err == nil {
		t.Fatal("no error from an org that is gone")
	}
	fresh := s.client()
	login := fresh.Warm(t.Context())
	if login == nil {
		t.Fatal("no error from a login host that is gone")
	}
	for _, secret := range []string{"session-1", "s3cret-of-ours", "400835862"} {
		if strings.Contains(err.Error()+login.Error(), secret) {
			t.Errorf("%q stands in %v / %v", secret, err, login)
		}
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	s := newStub(t)
	s.on("/limits", func(*http.Request, []byte) (int, string) { return 302, "" })
	c := s.client()
	_, err := c.do(t.Context(), ask{op: "limits", method: http.MethodGet, path: c.data("/limits")})
	var e *APIError
	if !errors.As(err, &e) || e.HTTP != 302 {
		t.Errorf("got %v", err)
	}
}

func TestAnAnswerWithoutEndIsCutOff(t *testing.T) {
	s := newStub(t)
	s.on("/limits", func(*http.Request, []byte) (int, string) { return 200, strings.Repeat(" ", mostBody+1) })
	c := s.client()
	if _, err := c.do(t.Context(), ask{op: "limits", method: http.MethodGet, path: c.data("/limits")}); err == nil {
		t.Error("it was read to the end")
	}
}

func TestTheTokenIsNotCarriedInTheClear(t *testing.T) {
	for _, tc := range []struct {
		login, instance string
		ok              bool
	}{
		{"https://login.salesforce.com", "https://acme.my.salesforce.com", true},
		{"https://login.salesforce.com", "http://acme.my.salesforce.com", false},
		{"https://login.salesforce.com", "javascript:alert(1)", false},
		{"https://login.salesforce.com", "https://user:pass@acme.my.salesforce.com", false},
		{"http://127.0.0.1:8090", "http://127.0.0.1:8090", true},
	} {
		c, err := New(Settings{LoginURL: tc.login, ClientID: "c", ClientSecret: "s",
			Transport: canned(`{"access_token":"t","instance_url":"` + tc.instance + `"}`)}, nopLogger())
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.login(t.Context())
		c.Close()
		if (err == nil) != tc.ok {
			t.Errorf("login %s, instance %s: %v", tc.login, tc.instance, err)
		}
	}
}

func TestASessionIsRenewedBeforeItEndsAndNobodyWaitsForIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		fetched := 0
		var owner sync.WaitGroup
		tk := &tokens{session: time.Hour,
			fetch: func(ctx context.Context) (*token, error) {
				fetched++
				time.Sleep(2 * time.Second)
				return &token{access: "x", made: time.Now()}, nil
			},
			start: func(_ context.Context, _ time.Duration, f func(context.Context)) bool {
				owner.Go(func() { f(context.Background()) })
				return true
			}}
		first, err := tk.get(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		time.Sleep(50 * time.Minute)
		began := time.Now()
		second, err := tk.get(t.Context(), nil)
		if err != nil || second != first || time.Since(began) != 0 {
			t.Errorf("after 50 minutes: %v, %v, waited %v", second, err, time.Since(began))
		}
		owner.Wait()
		if third, _ := tk.get(t.Context(), nil); third == first || fetched != 2 {
			t.Errorf("not renewed after %d logins", fetched)
		}
		// The old one is refused late, by a request that was under way: that costs nothing.
		if again, err := tk.get(t.Context(), first); err != nil || again == first || fetched != 2 {
			t.Errorf("a late refusal of the old session: %v, %d logins", err, fetched)
		}
	})
}

func TestAnImpatientCallerDoesNotSpoilTheLoginForOthers(t *testing.T) {
	s := newStub(t)
	entered, open := make(chan struct{}), make(chan struct{})
	s.login = func() (int, string) {
		close(entered)
		<-open
		return 200, `{"access_token":"late","instance_url":"` + s.URL + `"}`
	}
	c := s.client()
	hasty, leave := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { _, err := c.tokens.get(hasty, nil); done <- err }()
	<-entered
	leave()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("the hasty one got %v", err)
	}
	close(open)
	if got, err := c.tokens.get(t.Context(), nil); err != nil || got.access != "late" {
		t.Errorf("the patient one got %v, %v", got, err)
	}
	if s.logins != 1 {
		t.Errorf("%d logins", s.logins)
	}
}
