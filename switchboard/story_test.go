package switchboard

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/routing"
)

// plot is one kind of call: who answers when, and how it is begun.
type plot struct {
	name  string
	stage func(h *house)
	begin func(h *house) *fakeLeg // returns the leg that tells the story; runs it in a goroutine of its own
}

func inbound(dialled call.Number) func(h *house) *fakeLeg {
	return func(h *house) *fakeLeg {
		customer := newLeg(call.Party{Number: aCustomer})
		customer.answer = 200 * time.Millisecond
		h.telling.Go(func() {
			h.Inbound(customer, Arrival{ID: call.NewID(), Trunk: "carrier", Dialled: dialled, Caller: customer.party, At: time.Now()})
		})
		return customer
	}
}

func outbound(dialled string) func(h *house) *fakeLeg {
	return func(h *house) *fakeLeg {
		leg := newLeg(call.Party{Agent: "anna"})
		leg.answer = 200 * time.Millisecond
		h.telling.Go(func() {
			h.Outbound(leg, Order{ID: call.NewID(), Agent: "anna", Dialled: dialled, At: time.Now()})
		})
		return leg
	}
}

func plots() []plot {
	return []plot{
		{"queue, answered at once", func(h *house) {
			h.works("anna")
			h.answers["anna"] = 3 * time.Second
			h.advises = 400 * time.Millisecond
		}, inbound(mainNumber)},
		{"queue, the first one misses it", func(h *house) { h.works("anna", "bo"); h.answers["bo"] = 2 * time.Second; h.advises = 3 * time.Second }, inbound(mainNumber)},
		{"queue, declined", func(h *house) {
			h.works("anna", "bo")
			h.refuses["anna"] = call.Declined
			h.answers["bo"] = time.Second
		}, inbound(mainNumber)},
		{"queue, nobody there", func(*house) {}, inbound(mainNumber)},
		{"direct", func(h *house) { h.works("anna"); h.answers["anna"] = 2 * time.Second }, inbound(annasNumber)},
		{"direct, not answered", func(h *house) { h.works("anna") }, inbound(annasNumber)},
		{"direct, busy", func(h *house) { h.works("anna"); h.refuses["anna"] = call.Busy }, inbound(annasNumber)},
		{"forwarded outside", func(h *house) { h.answers["+358501"] = time.Second }, inbound(forwarded)},
		{"queue before the answer", func(h *house) { h.works("anna"); h.answers["anna"] = 3 * time.Second }, inbound(beforeAnswer)},
		{"outbound, announced", func(h *house) { h.works("anna"); h.answers["+358401234567"], h.early = 2*time.Second, true }, outbound("+358401234567")},
		{"nowhere", func(*house) {}, inbound("+3581")},
		{"outbound", func(h *house) { h.works("anna"); h.answers["+358401234567"] = 2 * time.Second }, outbound("040 123 4567")},
		{"outbound, busy", func(h *house) { h.works("anna"); h.refuses["+358401234567"] = call.Busy }, outbound("+358401234567")},
		{"to a colleague", func(h *house) { h.works("anna", "bo"); h.answers["bo"] = 2 * time.Second }, outbound("1002")},
	}
}

// Every story, with every party hanging up at every moment: the record is closed once, everybody is hung up, nobody is
// left reserved or waiting, and no goroutine stays behind.
func TestAnyPartyMayHangUpAtAnyMoment(t *testing.T) {
	const step, longest = 50 * time.Millisecond, 9 * time.Second
	for _, p := range plots() {
		t.Run(p.name, func(t *testing.T) {
			for _, who := range []string{"the one who tells it", "the one who answered", "the gateway"} {
				for at := time.Duration(0); at < longest; at += step {
					synctest.Test(t, func(t *testing.T) {
						h := newHouse(t)
						p.stage(h)
						teller := p.begin(h)
						time.Sleep(at)
						hangup(h, who, teller)
						h.over()
						if r := h.settled(teller); t.Failed() {
							t.Fatalf("%s left after %v: %+v", who, at, r)
						}
						h.close()
					})
				}
			}
		})
	}
}

