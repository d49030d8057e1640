package bridge

import (
	"context"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
)

var thisCall = call.Party{Number: "+358400000001"}

// All devices of an agent ring; who answers first has the call, the others are told that it was taken, and show no
// missed one (RFC 3326).
func TestOfSeveralDevicesTheFirstAnswerWins(t *testing.T) {
	for range 10 { // what decides it is a matter of microseconds
		h := newHouse(t)
		desk, page, mobile := h.phone("anna", lab.PCMA()), h.page("anna", lab.PCMA()), h.phone("anna", lab.PCMU())
		d := h.calls(Invitation{Agent: "anna", From: thisCall})
		taken, other, third := h.rung(desk, 0), h.rung(page, 0), h.rung(mobile, 0)
		other.Ring()
		third.Ring()
		h.happens("the ring", d.rings)
		if err := taken.Answer(h.soon()); err != nil {
			t.Fatal(err)
		}
		if e := h.ended(d); d.leg == nil {
			t.Fatal(e)
		}
		for _, c := range []*lab.Call{other, third} {
			cancel, err := c.AwaitRequest(h.soon(), "CANCEL")
			if err != nil {
				t.Fatal(err)
			}
			if r := cancel.Get("Reason"); !strings.Contains(r, "cause=200") || !strings.Contains(r, "Call completed elsewhere") {
				t.Fatalf("a device is cancelled with Reason %q", r)
			}
		}
		d.leg.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup})
		if e := taken.MustEnd(t, patience); e.Reason != "bye" {
			t.Errorf("the phone that answered: %v", e)
		}
	}
}

// Both pick up in the same moment: one has the call, the other is hung up, and told why.
func TestB6_OfTwoAnswersInTheSameMomentOneIsHungUp(t *testing.T) {
	for range 5 {
		h := newHouse(t)
		one, two := h.phone("anna", lab.PCMA()), h.phone("anna", lab.PCMA())
		d := h.calls(Invitation{Agent: "anna", From: thisCall})
		a, b := h.rung(one, 0), h.rung(two, 0)
		for _, c := range []*lab.Call{a, b} {
			go func() { _ = c.Answer(h.soon()) }() // the loser is told so
		}
		if e := h.ended(d); d.leg == nil {
			t.Fatal(e)
		}
		select {
		case <-a.Ended():
			a, b = b, a
		case <-b.Ended():
		case <-h.soon().Done():
			t.Fatal("both phones believe that they have the call")
		}
		select {
		case <-a.Ended():
			t.Fatalf("both were hung up: %v, %v", a.End(), b.End())
		default:
		}
		d.leg.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup})
		a.MustEnd(t, patience)
	}
}

func TestTheMostTellingRefusalOfSeveralDevicesCounts(t *testing.T) {
	for _, c := range []struct {
		name     string
		statuses [2]int
		want     call.Reason
		code     int
	}{
		{"busy over unavailable", [2]int{480, 486}, call.Busy, 486},
		{"busy over a fault", [2]int{486, 500}, call.Busy, 486},
		{"a fault over unavailable", [2]int{500, 480}, call.Failed, 500},
		{"no time over a fault", [2]int{408, 488}, call.NoAnswer, 408},
		{"nobody there", [2]int{480, 480}, call.Unreachable, 0},
		{"a person over all", [2]int{486, 603}, call.Declined, 603},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			one, two := h.phone("anna"), h.phone("anna")
			d := h.calls(Invitation{Agent: "anna", From: thisCall})
			a, b := h.rung(one, 0), h.rung(two, 0)
			a.Decline(c.statuses[0], "No")
			b.Decline(c.statuses[1], "No")
			if e := h.ended(d); e != (call.Ending{By: call.ByAgent, Reason: c.want, Code: c.code}) {
				t.Errorf("ended %v", e)
			}
		})
	}
}

// A person who says no on one device has said no on all of them (RFC 3261 section 21.6).
func TestDeclinedOnOneDeviceStopsTheOthers(t *testing.T) {
	h := newHouse(t)
	desk, page := h.phone("anna"), h.page("anna")
	d := h.calls(Invitation{Agent: "anna", From: thisCall})
	a, b := h.rung(desk, 0), h.rung(page, 0)
	b.Ring()
	a.Decline(603, "Decline")
	if e := h.ended(d); e.Reason != call.Declined || e.By != call.ByAgent {
		t.Errorf("ended %v", e)
	}
	if e := b.MustEnd(t, patience); e.Reason != "cancelled" {
		t.Errorf("the other device: %v", e)
	}
}

