package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// B30: a trunk without telephone-event sends keys as tones. The agent's browser, and a desk phone that is passed the
// sound as it is, get each as an event, once.
func TestB30KeysInTheSoundOfATrunkReachTheAgentAsEvents(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	bare := lab.PCMA()
	bare.Event = 0
	for _, agent := range []struct {
		number string
		phone  peer
	}{
		{annasNumber, h.phone("anna", lab.Opus(), lab.PCMU())}, {"+358293001002", h.desktop("bo", lab.PCMA())},
	} {
		customer := h.dial(h.carrier(bare), agent.number, lab.CallOptions{Sound: lab.Silence()})
		rung := h.reached(agent.phone, 0)
		if err := rung.Answer(h.soon()); err != nil {
			t.Fatal(err)
		}
		customer.MustAnswer(t, patience)
		rung.Say(lab.Tone(annasTone, -16))
		customer.Ear().MustHear(t, annasTone, patience, 500*time.Millisecond)
		customer.Say(lab.Keys("0123456789*#ABCD55", 120*time.Millisecond, -12))
		if err := rung.Ear().AwaitDigits(h.soon(), "ABCD55"); err != nil {
			t.Error(err)
		}
		if got := rung.Ear().Digits(); got != "0123456789*#ABCD55" {
			t.Errorf("heard keys %q", got)
		}
		if err := customer.Bye(h.soon()); err != nil {
			t.Error(err)
		}
	}
}
