package switchboard

import (
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// lost is how a leg ends whose connection is gone.
var lost = call.Ending{By: call.ByUs, Reason: call.MediaLost}

// talking begins a call to Service and returns its customer and the leg of anna, who has answered.
func (h *house) talking() (customer, anna *fakeLeg) {
	h.works("anna")
	h.answers["anna"] = time.Second
	customer = inbound(mainNumber)(h)
	anna = h.leg(0)
	time.Sleep(time.Second) // the customer's ACK takes a moment
	return customer, anna
}

// waits sets for how long an agent is awaited, and what then.
func (h *house) waits(grace time.Duration, ends bool) {
	h.Settings.Away = func() Away { return Away{Grace: grace, Ends: ends} }
}

func (h *house) moments() []call.Moment {
	h.mu.Lock()
	defer h.mu.Unlock()
	var all []call.Moment
	for _, e := range h.events {
		all = append(all, e.Moment)
	}
	return all
}

// Her page is loaded anew: the customer hears music until her phone has taken the call back, she stays his alone, and
// the record knows how long she was away.
func TestAnAgentWhoseConnectionIsLostTakesTheCallBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.waits(30*time.Second, false)
		customer, anna := h.talking()
		h.answers["anna"] = 5 * time.Second
		h.desk.Devices("anna", 0)
		anna.Hangup(lost)
		synctest.Wait()
		if customer.hearing() != "music" {
			t.Errorf("the customer hears %s", customer.hearing())
		}
		if s, _ := h.desk.Status("anna"); s.Work != agent.Connected {
			t.Errorf("while she is away, anna is %s", s.Work)
		}
		again := h.leg(1)
		synctest.Wait()
		if customer.hearing() != "leg anna" || again.hearing() != "leg "+string(aCustomer) {
			t.Errorf("the customer hears %s, anna hears %s", customer.hearing(), again.hearing())
		}
		again.wishes <- call.Hold{} // she has the call as she had it before
		synctest.Wait()
		if customer.hearing() != "music" {
			t.Errorf("on hold the customer hears %s", customer.hearing())
		}
		again.leaves(call.ByAgent, call.Hungup)
		h.over()
		r := h.settled(customer)
		if len(r.Segments) != 1 || len(r.Segments[0].Absences) != 1 || r.Segments[0].Away() != 5100*time.Millisecond {
			t.Errorf("segments %+v", r.Segments)
		}
		if r.Ending != (call.Ending{By: call.ByAgent, Reason: call.Hungup}) || r.Agent != "anna" {
			t.Errorf("record %+v", r)
		}
		if got := fmt.Sprint(h.moments()); got != "[began matched decided queued presented answered away returned held resumed over]" &&
			got != "[began decided matched queued presented answered away returned held resumed over]" {
			t.Errorf("moments %s", got)
		}
	})
}

// Only her sound was gone for a while: she is back on the same leg, and nobody rings.
func TestAnAgentWhoIsHeardAgainIsBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.waits(30*time.Second, false)
		customer, anna := h.talking()
		h.unwilling("anna")
		anna.wishes <- call.Hold{}
		time.Sleep(time.Second)
		anna.wishes <- call.Gone{}
		synctest.Wait()
		if customer.hearing() != "music" {
			t.Errorf("the customer hears %s", customer.hearing())
		}
		customer.wishes <- call.Digits{Tones: "1"}
		time.Sleep(3 * time.Second)
		anna.wishes <- call.Back{}
		synctest.Wait()
		if customer.hearing() != "leg anna" || anna.hearing() != "leg "+string(aCustomer) {
			t.Errorf("the customer hears %s, anna hears %s", customer.hearing(), anna.hearing())
		}
		customer.leaves(call.ByCustomer, call.Hungup)
		h.over()
		if r := h.settled(customer); r.Segments[0].Away() != 3*time.Second || r.Segments[0].Held != time.Second || len(h.legs) != 1 {
			t.Errorf("record %+v", r)
		}
	})
}

