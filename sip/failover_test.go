package sip

import (
	"context"
	"errors"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/sip/targets"
)

// sbcs are the hops of one trunk, each a phone that answers as the test says.
func sbcs(t *testing.T, n int, change ...func(*Config)) (*Endpoint, []*phone) {
	t.Helper()
	var addresses []string
	for range n {
		addresses = append(addresses, reserve(t))
	}
	e := open(t, nil, append([]func(*Config){func(c *Config) {
		c.Log = nil
		c.Timeouts.Silence = 200 * time.Millisecond
		c.Trunks = append(c.Trunks, Trunk{Name: "out", Targets: at(addresses...)})
		for i := range c.Trunks[1].Targets {
			c.Trunks[1].Targets[i].Priority = uint16(i)
		}
	}}, change...)...)
	var phones []*phone
	for _, a := range addresses {
		phones = append(phones, newPhoneAt(t, e, a))
	}
	return e, phones
}

func callOut(t *testing.T, e *Endpoint) <-chan placed {
	t.Helper()
	done := make(chan placed, 1)
	go func() {
		d, answer, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"out", "+358401111111"}, Offer: []byte(someSDP)})
		done <- placed{d, answer, err}
	}()
	return done
}

// takes answers the call that comes to a phone, and hangs it up.
func takes(t *testing.T, p *phone, done <-chan placed) {
	t.Helper()
	inv := p.request("INVITE")
	p.reply(inv, 200, "them", someSDP)
	p.request("ACK")
	r := wait(t, done, "the answer")
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.d.Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
	<-r.d.gone
}

func healthOf(e *Endpoint, trunk string) []targets.Health {
	var all []targets.Health
	for _, s := range e.Trunks() {
		if s.Name != trunk {
			continue
		}
		for _, target := range e.sources.named(trunk).Targets {
			for _, h := range s.Hops {
				if h.Host == target.Host && (target.Port == 0 || h.Addr.Port() == target.Port) {
					all = append(all, h.Health)
				}
			}
		}
	}
	return all
}

func TestA503GoesToTheNextHopAnd486DoesNot(t *testing.T) {
	e, p := sbcs(t, 2)
	done := callOut(t, e)
	first := p[0].request("INVITE")
	p[0].reply(first, 503, "x", "")
	p[0].request("ACK")
	takes(t, p[1], done)

	done = callOut(t, e)
	p[0].reply(p[0].request("INVITE"), 486, "x", "")
	p[0].request("ACK")
	var ref *Refused
	if r := wait(t, done, "the refusal"); !errors.As(r.err, &ref) || ref.Status != 486 {
		t.Errorf("%v", r.err)
	}
	if m, came := p[1].readWithin(100 * time.Millisecond); came {
		t.Errorf("a busy callee was rung by the other hop too: %s", m.start)
	}
}

func TestTheRefusalOfTheLastHopIsTheCalls(t *testing.T) {
	e, p := sbcs(t, 2)
	done := callOut(t, e)
	for _, hop := range p {
		hop.reply(hop.request("INVITE"), 503, "x", "", "Retry-After: 7")
		hop.request("ACK")
	}
	var ref *Refused
	if r := wait(t, done, "the refusal"); !errors.As(r.err, &ref) || ref.Status != 503 || ref.Err != nil {
		t.Errorf("%v", r.err)
	}
	waitUntil(t, "the dialogs to be given back", func() bool { return e.dialogs.count() == 0 })
}

// The first hop is only slow: it answers when the call is with the second already. Its answer is hung up, and the second
// one does not take the call for a loop of the first.
func TestASilentHopIsPassedOverAndItsLateAnswerHungUp(t *testing.T) {
	e, p := sbcs(t, 2)
	done := callOut(t, e)
	slow := p[0].request("INVITE")
	second := p[1].request("INVITE")
	if second.get("Call-ID") == slow.get("Call-ID") {
		t.Error("both attempts have one Call-ID")
	}
	for acknowledged := false; !acknowledged; { // as a 2xx is repeated until then
		p[0].reply(slow, 200, "late", someSDP)
		m, _ := p[0].readWithin(200 * time.Millisecond)
		acknowledged = m.method() == "ACK"
	}
	p[0].reply(p[0].request("BYE"), 200, "", "")
	p[1].reply(second, 200, "them", someSDP)
	p[1].request("ACK")
	r := wait(t, done, "the answer")
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.d.Hangup(0, "")
	p[1].reply(p[1].request("BYE"), 200, "", "")
	if got := healthOf(e, "out"); got[0] != targets.Down || got[1] != targets.Up {
		t.Errorf("health %v", got)
	}
}

