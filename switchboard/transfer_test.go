package switchboard

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// report is what an agent's phone is told of her transfer.
type report struct {
	mu   sync.Mutex
	told []call.Ending // guarded by mu
}

func (r *report) tell(e call.Ending) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.told = append(r.told, e)
}

// said are the endings told, the ringing as "rings".
func (r *report) said() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var s []string
	for _, e := range r.told {
		if e == (call.Ending{}) {
			s = append(s, "rings")
			continue
		}
		s = append(s, string(e.Reason))
	}
	return fmt.Sprint(s)
}

// wish lets a party wish for something, unless she leaves before anybody listens.
func (h *house) wish(l *fakeLeg, w call.Wish) {
	h.telling.Go(func() {
		select {
		case l.wishes <- w:
		case <-l.ctx.Done():
		}
	})
}

// conversation is a customer who called anna directly and talks to her.
func (h *house) conversation() (customer, anna *fakeLeg) {
	h.works("anna")
	h.answers["anna"] = time.Second
	customer = inbound(annasNumber)(h)
	anna = h.leg(0)
	time.Sleep(time.Second)
	return customer, anna
}

func TestATransferToAColleague(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		customer, anna := h.conversation()
		h.works("bo")
		h.answers["bo"] = 5 * time.Second
		var told report
		h.wish(anna, call.Transfer{To: "1002", Told: told.tell})
		time.Sleep(time.Second)
		if customer.hearing() != "ringback" || anna.hearing() != "silence" || told.said() != "[rings]" {
			t.Errorf("while it rings: the customer hears %s, anna %s, her phone was told %s", customer.hearing(), anna.hearing(), told.said())
		}
		bo := h.leg(1)
		time.Sleep(100 * time.Millisecond)
		if customer.hearing() != "leg bo" || bo.hearing() != customer.SourceName() || told.said() != "[rings transferred]" {
			t.Errorf("the customer hears %s, bo %s; told %s", customer.hearing(), bo.hearing(), told.said())
		}
		if s, _ := h.desk.Status("anna"); s.Work != agent.Idle {
			t.Errorf("anna is %s", s.Work)
		}
		if s, _ := h.desk.Status("bo"); s.Work != agent.Connected {
			t.Errorf("bo is %s", s.Work)
		}
		time.Sleep(10 * time.Second)
		if anna.ctx.Err() == nil {
			t.Error("anna's leg is up still")
		}
		bo.leaves(call.ByAgent, call.Hungup)
		h.over()
		r := h.settled(customer)
		if r.Agent != "bo" || len(r.Segments) != 2 || r.Segments[0].Agent != "anna" || r.Segments[1].Agent != "bo" || r.Ending.Reason != call.Hungup {
			t.Errorf("record %+v", r)
		}
	})
}

func TestB43_ATransferThatFailsGivesTheCustomerBack(t *testing.T) {
	for name, c := range map[string]struct {
		to    string
		stage func(h *house)
		told  string
	}{
		"busy":         {"1002", func(h *house) { h.works("bo"); h.refuses["bo"] = call.Busy }, "[rings busy]"},
		"no answer":    {"1002", func(h *house) { h.works("bo") }, "[rings no-answer]"},
		"not there":    {"1002", func(*house) {}, "[unreachable]"},
		"number":       {"+358409", func(h *house) { h.refuses["+358409"] = call.Declined }, "[rings declined]"},
		"nowhere":      {"77", func(*house) {}, "[not-found]"},
		"herself":      {"1001", func(*house) {}, "[busy]"},
		"in a call":    {"1002", func(h *house) { h.works("bo"); h.desk.Reserve("bo", "another", agent.DirectCall) }, "[busy]"},
		"to the queue": {string(mainNumber), func(h *house) {}, "[transferred]"},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.close()
				customer, anna := h.conversation()
				c.stage(h)
				var told report
				h.wish(anna, call.Transfer{To: c.to, Told: told.tell})
				time.Sleep(2 * time.Minute)
				if told.said() != c.told {
					t.Errorf("told %s, want %s", told.said(), c.told)
				}
				if name == "to the queue" {
					if customer.ctx.Err() != nil || anna.ctx.Err() == nil {
						t.Error("he is not back in the queue")
					}
				} else if customer.hearing() != "leg anna" || anna.hearing() != customer.SourceName() {
					t.Errorf("the customer hears %s, anna %s", customer.hearing(), anna.hearing())
				}
				customer.leaves(call.ByCustomer, call.Hungup)
				h.over()
				if held, _ := h.desk.Status("bo"); name == "in a call" && held.Work == agent.Idle {
					t.Error("bo was freed from another call")
				}
			})
		})
	}
}

