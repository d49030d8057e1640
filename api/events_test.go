package api

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
)

// stream is an open stream of events, as a page reads it.
type stream struct {
	t *testing.T
	*http.Response
	lines *bufio.Reader
}

// open opens a stream; the token goes into the header unless it is empty.
func (h *house) open(t *testing.T, token, query string) *stream {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, "GET", h.url+"/me/events"+query, nil)
	if err != nil {
		t.Fatal(err)
	}
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	resp, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != 200 || resp.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("stream: %d %q", resp.StatusCode, resp.Header.Get("Content-Type"))
	}
	return &stream{t, resp, bufio.NewReader(resp.Body)}
}

// next is the data of the next event, which must have this name.
func (s *stream) next(name string) (data string) {
	s.t.Helper()
	for {
		got, data, err := s.read()
		if err != nil {
			s.t.Fatalf("waiting for %s: %v", name, err)
		}
		if got != "" && got != name {
			s.t.Fatalf("event %s %s, want %s", got, data, name)
		}
		if got == name {
			return data
		}
	}
}

// read reads up to the next empty line; a comment has no name.
func (s *stream) read() (name, data string, err error) {
	for {
		line, err := s.lines.ReadString('\n')
		if err != nil {
			return "", "", err
		}
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "":
			return name, data, nil
		case strings.HasPrefix(line, ": "):
			data = line[2:]
		case strings.HasPrefix(line, "event: "):
			name = line[len("event: "):]
		case strings.HasPrefix(line, "data: "):
			data = line[len("data: "):]
		default:
			s.t.Fatalf("line %q", line)
		}
	}
}

func into[T any](t *testing.T, data string) (v T) {
	t.Helper()
	if err := json.Unmarshal([]byte(data), &v); err != nil {
		t.Fatalf("%v in %s", err, data)
	}
	return v
}

func happened(m call.Moment, who string, r call.Record) call.Event {
	return call.Event{At: time.Now(), Moment: m, Agent: who, Record: r}
}

func TestHelloSaysHowThingsStand(t *testing.T) {
	h := newHouse(t)
	h.desk.Devices("anna", 1)
	h.queues.set(queue.Figures{Queue: "Sales", Waiting: 1, Oldest: time.Minute})
	h.calls.active = []call.Record{{ID: "c1", Agent: "anna", Started: time.Now()}, {ID: "c2", Agent: "bo", Started: time.Now()}}
	hello := into[Hello](t, h.open(t, h.in("anna"), "").next("hello"))
	if hello.ID != "anna" || hello.State != "idle" || hello.Devices != 1 || hello.Availability.Type != "available" ||
		len(hello.Calls) != 1 || hello.Calls[0].ID != "c1" || hello.Queues[0].OldestWaitSeconds != 60 {
		t.Errorf("hello %+v", hello)
	}
	if all := into[Hello](t, h.open(t, h.in("sue"), "?scope=all").next("hello")); len(all.Calls) != 2 {
		t.Errorf("a supervisor's hello has %d calls", len(all.Calls))
	}
	h.wantProblem(403, h.in("anna"), "GET", "/me/events?scope=all", nil, "anna", "leave scope out")
	h.wantProblem(422, h.in("anna"), "GET", "/me/events?scope=some", nil, "scope", "some")
}

