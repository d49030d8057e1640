package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
	"golang.org/x/crypto/bcrypt"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// house is the API with people in it.
type house struct {
	*API
	t      *testing.T
	url    string
	desk   *agent.Desk
	calls  *fakeCalls
	queues *fakeQueues
	ops    *fakeOperations
	traces fakeTraces
}

func newGuard(t *testing.T, more ...func(*access.Config)) *access.Guard {
	t.Helper()
	cfg := access.Config{Secret: bytes.Repeat([]byte("s"), 32), Users: []access.User{
		{ID: "anna", Name: "Anna Virtanen", Extension: "1001", PasswordHash: hashed(t, "demo-anna")},
		{ID: "bo", Name: "Bo Ek", Extension: "1002", PasswordHash: hashed(t, "demo-bo"), Roles: []access.Role{access.Agent}},
		{ID: "sue", Name: "Sue Salo", Extension: "1009", PasswordHash: hashed(t, "demo-sue"), Roles: []access.Role{access.Supervisor}},
		{ID: "root", Name: "Root", PasswordHash: hashed(t, "demo-root"), Roles: []access.Role{access.Admin}}, // no agent
	}}
	for _, f := range more {
		f(&cfg)
	}
	g, err := access.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return g
}

// hashed is a hash that costs little.
func hashed(t *testing.T, password string) string {
	t.Helper()
	h, err := bcrypt.GenerateFromPassword([]byte(password), bcrypt.MinCost)
	if err != nil {
		t.Fatal(err)
	}
	return string(h)
}

func newHouse(t *testing.T, change ...func(*Config)) *house {
	t.Helper()
	h := &house{t: t, calls: &fakeCalls{}, queues: &fakeQueues{}, ops: &fakeOperations{}, traces: fakeTraces{}}
	h.desk = agent.NewDesk([]agent.Profile{
		{ID: "anna", Name: "Anna Virtanen", Extension: "1001", Display: []agent.DisplayNumber{{Number: "+358293000100", Label: "Main"}}},
		{ID: "bo", Name: "Bo Ek", Extension: "1002"},
		{ID: "sue", Name: "Sue Salo", Extension: "1009"},
	})
	t.Cleanup(h.desk.Close)
	cfg := Config{Guard: newGuard(t), Desk: h.desk, Calls: h.calls, Queues: h.queues, Operations: h.ops, Traces: h.traces}
	for _, f := range change {
		f(&cfg)
	}
	h.API = New(cfg)
	server := httptest.NewServer(h.API)
	h.url = server.URL + "/api/v1"
	t.Cleanup(func() {
		h.API.Close()
		server.Close()
	})
	return h
}

type fakeCalls struct {
	mu     sync.Mutex
	active []call.Record
	past   []call.Record
	err    error
}

func (f *fakeCalls) Active() []call.Record {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.active)
}

func (f *fakeCalls) Recent(_ context.Context, agent string, limit int) ([]call.Record, error) {
	var found []call.Record
	for _, r := range f.past {
		if agent == "" || r.Agent == agent {
			found = append(found, r)
		}
	}
	return found[:min(limit, len(found))], f.err
}

func (f *fakeCalls) Get(_ context.Context, id call.ID) (call.Record, error) {
	for _, r := range f.past {
		if r.ID == id {
			return r, nil
		}
	}
	return call.Record{}, cmp.Or(f.err, fmt.Errorf("call %s: %w", id, ErrNotFound))
}

type fakeTraces map[call.ID]Ladder

func (f fakeTraces) Ladder(id call.ID) (Ladder, bool) { l, ok := f[id]; return l, ok }

func (f fakeTraces) Drawn(id call.ID, form string) (string, bool) {
	_, ok := f[id]
	return "a ladder as " + form, ok
}

func (f fakeTraces) Capture(id call.ID, d time.Duration, sound bool) (Capture, error) {
	if _, ok := f[id]; !ok {
		return Capture{}, NoCall(id)
	}
	return Capture{Call: string(id), Sound: sound, Until: time.Unix(0, 0).Add(d)}, nil
}

func (f fakeTraces) Captured(id call.ID) ([]byte, Capture, bool) {
	_, ok := f[id]
	return []byte("a file"), Capture{Call: string(id), Packets: 7}, ok
}

