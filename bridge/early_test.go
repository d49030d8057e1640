package bridge

import (
	"context"
	"testing"

	"github.com/cordboard/cordboard/sip"
)

// A call that is given up before its INVITE is out ends like any other, and nothing waits for it afterwards.
func TestHungUpBeforeTheInviteIsSent(t *testing.T) {
	for range 20 {
		h := newHouse(t)
		h.phone("anna")
		_, _, err := h.endpoint.Invite(context.Background(), sip.Invitation{To: sip.ToDevice{Device: h.endpoint.Devices("anna")[0]},
			Early: func(d *sip.Dialog) { d.Hangup(0, "") }})
		if err == nil {
			t.Error("there is a call")
		}
	}
}