// hangup lets one of the parties leave; a callee who is not there yet leaves as soon as she is, and if she never comes
// the caller loses patience.
func hangup(h *house, who string, teller *fakeLeg) {
	switch who {
	case "the gateway":
		synctest.Wait() // it ends the calls it knows; at the first moment that takes a story to have begun
		h.calls.hangup(call.Ending{By: call.ByUs, Reason: call.Stopped})
		return
	case "the one who answered":
		h.mu.Lock()
		legs := slices.Clone(h.legs)
		h.mu.Unlock()
		if len(legs) > 0 {
			legs[0].leaves(call.ByAgent, call.Hungup)
		}
		time.Sleep(time.Minute)
	}
	teller.leaves(call.ByCustomer, call.Cancelled)
}

func TestACustomerIsRoutedQueuedRungAnsweredAndRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna", "bo")
		h.answers["anna"] = 3 * time.Second
		h.advice = routing.Advice{Action: routing.Agent, UserID: "005anna", Priority: 7,
			Match: call.Match{Looked: true, Count: 1, People: []call.Person{{Object: "Contact", ID: "003", Name: "Maija"}}}}
		h.advises = 500 * time.Millisecond
		start := time.Now()
		customer := inbound(mainNumber)(h)
		anna := h.leg(0)
		synctest.Wait()
		time.Sleep(time.Second)
		if customer.hearing() != "leg anna" || anna.hearing() != "leg "+string(aCustomer) {
			t.Errorf("customer hears %s, anna hears %s", customer.hearing(), anna.hearing())
		}
		if s, _ := h.desk.Status("anna"); s.Work != agent.Connected {
			t.Errorf("anna is %s", s.Work)
		}
		anna.wishes <- call.Hold{}
		time.Sleep(10 * time.Second)
		if customer.hearing() != "music" {
			t.Errorf("on hold the customer hears %s", customer.hearing())
		}
		anna.wishes <- call.Resume{}
		customer.wishes <- call.Digits{Tones: "42"}
		synctest.Wait()
		if customer.hearing() != "leg anna" || anna.digits != "42" {
			t.Errorf("after the hold the customer hears %s; anna got digits %q", customer.hearing(), anna.digits)
		}
		anna.leaves(call.ByAgent, call.Hungup)
		h.over()
		r := h.settled(customer)
		if r.Agent != "anna" || r.UserID != "005anna" || r.Queue != "Service" || r.Direction != call.Inbound || r.Trunk != "carrier" {
			t.Errorf("record %+v", r)
		}
		if r.Ending != (call.Ending{By: call.ByAgent, Reason: call.Hungup}) {
			t.Errorf("ending %v", r.Ending)
		}
		if who, ok := r.Match.Only(); !ok || who.Name != "Maija" {
			t.Errorf("match %+v", r.Match)
		}
		// The advice takes 500 ms, the customer's ACK 200 ms, the INVITE to anna 100 ms.
		if got := r.Presented.Sub(start); got != 800*time.Millisecond {
			t.Errorf("presented after %v", got)
		}
		if len(r.Segments) != 1 || r.Segments[0].Held != 10*time.Second {
			t.Errorf("segments %+v", r.Segments)
		}
		if r.Routing.Asked == "" || r.Routing.Answered == "" || r.Routing.Done != `queue "Service" with priority +7, agent anna for the first 20s` {
			t.Errorf("routing %+v", r.Routing)
		}
		var moments []call.Moment
		for _, e := range h.events {
			moments = append(moments, e.Moment)
		}
		if got := fmt.Sprint(moments); got != "[began decided matched queued presented answered held resumed over]" {
			t.Errorf("moments %s", got)
		}
	})
}

