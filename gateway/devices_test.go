package gateway

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/store"
)

// desktop is an agent's desk phone, registered by digest; it waits for what the test does.
func (h *house) desktop(id string, formats ...lab.Format) *lab.Phone {
	h.t.Helper()
	p, err := lab.NewPhone(lab.PhoneOptions{Server: h.sip(), Domain: "cordboard", User: id, Password: "demo-" + id, Formats: formats})
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { p.Close() })
	p.Listen(func(*lab.Call) {})
	if _, err := p.Register(h.soon(), time.Hour); err != nil {
		h.t.Fatal(err)
	}
	return p
}

// peer is anything of the lab that can be called.
type peer interface {
	NextCall(context.Context, int) (*lab.Call, error)
}

// reached waits for the n-th call to reach a peer.
func (h *house) reached(p peer, n int) *lab.Call {
	h.t.Helper()
	c, err := p.NextCall(h.soon(), n)
	if err != nil {
		h.t.Fatal(err)
	}
	return c
}

// until waits for something that no event tells of.
func (h *house) until(what string, is func() bool) {
	h.t.Helper()
	for deadline := time.Now().Add(patience); !is(); {
		if time.Now().After(deadline) {
			h.t.Fatalf("not within %v: %s", patience, what)
		}
		select {
		case <-time.After(10 * time.Millisecond):
		case <-h.t.Context().Done():
		}
	}
}

func (h *house) work(id string, want agent.Work) {
	h.t.Helper()
	h.until(fmt.Sprintf("%s is %s", id, want), func() bool { s, _ := h.desk.Status(id); return s.Work == want })
}

// gauge is the sum of a metric over its labels.
func (h *house) gauge(name string) (sum float64) {
	h.t.Helper()
	all, err := h.metrics.Gather()
	if err != nil {
		h.t.Fatal(err)
	}
	for _, f := range all {
		if f.GetName() == name {
			for _, m := range f.Metric {
				sum += m.GetGauge().GetValue() + m.GetCounter().GetValue()
			}
		}
	}
	return sum
}

// quiet waits until no call has left anything behind.
func (h *house) quiet() {
	h.t.Helper()
	for _, name := range []string{"cordboard_calls_active", "cordboard_legs_active", "cordboard_rtp_ports_in_use", "cordboard_queue_waiting", "cordboard_outbox_pending"} {
		h.until(name+" is 0", func() bool { return h.gauge(name) == 0 })
	}
}

// outcome checks the Task of the only call there was.
func (h *house) outcome(want map[string]string) {
	h.t.Helper()
	task := h.tasks(1)[0]
	for field, v := range want {
		if got := fmt.Sprint(task[field]); got != v {
			h.t.Errorf("Task.%s = %s, want %s", field, got, v)
		}
	}
	h.quiet()
	if n := len(h.records("Task")); n != 1 {
		h.t.Errorf("%d Tasks of one call", n)
	}
}

func answered(disposition string) map[string]string {
	return map[string]string{"Cordboard_Call_Result__c": "Answered", "CallDisposition": disposition}
}

func unanswered(disposition string) map[string]string {
	return map[string]string{"Cordboard_Call_Result__c": "Not Answered", "CallDisposition": disposition}
}