// What is repeated to a hop that comes back would ring there; and one that was only unheard is told to stop ringing.
func TestASilentHopIsNotAskedAgainAndIsCancelledWhenItRings(t *testing.T) {
	e, p := sbcs(t, 2)
	done := callOut(t, e)
	inv := p[0].request("INVITE")
	second := p[1].request("INVITE")
	for { // what was sent before the call went on
		if _, ok := p[0].readWithin(10 * time.Millisecond); !ok {
			break
		}
	}
	if m, came := p[0].readWithin(1200 * time.Millisecond); came { // timer A has come twice
		t.Errorf("still asked: %s", m.start)
	}
	p[0].reply(inv, 180, "late", "")
	cancel := p[0].request("CANCEL")
	p[0].reply(cancel, 200, "", "")
	if cancel.get("Via") != inv.get("Via") {
		t.Errorf("CANCEL has Via %s, the INVITE %s", cancel.get("Via"), inv.get("Via"))
	}
	p[0].reply(inv, 487, "late", "")
	p[1].reply(second, 486, "x", "")
	wait(t, done, "the end")
}

func TestAHopThatIsTryingIsGivenItsTime(t *testing.T) {
	e, p := sbcs(t, 2)
	done := callOut(t, e)
	inv := p[0].request("INVITE")
	p[0].reply(inv, 100, "", "")
	if m, came := p[1].readWithin(500 * time.Millisecond); came { // more than Timeouts.Silence
		t.Errorf("%s", m.start)
	}
	p[0].reply(inv, 200, "them", someSDP)
	p[0].request("ACK")
	r := wait(t, done, "the answer")
	if r.err != nil {
		t.Fatal(r.err)
	}
	r.d.Hangup(0, "")
	p[0].reply(p[0].request("BYE"), 200, "", "")
}

func TestACallerWhoLeavesIsNotTriedAtTheNextHop(t *testing.T) {
	e, p := sbcs(t, 2)
	ctx, leave := context.WithCancelCause(t.Context())
	done := make(chan error, 1)
	go func() {
		_, _, err := e.Invite(ctx, Invitation{To: ToTrunk{"out", "1"}, Offer: []byte(someSDP)})
		done <- err
	}()
	inv := p[0].request("INVITE")
	p[0].reply(inv, 180, "x", "")
	gone := errors.New("gone")
	leave(gone)
	if err := wait(t, done, "the end"); !errors.Is(err, gone) {
		t.Errorf("%v", err)
	}
	p[0].reply(p[0].request("CANCEL"), 200, "", "")
	p[0].reply(inv, 487, "x", "")
	if m, came := p[1].readWithin(100 * time.Millisecond); came {
		t.Errorf("%s", m.start)
	}
}

func TestProbesTakeAHopOutOfUseAndBringItBack(t *testing.T) {
	e, p := sbcs(t, 2, func(c *Config) { c.Trunks[1].Probe = 50 * time.Millisecond })
	var dead, asked sync.Map
	answer := func(p *phone) {
		for {
			m, ok := p.readWithin(patience)
			if !ok {
				return
			}
			switch m.method() {
			case "OPTIONS":
				asked.Store(p, true)
				status := 200
				if _, is := dead.Load(p); is {
					status = 503
				}
				p.reply(m, status, "x", "")
			case "INVITE":
				asked.Store(p.local+" called", true)
				p.reply(m, 486, "x", "")
			}
		}
	}
	dead.Store(p[0], true)
	for _, hop := range p {
		go answer(hop)
	}
	waitUntil(t, "the first hop to be out of use", func() bool { h := healthOf(e, "out"); return len(h) == 2 && h[0] == targets.Down })
	_, _, _ = e.Invite(t.Context(), Invitation{To: ToTrunk{"out", "1"}, Offer: []byte(someSDP)})
	if _, called := asked.Load(p[0].local + " called"); called {
		t.Error("a hop that is out of use was called")
	}
	dead.Delete(p[0])
	waitUntil(t, "the first hop to be used again", func() bool { return healthOf(e, "out")[0] == targets.Up })
	_, _, _ = e.Invite(t.Context(), Invitation{To: ToTrunk{"out", "1"}, Offer: []byte(someSDP)})
	if _, called := asked.Load(p[0].local + " called"); !called {
		t.Error("a hop that came back was not called")
	}
	for _, hop := range p {
		hop.hangup()
	}
}

