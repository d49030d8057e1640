package sip

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

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
				_, _ = d.aimAtDevice(Invitation{}, dev)
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

func TestB40_W6_ARequestGoesToTheRightBrowserAndNotToTheLastOne(t *testing.T) {
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
