package gateway

import (
	"bytes"
	"context"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/internal/lab/carrier"
	"github.com/cordboard/cordboard/sip/targets"
)

// sbc starts Kamailio as a carrier's.
func sbc(t *testing.T, o carrier.Options) *carrier.Carrier {
	t.Helper()
	if _, err := exec.LookPath("kamailio"); err != nil {
		t.Skip("kamailio is not installed; make test installs it")
	}
	log := &protocol{}
	o.Log = log
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	c, err := carrier.Start(ctx, o)
	if err != nil {
		t.Fatal(err, log.String())
	}
	t.Cleanup(func() {
		if err := c.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Log(log.String())
		}
	})
	return c
}

// protocol keeps what a process says.
type protocol struct {
	mu   sync.Mutex
	text bytes.Buffer // guarded by mu
}

func (p *protocol) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.Write(b)
}

func (p *protocol) String() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.text.String()
}

// world is somebody outside who is called, and calls, by a carrier.
func world(t *testing.T) *lab.Trunk {
	t.Helper()
	w, err := lab.NewTrunk(lab.TrunkOptions{Number: maija, Formats: []lab.Format{lab.PCMA()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.Close() })
	w.Listen(func(*lab.Call) {})
	return w
}

// health is how the gateway sees the hops of its trunk, by address.
func (h *house) health() map[string]targets.Health {
	all := map[string]targets.Health{}
	for _, hop := range h.endpoint.Trunks()[0].Hops {
		all[hop.Addr.String()] = hop.Health
	}
	return all
}

// callOut has an agent call a customer, who answers with a tone that she hears.
func (h *house) callOut(b *lab.Browser, outside *lab.Trunk, n int) (agent, customer *lab.Call) {
	h.t.Helper()
	agent, err := b.Call(h.t.Context(), "sip:"+maija+"@cordboard", lab.CallOptions{})
	if err != nil {
		h.t.Fatal(err)
	}
	customer = h.reached(outside, n)
	if err := customer.Answer(h.soon()); err != nil {
		h.t.Fatal(err)
	}
	agent.MustAnswer(h.t, patience)
	h.connected(agent)
	customer.Say(lab.Tone(440, -16))
	agent.Ear().MustHear(h.t, 440, patience, 300*time.Millisecond)
	return agent, customer
}

// A carrier has two SBCs. The first dies while it carries a call: that call is talked to its end, the next one goes by the
// second, and when the first is back calls go by it again.
func TestCallsGoByTheSecondSBCWhileTheFirstIsDead(t *testing.T) {
	outside := world(t)
	first := sbc(t, carrier.Options{World: outside.Address()})
	second := sbc(t, carrier.Options{World: outside.Address()})
	c := demoHouse("")
	c.Trunks[0].Targets = []configs.Target{{Address: first.Address()}, {Address: second.Address(), Priority: 1}}
	c.Trunks[0].Probe = time.Second
	h := openHouse(t, c)
	anna := h.phone("anna", lab.PCMA())
	via := func(c *lab.Call) string { return c.Invite.Get("Record-Route") }
	by := func(c *lab.Call, s *carrier.Carrier) {
		t.Helper()
		if want := "<sip:" + s.Address(); len(via(c)) < len(want) || via(c)[:len(want)] != want {
			t.Errorf("the call came by %s, want %s", via(c), s.Address())
		}
	}

	agent, customer := h.callOut(anna, outside, 0)
	by(customer, first)
	if err := first.Close(); err != nil {
		t.Fatal(err)
	}
	agent.Ear().MustHear(t, 440, patience, 300*time.Millisecond) // sound goes past the SBC
	if err := agent.Bye(h.soon()); err != nil {
		t.Error(err)
	}

	agent, customer = h.callOut(anna, outside, 1)
	by(customer, second)
	if err := agent.Bye(h.soon()); err != nil {
		t.Error(err)
	}
	customer.MustEnd(t, patience)
	h.until("the first SBC is out of use", func() bool { return h.health()[first.Address()] == targets.Down })

	again := sbc(t, carrier.Options{World: outside.Address(), Listen: first.Address()})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for h.health()[first.Address()] != targets.Up {
		select {
		case <-time.After(50 * time.Millisecond):
		case <-ctx.Done():
			t.Fatal("the first SBC is back, and not used")
		}
	}
	agent, customer = h.callOut(anna, outside, 2)
	by(customer, again)
	if err := agent.Bye(h.soon()); err != nil {
		t.Error(err)
	}
	customer.MustEnd(t, patience)
}