func TestATransferThatFailsLeavesTheCustomerOnHoldIfHeWas(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		customer, anna := h.conversation()
		anna.wishes <- call.Hold{}
		var told report
		anna.wishes <- call.Transfer{To: "1002", Told: told.tell} // bo has no phone on
		synctest.Wait()
		if told.said() != "[unreachable]" || customer.hearing() != "music" {
			t.Errorf("told %s; the customer hears %s", told.said(), customer.hearing())
		}
		anna.wishes <- call.Resume{}
		synctest.Wait()
		if customer.hearing() != "leg anna" {
			t.Errorf("resumed, the customer hears %s", customer.hearing())
		}
		customer.leaves(call.ByCustomer, call.Hungup)
		h.over()
		h.settled(customer)
	})
}

func TestB43_WhoHandsOnMayHangUpAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		customer, anna := h.conversation()
		h.works("bo")
		h.answers["bo"] = 5 * time.Second
		anna.wishes <- call.Transfer{To: "1002"}
		time.Sleep(time.Second)
		anna.leaves(call.ByAgent, call.Hungup)
		bo := h.leg(1)
		time.Sleep(time.Second)
		if customer.ctx.Err() != nil || customer.hearing() != "leg bo" {
			t.Errorf("the customer hears %s", customer.hearing())
		}
		customer.leaves(call.ByCustomer, call.Hungup)
		h.over()
		if r := h.settled(customer); r.Agent != "bo" || bo.ctx.Err() == nil {
			t.Errorf("record %+v", r)
		}
	})
}

func TestAnOutboundCallIsHandedOnAndLivesWithoutWhoPlacedIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna", "bo")
		h.answers["+358401234567"], h.answers["bo"] = time.Second, time.Second
		anna := outbound("+358401234567")(h)
		callee := h.leg(0)
		time.Sleep(time.Second)
		anna.wishes <- call.Transfer{To: "1002"}
		bo := h.leg(1)
		time.Sleep(time.Minute)
		if callee.hearing() != "leg bo" || bo.hearing() != callee.SourceName() || anna.ctx.Err() == nil {
			t.Errorf("the callee hears %s, bo %s", callee.hearing(), bo.hearing())
		}
		h.calls.hangup(call.Ending{By: call.ByUs, Reason: call.Stopped}) // reaches a call whose teller has left
		h.over()
		if r := h.settled(anna); r.Ending.Reason != call.Stopped || r.Agent != "bo" || r.Direction != call.Outbound {
			t.Errorf("record %+v", r)
		}
	})
}

func TestACustomerMayNotTransfer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		customer, anna := h.conversation()
		var told report
		customer.wishes <- call.Transfer{To: "+358409", Told: told.tell}
		synctest.Wait()
		if told.said() != "[forbidden]" || customer.hearing() != "leg anna" {
			t.Errorf("told %s; he hears %s", told.said(), customer.hearing())
		}
		anna.leaves(call.ByAgent, call.Hungup)
		h.over()
		h.settled(customer)
	})
}

// A customer talks to anna, who holds him and asks bo; then bo has the customer, in the customer's own call.
func TestAnAttendedTransferJoinsTheTwoFarEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		customer, anna := h.conversation()
		h.works("bo")
		h.answers["bo"] = time.Second
		anna.wishes <- call.Hold{}
		asking := outbound("1002")(h)
		bo := h.leg(1)
		time.Sleep(time.Second)
		if asking.ctx.Err() != nil || bo.hearing() != "leg anna" {
			t.Fatalf("anna may not ask during a call: bo hears %s", bo.hearing())
		}
		var told report
		anna.wishes <- call.Transfer{To: "1002", Instead: asking, Told: told.tell}
		time.Sleep(time.Minute)
		if customer.hearing() != "leg bo" || bo.hearing() != customer.SourceName() || told.said() != "[transferred]" {
			t.Errorf("the customer hears %s, bo %s; told %s", customer.hearing(), bo.hearing(), told.said())
		}
		if anna.ctx.Err() == nil || asking.ctx.Err() == nil {
			t.Error("anna is in it still")
		}
		if s, _ := h.desk.Status("anna"); s.Work != agent.Idle {
			t.Errorf("anna is %s", s.Work)
		}
		if s, _ := h.desk.Status("bo"); s.Work != agent.Connected || s.Call != h.opened[0].ID {
			t.Errorf("bo is %s in %s", s.Work, s.Call)
		}
		bo.leaves(call.ByAgent, call.Hungup)
		h.over()
		h.quiet(2, customer, asking)
		second, first := h.closed[0], h.closed[1]
		if second.Ending.Reason != call.Transferred || first.Ending.Reason != call.Hungup || first.Agent != "bo" || first.Segments[0].Held == 0 {
			t.Errorf("records %+v\n%+v", first, second)
		}
	})
}

