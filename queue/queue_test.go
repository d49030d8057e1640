package queue

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMatch(t *testing.T) {
	now := time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)
	ago := func(s int) time.Time { return now.Add(-time.Duration(s) * time.Second) }
	first := &Ticket{Call: "first", Entered: ago(60)}
	second := &Ticket{Call: "second", Entered: ago(30)}
	urgent := &Ticket{Call: "urgent", Entered: ago(1), Priority: 5}
	wantsBo := &Ticket{Call: "wants-bo", Entered: ago(5), Preferred: "bo", HoldFor: 20 * time.Second}
	both := map[string]int{"anna": 5, "bo": 5}
	anna, bo := candidate{id: "anna", idleSince: ago(100)}, candidate{id: "bo", idleSince: ago(10)}

	for _, c := range []struct {
		name    string
		callers []caller
		agents  []candidate
		want    string
	}{
		{"nobody free", []caller{{ticket: first, members: both}}, nil, ""},
		{"longest idle", []caller{{ticket: first, members: both}}, []candidate{bo, anna}, "first→anna "},
		{"skill before idleness", []caller{{ticket: first, members: map[string]int{"anna": 5, "bo": 9}}}, []candidate{anna, bo}, "first→bo "},
		{"first come first served", []caller{{ticket: second, members: both}, {ticket: first, members: both}}, []candidate{anna}, "first→anna "},
		{"priority first", []caller{{ticket: first, members: both}, {ticket: urgent, members: both}}, []candidate{anna}, "urgent→anna "},
		{"waiting ages into priority", []caller{{ticket: first, members: both, ageing: 10 * time.Second}, {ticket: urgent, members: both, ageing: 10 * time.Second}}, []candidate{anna}, "first→anna "},
		{"two callers, two agents", []caller{{ticket: first, members: both}, {ticket: second, members: both}}, []candidate{anna, bo}, "first→anna second→bo "},
		{"only members", []caller{{ticket: first, members: map[string]int{"bo": 1}}}, []candidate{anna, bo}, "first→bo "},
		{"the preferred one", []caller{{ticket: wantsBo, members: both}}, []candidate{anna, bo}, "wants-bo→bo "},
		{"the preferred one need not be a member", []caller{{ticket: wantsBo, members: map[string]int{"anna": 1}}}, []candidate{anna, bo}, "wants-bo→bo "},
		{"waits for the preferred one", []caller{{ticket: wantsBo, members: both}}, []candidate{anna}, ""},
		{"who was lost comes first", []caller{{ticket: &Ticket{Call: "important", Priority: 9, Entered: ago(99)}, members: both},
			{ticket: &Ticket{Call: "lost", Entered: ago(1), Front: true}, members: both}}, []candidate{anna}, "lost→anna "},
		{"not for ever", []caller{{ticket: &Ticket{Call: "patient", Entered: ago(21), Preferred: "bo", HoldFor: 20 * time.Second}, members: both}}, []candidate{anna}, "patient→anna "},
		{"not once she missed him", []caller{{ticket: wantsBo, members: both, missed: map[string]time.Time{"bo": ago(2)}}}, []candidate{anna, bo}, "wants-bo→anna "},
		{"who missed him comes last", []caller{{ticket: first, members: both, missed: map[string]time.Time{"anna": ago(2)}}}, []candidate{anna, bo}, "first→bo "},
		{"but comes", []caller{{ticket: first, members: both, missed: map[string]time.Time{"anna": ago(20)}}}, []candidate{anna}, "first→anna "},
		{"resting", []caller{{ticket: first, members: both}}, []candidate{{id: "anna", resting: now.Add(time.Second)}}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := ""
			for _, p := range match(state{now: now, callers: c.callers, agents: c.agents, present: map[string]bool{"anna": true, "bo": true}}) {
				got += fmt.Sprintf("%s→%s ", p.ticket.Call, p.agent)
				if p.why == "" {
					t.Error("a decision without a reason")
				}
			}
			if got != c.want {
				t.Errorf("match = %q, want %q", got, c.want)
			}
		})
	}
}