func TestWhereThePlanSaysSoACallerHearsTheQueueBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.answers["anna"] = 3 * time.Second
		customer := inbound(beforeAnswer)(h)
		time.Sleep(30 * time.Second)
		if early, answered := customer.told(); customer.hearing() != "welcome" || answered != 0 || early != 1 {
			t.Errorf("waiting: hears %s, answered %d times, early %d times", customer.hearing(), answered, early)
		}
		h.works("anna")
		anna := h.leg(0)
		time.Sleep(time.Second)
		if _, answered := customer.told(); answered != 1 || customer.hearing() != "leg anna" {
			t.Errorf("with anna: hears %s, answered %d times", customer.hearing(), answered)
		}
		anna.leaves(call.ByAgent, call.Hungup)
		h.over()
		if r := h.settled(customer); r.Wait() < 30*time.Second || r.Answered.IsZero() {
			t.Errorf("record %+v", r)
		}
	})
}

func TestB25_AnAgentHearsWhatIsPlayedBeforeTheAnswer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		h.answers["+358401234567"], h.early = 10*time.Second, true
		leg := outbound("+358401234567")(h)
		time.Sleep(5 * time.Second)
		if early, answered := leg.told(); leg.hearing() != "announcement" || early != 1 || answered != 0 {
			t.Errorf("hears %s, early %d times", leg.hearing(), early)
		}
		callee := h.leg(0)
		time.Sleep(time.Second)
		if _, answered := leg.told(); leg.hearing() != callee.SourceName() || answered != 1 {
			t.Errorf("hears %s", leg.hearing())
		}
		leg.leaves(call.ByAgent, call.Hungup)
		h.over()
		h.settled(leg)
	})
}

func TestACallerWhoGivesUpInTheQueueIsAbandonedAfterHisWait(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		customer := inbound(mainNumber)(h)
		time.Sleep(30 * time.Second)
		if customer.hearing() != "welcome" || customer.answered != 1 {
			t.Errorf("waiting: hears %s, answered %d times", customer.hearing(), customer.answered)
		}
		customer.leaves(call.ByCustomer, call.Hungup)
		h.over()
		if r := h.settled(customer); !r.Answered.IsZero() || r.Wait() < 29*time.Second || r.Ending.By != call.ByCustomer {
			t.Errorf("record %+v", r)
		}
	})
}

func TestAMissedCallGoesToTheNextAgentAndIsNoted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna", "bo")
		h.answers["bo"] = 2 * time.Second
		customer := inbound(mainNumber)(h)
		h.leg(0).leaves(call.ByAgent, call.Hungup)
		h.over()
		r := h.settled(customer)
		if len(r.Attempts) != 2 || r.Attempts[0].Agent != "anna" || r.Attempts[0].Outcome != call.NoAnswer || r.Attempts[0].Took != 20*time.Second ||
			r.Attempts[1].Agent != "bo" || r.Attempts[1].Outcome != "" || r.Attempts[1].Why == "" {
			t.Errorf("attempts %+v", r.Attempts)
		}
	})
}

func TestWhatTheCRMSaysAfterTheEndIsAddedToTheRecord(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.match = call.Match{Looked: true, Count: 1, People: []call.Person{{Name: "Maija"}}}
		h.lookup = 5 * time.Second
		customer := inbound(annasNumber)(h) // anna has no phone on
		h.over()
		r := h.settled(customer)
		if r.Ending.Reason != call.Unreachable || r.Match.Looked {
			t.Errorf("closed as %+v", r)
		}
		if len(h.amended) != 1 || h.amended[0].Match.Count != 1 || h.amended[0].Over != r.Over {
			t.Errorf("amended %+v", h.amended)
		}
	})
}

func TestAnAgentMayShowOnlyHerOwnNumbers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		leg := newLeg(call.Party{Agent: "anna"})
		h.Outbound(leg, Order{ID: call.NewID(), Agent: "anna", Dialled: "+358401234567", Shown: "+4670", At: time.Now()})
		if r := h.settled(leg); r.Ending.Reason != call.Forbidden {
			t.Errorf("ended %v", r.Ending)
		}
	})
}

func TestTheSecondCallOfAnAgentIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		held, _ := h.desk.Reserve("anna", "another", agent.DirectCall)
		customer := inbound(annasNumber)(h)
		h.over()
		held.Release(0)
		if r := h.settled(customer); r.Ending.Reason != call.Busy {
			t.Errorf("ended %v", r.Ending)
		}
	})
}
