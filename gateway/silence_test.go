package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/internal/lab"
)

// B11 over the whole house: a customer whose phone sends nothing, since he is muted, keeps his call; one who is not there
// any more loses it, and the agent is free again.
func TestB11AMutedCustomerStaysAndADeadOneGoes(t *testing.T) {
	cfg := demoHouse("127.0.0.1:9")
	cfg.RTP.MediaTimeout = 300 * time.Millisecond
	h := openHouse(t, cfg)
	anna := h.phone("anna", lab.PCMA())
	customer := h.dial(h.carrier(lab.PCMA()), annasNumber, lab.CallOptions{}) // says nothing
	rung := h.rings(anna, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(rung)
	rung.Say(lab.Tone(annasTone, -16))
	asked := func() int {
		n := 0
		for _, r := range customer.Requests() {
			if r.Method == "OPTIONS" {
				n++
			}
		}
		return n
	}
	h.until("he was asked for, in silence", func() bool { return asked() >= 1 })
	customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
	h.work("anna", agent.Connected)
	customer.Vanish()
	if end := rung.MustEnd(t, 20*time.Second); end.By != "them" {
		t.Errorf("ended: %v", end)
	}
	h.eventually("anna is not in the call any more", func() bool { s, _ := h.desk.Status("anna"); return s.Work != agent.Connected })
}
