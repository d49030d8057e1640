package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// An agent who calls out hears the carrier's announcement before the answer, then who answers.
func TestB25_AnAgentHearsTheCarriersAnnouncementBeforeTheAnswer(t *testing.T) {
	for _, speaks := range []lab.Format{lab.PCMA(), lab.Opus()} {
		t.Run(speaks.Codec, func(t *testing.T) {
			carrier := newCarrier(t)
			h := openHouse(t, demoHouse(carrier.Address()))
			anna := h.phone("anna", speaks)
			out, err := anna.Call(h.soon(), "+358401234567", lab.CallOptions{Sound: lab.Tone(annasTone, -16)})
			if err != nil {
				t.Fatal(err)
			}
			callee, err := carrier.NextCall(h.soon(), 0)
			if err != nil {
				t.Fatal(err)
			}
			callee.Ring()
			out.MustRing(t, patience)
			if err := callee.Progress(); err != nil {
				t.Fatal(err)
			}
			callee.Say(lab.Tone(425, -16))
			select {
			case <-out.EarlyMedia():
			case <-h.soon().Done():
				t.Fatal("no early media")
			}
			out.Ear().MustHear(t, 425, patience, time.Second)
			callee.Say(lab.Tone(550, -16))
			if err := callee.Answer(h.soon()); err != nil {
				t.Fatal(err)
			}
			out.MustAnswer(t, patience)
			out.Ear().MustHear(t, 550, patience, time.Second)
			callee.Ear().MustHear(t, annasTone, patience, time.Second)
			if r := out.Ear().Report(); r.SSRCs != 1 || r.Lost != 0 {
				t.Errorf("over the answer she heard %v", r)
			}
			if err := out.Bye(h.soon()); err != nil {
				t.Error(err)
			}
		})
	}
}

// The web phone itself hears it, and makes no ringing tone of its own meanwhile.
func TestB25_TheWebPhoneHearsAnAnnouncementBeforeTheAnswer(t *testing.T) {
	carrier := newCarrier(t)
	h := openHouse(t, demoHouse(carrier.Address()))
	anna := h.openPhone("anna")
	anna.do(nil, "dial", "0400 000 001")
	callee, err := carrier.NextCall(h.soon(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := callee.Progress(); err != nil {
		t.Fatal(err)
	}
	callee.Say(lab.Tone(500, -16))
	anna.do(nil, "phase", "alerting")
	anna.mustHear(500)
	callee.Say(lab.Tone(440, -16))
	if err := callee.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	anna.do(nil, "phase", "talking")
	anna.mustHear(440)
	callee.Ear().MustHear(t, annasTone, patience, time.Second)
	if err := callee.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	anna.do(nil, "phase", "over")
}

// Ringing goes on when a description came but no sound: her own phone makes the tone (RFC 3960). When an announcement
// ends and it rings on, ours takes its place, since her phone has stopped to make its own.
func TestB26_ItRingsOnWithoutEarlySound(t *testing.T) {
	carrier := newCarrier(t)
	h := openHouse(t, demoHouse(carrier.Address()))
	anna := h.phone("anna", lab.PCMA())
	out, err := anna.Call(h.soon(), "+358401234567", lab.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	callee, err := carrier.NextCall(h.soon(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := callee.Progress(); err != nil {
		t.Fatal(err)
	}
	callee.Ring()
	out.MustRing(t, patience)
	for _, r := range out.Responses() {
		if len(r.Body) > 0 {
			t.Errorf("%d with a description, and nothing to hear", r.Status)
		}
	}
	callee.Say(lab.Tone(550, -16))
	out.Ear().MustHear(t, 550, patience, 500*time.Millisecond)
	callee.Say(nil)
	out.Ear().MustHear(t, 425, patience, 500*time.Millisecond) // the ringing of Finland
	if err := callee.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	out.MustAnswer(t, patience)
	if err := out.Bye(h.soon()); err != nil {
		t.Error(err)
	}
}

// Where the plan says so a caller hears the queue before he is answered, and pays nothing meanwhile.
func TestACallerHearsTheQueueBeforeTheAnswer(t *testing.T) {
	c := demoHouse("127.0.0.1:9")
	c.Plan.Numbers[mainNumber] = configs.Destination{Queue: "Customer Service EN", Early: true}
	h := openHouse(t, c)
	customer := h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	select {
	case <-customer.EarlyMedia():
	case <-h.soon().Done():
		t.Fatal("no early media")
	}
	h.eventually("the queue is heard", func() bool { return customer.Ear().Report().Level > -50 })
	select {
	case <-customer.Answered():
		t.Fatal("he was answered")
	default:
	}
	anna := h.rings(h.phone("anna", lab.PCMA()), 0)
	if err := anna.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(anna)
	anna.Say(lab.Tone(annasTone, -16))
	customer.MustAnswer(t, patience)
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	anna.Ear().MustHear(t, 440, patience, time.Second)
	if r := customer.Ear().Report(); r.SSRCs != 1 || r.Lost != 0 {
		t.Errorf("over the answer he heard %v", r)
	}
	if err := customer.Bye(h.soon()); err != nil {
		t.Error(err)
	}
	if task := h.tasks(1)[0]; task["Cordboard_Call_Result__c"] != "Answered" {
		t.Errorf("Task %v", task)
	}
}

// A caller in the queue talks to nobody, and is answered all the same whatever his phone asks for.
func TestB33_ACallerInTheQueueMayHoldAndRefresh(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	customer := h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	customer.MustAnswer(t, patience)
	for what, do := range map[string]func() error{
		"hold":   func() error { return customer.Hold(h.soon()) },
		"resume": func() error { return customer.Resume(h.soon()) },
		"a key":  func() error { return customer.Info(h.soon(), '5') },
	} {
		if err := do(); err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
	if r, err := customer.Request(h.soon(), "UPDATE", "", ""); err != nil || r.Status != 200 {
		t.Errorf("UPDATE: %v %v", r, err)
	}
	if err := customer.Resume(h.soon()); err != nil {
		t.Fatal(err)
	}
	anna := h.rings(h.phone("anna", lab.PCMA()), 0)
	if err := anna.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(anna)
	anna.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	anna.Ear().MustHear(t, 440, patience, time.Second)
	if got := anna.Ear().Digits(); got != "" {
		t.Errorf("keys pressed in the queue reach anna: %q", got)
	}
	if err := customer.Bye(h.soon()); err != nil {
		t.Error(err)
	}
}

// A caller who is forwarded outside hears what is played there before the answer, and his call comes no nearer to going
// round for ever.
func TestAForwardedCallerHearsAheadAndHasOneHopLess(t *testing.T) {
	carrier := newCarrier(t)
	c := demoHouse(carrier.Address())
	c.Plan.Numbers["+358293000103"] = configs.Destination{Number: "+358401234567"}
	h := openHouse(t, c)
	customer := h.dial(h.carrier(lab.PCMA()), "+358293000103", lab.CallOptions{Sound: lab.Tone(440, -16)})
	callee := h.reached(carrier, 0)
	if got := callee.Invite.Get("Max-Forwards"); got != "69" {
		t.Errorf("Max-Forwards %s", got)
	}
	if err := callee.Progress(); err != nil {
		t.Fatal(err)
	}
	callee.Say(lab.Tone(550, -16))
	customer.Ear().MustHear(t, 550, patience, 500*time.Millisecond)
	if err := callee.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustAnswer(t, patience)
	callee.Ear().MustHear(t, 440, patience, 500*time.Millisecond)
	if err := customer.Bye(h.soon()); err != nil {
		t.Error(err)
	}
}
