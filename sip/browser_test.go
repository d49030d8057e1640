package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"net/http"

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

func TestW2_ASessionRegistersNobodyElse(t *testing.T) {
	e := open(t, nil, bySession, func(c *Config) { c.Log = nil })
	at := doorway(t, e)
	if m := newBrowser(t, at, "anna").tryRegister("bo"); m.status() != 403 {
		t.Errorf("anna as bo: %s", m.start)
	}
	if m := newBrowser(t, at, "anna").tryRegister("1001"); m.status() != 200 { // her extension
		t.Errorf("anna by extension: %s", m.start)
	}
	if len(e.Devices("bo")) != 0 {
		t.Error("bo is registered")
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

func TestW1_ASilentClientDoesNotStopOthers(t *testing.T) {
	e := open(t, nil, bySession)
	at := doorway(t, e)
	silent, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	half, err := net.Dial("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	_, _ = half.Write([]byte("GET /sip HTTP/1.1\r\nHost: x\r\n"))
	newBrowser(t, at, "anna").register("anna")
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

func TestW4_ConcurrentMessagesToOneSocketAreWhole(t *testing.T) {
	e := open(t, nil, bySession)
	p := newBrowser(t, doorway(t, e), "anna")
	p.register("anna")
	dev := e.Devices("anna")[0]
	h := hop{network: "ws", remote: dev.Remote, only: true}
	const writers, each = 20, 200
	var wg sync.WaitGroup
	for w := range writers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			for i := range each {
				d := e.newDialog(newTag(), newTag(), e.log)
				d.bound, d.boundFlow, d.caller = true, flow{Transport: "ws", Remote: dev.Remote}, true
				d.cancel(&Ended{})
				_, _ = d.aimAtDevice(dev)
				req, _, _ := d.compose(context.Background(), "ACK", 1)
				req.SetBody([]byte(fmt.Sprintf("%d/%d %s", w, i, strings.Repeat("x", 10*i))))
				_ = e.address(req, h)
				if err := e.transport.WriteMsg(req); err != nil {
					t.Error(err)
					return
				}
			}
		}()
	}
	for range writers * each {
		m := p.read()
		var w, i int
		if _, err := fmt.Sscanf(m.body, "%d/%d", &w, &i); err != nil || m.get("Content-Length") != fmt.Sprint(len(m.body)) {
			t.Fatalf("a frame is not one message: %q %q", m.start, m.body)
		}
	}
	wg.Wait()
}

func TestW6_ARequestGoesToTheRightBrowserAndNotToTheLastOne(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), bySession)
	at := doorway(t, e)
	anna := newBrowser(t, at, "anna")
	anna.register("anna")
	l := anna.newLeg("1")
	l.invite(someSDP)
	l.answered()
	d := wait(t, dialogs, "the call")
	last := newBrowser(t, at, "bo") // its connection is now the one filed under our local address
	last.register("bo")
	d.Hangup(0, "")
	anna.reply(anna.request("BYE"), 200, "", "")
	if m, ok := last.readWithin(50 * time.Millisecond); ok {
		t.Errorf("the other browser got %s", m.start)
	}
	l2 := anna.newLeg("1")
	l2.invite(someSDP)
	l2.answered()
	d = wait(t, dialogs, "the second call")
	last.hangup()
	if m := l2.do("BYE", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
	wait(t, d.Context().Done(), "the end")
}

func TestW7_ACallSurvivesItsSocketAndFollowsTheReREGISTER(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), bySession, func(c *Config) { c.Timeouts.FlowGrace = 400 * time.Millisecond })
	at := doorway(t, e)
	p := newBrowser(t, at, "anna")
	p.register("anna", instance)
	l := p.newLeg("1")
	l.invite(someSDP)
	l.answered()
	d := wait(t, dialogs, "the call")
	p.hangup()
	waitUntil(t, "the loss to be noticed", func() bool { d.mu.Lock(); defer d.mu.Unlock(); return d.grace != nil })
	if len(e.Devices("anna")) != 0 {
		t.Error("the binding of a dead flow is still there")
	}
	if d.Context().Err() != nil {
		t.Fatal("the loss of the socket hung up")
	}
	again := newBrowser(t, at, "anna")
	again.register("anna", instance)
	select {
	case <-d.Context().Done():
		t.Fatal("the call ended although the browser came back")
	case <-time.After(600 * time.Millisecond):
	}
	d.Hangup(0, "")
	again.reply(again.request("BYE"), 200, "", "")
}

