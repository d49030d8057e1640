package switchboard

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// A story that panics ends that call only, for everybody on it; nobody is left reserved.
func TestAPanicInAStoryEndsThatCallOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		h.answers["anna"] = time.Second
		h.silent = true
		customer := inbound(mainNumber)(h)
		h.leg(0).wishes <- call.Hold{}
		h.over()
		if r := h.settled(customer); r.Ending.Reason != call.Failed {
			t.Errorf("ended %v", r.Ending)
		}
	})
}

// A watcher with a fault disturbs no call, at whatever moment.
func TestAWitnessThatPanicsDisturbsNobody(t *testing.T) {
	for _, moment := range []call.Moment{call.Began, call.Decided, call.Queued, call.Presented, call.Missed, call.Answered, call.Over} {
		synctest.Test(t, func(t *testing.T) {
			h := newHouse(t)
			defer h.close()
			h.works("anna", "bo")
			h.answers["bo"] = time.Second
			h.onEvent = func(e call.Event) {
				if e.Moment == moment {
					panic("a watcher with a fault")
				}
			}
			customer := inbound(mainNumber)(h)
			h.leg(0).leaves(call.ByAgent, call.Hungup)
			h.over()
			if r := h.settled(customer); r.Ending != (call.Ending{By: call.ByAgent, Reason: call.Hungup}) || len(h.Active()) != 0 {
				t.Errorf("%s: ended %v, %d calls go on", moment, r.Ending, len(h.Active()))
			}
		})
	}
}

// The one who answered leaves before the caller's phone has confirmed the answer: the call is over then, not when the
// confirmation is given up.
func TestAHangupIsNotedWhileTheAnswerIsNotConfirmed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		h.answers["anna"] = time.Second
		customer := newLeg(call.Party{Number: aCustomer})
		customer.answer = 32 * time.Second // no ACK comes
		start := time.Now()
		h.telling.Go(func() {
			h.Inbound(customer, Arrival{ID: call.NewID(), Trunk: "carrier", Dialled: annasNumber, Caller: customer.party, At: start})
		})
		h.leg(0).leaves(call.ByAgent, call.Hungup)
		h.over()
		if r := h.settled(customer); r.Ending.By != call.ByAgent || r.Over.Sub(start) > 2*time.Second {
			t.Errorf("ended %v after %v", r.Ending, r.Over.Sub(start))
		}
	})
}

// A caller who gives up while it rings has not been missed by her: the next one reaches her at once.
func TestACallerWhoLeavesWhileItRingsDoesNotCostTheAgentHerTurn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		first := inbound(mainNumber)(h)
		time.Sleep(5 * time.Second)
		second := inbound(mainNumber)(h)
		time.Sleep(2 * time.Second)
		first.leaves(call.ByCustomer, call.Hungup)
		time.Sleep(500 * time.Millisecond)
		if s, _ := h.desk.Status("anna"); s.Work != agent.Ringing {
			t.Errorf("half a second later anna is %s", s.Work)
		}
		second.leaves(call.ByCustomer, call.Hungup)
		h.over()
	})
}

// A call that comes in while the calls are being ended is ended too.
func TestACallThatBeginsDuringStopIsEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		defer cancel()
		if err := h.Stop(ctx, call.Stopped); err != nil {
			t.Fatal(err)
		}
		late := inbound(annasNumber)(h)
		h.over()
		if r := h.settled(late); r.Ending.Reason != call.Stopped {
			t.Errorf("ended %v", r.Ending)
		}
	})
}

// A CRM that takes its time to say who the customer was does not keep the gateway from stopping.
func TestASlowCRMDoesNotHoldUpStop(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		h.lookup = 9 * time.Second
		customer := inbound(annasNumber)(h)
		time.Sleep(time.Second)
		ctx, cancel := context.WithTimeout(t.Context(), 4*time.Second)
		defer cancel()
		if err := h.Stop(ctx, call.Stopped); err != nil {
			t.Errorf("stop: %v", err)
		}
		h.over()
		h.settled(customer)
	})
}
