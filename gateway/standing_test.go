package gateway

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/sip/registration"
	"github.com/cordboard/cordboard/sip/targets"
)

func TestAnOperatorSeesWhyATrunkDoesNotWork(t *testing.T) {
	now := time.Now()
	hop := targets.Hop{Transport: "udp", Addr: netip.MustParseAddrPort("192.0.2.1:5060"), Host: "sbc.carrier.example"}
	for _, c := range []struct {
		name string
		last targets.Outcome
		want string
	}{
		{"it said so", targets.Outcome{Result: targets.Replied, Status: 503}, "503"},
		{"silence", targets.Outcome{Result: targets.Silent}, "no answer"},
		{"no way there", targets.Outcome{Result: targets.Silent, Err: errors.New("connection refused")}, "connection refused"},
	} {
		got := trunkShape(sip.TrunkStatus{Name: "carrier", Calls: 2, Most: 30, Hops: []targets.Status{
			{Hop: hop, Health: targets.Down, Since: now, Fails: 2, Last: c.last, Heard: now}, {Hop: hop, Health: targets.Up, Since: now, Last: c.last}}})
		if down, up := got.Hops[0], got.Hops[1]; down.Why != c.want || down.Address != "udp:192.0.2.1:5060" || down.Health != "down" || up.Why != "" || up.Heard != nil {
			t.Errorf("%s: %+v", c.name, got.Hops)
		}
	}
	got := trunkShape(sip.TrunkStatus{Name: "in", Registration: &registration.Status{AOR: "sip:us@carrier.example", State: registration.Refused, Since: now, Code: 403, Reason: "Forbidden"}})
	if r := got.Register; r == nil || r.State != "refused" || r.Why != "403 Forbidden" || r.Until != nil || got.Hops == nil {
		t.Errorf("%+v", got)
	}
}
