package gateway

import (
	"fmt"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// talk joins a customer with anna by her direct number; each says a tone of their own.
func (h *house) talk(customerSpeaks, annaSpeaks lab.Format) (customer, anna *lab.Call) {
	h.t.Helper()
	phone, carrier := h.phone("anna", annaSpeaks), h.carrier(customerSpeaks)
	customer = h.dial(carrier, annasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	anna = h.rings(phone, 0)
	if err := anna.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	customer.MustAnswer(h.t, patience)
	h.connected(anna)
	anna.Say(lab.Tone(annasTone, -16))
	return customer, anna
}

// A tone from each end is recognised at the other, whatever the two speak.
func TestSoundBothWaysInEveryCodec(t *testing.T) {
	for _, c := range []struct{ trunk, browser lab.Format }{
		{lab.PCMU(), lab.PCMU()}, {lab.PCMA(), lab.PCMA()}, {lab.PCMU(), lab.PCMA()}, {lab.PCMA(), lab.Opus()}, {lab.PCMU(), lab.Opus()}, {lab.Opus(), lab.Opus()},
	} {
		t.Run(fmt.Sprintf("%s to %s", c.trunk.Codec, c.browser.Codec), func(t *testing.T) {
			h := openHouse(t, demoHouse("127.0.0.1:9"))
			customer, anna := h.talk(c.trunk, c.browser)
			customer.Ear().MustHear(t, annasTone, patience, 2*time.Second)
			anna.Ear().MustHear(t, 440, patience, 2*time.Second)
			for who, r := range map[string]lab.Report{"customer": customer.Ear().Report(), "anna": anna.Ear().Report()} {
				if r.Lost != 0 || r.SSRCs != 1 || r.Unknown != 0 || r.Jumps != 0 || r.Level < -20 || r.Level > -12 {
					t.Errorf("%s heard %v", who, r)
				}
			}
		})
	}
}

func TestB31_HoldIsMusicAndResumeIsHerAgain(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	customer, anna := h.talk(lab.PCMA(), lab.PCMA())
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	if err := anna.Hold(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.Ear().MustNotHear(t, annasTone, 2*time.Second)
	if r := customer.Ear().Report(); r.Level < -50 {
		t.Errorf("no music on hold: %v", r)
	}
	if err := anna.Resume(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	anna.Ear().MustHear(t, 440, patience, time.Second)
	if r := customer.Ear().Report(); r.Lost != 0 || r.SSRCs != 1 || r.Jumps != 0 {
		t.Errorf("over the hold the customer heard %v", r)
	}
}

func TestDigitsTravelBothWays(t *testing.T) {
	for _, browser := range []lab.Format{lab.PCMA(), lab.Opus()} {
		t.Run(browser.Codec, func(t *testing.T) {
			h := openHouse(t, demoHouse("127.0.0.1:9"))
			customer, anna := h.talk(lab.PCMA(), browser)
			if err := customer.Digits(h.soon(), "15*"); err != nil {
				t.Fatal(err)
			}
			if err := anna.Ear().AwaitDigits(h.soon(), "15*"); err != nil {
				t.Errorf("anna: %v, heard %q", err, anna.Ear().Digits())
			}
			if err := anna.Digits(h.soon(), "90#"); err != nil {
				t.Fatal(err)
			}
			if err := customer.Ear().AwaitDigits(h.soon(), "90#"); err != nil {
				t.Errorf("customer: %v, heard %q", err, customer.Ear().Digits())
			}
			if err := anna.Info(h.soon(), '7'); err != nil {
				t.Fatal(err)
			}
			if err := customer.Ear().AwaitDigits(h.soon(), "90#7"); err != nil {
				t.Errorf("customer: %v, heard %q", err, customer.Ear().Digits())
			}
		})
	}
}

func TestAnAgentCallsOut(t *testing.T) {
	carrier, err := lab.NewTrunk(lab.TrunkOptions{Formats: []lab.Format{lab.PCMU(), lab.PCMA()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { carrier.Close() })
	carrier.Listen(func(*lab.Call) {})
	h := openHouse(t, demoHouse(carrier.Address()))
	anna := h.phone("anna", lab.Opus(), lab.PCMU())
	out, err := anna.Call(h.soon(), "0400000001", lab.CallOptions{Sound: lab.Tone(annasTone, -16)})
	if err != nil {
		t.Fatal(err)
	}
	in, err := carrier.NextCall(h.soon(), 0)
	if err != nil {
		t.Fatal(err)
	}
	if got := in.Invite.URI; got != "sip:"+maija+"@"+carrier.Address() {
		t.Errorf("the carrier is asked for %s", got)
	}
	in.Ring()
	out.MustRing(t, patience)
	if err := in.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	in.Say(lab.Tone(440, -16))
	out.MustAnswer(t, patience)
	in.Ear().MustHear(t, annasTone, patience, time.Second)
	out.Ear().MustHear(t, 440, patience, time.Second)
	if err := out.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	in.MustEnd(t, patience)
	if task := h.tasks(1)[0]; task["CallType"] != "Outbound" || task["Cordboard_Call_Result__c"] != "Answered" || task["Cordboard_Phone_From__c"] != annasNumber {
		t.Errorf("Task %v", task)
	}
}