func TestACallIsToldToThoseItConcerns(t *testing.T) {
	h := newHouse(t)
	anna, bo, sue := h.open(t, h.in("anna"), ""), h.open(t, h.in("bo"), ""), h.open(t, h.in("sue"), "?scope=all")
	for _, s := range []*stream{anna, bo, sue} {
		s.next("hello")
	}
	want := func(s *stream, m call.Moment, who string) {
		t.Helper()
		if e := into[CallEvent](t, s.next("call")); e.Moment != string(m) || e.Agent != who || e.Record.ID != "c1" {
			t.Fatalf("told %+v, want %s %s", e, m, who)
		}
	}
	r := call.Record{ID: "c1", Direction: call.Inbound, Customer: call.Party{Number: "+358400000001"}, Queue: "Sales", Started: time.Now()}
	h.Saw(happened(call.Queued, "", r))
	h.Saw(happened(call.Presented, "anna", r))
	want(anna, call.Presented, "anna")
	r.Match = call.Match{Looked: true, Count: 1, People: []call.Person{{Object: "Contact", ID: "003", Name: "Ines"}}}
	h.Saw(happened(call.Matched, "", r)) // names nobody; it rings at anna
	if e := into[CallEvent](t, anna.next("call")); e.Moment != "matched" || e.Record.Match.People[0].Name != "Ines" {
		t.Fatalf("told %+v", e)
	}
	h.Saw(happened(call.Missed, "anna", r))
	want(anna, call.Missed, "anna")
	r.Agent = "bo"
	h.Saw(happened(call.Presented, "bo", r))
	h.Saw(happened(call.Answered, "bo", r))
	h.Saw(happened(call.Over, "", r))
	want(bo, call.Presented, "bo")
	want(bo, call.Answered, "bo")
	want(bo, call.Over, "")
	for _, m := range []call.Moment{call.Queued, call.Presented, call.Matched, call.Missed, call.Presented, call.Answered, call.Over} {
		if e := into[CallEvent](t, sue.next("call")); e.Moment != string(m) {
			t.Fatalf("a supervisor was told %s, want %s", e.Moment, m)
		}
	}
	// Anna was told nothing of what followed: the next thing she hears is her own.
	h.AgentChanged(agent.Status{ID: "bo", Work: agent.WrapUp})
	h.AgentChanged(agent.Status{ID: "anna", Work: agent.Idle, Availability: agent.Availability{Type: agent.Busy}, Devices: 2})
	if e := into[AgentEvent](t, anna.next("agent")); e.ID != "anna" || e.State != "idle" || e.Availability.Type != "busy" || e.Devices != 2 {
		t.Errorf("told %+v", e)
	}
	if n := len(h.hub.parts); n != 0 {
		t.Errorf("%d calls remembered after their end", n)
	}
}

func TestQueuesAreToldWhenTheyChange(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.QueuePulse = 5 * time.Millisecond })
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { h.Run(ctx); close(done) }()
	t.Cleanup(func() { cancel(); <-done })
	h.queues.set(queue.Figures{Queue: "Sales"})
	s := h.open(t, h.in("anna"), "")
	s.next("hello")
	first := into[[]Queue](t, s.next("queues"))
	if len(first) != 1 || first[0].Waiting != 0 {
		t.Fatalf("told %+v", first)
	}
	h.queues.set(queue.Figures{Queue: "Sales", Waiting: 1, Oldest: 1})
	if q := into[[]Queue](t, s.next("queues")); q[0].Waiting != 1 {
		t.Fatalf("told %+v", q)
	}
	h.queues.set(queue.Figures{Queue: "Sales", Waiting: 1, Oldest: 2 * time.Second}) // waits longer: the page counts by itself
	h.queues.set(queue.Figures{Queue: "Sales", Free: 1})
	if q := into[[]Queue](t, s.next("queues")); q[0].AgentsFree != 1 {
		t.Fatalf("told %+v", q)
	}
}

func TestTheHeartbeatIsAComment(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Heartbeat = 20 * time.Millisecond })
	s := h.open(t, h.in("anna"), "")
	s.next("hello")
	for range 3 {
		if name, text, err := s.read(); name != "" || text != "still here" || err != nil {
			t.Fatalf("%q %q %v", name, text, err)
		}
	}
}