// The customer whom anna holds is the one she called herself, and the other one called her: he tells the story.
func TestAnAttendedTransferTheOtherWayRound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		customer, anna := h.conversation()
		h.answers["+358409"] = time.Second
		asking := outbound("+358409")(h)
		callee := h.leg(1)
		time.Sleep(time.Second)
		var told report
		asking.wishes <- call.Transfer{Instead: anna, Told: told.tell}
		time.Sleep(time.Minute)
		if customer.hearing() != callee.SourceName() || callee.hearing() != customer.SourceName() || told.said() != "[transferred]" {
			t.Errorf("the customer hears %s, the callee %s; told %s", customer.hearing(), callee.hearing(), told.said())
		}
		if s, _ := h.desk.Status("anna"); s.Work != agent.Idle {
			t.Errorf("anna is %s", s.Work)
		}
		callee.leaves(call.ByCustomer, call.Hungup)
		h.over()
		h.quiet(2, customer, asking)
	})
}

// Whoever leaves at whatever moment of a transfer: nobody is left standing, reserved, or on the line.
func TestAnyPartyMayHangUpAtAnyMomentOfATransfer(t *testing.T) {
	const step, longest = 50 * time.Millisecond, 9 * time.Second
	for name, attended := range map[string]bool{"blind": false, "attended": true} {
		t.Run(name, func(t *testing.T) {
			for _, who := range []string{"customer", "anna", "anna's second", "bo", "gateway"} {
				for at := time.Duration(0); at < longest; at += step {
					synctest.Test(t, func(t *testing.T) {
						h := newHouse(t)
						defer h.close()
						h.works("anna", "bo")
						h.answers["anna"], h.answers["bo"] = time.Second, 2*time.Second
						customer := inbound(annasNumber)(h)
						tellers := []*fakeLeg{customer}
						var lock sync.Mutex
						h.telling.Go(func() {
							transferLater(h, attended, func(l *fakeLeg) { lock.Lock(); tellers = append(tellers, l); lock.Unlock() })
						})
						time.Sleep(at)
						synctest.Wait()
						lock.Lock()
						all := slices.Clone(tellers)
						lock.Unlock()
						leave(h, who, all)
						time.Sleep(time.Minute)
						lock.Lock()
						all = slices.Clone(tellers)
						lock.Unlock()
						for _, l := range all {
							l.leaves(call.ByCustomer, call.Hungup)
						}
						h.mu.Lock()
						legs := slices.Clone(h.legs)
						h.mu.Unlock()
						for _, l := range legs {
							l.leaves(call.ByAgent, call.Hungup)
						}
						h.over()
						if h.quiet(len(all), all...); t.Failed() {
							t.Fatalf("%s left after %v", who, at)
						}
					})
				}
			}
		})
	}
}

// transferLater has anna hand her customer to bo, asking him first or not.
func transferLater(h *house, attended bool, begun func(*fakeLeg)) {
	time.Sleep(2 * time.Second)
	h.mu.Lock()
	legs := slices.Clone(h.legs)
	h.mu.Unlock()
	if len(legs) == 0 || legs[0].ctx.Err() != nil {
		return
	}
	w := call.Transfer{To: "1002"}
	if attended {
		asking := outbound("1002")(h)
		begun(asking)
		time.Sleep(3 * time.Second)
		w.Instead = asking
	}
	select {
	case legs[0].wishes <- w:
	case <-legs[0].ctx.Done():
	}
}

func leave(h *house, who string, tellers []*fakeLeg) {
	h.mu.Lock()
	legs := slices.Clone(h.legs)
	h.mu.Unlock()
	switch {
	case who == "customer":
		tellers[0].leaves(call.ByCustomer, call.Hungup)
	case who == "anna" && len(legs) > 0:
		legs[0].leaves(call.ByAgent, call.Hungup)
	case who == "anna's second" && len(tellers) > 1:
		tellers[1].leaves(call.ByAgent, call.Hungup)
	case who == "bo" && len(legs) > 1:
		legs[1].leaves(call.ByAgent, call.Hungup)
	case who == "gateway":
		h.calls.hangup(call.Ending{By: call.ByUs, Reason: call.Stopped})
	}
}
