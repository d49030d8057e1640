package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// B30: a trunk without telephone-event, or one that is known to agree to it and not to use it, sends keys as tones. The
// agent's browser, and a desk phone that is passed the sound as it is, get each as an event, once.
func TestB30KeysInTheSoundOfATrunkReachTheAgentAsEvents(t *testing.T) {
	bare := lab.PCMA()
	bare.Event = 0
	for name, c := range map[string]struct {
		dtmf   configs.DTMF
		format lab.Format
	}{"no event agreed": {configs.DTMFEvents, bare}, "events agreed and not used": {configs.DTMFTones, lab.PCMA()}} {
		t.Run(name, func(t *testing.T) {
			cfg := demoHouse("127.0.0.1:9")
			cfg.Trunks[0].DTMF = c.dtmf
			h := openHouse(t, cfg)
			h.pressedTo(annasNumber, h.phone("anna", lab.Opus(), lab.PCMU()), c.format)
			h.pressedTo("+358293001002", h.desktop("bo", lab.PCMA()), c.format)
		})
	}
}

// pressedTo lets a customer press keys that sound, and looks what reaches the agent.
func (h *house) pressedTo(number string, phone peer, customers lab.Format) {
	h.t.Helper()
	customer := h.dial(h.carrier(customers), number, lab.CallOptions{Sound: lab.Silence()})
	rung := h.reached(phone, 0)
	if err := rung.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	customer.MustAnswer(h.t, patience)
	rung.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(h.t, annasTone, patience, 500*time.Millisecond)
	const keys = "1590*#AD55"
	customer.Say(lab.Keys(keys, 120*time.Millisecond, -12))
	if err := rung.Ear().AwaitDigits(h.soon(), "AD55"); err != nil {
		h.t.Error(err)
	}
	if got := rung.Ear().Digits(); got != keys {
		h.t.Errorf("heard keys %q", got)
	}
	if err := customer.Bye(h.soon()); err != nil {
		h.t.Error(err)
	}
}