func TestMatchNeverGivesAnAgentTwiceNorLeavesAServableCallerBesideAFreeMember(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		now := time.Unix(1_000_000, 0)
		s := state{now: now}
		for i := range rapid.IntRange(0, 8).Draw(t, "agents") {
			s.agents = append(s.agents, candidate{id: fmt.Sprint(i), idleSince: now.Add(-time.Duration(rapid.IntRange(0, 99).Draw(t, "idle")) * time.Second)})
		}
		for i := range rapid.IntRange(0, 8).Draw(t, "callers") {
			c := caller{ticket: &Ticket{Call: call.ID(fmt.Sprint(i)), Entered: now.Add(-time.Duration(rapid.IntRange(0, 99).Draw(t, "age")) * time.Second), Priority: rapid.IntRange(0, 3).Draw(t, "priority")}, members: map[string]int{}}
			for _, m := range rapid.SliceOfDistinct(rapid.IntRange(0, 7), rapid.ID[int]).Draw(t, "members") {
				c.members[fmt.Sprint(m)] = rapid.IntRange(1, 10).Draw(t, "level")
			}
			s.callers = append(s.callers, c)
		}
		taken, served := map[string]bool{}, map[*Ticket]bool{}
		for _, p := range match(s) {
			if taken[p.agent] || served[p.ticket] {
				t.Fatalf("%s or %s paired twice", p.agent, p.ticket.Call)
			}
			taken[p.agent], served[p.ticket] = true, true
		}
		for _, c := range s.callers {
			for id := range c.members {
				free := false
				for _, a := range s.agents {
					free = free || a.id == id && !taken[id]
				}
				if free && !served[c.ticket] {
					t.Fatalf("caller %s waits beside the free member %s", c.ticket.Call, id)
				}
			}
		}
	})
}

// office is a desk of agents who are at work and reachable, and a queue of them all.
func office(t *testing.T, rest time.Duration, ids ...string) (*agent.Desk, *Distributor) {
	var profiles []agent.Profile
	members := map[string]int{}
	for _, id := range ids {
		profiles = append(profiles, agent.Profile{ID: id})
		members[id] = 5
	}
	desk := agent.NewDesk(profiles)
	d := New(desk, []Settings{{Name: "Sales", Members: members, Rest: rest, WrapUp: 10 * time.Second}})
	desk.Watch(func(agent.Status) { d.Changed() })
	for _, id := range ids {
		desk.Devices(id, 1)
	}
	t.Cleanup(func() { d.Close(); desk.Close() })
	return desk, d
}

func TestACallerWaitsUntilAnAgentIsFree(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk, d := office(t, 0, "anna")
		desk.Set("anna", agent.OffWork, time.Time{})
		time.AfterFunc(40*time.Second, func() { desk.Set("anna", agent.Available, time.Time{}) })
		start := time.Now()
		turn, err := d.Wait(t.Context(), &Ticket{Call: "c", Queue: "Sales"})
		if err != nil || turn.Agent != "anna" || time.Since(start) != 40*time.Second {
			t.Fatalf("turn %+v after %v, %v", turn, time.Since(start), err)
		}
		if s, _ := desk.Status("anna"); s.Work != agent.Reserved || s.Call != "c" {
			t.Errorf("anna is %+v", s)
		}
		release := turn.Taken()
		release()
		if s, _ := desk.Status("anna"); s.Work != agent.WrapUp {
			t.Errorf("after the call anna is %s, want wrap-up", s.Work)
		}
		time.Sleep(10*time.Second + time.Millisecond)
		if s, _ := desk.Status("anna"); s.Work != agent.Idle {
			t.Errorf("after wrap-up anna is %s", s.Work)
		}
	})
}

func TestAMissedCallerKeepsHisPlace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, d := office(t, 5*time.Second, "anna")
		first, second := &Ticket{Call: "first", Queue: "Sales"}, &Ticket{Call: "second", Queue: "Sales"}
		turn, err := d.Wait(t.Context(), first)
		if err != nil {
			t.Fatal(err)
		}
		took := make(chan call.ID, 2)
		wait := func(ticket *Ticket) {
			turn, err := d.Wait(t.Context(), ticket)
			if err != nil {
				t.Error(err)
				return
			}
			took <- ticket.Call
			turn.Taken()()
		}
		go wait(second)
		synctest.Wait()
		turn.Missed(call.NoAnswer)
		start := time.Now()
		go wait(first)
		if got := <-took; got != "first" || time.Since(start) != 5*time.Second {
			t.Errorf("%s was served after %v, want first after its agent's rest of 5 s", got, time.Since(start))
		}
		if got := <-took; got != "second" {
			t.Errorf("then %s", got)
		}
	})
}