// Her browser has crashed: she is back on another device while the dead leg is still thought to live. It is hung up.
func TestAnotherDeviceTakesTheCallOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.waits(30*time.Second, false)
		customer, anna := h.talking()
		anna.wishes <- call.Gone{}
		again := h.leg(1)
		synctest.Wait()
		if e := call.EndingOf(anna.ctx); e.Reason != call.TakenElsewhere {
			t.Errorf("the dead leg ended %v", e)
		}
		if customer.hearing() != again.SourceName() || customer.ctx.Err() != nil {
			t.Errorf("the customer hears %s", customer.hearing())
		}
		again.Hangup(lost) // and once more
		third := h.leg(2)
		synctest.Wait()
		third.leaves(call.ByAgent, call.Hungup)
		h.over()
		if r := h.settled(customer); len(r.Segments[0].Absences) != 2 {
			t.Errorf("segments %+v", r.Segments)
		}
	})
}

// She does not come back.
func TestAnAgentWhoDoesNotComeBack(t *testing.T) {
	for _, c := range []struct {
		name    string
		begin   func(h *house) *fakeLeg
		stage   func(h *house)
		grace   time.Duration
		ends    bool
		after   time.Duration // how long the customer hears music before anything else happens
		again   bool          // bo takes him then
		outcome call.Ending
	}{
		{"from a queue: he is served next", inbound(mainNumber), func(*house) {}, 10 * time.Second, false, 10 * time.Second, true, call.Ending{By: call.ByAgent, Reason: call.Hungup}},
		{"from a queue, where the plan says that it ends", inbound(mainNumber), func(*house) {}, 10 * time.Second, true, 10 * time.Second, false, lost},
		{"without time of grace", inbound(mainNumber), func(*house) {}, 0, false, 0, false, lost},
		{"called directly", inbound(annasNumber), func(*house) {}, 10 * time.Second, false, 10 * time.Second, false, lost},
		{"she declines on another phone", inbound(mainNumber), func(h *house) { h.refuses["anna"] = call.Declined }, 10 * time.Second, false, 1100 * time.Millisecond, true,
			call.Ending{By: call.ByAgent, Reason: call.Hungup}},
		{"she declines a direct call", inbound(annasNumber), func(h *house) { h.refuses["anna"] = call.Declined }, 10 * time.Second, false, 1100 * time.Millisecond, false, lost},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.close()
				h.waits(c.grace, c.ends)
				h.works("anna")
				h.answers["anna"] = time.Second
				customer := c.begin(h)
				anna := h.leg(0)
				time.Sleep(time.Second)
				h.unwilling("anna")
				c.stage(h)
				h.desk.Devices("anna", 0)
				start := time.Now()
				anna.Hangup(lost)
				if !c.again {
					h.over()
					if r := h.settled(customer); r.Ending != c.outcome || time.Since(start) != c.after {
						t.Errorf("ended %v after %v", r.Ending, time.Since(start))
					}
					return
				}
				others := newLeg(call.Party{Number: "+358400000009"}) // came later, and is not served before him
				h.telling.Go(func() {
					h.Inbound(others, Arrival{ID: "zzz", Dialled: mainNumber, Caller: others.party, At: time.Now()})
				})
				time.Sleep(c.after + time.Second)
				h.willing("bo", time.Second)
				h.works("bo")
				bo := h.leg(1)
				time.Sleep(time.Second)
				if customer.hearing() != "leg bo" {
					t.Errorf("the customer hears %s", customer.hearing())
				}
				bo.leaves(call.ByAgent, call.Hungup)
				others.leaves(call.ByCustomer, call.Hungup)
				h.over()
				i := slices.IndexFunc(h.closed, func(r call.Record) bool { return r.ID != "zzz" })
				r := h.closed[i]
				if r.Ending != c.outcome || r.Agent != "bo" || len(r.Segments) != 2 || r.Segments[0].Away() != c.after || r.Segments[0].To.Sub(start) != c.after {
					t.Errorf("record %+v", r)
				}
			})
		})
	}
}

