package gateway

import (
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// A customer and an agent's desk phone, both on IPv6, signalling and sound.
func TestACallOverIPv6FromEndToEnd(t *testing.T) {
	if probe, err := net.ListenPacket("udp6", "[::1]:0"); err != nil {
		t.Skipf("no IPv6 here: %v", err)
	} else {
		_ = probe.Close()
	}
	cfg := demoHouse("[::1]:9")
	here := netip.MustParsePrefix("::1/128")
	cfg.SIP.UDP, cfg.SIP.TCP, cfg.SIP.PhoneNetworks = []string{"[::1]:0"}, []string{"[::1]:0"}, []netip.Prefix{here}
	cfg.RTP.Address, cfg.Trunks[0].Sources = "::1", []netip.Prefix{here}
	h := openHouse(t, cfg)
	anna := h.desktopAt("::1", "anna", lab.PCMA())
	t.Cleanup(func() { anna.Close() })
	carrier, err := lab.NewTrunk(lab.TrunkOptions{Bind: "[::1]:0", Media: "::1", Number: maija, Formats: []lab.Format{lab.PCMA()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { carrier.Close() })
	customer := h.dial(carrier, annasNumber, lab.CallOptions{Sound: lab.Tone(440, -16)})
	rung := h.reached(anna, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(t, annasTone, patience, time.Second)
	rung.Ear().MustHear(t, 440, patience, time.Second)
	if err := customer.Bye(h.soon()); err != nil {
		t.Fatal(err)
	}
	rung.MustEnd(t, patience)
	if r := customer.Ear().Report(); r.Lost != 0 || r.SSRCs != 1 {
		t.Errorf("the customer heard %v", r)
	}
}
