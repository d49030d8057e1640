package switchboard

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
	"go.uber.org/zap/zaptest"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/routing"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// fakeLeg is a party that does as it is told and remembers what happened to it.
type fakeLeg struct {
	party  call.Party
	ctx    context.Context
	cancel context.CancelCauseFunc
	wishes chan call.Wish
	answer time.Duration // how long the ACK takes
	refuse error         // Answer fails with it

	mu             sync.Mutex
	hears          call.Source // guarded by mu, as are all below
	rung, answered int
	early          int
	hangups        []call.Ending
	digits         string
}

func newLeg(p call.Party) *fakeLeg {
	ctx, cancel := context.WithCancelCause(context.Background())
	return &fakeLeg{party: p, ctx: ctx, cancel: cancel, wishes: make(chan call.Wish)}
}

func (l *fakeLeg) ID() call.LegID           { return call.LegID(l.SourceName()) }
func (l *fakeLeg) Party() call.Party        { return l.party }
func (l *fakeLeg) Context() context.Context { return l.ctx }
func (l *fakeLeg) Wishes() <-chan call.Wish { return l.wishes }
func (l *fakeLeg) Audio() call.Audio        { return l }
func (l *fakeLeg) SourceName() string       { return "leg " + string(l.party.Number) + l.party.Agent }
func (l *fakeLeg) locked(f func())          { l.mu.Lock(); defer l.mu.Unlock(); f() }
func (l *fakeLeg) Hear(s call.Source)       { l.locked(func() { l.hears = s }) }
func (l *fakeLeg) Digits(tones string)      { l.locked(func() { l.digits += tones }) }
func (l *fakeLeg) Ring(context.Context) error {
	l.locked(func() { l.rung++ })
	return context.Cause(l.ctx)
}
func (l *fakeLeg) Early(context.Context) error {
	l.locked(func() { l.early++ })
	return context.Cause(l.ctx)
}
func (l *fakeLeg) Answer(ctx context.Context) error {
	select {
	case <-time.After(l.answer):
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	l.locked(func() { l.answered++ })
	return l.refuse
}
func (l *fakeLeg) Hangup(e call.Ending) {
	l.locked(func() { l.hangups = append(l.hangups, e) })
	l.cancel(&call.Ended{Ending: e})
}

// leaves makes the party hang up.
func (l *fakeLeg) leaves(by call.By, why call.Reason) {
	l.cancel(&call.Ended{Ending: call.Ending{By: by, Reason: why}})
}

func (l *fakeLeg) hearing() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.hears == nil {
		return "silence"
	}
	return l.hears.SourceName()
}

// told is how often the party was sent early sound, and how often it was answered.
func (l *fakeLeg) told() (early, answered int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.early, l.answered
}

type named string

func (n named) SourceName() string { return string(n) }

// house is a switchboard with everything around it faked except the agents, the queues and the router.
type house struct {
	*Switchboard
	t     *testing.T
	desk  *agent.Desk
	queue *queue.Distributor

	answers map[string]time.Duration // agent or number → rings this long, then answers; absent: never answers
	refuses map[string]call.Reason   // refuses after a second of ringing
	match   call.Match
	lookup  time.Duration // how long the CRM takes
	telling sync.WaitGroup
	advice  routing.Advice
	advises time.Duration

	mu                             sync.Mutex
	legs                           []*fakeLeg // guarded by mu, as are all below: every leg that was dialled
	opened, noted, closed, amended []call.Record
	events                         []call.Event
	onEvent                        func(call.Event)
	silent                         bool
	early                          bool // the called party's side plays something before the answer
}

func (h *house) HasQueue(name string) bool { return name == "Service" }
func (h *house) AgentOfUser(user string) (string, bool) {
	p, ok := h.desk.BySalesforceUser(user)
	return p.ID, ok
}

const (
	mainNumber   = call.Number("+358293000100")
	annasNumber  = call.Number("+358293001001")
	forwarded    = call.Number("+358293000200")
	beforeAnswer = call.Number("+358293000300")
	aCustomer    = call.Number("+358400000001")
)

func newHouse(t *testing.T) *house {
	h := &house{t: t, answers: map[string]time.Duration{}, refuses: map[string]call.Reason{}}
	h.desk = agent.NewDesk([]agent.Profile{
		{ID: "anna", Name: "Anna", Extension: "1001", Salesforce: "005anna", Display: []agent.DisplayNumber{{Number: annasNumber}}},
		{ID: "bo", Name: "Bo", Extension: "1002"}})
	h.queue = queue.New(h.desk, []queue.Settings{{Name: "Service", Members: map[string]int{"anna": 5, "bo": 5}, RingTimeout: 20 * time.Second, Rest: time.Second}})
	h.desk.Watch(func(agent.Status) { h.queue.Changed() })
	metrics := prometheus.NewRegistry()
	plan := routing.Plan{Region: "FI", Exits: []routing.Exit{{Prefix: "+", Trunk: "carrier"}}, Numbers: map[call.Number]routing.Entry{
		mainNumber:   {To: routing.ToQueue{Queue: "Service"}, Flow: "Smart"},
		annasNumber:  {To: routing.ToAgent{Agent: "anna"}},
		"1001":       {To: routing.ToAgent{Agent: "anna"}},
		"1002":       {To: routing.ToAgent{Agent: "bo"}},
		beforeAnswer: {To: routing.ToQueue{Queue: "Service", Early: true}},
		forwarded:    {To: routing.ToNumber{Trunk: "carrier", Number: "+358501", Shown: forwarded}},
	}}
	h.Switchboard = New(Parts{Dialer: h, Router: routing.New(plan, h, h, routing.Settings{}, zaptest.NewLogger(t), metrics), Queues: h.queue, Desk: h.desk,
		Ledger: h, Identifier: h, Witness: h, Sounds: h, Log: zaptest.NewLogger(t), Metrics: metrics})
	return h
}

