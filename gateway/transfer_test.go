package gateway

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/internal/lab"
)

// atDinasDesk is a customer who talks to dina at her desk phone.
func (h *house) atDinasDesk() (dina *lab.Phone, customer, desk *lab.Call) {
	h.t.Helper()
	dina = h.desktop("dina", lab.PCMA())
	customer = h.dial(h.carrier(lab.PCMA()), dinasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	desk = h.reached(dina, 0)
	if err := desk.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	customer.MustAnswer(h.t, patience)
	desk.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(h.t, annasTone, patience, 500*time.Millisecond)
	return dina, customer, desk
}

// sipfrags are the states that a phone has been notified of.
func sipfrags(c *lab.Call) []string {
	var states []string
	for _, m := range c.Requests() {
		if m.Method != "NOTIFY" {
			continue
		}
		state := strings.TrimSpace(string(m.Body))
		if !strings.HasPrefix(m.Get("Event"), "refer") || !strings.HasPrefix(m.Get("Content-Type"), "message/sipfrag") {
			state = "malformed: " + m.Get("Event") + " " + m.Get("Content-Type")
		}
		if strings.HasPrefix(m.Get("Subscription-State"), "terminated") {
			state += " (last)"
		}
		if len(states) == 0 || states[len(states)-1] != state { // a NOTIFY may be repeated
			states = append(states, state)
		}
	}
	return states
}

func TestB43_ADeskPhoneHandsItsCustomerToAColleagueAndIsToldTheTruth(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna := h.phone("anna", lab.PCMA())
	_, customer, desk := h.atDinasDesk()
	if err := desk.Refer(h.soon(), "sip:1001@"+h.sip()); err != nil {
		t.Fatal(err)
	}
	rung := h.rings(anna, 0)
	rung.Ring()
	customer.Ear().MustHear(t, 425, patience, 500*time.Millisecond) // he hears it ring
	h.until("dina's phone knows that it rings", func() bool { return slices.Contains(sipfrags(desk), "SIP/2.0 180 Ringing") })
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(rung)
	rung.Say(lab.Tone(550, -16))
	customer.Ear().MustHear(t, 550, patience, time.Second)
	rung.Ear().MustHear(t, 440, patience, time.Second)
	h.until("dina's phone knows that it succeeded", func() bool { return slices.Contains(sipfrags(desk), "SIP/2.0 200 OK (last)") })
	desk.MustEnd(t, patience) // she does not hang up: we do
	h.work("dina", agent.Idle)
	h.work("anna", agent.Connected)
	if got := sipfrags(desk); got[0] != "SIP/2.0 100 Trying" || len(got) != 3 {
		t.Errorf("dina's phone was told %q", got)
	}
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.MustEnd(t, patience)
	if r := customer.Ear().Report(); r.SSRCs != 1 || r.Lost != 0 || r.Jumps != 0 {
		t.Errorf("over the transfer he heard %v", r)
	}
	if tasks := h.tasks(1); len(tasks) != 1 || tasks[0]["Cordboard_Call_Result__c"] != "Answered" {
		t.Errorf("Tasks %v", tasks)
	}
}

func TestB43_ATransferToWhoDeclinesGivesTheCustomerBack(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna := h.phone("anna", lab.PCMA())
	_, customer, desk := h.atDinasDesk()
	if err := desk.Refer(h.soon(), "sip:1001@"+h.sip()); err != nil {
		t.Fatal(err)
	}
	h.rings(anna, 0).Decline(603, "Decline")
	h.until("dina's phone knows that it failed", func() bool { return slices.Contains(sipfrags(desk), "SIP/2.0 603 Decline (last)") })
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	desk.Ear().MustHear(t, 440, patience, 500*time.Millisecond)
	// A second one in the same dialog is told apart by its id (RFC 3515 section 2.4.6).
	if err := desk.Refer(h.soon(), "tel:77"); err != nil {
		t.Fatal(err)
	}
	h.until("dina's phone knows that there is no such number", func() bool { return slices.Contains(sipfrags(desk), "SIP/2.0 404 Not Found (last)") })
	notifies := desk.Requests()
	if last := notifies[len(notifies)-1]; !strings.HasPrefix(last.Get("Event"), "refer;id=") {
		t.Errorf("Event %q", last.Get("Event"))
	}
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	desk.MustEnd(t, patience)
}

func TestADeskPhoneAsksAColleagueAndJoinsHimWithItsCustomer(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna := h.phone("anna", lab.PCMA())
	dina, customer, desk := h.atDinasDesk()
	if err := desk.Hold(h.soon()); err != nil {
		t.Fatal(err)
	}
	asking, err := dina.Call(h.soon(), "sip:1001@"+h.sip(), lab.CallOptions{Sound: lab.Tone(1000, -16)})
	if err != nil {
		t.Fatal(err)
	}
	rung := h.rings(anna, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(rung)
	rung.Say(lab.Tone(550, -16))
	asking.MustAnswer(t, patience)
	rung.Ear().MustHear(t, 1000, patience, 500*time.Millisecond)
	if err := desk.Refer(h.soon(), "sip:1001@"+h.sip()+"?"+asking.Replaces()); err != nil {
		t.Fatal(err)
	}
	customer.Ear().MustHear(t, 550, patience, time.Second)
	rung.Ear().MustHear(t, 440, patience, time.Second)
	asking.MustEnd(t, patience)
	desk.MustEnd(t, patience)
	if got := sipfrags(desk); !slices.Contains(got, "SIP/2.0 200 OK (last)") {
		t.Errorf("dina's phone was told %q", got)
	}
	h.work("dina", agent.Idle)
	h.work("anna", agent.Connected)
	if err := rung.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustEnd(t, patience)
	h.work("anna", agent.Idle)
	if tasks := h.tasks(1); len(tasks) != 1 || tasks[0]["CallType"] != "Inbound" {
		t.Errorf("Tasks %v, want the customer's alone", tasks)
	}
}

func TestATransferThatNamesACallThereIsNotIsTold481(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	_, customer, desk := h.atDinasDesk()
	for _, replaces := range []string{"Replaces=nothing%3Bto-tag%3Da%3Bfrom-tag%3Db", customer.Replaces(), desk.Replaces()} { // nobody's, somebody else's, itself
		before := len(sipfrags(desk))
		if err := desk.Refer(h.soon(), "sip:1001@"+h.sip()+"?"+replaces); err != nil {
			t.Fatal(err)
		}
		h.until("dina's phone knows", func() bool {
			got := sipfrags(desk)
			return len(got) > before && strings.HasPrefix(got[len(got)-1], "SIP/2.0 481")
		})
	}
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	if err := customer.Refer(h.soon(), "sip:1001@"+h.sip()); err == nil || !strings.Contains(err.Error(), "403") {
		t.Errorf("a customer's REFER: %v", err)
	}
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	desk.MustEnd(t, patience)
}

// A desk phone of another make transfers.
func TestBaresipHandsItsCustomerOn(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna, dina := h.phone("anna", lab.PCMA()), h.baresip("dina", "PCMA/8000/1")
	customer := h.dial(h.carrier(lab.PCMA()), dinasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	customer.MustAnswer(t, patience)
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	dina.do("transfer", "sip:1001@"+h.sip())
	rung := h.rings(anna, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(rung)
	rung.Say(lab.Tone(550, -16))
	customer.Ear().MustHear(t, 550, patience, time.Second)
	rung.Ear().MustHear(t, 440, patience, time.Second)
	dina.await("CALL_CLOSED")
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.MustEnd(t, patience)
}