// Her two browsers and her desk phone ring together; whichever she takes, the others stop, and show no missed call.
func TestAllDevicesOfAnAgentRingAndOneTakesTheCall(t *testing.T) {
	for taken := range 3 {
		t.Run(fmt.Sprint(taken), func(t *testing.T) {
			h := openHouse(t, demoHouse("127.0.0.1:9"))
			devices := []peer{h.phone("anna", lab.PCMA()), h.desktop("anna", lab.PCMA()), h.phone("anna", lab.PCMA())}
			customer := h.dial(h.carrier(lab.PCMA()), annasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
			var rung []*lab.Call
			for _, d := range devices {
				rung = append(rung, h.reached(d, 0))
			}
			for _, c := range rung {
				c.Ring()
			}
			h.work("anna", agent.Ringing)
			if err := rung[taken].Answer(h.soon()); err != nil {
				t.Fatal(err)
			}
			customer.MustAnswer(t, patience)
			rung[taken].Say(lab.Tone(annasTone, -16))
			for i, c := range rung {
				if i == taken {
					continue
				}
				cancel, err := c.AwaitRequest(h.soon(), "CANCEL")
				if err != nil {
					t.Fatal(err)
				}
				if !strings.Contains(cancel.Get("Reason"), "Call completed elsewhere") {
					t.Errorf("cancelled with Reason %q", cancel.Get("Reason"))
				}
			}
			customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
			rung[taken].Ear().MustHear(t, 440, patience, 500*time.Millisecond)
			h.work("anna", agent.Connected)
			if err := rung[taken].Bye(h.soon()); err != nil {
				t.Fatal(err)
			}
			customer.MustEnd(t, patience)
			h.work("anna", agent.Idle)
			h.outcome(answered("Answered"))
		})
	}
}

func TestAnAgentWithADeskPhoneOnlyTakesQueueCallsAndCallsOut(t *testing.T) {
	carrier, err := lab.NewTrunk(lab.TrunkOptions{Formats: []lab.Format{lab.PCMU()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { carrier.Close() })
	carrier.Listen(func(*lab.Call) {})
	h := openHouse(t, demoHouse(carrier.Address()))
	dina := h.desktop("dina", lab.PCMA())
	customer := h.dial(h.carrier(lab.PCMU()), mainNumber, lab.CallOptions{From: nobody, Sound: lab.Tone(440, -16)})
	rung := h.reached(dina, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.Say(lab.Tone(annasTone, -16))
	rung.Ear().MustHear(t, 440, patience, 500*time.Millisecond)
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.MustEnd(t, patience)
	h.work("dina", agent.Idle)
	out, err := dina.Call(h.soon(), "+358400000003", lab.CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.reached(carrier, 0).Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	out.MustAnswer(t, patience)
	if err := out.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.tasks(2)
	h.quiet()
}

// Who says no is left alone, and the next one is asked; the caller keeps his place and hears music.
func TestADeclinedCallGoesToTheNextAgent(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna, bo := h.phone("anna", lab.PCMA()), h.phone("bo", lab.PCMA())
	customer := h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{})
	h.reached(anna, 0).Decline(603, "Decline") // smart routing: she owns his last case
	rung := h.reached(bo, 0)
	h.eventually("sound while he waits", func() bool { return customer.Ear().Report().SSRCs == 1 })
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.work("bo", agent.Connected)
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.MustEnd(t, patience)
	h.outcome(answered("Answered"))
	past, err := h.store.Recent(h.soon(), store.Filter{Limit: 10})
	if err != nil || len(past) != 1 || len(past[0].Attempts) != 2 || past[0].Attempts[0].Outcome != "declined" || past[0].Agent != "bo" {
		t.Errorf("record %+v %v", past, err)
	}
	if n := len(anna.Calls()); n != 1 {
		t.Errorf("anna was rung %d times", n)
	}
}

// Nobody is there: the caller is answered, hears music, and may leave; then somebody comes for the next one.
func TestWithoutAnAgentTheCallerWaitsWithMusic(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	carrier := h.carrier(lab.PCMA())
	customer := h.dial(carrier, mainNumber, lab.CallOptions{})
	customer.MustAnswer(t, patience)
	h.until("music", func() bool { r := customer.Ear().Report(); return r.Packets > 50 && r.Level > -50 })
	if n := h.gauge("cordboard_queue_waiting"); n != 1 {
		t.Errorf("%v callers wait", n)
	}
	anna := h.phone("anna", lab.PCMA()) // she comes to work while he waits
	rung := h.reached(anna, 0)
	rung.Ring()
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	if e := rung.MustEnd(t, patience); e.Reason != "cancelled" {
		t.Errorf("her phone: %v", e)
	}
	h.work("anna", agent.Idle)
	h.outcome(unanswered("Abandoned in queue"))
}

// Every way in which a call to an agent's own number may end without a conversation.
func TestDirectCallsThatAreNotAnswered(t *testing.T) {
	for _, c := range []struct {
		name        string
		set         agent.Type
		do          func(h *house, customer, rung *lab.Call)
		end         string
		disposition string
	}{
		{"she declines", agent.Available, func(_ *house, _, rung *lab.Call) { rung.Decline(603, "Decline") }, "them: refused 603", "Declined"},
		{"her phone is busy", agent.Available, func(_ *house, _, rung *lab.Call) { rung.Decline(486, "Busy Here") }, "them: refused 486", "Busy"},
		{"he gives up", agent.Available, func(_ *house, customer, rung *lab.Call) { rung.Ring(); customer.Cancel() }, "us: cancelled 487", "Cancelled"},
		{"she has her peace", agent.DND, nil, "them: refused 486", "Busy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := openHouse(t, demoHouse("127.0.0.1:9"))
			anna := h.phone("anna", lab.PCMA())
			h.desk.Set("anna", c.set, time.Time{})
			customer := h.dial(h.carrier(lab.PCMA()), annasNumber, lab.CallOptions{})
			if c.do != nil {
				c.do(h, customer, h.reached(anna, 0))
			}
			if e := customer.MustEnd(t, patience); e.String() != c.end {
				t.Errorf("the caller: %v, want %s", e, c.end)
			}
			h.work("anna", agent.Idle)
			if c.do == nil && len(anna.Calls()) != 0 {
				t.Error("it rang")
			}
			h.outcome(unanswered(c.disposition))
		})
	}
}

func TestAnUnknownNumberIs404(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	if e := h.dial(h.carrier(lab.PCMA()), "+358293009999", lab.CallOptions{}).MustEnd(t, patience); e.Status != 404 {
		t.Errorf("the caller: %v", e)
	}
	h.outcome(map[string]string{"Cordboard_Call_Result__c": "Not Answered"})
}

// While she talks, no other call rings her: not a direct one, and not the queue's.
func TestASecondCallNeverRingsHer(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	customer, anna := h.talk(lab.PCMA(), lab.PCMA())
	others := h.carrier(lab.PCMA())
	if e := h.dial(others, annasNumber, lab.CallOptions{}).MustEnd(t, patience); e.Status != 486 {
		t.Errorf("a direct call: %v", e)
	}
	waits := h.dial(others, mainNumber, lab.CallOptions{})
	waits.MustAnswer(t, patience)
	h.until("he waits", func() bool { return h.gauge("cordboard_queue_waiting") == 1 })
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	if anna.End().By != "" {
		t.Errorf("her call ended: %v", anna.End())
	}
	if err := waits.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.tasks(3)
	h.quiet()
}

// What the carrier says of a call out becomes what she hears, and what the Task says.
func TestCallsOutThatAreNotAnswered(t *testing.T) {
	for _, c := range []struct {
		status      int // of the carrier; 0: she gives up
		end         string
		disposition string
	}{
		{486, "them: refused 486", "Busy"}, {603, "them: refused 603", "Declined"}, {404, "them: refused 404", "Unknown number"},
		{480, "them: refused 480", "Unreachable"}, {0, "us: cancelled 487", "Cancelled"},
	} {
		t.Run(fmt.Sprint(c.status), func(t *testing.T) {
			carrier := newCarrier(t)
			h := openHouse(t, demoHouse(carrier.Address()))
			out, err := h.phone("anna", lab.PCMA()).Call(h.t.Context(), "+358400000003", lab.CallOptions{})
			if err != nil {
				t.Fatal(err)
			}
			in := h.reached(carrier, 0)
			in.Ring()
			out.MustRing(t, patience)
			if c.status != 0 {
				in.Decline(c.status, "No")
			} else {
				out.Cancel()
			}
			if e := out.MustEnd(t, patience); e.String() != c.end {
				t.Errorf("she hears %v, want %s", e, c.end)
			}
			in.MustEnd(t, patience)
			h.work("anna", agent.Idle)
			h.outcome(unanswered(c.disposition))
		})
	}
}

func newCarrier(t *testing.T) *lab.Trunk {
	t.Helper()
	carrier, err := lab.NewTrunk(lab.TrunkOptions{Formats: []lab.Format{lab.PCMA(), lab.PCMU()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { carrier.Close() })
	carrier.Listen(func(*lab.Call) {})
	return carrier
}

// Her tab is killed while it rings: the caller waits on, and the next agent is rung.
func TestABrowserThatVanishesWhileItRings(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna, bo := h.phone("anna", lab.PCMA()), h.phone("bo", lab.PCMA())
	customer := h.dial(h.carrier(lab.PCMA()), mainNumber, lab.CallOptions{})
	h.reached(anna, 0).Ring()
	anna.Vanish()
	rung := h.reached(bo, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.work("anna", agent.Unreachable)
	if err := rung.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustEnd(t, patience)
	h.outcome(answered("Answered"))
}

// Her socket is lost while she talks: the sound goes on, and when she is back, so is the signalling.
func TestW7_ASocketThatIsLostInACallMayComeBack(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	phone, carrier := h.phone("anna", lab.PCMA()), h.carrier(lab.PCMA())
	customer := h.dial(carrier, annasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	anna := h.rings(phone, 0)
	if err := anna.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustAnswer(t, patience)
	h.connected(anna)
	anna.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	phone.Drop()
	h.until("the socket is gone", func() bool { return h.gauge("cordboard_browser_sockets") == 0 })
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	anna.Ear().MustHear(t, 440, patience, time.Second)
	if err := phone.Open(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	if e := anna.MustEnd(t, patience); e.Reason != "bye" {
		t.Errorf("the BYE did not find her new socket: %v", e)
	}
	h.outcome(answered("Answered"))
}

// Her socket does not come back, nor does she: after both times of grace the call is over, and the Task says that it was
// lost.
func TestW7_ASocketThatDoesNotComeBackEndsTheCall(t *testing.T) {
	c := demoHouse("127.0.0.1:9")
	c.SIP.Timeouts.FlowGrace, c.Plan.Away.Grace = time.Second, time.Second
	h := openHouse(t, c)
	phone := h.phone("anna", lab.PCMA())
	customer := h.dial(h.carrier(lab.PCMA()), annasNumber, lab.CallOptions{})
	anna := h.rings(phone, 0)
	if err := anna.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustAnswer(t, patience)
	h.connected(anna)
	phone.Drop()
	if e := customer.MustEnd(t, patience); e.Reason != "bye" {
		t.Errorf("the customer: %v", e)
	}
	h.work("anna", agent.Unreachable)
	h.outcome(answered("Answered, connection lost"))
}

// A gateway that is closed while calls ring, wait and talk says goodbye to all of them, and every one has its record.
func TestCloseWhileCallsRingWaitAndTalk(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	customer, anna := h.talk(lab.PCMA(), lab.PCMA())
	bo, carrier := h.phone("bo", lab.PCMA()), h.carrier(lab.PCMA())
	rings := h.dial(carrier, "+358293001002", lab.CallOptions{})
	rung := h.reached(bo, 0)
	rung.Ring()
	waits := h.dial(carrier, mainNumber, lab.CallOptions{})
	waits.MustAnswer(t, patience)
	h.shut()
	for who, c := range map[string]*lab.Call{"customer": customer, "anna": anna, "he who waits": waits, "bo": rung} {
		if e := c.MustEnd(t, patience); e.Reason != "bye" && e.Reason != "cancelled" {
			t.Errorf("%s: %v", who, e)
		}
	}
	if e := rings.MustEnd(t, patience); e.Status != 503 {
		t.Errorf("he for whom it rang: %v", e)
	}
	if _, err := http.Get("http://" + h.web.Addr().String() + "/healthz"); err == nil {
		t.Error("the web server still answers")
	}
}
