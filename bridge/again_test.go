package bridge

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/sip"
)

// longGrace lets a dialog outlive its socket for longer than a test takes.
func longGrace(c *sip.Config) { c.Timeouts.FlowGrace = time.Minute }

// inTalk joins anna at a page with a customer; she says a tone.
func (h *house) inTalk(page *lab.Browser) (anna *lab.Call, leg call.Leg, customer *told) {
	h.t.Helper()
	outside, customer := h.comes(lab.CallOptions{Sound: lab.Tone(440, -16)}, lab.PCMA())
	d := h.calls(Invitation{Agent: "anna", From: thisCall, With: customer.Leg})
	anna = h.rung(page, 0)
	if err := anna.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	if e := h.ended(d); d.leg == nil {
		h.t.Fatal(e)
	}
	h.happens("the path", anna.Connected())
	anna.Say(lab.Tone(660, -16))
	customer.Audio().Hear(d.leg.Audio())
	d.leg.Audio().Hear(customer.Audio())
	h.answer(customer, outside)
	outside.Ear().MustHear(h.t, 660, patience, 300*time.Millisecond)
	h.t.Cleanup(func() { customer.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup}) })
	return anna, d.leg, customer
}

// wishesNothing fails the test if the party wishes for anything in that time.
func (h *house) wishesNothing(l call.Leg, during time.Duration) {
	h.t.Helper()
	select {
	case w := <-l.Wishes():
		h.t.Errorf("she wished for %#v", w)
	case <-l.Context().Done():
		h.t.Errorf("her leg ended %v", call.EndingOf(l.Context()))
	case <-time.After(during):
	}
}

// Her wireless network is gone: first nothing tells, then she is away, and back when the sound is, on the same leg.
func TestSocketAndSoundAreLostAndComeBack(t *testing.T) {
	h := newHouse(t, longGrace)
	page := h.page("anna", lab.PCMA())
	anna, leg, _ := h.inTalk(page)
	anna.Dark(true)
	page.Drop()
	start := time.Now()
	if w := h.wished(leg); w != (call.Gone{}) {
		t.Errorf("%#v", w)
	}
	if took := time.Since(start); took < hushed-glance {
		t.Errorf("away after %v already", took)
	}
	if err := page.Open(h.soon()); err != nil {
		t.Fatal(err)
	}
	anna.Dark(false)
	if err := anna.Reinvite(h.soon(), "restart"); err != nil {
		t.Fatal(err)
	}
	if w := h.wished(leg); w != (call.Back{}) {
		t.Errorf("%#v", w)
	}
}

// Only the socket is lost, and the sound goes on: that is nobody's business.
func TestASocketThatIsReplacedIsNoAbsence(t *testing.T) {
	h := newHouse(t, longGrace)
	page := h.page("anna", lab.PCMA())
	_, leg, _ := h.inTalk(page)
	page.Drop()
	h.wishesNothing(leg, hushed+500*time.Millisecond)
	if err := page.Open(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.wishesNothing(leg, 500*time.Millisecond)
}

// A page that has gone without closing its sound, and is there again by another socket, does not know the call: it says
// so when asked, and nobody waits until the silence has been noticed.
func TestAPageThatDoesNotKnowTheCallIsAsked(t *testing.T) {
	h := newHouse(t, longGrace)
	page := h.page("anna", lab.PCMA())
	anna, leg, _ := h.inTalk(page)
	anna.Dark(true)
	page.Drop()
	page.Forget(anna)
	t.Cleanup(anna.Vanish)
	<-time.After(2 * glance) // its sound has been gone for longer than it takes to be suspicious
	if err := page.Open(h.soon()); err != nil {
		t.Fatal(err)
	}
	if e := h.over(leg); e != (call.Ending{By: call.ByAgent, Reason: call.SignalLost, Code: 481}) {
		t.Errorf("her leg ended %v", e)
	}
}

// again is a return under way.
func (h *house) again(lost call.Leg, customer call.Leg) *dialling {
	return h.calls(Invitation{Agent: "anna", From: thisCall, With: customer, Lost: lost})
}

// The page that was loaded anew is rung as soon as it has registered, with the word that lets it answer by itself.
func TestAPageLoadedAnewIsRungAgain(t *testing.T) {
	h := newHouse(t, longGrace)
	page := h.page("anna", lab.PCMA())
	_, leg, customer := h.inTalk(page)
	page.Vanish()
	d := h.again(leg, customer.Leg)
	if err := page.Open(h.soon()); err != nil {
		t.Fatal(err)
	}
	back := h.rung(page, 1)
	if got := back.Invite.Get("X-Cordboard-Answer"); got != "auto" {
		t.Errorf("X-Cordboard-Answer: %q", got)
	}
	if err := back.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	if e := h.ended(d); d.leg == nil {
		t.Fatal(e)
	}
	if e := h.over(leg); !e.Lost() {
		t.Errorf("the old leg ended %v", e)
	}
}

// A phone that was there all the time rings after a pause; one that she logs in at rings at once. The first that answers
// has the call, and the other one stops.
func TestOtherDevicesTakeTheCallToo(t *testing.T) {
	h := newHouse(t, longGrace)
	desk := h.phone("anna", lab.PCMA())
	page := h.page("anna", lab.PCMA())
	_, leg, customer := h.inTalk(page)
	if got, err := desk.NextCall(h.soon(), 0); err != nil {
		t.Fatal(err)
	} else {
		got.MustEnd(t, patience) // it rang with the page at first
	}
	page.Vanish()
	start := time.Now()
	d := h.again(leg, customer.Leg)
	other := h.page("anna", lab.PCMA())
	fresh := h.rung(other, 0)
	if took := time.Since(start); took > elsewhere {
		t.Errorf("a new device was rung after %v only", took)
	}
	late := h.rung(desk, 1)
	if took := time.Since(start); took < elsewhere-glance {
		t.Errorf("her desk phone was rung after %v already", took)
	}
	if err := fresh.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	if e := h.ended(d); d.leg == nil {
		t.Fatal(e)
	}
	late.MustEnd(t, patience)
}

// The device that she talked by is left alone as long as its call may come back by itself.
func TestALivingLegIsNotRungAgain(t *testing.T) {
	h := newHouse(t, longGrace)
	page := h.page("anna", lab.PCMA())
	anna, leg, customer := h.inTalk(page)
	page.Drop()
	d := h.again(leg, customer.Leg)
	if err := page.Open(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.wishesNothing(leg, time.Second)
	if n := len(page.Calls()); n != 1 {
		t.Errorf("%d calls at her page", n)
	}
	anna.Vanish() // and is rung when it does not
	h.rung(page, 1).Decline(603, "Decline")
	if e := h.ended(d); e != (call.Ending{By: call.ByAgent, Reason: call.Declined, Code: 603}) {
		t.Errorf("ended %v", e)
	}
}

// Nobody comes: the dialling ends when it is told to, with the cause that it is told.
func TestTheSearchEndsWithItsContext(t *testing.T) {
	h := newHouse(t, longGrace)
	page := h.page("anna", lab.PCMA())
	_, leg, customer := h.inTalk(page)
	page.Vanish()
	d := h.again(leg, customer.Leg)
	why := call.Ending{By: call.ByCustomer, Reason: call.Hungup}
	d.leave(&call.Ended{Ending: why})
	if e := h.ended(d); e != why {
		t.Errorf("ended %v", e)
	}
}
