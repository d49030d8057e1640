package gateway

import (
	"net/http"
	"testing"
	"time"

	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/internal/lab"
)

// How each leg of a call sounded is in its record and in the API when it is over.
func TestHowALegSoundedIsKept(t *testing.T) {
	h := openHouse(t, demoHouse("127.0.0.1:9"))
	anna := h.phone("anna", lab.Opus())
	customer := h.dial(h.carrier(lab.PCMA()), annasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	rung := h.rings(anna, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.connected(rung)
	rung.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	h.tasks(1)
	token := h.login("anna")
	var mine struct{ Calls []api.CallSummary }
	if status := h.ask(token, http.MethodGet, "/me/calls", nil, &mine); status != http.StatusOK || len(mine.Calls) != 1 {
		t.Fatalf("%d, %d calls", status, len(mine.Calls))
	}
	var one api.Call
	if status := h.ask(token, http.MethodGet, "/calls/"+mine.Calls[0].ID, nil, &one); status != http.StatusOK || len(one.Sounds) != 2 {
		t.Fatalf("%d, %+v", status, one)
	}
	for i, want := range []struct {
		agent, codec string
		protected    bool
	}{{"", "PCMA", false}, {"anna", "opus", true}} {
		s := one.Sounds[i]
		if s.Agent != want.agent || s.Codec != want.codec || s.Protected != want.protected {
			t.Errorf("leg %d: %+v", i, s)
		}
		if s.Received < 40 || s.Sent < 40 || s.Lost != 0 || s.MOS < 4 || s.MOS > 4.5 || s.JitterSeconds > 0.05 {
			t.Errorf("leg %d: %+v", i, s)
		}
	}
}
