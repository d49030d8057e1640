package switchboard

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/call"
)

// Sound is that of a good line.
func (l *fakeLeg) Sound() (call.Sound, bool) {
	return call.Sound{Leg: l.ID(), Agent: l.party.Agent, Received: 500, MOS: 4.2}, true
}

// How both legs of a conversation sounded is in the record that is closed with the call.
func TestHowTheLegsSoundedIsRecorded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(t)
		defer h.close()
		h.works("anna")
		h.answers["anna"] = time.Second
		customer := inbound(mainNumber)(h)
		anna := h.leg(0)
		time.Sleep(time.Minute)
		anna.leaves(call.ByAgent, call.Hungup)
		h.over()
		r := h.settled(customer)
		if len(r.Sounds) != 2 || r.Sounds[0].Agent != "" || r.Sounds[1].Agent != "anna" || r.Sounds[1].MOS != 4.2 {
			t.Errorf("%+v", r.Sounds)
		}
	})
}

// A call that is handed on all day keeps how its customer and the last of the others sounded, each once.
func TestHowLegsSoundedIsBounded(t *testing.T) {
	c := &story{record: call.Record{}}
	customer := newLeg(call.Party{Number: "+358400000001"})
	for i := range 30 {
		c.sounded(customer, newLeg(call.Party{Agent: fmt.Sprint(i)}))
	}
	s := c.record.Sounds
	if len(s) != mostSounds || s[0].Leg != customer.ID() || s[1].Agent != "11" || s[mostSounds-1].Agent != "29" {
		t.Errorf("%d: %+v", len(s), s)
	}
}
