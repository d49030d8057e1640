package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
)

// registrations tells when an agent's phone registers from now on.
func (h *house) registrations(id string) <-chan time.Time {
	h.t.Helper()
	came := make(chan time.Time, 16)
	h.t.Cleanup(h.endpoint.Watch(func(aor string) {
		if aor == id && len(h.endpoint.Devices(id)) > 0 {
			came <- time.Now()
		}
	}))
	return came
}

// inTalk joins a customer of the queue with anna at the web phone; both hear each other's tone.
func (h *house) inTalk() (customer *lab.Call, anna *chromium) {
	h.t.Helper()
	anna = h.openPhone("anna")
	customer = h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	anna.do(nil, "rings")
	anna.do(nil, "answer")
	anna.mustHear(440)
	customer.Ear().MustHear(h.t, annasTone, patience, time.Second)
	return customer, anna
}

// soundWithin waits until the customer hears her again and checks how long that took from her registration on.
func (h *house) soundWithin(customer *lab.Call, since time.Time, most time.Duration) {
	h.t.Helper()
	const heard = 100 * time.Millisecond
	customer.Ear().MustHear(h.t, annasTone, patience, heard)
	took := time.Since(since) - heard
	h.t.Logf("sound %v after the registration", took.Round(time.Millisecond))
	if took > most {
		h.t.Errorf("the customer heard her %v after her registration, not within %v", took, most)
	}
}

// overInOne lets the customer hang up and checks that one stream, one record and one Task tell of the call.
func (h *house) overInOne(customer *lab.Call, anna *chromium, absences int) {
	h.t.Helper()
	anna.mustHear(440)
	h.work("anna", agent.Connected)
	if got := h.Active(); len(got) != 1 || len(got[0].Segments) != 1 || len(got[0].Segments[0].Absences) != absences {
		h.t.Errorf("the record so far: %+v", got)
	}
	if err := customer.Bye(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	anna.do(nil, "phase", "over")
	if r := customer.Ear().Report(); r.SSRCs != 1 || r.Lost != 0 || r.Unknown != 0 {
		h.t.Errorf("the customer heard %v", r)
	}
	h.outcome(answered("Answered"))
	var errs []string
	if anna.do(&errs, "errors"); len(errs) > 0 {
		h.t.Errorf("the page threw %v", errs)
	}
}

// Active are the records of the calls that go on.
func (h *house) Active() []call.Record { return h.board.Active() }

// The web phone in Chromium is loaded anew in mid-call, twice: each time the customer hears music, and her again within a
// second of her registration; the timer goes on.
func TestTheWebPhoneIsReloadedInACall(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	customer, anna := h.inTalk()
	for range 2 {
		came := h.registrations("anna")
		anna.do(nil, "reload")
		h.soundWithin(customer, <-came, time.Second)
		anna.do(nil, "phase", "talking")
		anna.mustHear(440)
		var s struct{ Phase, Timer, Name, Banner string }
		if anna.do(&s, "state"); s.Phase != "talking" || s.Timer == "0:00" || s.Banner != "" {
			t.Errorf("the phone shows %+v", s)
		}
	}
	h.overInOne(customer, anna, 2)
}

// Chromium is killed in mid-call and started anew: she logs in, and her phone takes the call back by itself.
func TestTheBrowserIsKilledInACall(t *testing.T) {
	c := demoHouse("127.0.0.1:9")
	c.Plan.Away.Grace = 3 * time.Minute // a full machine takes its time to start a browser
	h := openHouse(t, c)
	customer, anna := h.inTalk()
	h.until("the browser has written down which call it is on", func() bool {
		var kept bool
		anna.do(&kept, "kept")
		return kept
	})
	came := h.registrations("anna")
	anna.do(nil, "crash")
	h.until("the customer hears music", func() bool { return len(h.Active()) == 1 && h.Active()[0].Away() })
	customer.Ear().MustNotHear(t, annasTone, time.Second)
	if r := customer.Ear().Report(); r.Level < -50 {
		t.Errorf("the customer hears no music: %v", r)
	}
	h.work("anna", agent.Connected)
	anna.do(nil, "start")
	anna.do(nil, "login", "anna", "demo-anna")
	h.soundWithin(customer, <-came, time.Second)
	anna.do(nil, "phase", "talking")
	h.overInOne(customer, anna, 1)
}

// Only the socket is lost: nobody is away, the sound goes on without a gap, and the signalling comes home.
func TestTheWebPhoneLosesItsSocketInACall(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	customer, anna := h.inTalk()
	came := h.registrations("anna")
	since := customer.Ear().Now()
	anna.do(nil, "cutSocket")
	<-came
	anna.do(nil, "registered")
	if lost := customer.Ear().Dropouts(annasTone, since); len(lost) > 0 {
		t.Errorf("the customer missed her in %v", lost)
	}
	anna.do(nil, "hold") // a request in the dialog, by the new socket
	customer.Ear().MustNotHear(t, annasTone, 500*time.Millisecond)
	anna.do(nil, "resume")
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	h.overInOne(customer, anna, 0)
}