func (f fakeTraces) EndCapture(id call.ID) bool { _, ok := f[id]; return ok }

type fakeOperations struct {
	mu     sync.Mutex
	since  time.Time
	ending error // of Reopen
	done   Reloaded
	bad    error // of Reload
}

func (f *fakeOperations) Reload(context.Context) (Reloaded, error) { return f.done, f.bad }

func (f *fakeOperations) Trunks() []Trunk {
	now := time.Now()
	return []Trunk{
		{Name: "carrier", Calls: 3, MostCalls: 30, Hops: []TrunkHop{{Address: "tls:192.0.2.1:5061", Host: "sbc.carrier.example", Health: "down", Since: now, Heard: &now, Fails: 2, Why: "503"}},
			Register: &TrunkRegistration{AOR: "sip:us@carrier.example", State: "waiting", Since: now, Next: &now, Why: "503 Service Unavailable"}},
		{Name: "in", Hops: []TrunkHop{}},
	}
}

func (f *fakeOperations) Standing() Standing {
	f.mu.Lock()
	defer f.mu.Unlock()
	return Standing{Draining: !f.since.IsZero(), DrainingSince: f.since, Calls: 2, RetryAfter: 30 * time.Second}
}

func (f *fakeOperations) Drain() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = time.Now()
}

func (f *fakeOperations) Reopen() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.since = time.Time{}
	return f.ending
}

type fakeQueues struct {
	mu      sync.Mutex
	figures []queue.Figures
}

func (f *fakeQueues) Figures() []queue.Figures {
	f.mu.Lock()
	defer f.mu.Unlock()
	return slices.Clone(f.figures)
}

func (f *fakeQueues) set(figures ...queue.Figures) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.figures = figures
}

func (f *fakeQueues) Memberships(agent string) []Membership {
	if agent != "anna" {
		return nil
	}
	return []Membership{{Name: "Sales", Active: true}}
}

// answer is a response with its body read.
type answer struct {
	*http.Response
	body []byte
}

// ask sends a request; body may be nil, a string as it is, or anything for JSON.
func (h *house) ask(token, method, path string, body any) answer {
	h.t.Helper()
	var r io.Reader
	switch b := body.(type) {
	case nil:
	case string:
		r = strings.NewReader(b)
	default:
		encoded, err := json.Marshal(b)
		if err != nil {
			h.t.Fatal(err)
		}
		r = bytes.NewReader(encoded)
	}
	req, err := http.NewRequest(method, h.url+path, r)
	if err != nil {
		h.t.Fatal(err)
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		h.t.Fatal(err)
	}
	return answer{resp, b}
}

// want asks and expects this status; the answer goes into out unless that is nil.
func (h *house) want(status int, token, method, path string, body, out any) answer {
	h.t.Helper()
	a := h.ask(token, method, path, body)
	if a.StatusCode != status {
		h.t.Fatalf("%s %s: %d %s, want %d", method, path, a.StatusCode, a.body, status)
	}
	if out != nil {
		if err := json.Unmarshal(a.body, out); err != nil {
			h.t.Fatalf("%s %s: %v in %s", method, path, err, a.body)
		}
	}
	return a
}

type problem struct {
	Title, Detail string
	Status        int
}

// wantProblem expects a problem whose detail holds all of the words.
func (h *house) wantProblem(status int, token, method, path string, body any, words ...string) answer {
	h.t.Helper()
	var p problem
	a := h.want(status, token, method, path, body, &p)
	if got := a.Header.Get("Content-Type"); got != "application/problem+json" {
		h.t.Errorf("%s %s: content type %q", method, path, got)
	}
	if p.Status != status || p.Title == "" {
		h.t.Errorf("%s %s: problem %+v", method, path, p)
	}
	for _, w := range words {
		if !strings.Contains(p.Detail, w) {
			h.t.Errorf("%s %s: detail %q does not say %q", method, path, p.Detail, w)
		}
	}
	return a
}

// in logs somebody in.
func (h *house) in(user string) (token string) {
	h.t.Helper()
	var l Login
	h.want(200, "", "POST", "/login", map[string]string{"user": user, "password": "demo-" + user}, &l)
	return l.Token
}
