package gateway

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/internal/lab"
)

// An operator asks, with curl, how one call went: while it goes on and afterwards.
func TestOneCallIsSeenOnTheWireWhileItGoesOnAndAfterwards(t *testing.T) {
	config := demoHouse("127.0.0.1:9")
	config.Agents[1].Roles = append(config.Agents[1].Roles, "supervisor")
	h := openHouse(t, config)
	customer, anna := h.talk(lab.PCMA(), lab.PCMA())
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	id, bo := string(h.board.Active()[0].ID), h.login("bo")
	var during, after api.Ladder
	if status := h.ask(bo, http.MethodGet, "/calls/"+id+"/ladder", nil, &during); status != http.StatusOK {
		t.Fatalf("status %d", status)
	}
	if len(during.Legs) != 2 || during.Legs[0].Kind != "trunk" || during.Legs[1].Agent != "anna" || during.Legs[1].Ended != nil {
		t.Errorf("legs %+v", during.Legs)
	}
	if q := during.Legs[0].Quality; q == nil || q.Codec != "PCMA" || q.Received < 20 || q.Sent < 20 || q.MOS < 4 {
		t.Errorf("the customer's sound: %+v", q)
	}
	if err := anna.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	customer.MustEnd(t, patience)
	h.eventually("both legs are over", func() bool {
		h.ask(bo, http.MethodGet, "/calls/"+id+"/ladder", nil, &after)
		return len(after.Legs) == 2 && after.Legs[0].Ended != nil && after.Legs[1].Ended != nil
	})
	var said []string
	for _, m := range after.Messages {
		said = append(said, m.Direction+" "+m.Transport+" "+m.Summary)
		for _, secret := range []string{"inline:", "response=\""} {
			if strings.Contains(m.Text, secret) {
				t.Errorf("a secret is shown: %s", m.Text)
			}
		}
		if strings.Contains(m.Text, "a=ice-pwd:") && !strings.Contains(m.Text, "a=ice-pwd:****") {
			t.Errorf("the password of ICE is shown: %s", m.Text)
		}
	}
	all := strings.Join(said, ", ")
	for _, must := range []string{"in udp INVITE SDP", "out udp 180 Ringing", "out ws INVITE SDP", "in ws 200 OK SDP", "out udp 200 OK SDP", "in udp ACK", "in ws BYE", "out udp BYE"} {
		if !strings.Contains(all, must) {
			t.Errorf("the ladder has no %q: %s", must, all)
		}
	}
	var text, picture []byte
	h.ask(bo, http.MethodGet, "/calls/"+id+"/ladder/text", nil, &text)
	h.ask(bo, http.MethodGet, "/calls/"+id+"/ladder/mermaid", nil, &picture)
	t.Logf("\n%s", text)
	if !strings.Contains(string(text), "anna") || !strings.HasPrefix(string(picture), "sequenceDiagram") {
		t.Errorf("%s\n%s", text, picture)
	}
	if status := h.ask(h.login("anna"), http.MethodGet, "/calls/"+id+"/ladder", nil, nil); status != http.StatusForbidden {
		t.Errorf("anna may look: %d", status)
	}
}
