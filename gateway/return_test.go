package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/internal/lab"
)

// takesBack answers the call that a phone is given again, and checks that it was asked to.
func (h *house) takesBack(phone *lab.Browser, n int, first *lab.Call) *lab.Call {
	h.t.Helper()
	c := h.rings(phone, n)
	if got := c.Invite.Get("X-Cordboard-Answer"); got != "auto" {
		h.t.Errorf("X-Cordboard-Answer: %q", got)
	}
	if got, want := c.Invite.Get("X-Cordboard-Call"), first.Invite.Get("X-Cordboard-Call"); got != want {
		h.t.Errorf("she is given the call %q back, not %q", got, want)
	}
	if err := c.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	c.Say(lab.Tone(annasTone, -16))
	return c
}

// Her page is loaded anew while she talks: the customer hears music, her phone is invited again as soon as it has
// registered, and they talk on. One stream, one record, one Task.
func TestAReloadInACallKeepsTheCustomer(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	phone, carrier := h.phone("anna", lab.PCMA()), h.carrier(lab.PCMA())
	customer := h.dial(carrier, mainNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	first := h.rings(phone, 0)
	if err := first.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(first)
	first.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	if err := phone.Reload(h.soon()); err != nil {
		t.Fatal(err)
	}
	second := h.takesBack(phone, 1, first)
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	second.Ear().MustHear(t, 440, patience, 500*time.Millisecond)
	h.work("anna", agent.Connected)
	if err := second.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustEnd(t, patience)
	if r := customer.Ear().Report(); r.SSRCs != 1 || r.Jumps != 0 || r.Lost != 0 {
		t.Errorf("the customer heard %v", r)
	}
	h.outcome(answered("Answered"))
}