func TestB8_TheCallerLeavesWhileItRings(t *testing.T) {
	h := newHouse(t)
	desk, page := h.phone("anna"), h.page("anna")
	d := h.calls(Invitation{Agent: "anna", From: thisCall})
	a, b := h.rung(desk, 0), h.rung(page, 0)
	a.Ring()
	b.Ring()
	h.happens("the ring", d.rings)
	left := call.Ending{By: call.ByCustomer, Reason: call.Cancelled}
	d.leave(&call.Ended{Ending: left})
	if e := h.ended(d); e != left {
		t.Errorf("ended %v", e)
	}
	for _, c := range []*lab.Call{a, b} {
		if e := c.MustEnd(t, patience); e.Reason != "cancelled" {
			t.Errorf("a phone: %v", e)
		}
		if cancel, err := c.AwaitRequest(h.soon(), "CANCEL"); err != nil || strings.Contains(cancel.Get("Reason"), "elsewhere") {
			t.Errorf("nobody has taken the call, but: %v %v", cancel, err)
		}
	}
}

// Answered in the moment the caller leaves: either way there is no call, and the phone knows it.
func TestAnAnswerThatCrossesTheCallersLeaving(t *testing.T) {
	for range 10 {
		h := newHouse(t)
		desk := h.phone("anna", lab.PCMA())
		d := h.calls(Invitation{Agent: "anna", From: thisCall})
		c := h.rung(desk, 0)
		go func() { _ = c.Answer(h.soon()) }()
		h.happens("the ring", d.rings)
		d.leave(&call.Ended{Ending: call.Ending{By: call.ByCustomer, Reason: call.Cancelled}})
		if e := h.ended(d); d.leg != nil {
			d.leg.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup})
		} else if e.Reason != call.Cancelled {
			t.Errorf("ended %v", e)
		}
		c.MustEnd(t, patience)
	}
}

func TestWhoeverLeftBeforeDialDisturbsNobody(t *testing.T) {
	h := newHouse(t)
	desk := h.phone("anna")
	ctx, cancel := context.WithCancelCause(context.Background())
	left := call.Ending{By: call.ByCustomer, Reason: call.Cancelled}
	cancel(&call.Ended{Ending: left})
	leg, err := h.Dial(ctx, Invitation{Call: call.NewID(), Agent: "anna", From: thisCall, Rings: func() { t.Error("it rings") }})
	if leg != nil || call.EndingOfError(err) != left {
		t.Errorf("Dial gave %v, %v", leg, err)
	}
	if n := len(desk.Calls()); n != 0 {
		t.Errorf("the phone was called %d times", n)
	}
}

func TestAnAgentWithoutADeviceIsUnreachable(t *testing.T) {
	h := newHouse(t)
	if e := h.ended(h.calls(Invitation{Agent: "bo", From: thisCall})); e != (call.Ending{By: call.ByAgent, Reason: call.Unreachable}) {
		t.Errorf("ended %v", e)
	}
}

func TestATrunkThatIsNotThereIsUnreachable(t *testing.T) {
	h := newHouse(t)
	if e := h.ended(h.calls(Invitation{Trunk: "nowhere", Number: "+1"})); e.Reason != call.Unreachable || e.By != call.ByCustomer {
		t.Errorf("ended %v", e)
	}
}

// What the far side of a trunk says, as the stories and the reports know it.
func TestRefusalsOfTheFarSide(t *testing.T) {
	for status, want := range map[int]call.Reason{403: call.Forbidden, 404: call.NotFound, 410: call.NotFound, 480: call.Unreachable,
		486: call.Busy, 488: call.NotAcceptable, 500: call.Failed, 503: call.Overloaded, 600: call.Busy, 603: call.Declined, 604: call.NotFound, 606: call.NotAcceptable} {
		h := newHouse(t)
		d := h.calls(Invitation{Trunk: "line", Number: "+1", Shown: "+358291"})
		h.rung(h.carrier, 0).Decline(status, "No")
		e := h.ended(d)
		code := status
		if want == call.Unreachable {
			code = 0 // says no more than that nobody could be had
		}
		if e != (call.Ending{By: call.ByCustomer, Reason: want, Code: code}) {
			t.Errorf("%d is told as %v", status, e)
		}
	}
}