// zone is a DNS of the test.
type zone struct {
	srv   map[string][]targets.SRV
	addrs map[string][]netip.Addr
}

func (z zone) SRV(_ context.Context, name string) ([]targets.SRV, time.Duration, error) {
	return z.srv[name], time.Hour, nil
}

func (z zone) Addrs(_ context.Context, host string) ([]netip.Addr, time.Duration, error) {
	return z.addrs[host], time.Hour, nil
}

// The name has two SRV records; the first has two addresses, of which one is dead: every address of every record is tried.
func TestEveryAddressOfEverySRVRecordIsTried(t *testing.T) {
	place := netip.MustParseAddrPort(reserve(t))
	backup := netip.MustParseAddrPort(reserve(t))
	z := zone{
		srv: map[string][]targets.SRV{"_sip._udp.carrier.example.": {{Host: "a.carrier.example.", Port: place.Port(), Priority: 1}, {Host: "b.carrier.example.", Port: backup.Port(), Priority: 2}}},
		addrs: map[string][]netip.Addr{
			"a.carrier.example.": {netip.MustParseAddr("127.0.0.9"), netip.MustParseAddr("127.0.0.1")}, // nobody is at the first
			"b.carrier.example.": {netip.MustParseAddr("127.0.0.1")},
		},
	}
	e := open(t, nil, func(c *Config) {
		c.Log, c.DNS, c.Timeouts.Silence = nil, z, 200*time.Millisecond
		c.Trunks = append(c.Trunks, Trunk{Name: "out", Targets: at("carrier.example")})
	})
	second, third := newPhoneAt(t, e, place.String()), newPhoneAt(t, e, backup.String())
	done := callOut(t, e)
	inv := second.request("INVITE")
	if want := "INVITE sip:+358401111111@carrier.example SIP/2.0"; inv.start != want {
		t.Errorf("%s, want %s", inv.start, want)
	}
	second.reply(inv, 503, "x", "")
	second.request("ACK")
	takes(t, third, done)
	if n := len(e.Trunks()[1].Hops); n != 3 {
		t.Errorf("%d hops", n)
	}
}

func TestATrunkWithoutSourcesIsRecognisedWhereDNSLedIt(t *testing.T) {
	z := zone{addrs: map[string][]netip.Addr{"sbc.example": {netip.MustParseAddr("127.0.0.7")}}}
	origins := make(chan Origin, 1)
	e := open(t, callsFunc(func(_ context.Context, d *Dialog) { origins <- d.Origin() }), func(c *Config) {
		c.DNS, c.PhoneNetworks = z, nil
		c.Trunks = []Trunk{{Name: "named", Targets: at("sbc.example:5060")}}
	})
	waitUntil(t, "the name to be resolved", func() bool { return len(e.Trunks()[0].Hops) == 1 })
	l := newPhoneAt(t, e, "127.0.0.7:0").newLeg("1")
	l.invite(someSDP)
	if o := wait(t, origins, "the call"); o != (FromTrunk{"named"}) {
		t.Errorf("%v", o)
	}
	l.ack(l.p.final("INVITE").status(), "")
}

func TestADeadTCPHopIsPassedOver(t *testing.T) {
	place, accepted := tcpTrunk(t)
	nobody := reserve(t) // nobody listens there by TCP
	e := open(t, nil, func(c *Config) {
		c.Log = nil
		c.Trunks = append(c.Trunks, Trunk{Name: "out", Targets: at(nobody+";transport=tcp", place+";transport=tcp")})
	})
	done := callOut(t, e)
	takes(t, wait(t, accepted, "the connection"), done)
}