func TestASlowWatcherIsDroppedAndToldToReconnect(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.WatcherBuffer = 4 })
	quick := h.open(t, h.in("bo"), "")
	quick.next("hello")
	// The slow one never leaves its handler's first write: its watcher is entered by hand and not read.
	slow, err := h.hub.watch(access.Session{User: access.User{ID: "anna"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	r := call.Record{ID: "c1", Started: time.Now()}
	for range 4 {
		h.Saw(happened(call.Held, "anna", r))
	}
	select {
	case <-slow.gone:
		t.Fatal("dropped too early")
	default:
	}
	h.Saw(happened(call.Held, "anna", r))
	select {
	case <-slow.gone:
	default:
		t.Fatal("a watcher with a full buffer is still there")
	}
	h.AgentChanged(agent.Status{ID: "bo"})
	quick.next("agent")
	h.hub.leave(slow) // twice is harmless

	// What a dropped one reads last.
	s := h.open(t, h.in("anna"), "")
	s.next("hello")
	h.API.Close()
	if e := into[Reconnect](t, s.next("reconnect")); e.AfterMS != 1000 {
		t.Errorf("reconnect %+v", e)
	}
	if _, _, err := s.read(); !errors.Is(err, io.EOF) {
		t.Errorf("after reconnect: %v", err)
	}
	a := h.wantProblem(503, h.in("anna"), "GET", "/me/events", nil, "try again")
	if a.Header.Get("Retry-After") == "" {
		t.Error("no Retry-After")
	}
}

func TestAWatcherThatDoesNotReadIsCutOff(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.WriteTimeout = 200 * time.Millisecond; c.WatcherBuffer = 1 << 16 })
	conn, err := net.Dial("tcp", strings.TrimSuffix(strings.TrimPrefix(h.url, "http://"), "/api/v1"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_ = conn.(*net.TCPConn).SetReadBuffer(4096)
	if _, err := io.WriteString(conn, "GET /api/v1/me/events HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer "+h.in("anna")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	r := call.Record{ID: "c1", Started: time.Now(), Queue: strings.Repeat("q", 10_000)}
	deadline := time.Now().Add(patience)
	entered := false
	for {
		h.hub.mu.Lock()
		n := h.hub.count
		h.hub.mu.Unlock()
		entered = entered || n > 0
		if entered && n == 0 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("still there")
		}
		h.Saw(happened(call.Held, "anna", r))
	}
}

func TestAStreamEndsWithItsSession(t *testing.T) {
	t.Run("at logout", func(t *testing.T) {
		h := newHouse(t)
		token, other := h.in("anna"), h.in("anna")
		s, o := h.open(t, token, ""), h.open(t, other, "")
		s.next("hello")
		o.next("hello")
		h.want(204, token, "POST", "/logout", nil, nil)
		s.next("reconnect")
		h.AgentChanged(agent.Status{ID: "anna"})
		o.next("agent") // the other session of the same person goes on
	})
	t.Run("at its end", func(t *testing.T) {
		h := newHouse(t, func(c *Config) {
			c.Guard = newGuard(t, func(c *access.Config) { c.SessionLifetime = 2 * time.Second })
		})
		s := h.open(t, h.in("anna"), "")
		s.next("hello")
		if _, _, err := s.read(); !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
	})
}

func TestTheOldestStreamOfAPersonMakesRoom(t *testing.T) {
	h := newHouse(t)
	token := h.in("anna")
	first := h.open(t, token, "")
	first.next("hello")
	for range maxPerUser {
		h.open(t, token, "").next("hello")
	}
	first.next("reconnect")
}

func TestAWatcherThatLeavesIsForgotten(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Heartbeat = 5 * time.Millisecond })
	s := h.open(t, h.in("anna"), "")
	s.next("hello")
	_ = s.Body.Close()
	deadline := time.Now().Add(patience)
	for !h.hub.empty() {
		if time.Now().After(deadline) {
			t.Fatal("a watcher that left is still told things")
		}
		<-time.After(time.Millisecond)
	}
}

func TestACallThatNobodyWatchesCostsTheHubNearlyNothing(t *testing.T) {
	h := newHub(Config{WatcherBuffer: 1}.withDefaults())
	stranger, err := h.watch(access.Session{User: access.User{ID: "carl"}}, false)
	if err != nil {
		t.Fatal(err)
	}
	defer h.close()
	rec := call.Record{ID: "c1", Agent: "anna", Started: time.Now(), Customer: call.Party{Number: "+358400000001"}}
	moments := []call.Event{happened(call.Began, "anna", rec), happened(call.Answered, "anna", rec), happened(call.Over, "anna", rec)}
	n := testing.AllocsPerRun(1000, func() {
		for _, e := range moments {
			h.saw(e)
		}
	})
	if n > 1 { // whose call it is, while it goes on
		t.Errorf("a whole call allocates %v times with nobody watching", n)
	}
	if len(stranger.events) != 0 {
		t.Error("a stranger was told")
	}
}

func BenchmarkSaw(b *testing.B) {
	h := newHub(Config{WatcherBuffer: 1}.withDefaults())
	for i := range 300 {
		w, _ := h.watch(access.Session{User: access.User{ID: string(rune('a' + i))}}, false)
		go func() {
			for {
				select {
				case <-w.events:
				case <-w.gone:
					return
				}
			}
		}()
	}
	defer h.close()
	e := happened(call.Held, "a", call.Record{ID: "c1", Started: time.Now(), Customer: call.Party{Number: "+358400000001"}})
	b.ReportAllocs()
	for b.Loop() {
		h.saw(e)
	}
}