// An agent who has called out keeps her customer, too, and so does one who was called by a colleague, on either side.
func TestEitherSideOfACallMayBeAway(t *testing.T) {
	for _, c := range []struct {
		dialled string
		callers bool // the one who called is away, else the one who answered
	}{{"+358401234567", true}, {"1002", true}, {"1002", false}} {
		t.Run(fmt.Sprint(c), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := newHouse(t)
				defer h.close()
				h.waits(30*time.Second, false)
				h.works("anna", "bo")
				h.answers["anna"], h.answers["bo"], h.answers["+358401234567"] = time.Second, time.Second, time.Second
				caller := outbound(c.dialled)(h)
				callee := h.leg(0)
				time.Sleep(time.Second)
				gone, stays := caller, callee
				if !c.callers {
					gone, stays = callee, caller
				}
				gone.Hangup(lost)
				synctest.Wait()
				if stays.hearing() != "music" || stays.ctx.Err() != nil {
					t.Errorf("who stays hears %s", stays.hearing())
				}
				back := h.leg(1)
				synctest.Wait()
				if stays.hearing() != back.SourceName() || back.hearing() != stays.SourceName() {
					t.Errorf("%s hears %s, %s hears %s", stays.SourceName(), stays.hearing(), back.SourceName(), back.hearing())
				}
				stays.leaves(call.ByCustomer, call.Hungup)
				h.over()
				h.settled(caller)
			})
		})
	}
}

// A customer whose line is lost is not waited for.
func TestACustomerWhoIsLostIsNotAwaited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.waits(30*time.Second, false)
		customer, anna := h.talking()
		customer.Hangup(lost)
		h.over()
		if r := h.settled(customer); r.Ending != lost || anna.ctx.Err() == nil {
			t.Errorf("record %+v", r)
		}
	})
}

// Whatever happens at whatever moment around an absence: everybody is hung up, the record is closed once, and nobody is
// left reserved or waiting.
func TestAnyPartyMayHangUpAtAnyMomentOfAnAbsence(t *testing.T) {
	const step = 50 * time.Millisecond
	for _, first := range []string{"lost", "unheard"} {
		for _, who := range []string{"the customer", "the one who is away", "the one who is back", "the gateway", "nobody"} {
			t.Run(first+", "+who, func(t *testing.T) {
				for at := time.Duration(0); at < 4*time.Second; at += step {
					synctest.Test(t, func(t *testing.T) { anAbsence(t, first, who, at) })
				}
			})
		}
	}
}

// anAbsence lets anna be away from the first moment on, back after a second on another leg, and somebody leave at a moment.
func anAbsence(t *testing.T, first, who string, at time.Duration) {
	h := newHouse(t)
	defer h.close()
	h.waits(2*time.Second, false)
	customer, anna := h.talking()
	h.answers["anna"] = time.Second
	if first == "lost" {
		anna.Hangup(lost)
	} else {
		anna.wishes <- call.Gone{}
	}
	time.Sleep(at)
	switch who {
	case "the customer":
		customer.leaves(call.ByCustomer, call.Hungup)
	case "the one who is away":
		anna.leaves(call.ByAgent, call.Hungup)
	case "the gateway":
		h.calls.hangup(call.Ending{By: call.ByUs, Reason: call.Stopped})
	case "the one who is back":
		h.mu.Lock()
		legs := slices.Clone(h.legs)
		h.mu.Unlock()
		if len(legs) > 1 {
			legs[1].Hangup(lost)
			h.unwilling("anna")
			h.desk.Devices("anna", 0)
		}
	}
	time.Sleep(time.Minute)
	customer.leaves(call.ByCustomer, call.Hungup)
	h.over()
	if h.settled(customer); t.Failed() {
		t.Fatalf("%s left %v after she was %s", who, at, first)
	}
}
