package gateway

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/internal/lab/carrier"
	"github.com/cordboard/cordboard/sip/registration"
)

// A carrier that knows its customers by registration only, and challenges everything: Kamailio. We register, are called
// where we registered, call out with our password, and take the registration back when we drain.
// The same carrier by TLS, with certificates on both sides: it connects to our listener, or, where there is none, everything
// goes over the connection that we have opened.
func TestATrunkRegistersAtKamailioByTLS(t *testing.T) {
	for name, listens := range map[string]bool{"listener": true, "no listener": false} {
		t.Run(name, func(t *testing.T) { registersByTLS(t, listens) })
	}
}

func registersByTLS(t *testing.T, listens bool) {
	t.Helper()
	keys := issueKeys(t, "sbc.example", "us.example")
	outside := world(t)
	k := sbc(t, carrier.Options{World: outside.Address(), Password: "a-long-secret",
		TLS: &carrier.TLS{Certificate: keys.file("sbc.example.pem"), Key: keys.file("sbc.example.key"), CA: keys.file("ca.pem")}})
	c := demoHouse(k.Secure())
	trunk := &c.Trunks[0]
	trunk.Transport, trunk.Username, trunk.Password, trunk.Domain = "tls", "cordboard", "a-long-secret", "carrier.example"
	trunk.Register, trunk.RegisterAs = time.Minute, annasNumber
	trunk.TLS = configs.TLS{CA: keys.file("ca.pem"), Certificate: keys.file("us.example.pem"), Key: keys.file("us.example.key"), ServerName: "sbc.example"}
	if listens {
		c.SIP.TLS, c.SIP.Certificate, c.SIP.Key = []string{"127.0.0.1:0"}, keys.file("us.example.pem"), keys.file("us.example.key")
	}
	h := openHouse(t, c)
	anna := h.phone("anna", lab.PCMA())
	h.until("the trunk is registered", func() bool { return h.endpoint.Trunks()[0].Registration.State == registration.Registered })
	_, customer := h.callOut(anna, outside, 0)
	if err := customer.Bye(h.soon()); err != nil {
		t.Error(err)
	}
	in, err := outside.Call(t.Context(), "sip:"+annasNumber+"@"+k.Address(), lab.CallOptions{Sound: lab.Tone(440, -16)})
	if err != nil {
		t.Fatal(err)
	}
	rung := h.rings(anna, 0)
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	in.MustAnswer(t, patience)
	if err := rung.Bye(h.soon()); err != nil {
		t.Error(err)
	}
	in.MustEnd(t, patience)
}

func TestB44_ATrunkRegistersAtKamailioCallsAndIsCalled(t *testing.T) {
	for name, sha256 := range map[string]bool{"MD5": false, "SHA-256": true} {
		t.Run(name, func(t *testing.T) {
			outside := world(t)
			k := sbc(t, carrier.Options{World: outside.Address(), Password: "a-long-secret", SHA256: sha256})
			c := demoHouse(k.Address())
			trunk := &c.Trunks[0]
			trunk.Username, trunk.Password, trunk.Domain = "cordboard", "a-long-secret", "carrier.example"
			trunk.Register, trunk.RegisterAs = time.Minute, annasNumber
			h := openHouse(t, c)
			anna := h.phone("anna", lab.PCMA())
			state := func() registration.State { return h.endpoint.Trunks()[0].Registration.State }
			h.until("the trunk is registered", func() bool { return state() == registration.Registered })
			if got := h.gauge("cordboard_trunk_registered"); got != 1 {
				t.Errorf("cordboard_trunk_registered is %v", got)
			}

			_, customer := h.callOut(anna, outside, 0)
			if err := customer.Bye(h.soon()); err != nil {
				t.Error(err)
			}
			in, err := outside.Call(t.Context(), "sip:"+annasNumber+"@"+k.Address(), lab.CallOptions{Sound: lab.Tone(440, -16)})
			if err != nil {
				t.Fatal(err)
			}
			rung := h.rings(anna, 0)
			if err := rung.Answer(h.soon()); err != nil {
				t.Fatal(err)
			}
			in.MustAnswer(t, patience)
			h.connected(rung)
			rung.Ear().MustHear(t, 440, patience, 300*time.Millisecond)
			if err := rung.Bye(h.soon()); err != nil {
				t.Error(err)
			}
			in.MustEnd(t, patience)

			if err := h.Drain(h.soon()); err != nil {
				t.Error(err)
			}
			h.until("the registration is taken back", func() bool { return state() == registration.Stopped })
			again, err := outside.Call(t.Context(), "sip:"+annasNumber+"@"+k.Address(), lab.CallOptions{})
			if err != nil {
				t.Fatal(err)
			}
			if end := again.MustEnd(t, patience); end.Status != 404 { // as the carrier says of who is not registered
				t.Errorf("%s", end)
			}
		})
	}
}