// works has the agents at their desks with their phones on.
func (h *house) works(ids ...string) {
	for _, id := range ids {
		h.desk.Devices(id, 1)
	}
}

func (h *house) close() { h.queue.Close(); h.desk.Close() }

func (h *house) Arrival(string) call.Source { return named("welcome") }
func (h *house) Ringback() call.Source      { return named("ringback") }
func (h *house) Music(string) call.Source {
	if h.silent {
		panic("no music")
	}
	return named("music")
}

func (h *house) Advise(ctx context.Context, _ string, _ routing.Inquiry) (routing.Advice, error) {
	select {
	case <-time.After(h.advises):
		return h.advice, nil
	case <-ctx.Done():
		return routing.Advice{}, ctx.Err()
	}
}

func (h *house) Identify(ctx context.Context, _ call.Number) (call.Match, error) {
	select {
	case <-time.After(h.lookup):
		return h.match, nil
	case <-ctx.Done():
		return call.Match{}, ctx.Err()
	}
}

// willing lets a party answer that soon, from now on.
func (h *house) willing(who string, after time.Duration) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.answers[who] = after
}

// unwilling lets a party answer no more.
func (h *house) unwilling(who string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	delete(h.answers, who)
}

// Dial rings for as long as the party takes.
func (h *house) Dial(ctx context.Context, i Invitation) (call.Leg, error) {
	who := i.Agent
	if who == "" {
		who = string(i.Out.Number)
	}
	select { // the INVITE travels
	case <-time.After(100 * time.Millisecond):
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	if i.Rings != nil {
		i.Rings()
	}
	if h.early && i.Early != nil {
		i.Early(named("announcement"))
	}
	h.mu.Lock()
	after, will := h.answers[who]
	why, no := h.refuses[who]
	h.mu.Unlock()
	if no {
		select {
		case <-time.After(time.Second):
			return nil, &call.Ended{Ending: call.Ending{By: call.ByAgent, Reason: why}}
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
	if !will {
		<-ctx.Done()
		return nil, context.Cause(ctx)
	}
	select {
	case <-time.After(after):
		leg := newLeg(call.Party{Agent: i.Agent, Number: i.Out.Number})
		h.mu.Lock()
		h.legs = append(h.legs, leg)
		h.mu.Unlock()
		return leg, nil
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

func (h *house) Open(r call.Record)  { h.note(&h.opened, r) }
func (h *house) Note(r call.Record)  { h.note(&h.noted, r) }
func (h *house) Close(r call.Record) { h.note(&h.closed, r) }
func (h *house) Amend(r call.Record) { h.note(&h.amended, r) }
func (h *house) note(to *[]call.Record, r call.Record) {
	h.mu.Lock()
	defer h.mu.Unlock()
	*to = append(*to, r)
}

func (h *house) Saw(e call.Event) {
	h.mu.Lock()
	h.events = append(h.events, e)
	f := h.onEvent
	h.mu.Unlock()
	if f != nil {
		f(e)
	}
}

// leg waits for the n-th leg that was dialled to be answered.
func (h *house) leg(n int) *fakeLeg {
	for range 1000 {
		h.mu.Lock()
		if len(h.legs) > n {
			defer h.mu.Unlock()
			return h.legs[n]
		}
		h.mu.Unlock()
		time.Sleep(100 * time.Millisecond) // the bubble's clock, not the world's
	}
	panic(fmt.Sprintf("leg %d never answered", n))
}

// over waits until every story has been told, what follows them included.
func (h *house) over() {
	h.telling.Wait()
	if err := h.Wait(h.t.Context()); err != nil {
		h.t.Fatal(err)
	}
}

// settled checks what must be true after any call, however it ended, and returns its record.
func (h *house) settled(teller *fakeLeg) call.Record {
	h.t.Helper()
	h.quiet(1, teller)
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.closed[0]
}

// quiet checks what must be true after so many calls.
func (h *house) quiet(calls int, tellers ...*fakeLeg) {
	h.t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.opened) != calls || len(h.closed) != calls {
		h.t.Fatalf("of %d calls records were opened %d times, closed %d times", calls, len(h.opened), len(h.closed))
	}
	for _, r := range h.closed {
		noted := func(n call.Record) bool { return n.ID == r.ID && !n.Answered.IsZero() }
		if !r.Answered.IsZero() && !slices.ContainsFunc(h.noted, noted) {
			h.t.Error("nobody noted that the call was answered: with the process that would be lost")
		}
		if r.Over.IsZero() || r.Ending.Reason == "" || r.Ending.By == "" || r.Wait() < 0 || r.Talk() < 0 {
			h.t.Errorf("the record is not complete: %+v", r)
		}
		for _, s := range r.Segments {
			if s.To.IsZero() || s.To.Before(s.From) {
				h.t.Errorf("a segment without an end: %+v", r)
			}
		}
	}
	for _, leg := range append(tellers, h.legs...) {
		if leg.ctx.Err() == nil || len(leg.hangups) == 0 {
			h.t.Errorf("%s was left standing", leg.SourceName())
		}
	}
	for _, s := range h.desk.All() {
		if s.Work != agent.Idle && s.Work != agent.Unreachable {
			h.t.Errorf("%s is left %s for %s", s.ID, s.Work, s.Call)
		}
	}
	for _, f := range h.queue.Figures() {
		if f.Waiting != 0 {
			h.t.Errorf("%d callers are left in %s", f.Waiting, f.Queue)
		}
	}
	if last := h.events[len(h.events)-1]; last.Moment != call.Over {
		h.t.Errorf("the last moment is %s", last.Moment)
	}
}