func TestW7_AnInDialogRequestOnANewSocketMovesTheCall(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), bySession)
	at := doorway(t, e)
	p := newBrowser(t, at, "anna")
	p.register("anna")
	l := p.newLeg("1")
	l.invite(someSDP)
	l.answered()
	d := wait(t, dialogs, "the call")
	thief := newBrowser(t, at, "bo")
	theirs := *l
	theirs.p, theirs.cseq = thief, l.cseq+10
	theirs.do("OPTIONS", "")
	if f := e.dialogs.flowOf(d); f.Remote.String() != p.local {
		t.Errorf("the call moved to the socket of somebody else")
	}
	again := newBrowser(t, at, "anna")
	l.p, l.cseq = again, l.cseq+20
	if m := l.do("OPTIONS", ""); m.status() != 200 {
		t.Fatalf("%s", m.start)
	}
	p.hangup()
	d.Hangup(0, "")
	again.reply(again.request("BYE"), 200, "", "")
}

func TestW7_ABrowserThatDoesNotComeBackLosesTheCall(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), bySession, func(c *Config) { c.Timeouts.FlowGrace = 100 * time.Millisecond })
	p := newBrowser(t, doorway(t, e), "anna")
	p.register("anna", instance)
	l := p.newLeg("1")
	l.invite(someSDP)
	l.answered()
	d := wait(t, dialogs, "the call")
	p.hangup()
	if end := endOf(t, d); end.Why != FlowLost {
		t.Error(end)
	}
}

func TestW8_ADeadSocketEndsItsTransactionsAtOnce(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, ringing(dialogs), bySession)
	at := doorway(t, e)
	p := newBrowser(t, at, "anna")
	p.register("anna")
	done := make(chan placed, 1)
	go func() {
		d, a, err := e.Invite(t.Context(), Invitation{To: ToDevice{e.Devices("anna")[0]}, Offer: []byte(someSDP)})
		done <- placed{d, a, err}
	}()
	p.reply(p.request("INVITE"), 180, "them", "")
	begin := time.Now()
	p.hangup()
	var ref *Refused
	if r := wait(t, done, "the end of Invite"); !errors.As(r.err, &ref) || ref.Status != 503 {
		t.Errorf("calling a browser that went: %v", r.err)
	}
	if took := time.Since(begin); took > time.Second {
		t.Errorf("noticed after %v", took)
	}
	p = newBrowser(t, at, "bo")
	l := p.newLeg("1")
	l.invite(someSDP)
	d := wait(t, dialogs, "the call")
	p.hangup()
	if end := endOf(t, d); end.Why != FlowLost || !end.Remote {
		t.Error(end)
	}
}

func TestM3_ADeadTabIsNoticedAndALiveOneKept(t *testing.T) {
	gone := make(chan string, 10)
	e := open(t, nil, bySession, func(c *Config) { c.Timeouts.KeepAlive, c.Log = 100*time.Millisecond, nil })
	defer e.Watch(func(aor string) { gone <- aor })()
	at := doorway(t, e)
	live, dead := newBrowser(t, at, "anna"), newBrowser(t, at, "bo")
	live.register("anna")
	dead.register("bo")
	for range 4 {
		live.reply(live.request("OPTIONS"), 200, "x", "")
	}
	waitUntil(t, "the dead tab's binding to go", func() bool {
		if m, ok := live.readWithin(10 * time.Millisecond); ok && m.method() == "OPTIONS" {
			live.reply(m, 200, "x", "")
		}
		return len(e.Devices("bo")) == 0
	})
	if len(e.Devices("anna")) != 1 {
		t.Error("the live one was dropped")
	}
	told := map[string]bool{}
	for len(gone) > 0 {
		told[<-gone] = true
	}
	if !told["bo"] {
		t.Error("nobody was told of the dead tab")
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
