package sip

import (
	"bufio"
	"net"
	"net/netip"
	"testing"
	"time"
)

// tcpTrunk listens for the connection that the endpoint opens to a trunk.
func tcpTrunk(t *testing.T) (at string, accepted <-chan *phone) {
	t.Helper()
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	out := make(chan *phone, 4)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			t.Cleanup(func() { c.Close() })
			r := bufio.NewReader(c)
			out <- &phone{
				t: t, transport: "TCP", to: c.RemoteAddr().String(), local: l.Addr().String(),
				write:   func(b []byte) error { _, err := c.Write(b); return err },
				readRaw: func(d time.Duration) ([]byte, error) { _ = c.SetReadDeadline(time.Now().Add(d)); return frame(r) },
				hangup:  func() { c.Close() },
			}
		}
	}()
	return l.Addr().String(), out
}

func TestACallGoesOutByATCPTrunkAndStaysOnItsConnection(t *testing.T) {
	place, accepted := tcpTrunk(t)
	e := open(t, nil, func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{Name: "tcp", Targets: at(place + ";transport=tcp")})
	})
	done := make(chan placed, 1)
	go func() {
		d, a, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"tcp", "+358401111111"}, Offer: []byte(someSDP)})
		done <- placed{d, a, err}
	}()
	p := wait(t, accepted, "the connection")
	inv := p.request("INVITE")
	p.reply(inv, 200, "them", someSDP)
	p.request("ACK")
	r := wait(t, done, "the answer")
	if r.err != nil {
		t.Fatal(r.err)
	}
	l := p.back(inv, "them")
	if m := l.do("UPDATE", ""); m.status() != 200 {
		t.Errorf("UPDATE: %s", m.start)
	}
	r.d.Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
}

func TestATrunkThatIsNotThereIs503AndOneThatIsSilent408(t *testing.T) {
	l, err := net.Listen("tcp4", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	place := l.Addr().String()
	l.Close()
	e := open(t, nil, func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{Name: "tcp", Targets: at(place + ";transport=tcp")})
	})
	_, _, err = e.Invite(t.Context(), Invitation{To: ToTrunk{"tcp", "1"}, Offer: []byte(someSDP)})
	if r, ok := err.(*Refused); !ok || r.Status != 503 { //nolint:errorlint // exactly this type
		t.Errorf("%v", err)
	}
	if _, _, err = e.Invite(t.Context(), Invitation{To: ToTrunk{"nobody", "1"}}); err == nil {
		t.Error("a trunk that is not configured was called")
	}
	waitUntil(t, "the dialogs to be given back", func() bool { return e.dialogs.count() == 0 })
}

func TestACallByTCPIsHungUpOverItsConnection(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	p := newTCPPhone(t, e)
	l := p.newLeg("1234")
	l.invite(someSDP, "Contact: <sip:caller@192.0.2.1;transport=tcp>")
	l.answered()
	wait(t, dialogs, "the call").Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
}

func TestAPhoneThatNeverAnswersOPTIONSIsTakenAtItsWord(t *testing.T) {
	e := open(t, nil, func(c *Config) { c.Timeouts.KeepAlive = 50 * time.Millisecond })
	p := newPhone(t, e)
	if m := signIn(t, p.newLeg("anna"), "anna", "secret-anna", "Contact: <"+p.contact()+">"); m.status() != 200 {
		t.Fatalf("%s", m.start)
	}
	p.request("OPTIONS")
	time.Sleep(300 * time.Millisecond)
	if len(e.Devices("anna")) != 1 {
		t.Error("its binding is gone")
	}
}

func TestAPhoneThatStopsAnsweringOPTIONSIsForgotten(t *testing.T) {
	e := open(t, nil, func(c *Config) { c.Timeouts.KeepAlive, c.Log = 50*time.Millisecond, nil })
	p := newPhone(t, e)
	signIn(t, p.newLeg("anna"), "anna", "secret-anna", "Contact: <"+p.contact()+">")
	p.reply(p.request("OPTIONS"), 200, "x", "")
	waitUntil(t, "the binding to go", func() bool { return len(e.Devices("anna")) == 0 })
}

func TestAWildcardListenerAdvertisesWhatItIsTold(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), func(c *Config) {
		c.UDP, c.Advertise = []string{"0.0.0.0:0"}, netip.MustParseAddr("198.51.100.7")
	})
	p := newPhone(t, e)
	_ = p
	l := p.newLeg("1234")
	l.p.to = "127.0.0.1"
	l.invite(someSDP)
	m := l.p.final("INVITE")
	port := udpOf(e).Port()
	if want := netip.AddrPortFrom(e.cfg.Advertise, port).String(); m.get("Contact") != "<sip:1234@"+want+">" {
		t.Errorf("Contact %s, want %s", m.get("Contact"), want)
	}
	l.take(m)
	l.ack(200, "")
	wait(t, dialogs, "the call").Hangup(0, "")
	bye := p.request("BYE")
	if want := "SIP/2.0/UDP 198.51.100.7:"; len(bye.get("Via")) < len(want) || bye.get("Via")[:len(want)] != want {
		t.Errorf("Via %s", bye.get("Via"))
	}
	p.reply(bye, 200, "", "")
}
