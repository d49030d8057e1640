package salesforce

import (
	"crypto/rand"
	"crypto/rsa"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"go.uber.org/zap/zaptest"
)

// stub is a small org: it hands out sessions, checks them, and answers by the first handler whose path fits.
type stub struct {
	*httptest.Server
	t *testing.T

	one     sync.Mutex // rules run one at a time, so that they may keep what they like
	mu      sync.Mutex
	logins  int               // guarded by mu
	session string            // guarded by mu
	asked   []string          // guarded by mu: "METHOD path"
	rules   map[string]answer // guarded by mu: by part of the path
	login   func() (int, string)
}

type answer func(r *http.Request, body []byte) (status int, reply string)

func newStub(t *testing.T) *stub {
	s := &stub{t: t, rules: map[string]answer{}}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Server.Close)
	return s
}

func (s *stub) on(path string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.rules[path] = a
}

// expire ends the session.
func (s *stub) expire() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.session = "expired"
}

func (s *stub) count(part string) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, a := range s.asked {
		if strings.Contains(a, part) {
			n++
		}
	}
	return n
}

func (s *stub) serve(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	status, reply := s.answer(r, body)
	if reply == "HANG UP" {
		panic(http.ErrAbortHandler)
	}
	w.Header().Set("Sforce-Limit-Info", r.Header.Get("Test-Limit"))
	if status == 302 {
		w.Header().Set("Location", "http://127.0.0.1:1/elsewhere")
	}
	w.WriteHeader(status)
	_, _ = io.WriteString(w, reply)
}

func (s *stub) answer(r *http.Request, body []byte) (int, string) {
	s.mu.Lock()
	s.asked = append(s.asked, r.Method+" "+r.URL.Path)
	if r.URL.Path == "/services/oauth2/token" {
		defer s.mu.Unlock()
		s.logins++
		if s.login != nil {
			return s.login()
		}
		s.session = fmt.Sprintf("session-%d", s.logins)
		return 200, fmt.Sprintf(`{"access_token":%q,"instance_url":%q}`, s.session, s.URL)
	}
	known := r.Header.Get("Authorization") == "Bearer "+s.session
	var rule answer
	for part, a := range s.rules {
		if strings.Contains(r.URL.Path, part) {
			rule = a
		}
	}
	s.mu.Unlock()
	switch {
	case r.URL.Path == "/services/data":
		return 200, `[]`
	case !known:
		return 401, `[{"message":"Session expired or invalid","errorCode":"INVALID_SESSION_ID"}]`
	case rule == nil:
		return 404, `[{"errorCode":"NOT_FOUND","message":"The requested resource does not exist"}]`
	}
	s.one.Lock()
	defer s.one.Unlock()
	return rule(r, body)
}

// key is made once: RSA keys are slow to make.
var key = sync.OnceValue(func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
})

func (s *stub) client(change ...func(*Settings)) *Client {
	set := Settings{LoginURL: s.URL, ClientID: "client", ClientSecret: "s3cret-of-ours", Region: "FI"}
	for _, f := range change {
		f(&set)
	}
	c, err := New(set, zaptest.NewLogger(s.t))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(c.Close)
	return c
}

func encode(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
