package sip

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// doorway serves the endpoint's door. A browser that sends the header X-Session is that agent.
func doorway(t testing.TB, e *Endpoint) string {
	t.Helper()
	s := httptest.NewServer(e.Door())
	t.Cleanup(s.Close)
	return strings.TrimPrefix(s.URL, "http://")
}

func bySession(c *Config) {
	c.Door.Authenticate = func(r *http.Request) (string, error) { return r.Header.Get("X-Session"), nil }
}

// newBrowser is a phone on a WebSocket; session is the agent it is logged in as, "" for none.
func newBrowser(t testing.TB, at, session string) *phone {
	t.Helper()
	var local string
	client := &http.Client{Transport: &http.Transport{DialContext: func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := (&net.Dialer{}).DialContext(ctx, network, addr)
		if err == nil {
			local = c.LocalAddr().String()
		}
		return c, err
	}}}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	c, _, err := websocket.Dial(ctx, "ws://"+at+"/sip", &websocket.DialOptions{
		HTTPClient: client, Subprotocols: []string{"sip"}, HTTPHeader: http.Header{"X-Session": {session}},
	})
	if err != nil {
		t.Fatal(err)
	}
	in := make(chan []byte, 5000)
	go func() {
		defer close(in)
		for {
			_, b, err := c.Read(context.Background())
			if err != nil {
				return
			}
			in <- b
		}
	}()
	var once sync.Once
	hangup := func() { once.Do(func() { _ = c.CloseNow() }) }
	t.Cleanup(hangup)
	return &phone{
		t: t, transport: "WS", to: "cordboard.invalid", local: local,
		write: func(b []byte) error { return c.Write(context.Background(), websocket.MessageText, b) },
		readRaw: func(within time.Duration) ([]byte, error) {
			select {
			case b, ok := <-in:
				if !ok {
					return nil, errors.New("socket closed")
				}
				return b, nil
			case <-time.After(within):
				return nil, errors.New("nothing came")
			}
		},
		hangup: hangup,
	}
}

const instance = `+sip.instance="<urn:uuid:00000000-0000-4000-8000-000000000001>"`

// register registers the browser of a session as a user, and fails the test when that is refused.
func (p *phone) register(user string, params ...string) {
	p.t.Helper()
	if m := p.tryRegister(user, params...); m.status() != 200 {
		p.t.Fatalf("REGISTER: %s", m.start)
	}
}

func (p *phone) tryRegister(user string, params ...string) msg {
	p.t.Helper()
	l := p.newLeg(user)
	l.target = "sip:cordboard.invalid"
	return l.do("REGISTER", "", "Contact: <"+p.contact()+">;"+strings.Join(append(params, "expires=60"), ";"))
}

func TestS8_ABrowsersContactComesBackAsItWent(t *testing.T) {
	e := open(t, nil, bySession)
	p := newBrowser(t, doorway(t, e), "anna")
	l := p.newLeg("anna")
	l.target = "sip:cordboard.invalid"
	contact := `<sip:4o2b3fqv@xn8k3.invalid;transport=ws>;+sip.ice;reg-id=1;` + instance
	m := l.do("REGISTER", "", "Contact: "+contact+";expires=600", "Supported: path,gruu,outbound")
	if m.status() != 200 || m.get("Contact") != contact+";expires=600" {
		t.Errorf("%s Contact %s", m.start, m.get("Contact"))
	}
	if d := e.Devices("anna"); len(d) != 1 || !d[0].Browser() || d[0].Remote.String() != p.local {
		t.Errorf("devices %+v", d)
	}
}

func TestABrowserWithoutASessionIsChallengedByMD5(t *testing.T) {
	e := open(t, nil, bySession)
	p := newBrowser(t, doorway(t, e), "")
	l := p.newLeg("anna")
	l.target = "sip:cordboard.invalid"
	m := l.do("REGISTER", "", "Contact: <"+p.contact()+">")
	if m.status() != 401 || len(m.all("WWW-Authenticate")) != 1 || !strings.Contains(m.get("WWW-Authenticate"), "MD5") {
		t.Fatalf("%s %q", m.start, m.all("WWW-Authenticate"))
	}
	m = l.do("REGISTER", "", "Contact: <"+p.contact()+">", authorization(t, m.get("WWW-Authenticate"), "REGISTER", l.target, "anna", "secret-anna"))
	if m.status() != 200 {
		t.Fatalf("%s", m.start)
	}
}

func TestABrowserCallsAndIsCalled(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), bySession)
	p := newBrowser(t, doorway(t, e), "anna")
	p.register("anna", instance)
	l := p.newLeg("1002")
	l.invite(someSDP)
	l.answered()
	d := wait(t, dialogs, "the call")
	if d.Origin() != (FromUser{"anna"}) {
		t.Errorf("origin %v", d.Origin())
	}
	if dev, ok := d.Device(); !ok || !dev.Browser() {
		t.Errorf("device %+v", dev)
	}
	d.Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
	done := make(chan placed, 1)
	go func() {
		d, a, err := e.Invite(t.Context(), Invitation{To: ToDevice{e.Devices("anna")[0]}, From: Address{User: "1002"}, Offer: []byte(someSDP)})
		done <- placed{d, a, err}
	}()
	inv := p.request("INVITE")
	if !strings.HasPrefix(inv.start, "INVITE "+p.contact()) || !strings.HasPrefix(inv.get("Via"), "SIP/2.0/WS ") {
		t.Errorf("%s, Via %s", inv.start, inv.get("Via"))
	}
	p.reply(inv, 200, "them", someSDP)
	p.request("ACK")
	if r := wait(t, done, "the answer"); r.err != nil {
		t.Fatal(r.err)
	}
}

func TestACRLFPingGetsItsPong(t *testing.T) {
	e := open(t, nil, bySession)
	for _, p := range []*phone{newBrowser(t, doorway(t, e), "anna"), newTCPPhone(t, e)} {
		p.send("\r\n\r\n")
		b, err := p.readRaw(patience)
		if err != nil || string(b) != "\r\n" {
			t.Errorf("%s: %q %v", p.transport, b, err)
		}
	}
}

func TestM8_AMalformedMessageDoesNotCostTheBrowserItsSocket(t *testing.T) {
	e := open(t, nil, bySession)
	p := newBrowser(t, doorway(t, e), "anna")
	l := p.newLeg("1")
	p.send(strings.Replace(l.text("OPTIONS", newBranch(), 1, ""), "Max-Forwards: 70", "nonsense", 1))
	if m := p.read(); m.status() != 400 {
		t.Errorf("%s", m.start)
	}
	p.send("hello")
	p.register("anna")
}