func TestNobodyWaitsForAPreferredAgentWhoIsNotThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk, d := office(t, 0, "anna", "bo")
		desk.Devices("bo", 0)
		start := time.Now()
		turn, err := d.Wait(t.Context(), &Ticket{Call: "c", Queue: "Sales", Preferred: "bo", HoldFor: 20 * time.Second})
		if err != nil || turn.Agent != "anna" || time.Since(start) != 0 {
			t.Fatalf("turn %+v after %v, %v", turn, time.Since(start), err)
		}
		turn.Missed(call.NoAnswer)
	})
}

func TestACallerWhoLeavesGivesTheAgentBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk, d := office(t, 0, "anna")
		gone := errors.New("gone")
		for i := range 200 {
			ctx, cancel := context.WithCancelCause(t.Context())
			go cancel(gone) // races the decision
			turn, err := d.Wait(ctx, &Ticket{Call: call.ID(fmt.Sprint(i)), Queue: "Sales"})
			if err == nil {
				turn.Missed(call.Cancelled)
				d.Leave(turn.ticket)
			} else if !errors.Is(err, gone) {
				t.Fatal(err)
			}
			synctest.Wait()
			if s, _ := desk.Status("anna"); s.Work != agent.Idle {
				t.Fatalf("round %d leaves anna %s", i, s.Work)
			}
		}
		if n := len(d.missed) + len(d.waiting); n != 0 {
			t.Errorf("%d tickets left behind", n)
		}
	})
}

func TestOneAgentNeverGetsTwoCallersOfTwoQueues(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := agent.NewDesk([]agent.Profile{{ID: "anna"}})
		defer desk.Close()
		one := New(desk, []Settings{{Name: "q", Members: map[string]int{"anna": 1}}})
		two := New(desk, []Settings{{Name: "q", Members: map[string]int{"anna": 1}}})
		defer one.Close()
		defer two.Close()
		desk.Devices("anna", 1)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		turns := make(chan *Turn, 2)
		for _, d := range []*Distributor{one, two} {
			go func() {
				turn, _ := d.Wait(ctx, &Ticket{Call: "c", Queue: "q"})
				turns <- turn
			}()
		}
		a, b := <-turns, <-turns
		if (a == nil) == (b == nil) {
			t.Errorf("turns %v and %v, want exactly one", a, b)
		}
	})
}

func TestAnUnknownQueueIsAnError(t *testing.T) {
	d := New(agent.NewDesk(nil), nil)
	defer d.Close()
	if _, err := d.Wait(t.Context(), &Ticket{Queue: "Nowhere"}); call.EndingOfError(err).Reason != call.NotFound {
		t.Errorf("Wait in an unknown queue: %v", err)
	}
}

func TestWhoWaitsInAQueueThatIsReplacedIsStillServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		desk := agent.NewDesk([]agent.Profile{{ID: "anna"}, {ID: "bo"}})
		defer desk.Close()
		d := New(desk, []Settings{{Name: "old", Members: map[string]int{"anna": 5}}, {Name: "empty"}})
		defer d.Close()
		desk.Watch(func(agent.Status) { d.Changed() })
		turns := make(chan *Turn, 1)
		go func() {
			turn, err := d.Wait(t.Context(), &Ticket{Call: "caller", Queue: "old"})
			if err != nil {
				t.Error(err)
			}
			turns <- turn
		}()
		synctest.Wait()
		d.Replace([]Settings{{Name: "new", Members: map[string]int{"bo": 5}}})
		if _, ok := d.Settings("empty"); ok {
			t.Error("a queue that nobody waits in is still there")
		}
		desk.Devices("anna", 1)
		turn := <-turns
		if turn.Agent != "anna" {
			t.Errorf("%s serves him", turn.Agent)
		}
		turn.Taken()()
		d.Replace([]Settings{{Name: "new"}})
		if names := d.Names(); len(names) != 1 || names[0] != "new" {
			t.Errorf("queues %q", names)
		}
	})
}
