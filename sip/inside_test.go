package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestAReINVITEIsAnsweredByTheUserAndItsACKIsAwaited(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	l.cseq++
	l.branch = newBranch()
	l.p.send(l.text("INVITE", l.branch, l.cseq, "v=0\r\nhold\r\n"))
	r := wait(t, d.Requests(), "the re-INVITE")
	if r.Method != "INVITE" || string(r.Body) != "v=0\r\nhold\r\n" || r.ContentType != "application/sdp" || r.Header("max-forwards") != "70" {
		t.Errorf("%+v", r)
	}
	done := make(chan error, 1)
	go func() { _, err := r.Respond(200, "", []byte("v=0\r\nheld\r\n")); done <- err }()
	m := l.p.final("INVITE")
	if m.status() != 200 || m.body != "v=0\r\nheld\r\n" || m.get("Contact") == "" {
		t.Errorf("%+v", m)
	}
	if again := l.p.final("INVITE"); again.status() != 200 {
		t.Errorf("without an ACK came %s, not the 200 again", again.start)
	}
	l.ack(200, "")
	if err := wait(t, done, "the ACK"); err != nil {
		t.Error(err)
	}
	if _, ok := l.p.readWithin(300 * time.Millisecond); ok {
		t.Error("the 200 was repeated after its ACK")
	}
}

func TestACancelledReINVITELeavesTheCallAsItWas(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	l.cseq++
	l.branch = newBranch()
	l.p.send(l.text("INVITE", l.branch, l.cseq, someSDP))
	r := wait(t, d.Requests(), "the re-INVITE")
	l.p.send(l.text("CANCEL", l.branch, l.cseq, ""))
	if m := l.p.final("INVITE"); m.status() != 487 {
		t.Errorf("%s", m.start)
	}
	l.ack(487, "")
	wait(t, r.Withdrawn(), "the withdrawal")
	if _, err := r.Respond(200, "", []byte(someSDP)); err != nil && !errors.Is(err, errWithdrawn) {
		t.Error(err)
	}
	// The next one is served, and nothing waits for an ACK that never comes.
	go func() {
		r := <-d.Requests()
		_, _ = r.Respond(200, "", []byte(someSDP))
	}()
	if m := l.do("INVITE", someSDP); m.status() != 200 {
		t.Errorf("next re-INVITE: %s", m.start)
	}
	l.ack(200, "")
	time.Sleep(1200 * time.Millisecond) // longer than NoACK
	if d.Context().Err() != nil {
		t.Errorf("the call ended: %v", context.Cause(d.Context()))
	}
}

func TestS2_AnOfferlessReINVITEGetsTheAnswerFromItsACK(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	l.cseq++
	l.branch = newBranch()
	l.p.send(l.text("INVITE", l.branch, l.cseq, ""))
	r := wait(t, d.Requests(), "the re-INVITE")
	if r.Body != nil {
		t.Errorf("body %q", r.Body)
	}
	got := make(chan string, 1)
	go func() { b, _ := r.Respond(200, "", []byte(someSDP)); got <- string(b) }()
	if m := l.p.final("INVITE"); m.body != someSDP {
		t.Errorf("200 carries %q", m.body)
	}
	l.ack(200, "v=0\r\nanswer\r\n")
	if b := wait(t, got, "the ACK"); b != "v=0\r\nanswer\r\n" {
		t.Errorf("answer %q", b)
	}
}

func TestD3_AReINVITEWhose200IsNeverAcknowledgedEndsTheCall(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	l.cseq++
	l.p.send(l.text("INVITE", newBranch(), l.cseq, someSDP))
	r := wait(t, d.Requests(), "the re-INVITE")
	go func() { _, _ = r.Respond(200, "", []byte(someSDP)) }()
	l.p.reply(l.p.request("BYE"), 200, "", "")
	if end := endOf(t, d); end.Why != NoACK {
		t.Error(end)
	}
}

func TestB32_OverlappingReINVITEsAre500WithRetryAfter(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	l.cseq++
	first := l.text("INVITE", newBranch(), l.cseq, someSDP)
	l.p.send(first)
	r := wait(t, d.Requests(), "the re-INVITE")
	m := l.do("INVITE", someSDP)
	if m.status() != 500 || m.get("Retry-After") == "" {
		t.Errorf("%s, Retry-After %q", m.start, m.get("Retry-After"))
	}
	l.ack(500, "")
	if m := l.do("UPDATE", someSDP); m.status() != 500 { // RFC 3311 section 5.2
		t.Errorf("UPDATE: %s", m.start)
	}
	_, _ = r.Respond(488, "", nil)
}

func TestARequestNobodyTakesIsAnsweredByUs(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	for method, want := range map[string]int{"INVITE": 488, "UPDATE": 488, "REFER": 603, "INFO": 200} {
		m := l.do(method, someSDP, "Refer-To: <sip:1002@x>")
		if m.status() != want {
			t.Errorf("%s: %s, want %d", method, m.start, want)
		}
		if method == "INVITE" {
			l.ack(488, "")
		}
	}
	if d.Context().Err() != nil {
		t.Error("the call ended")
	}
}

func TestUPDATEIsAnswered(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	if m := l.do("UPDATE", ""); m.status() != 200 || m.body != "" || m.get("Contact") == "" {
		t.Errorf("without SDP: %+v", m)
	}
	l.cseq++
	l.p.send(l.text("UPDATE", newBranch(), l.cseq, "v=0\r\nhold\r\n"))
	r := wait(t, d.Requests(), "the UPDATE")
	if _, err := r.Respond(200, "", []byte("v=0\r\nheld\r\n")); err != nil {
		t.Error(err)
	}
	if m := l.p.final("UPDATE"); m.status() != 200 || m.body != "v=0\r\nheld\r\n" {
		t.Errorf("with SDP: %+v", m)
	}
	if m := l.do("UPDATE", "text", "Content-Type: text/plain"); m.status() != 415 || m.get("Accept") != "application/sdp" {
		t.Errorf("with something else: %+v", m)
	}
}

func TestINFOBringsDigits(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	l.cseq++
	l.p.send(l.text("INFO", newBranch(), l.cseq, "Signal=7\r\nDuration=100", "Content-Type: Application/DTMF-relay; x=y"))
	r := wait(t, d.Requests(), "the INFO")
	if r.ContentType != "application/dtmf-relay" || !strings.HasPrefix(string(r.Body), "Signal=7") {
		t.Errorf("%+v", r)
	}
	_, _ = r.Respond(200, "", nil)
	if m := l.p.final("INFO"); m.status() != 200 {
		t.Errorf("%s", m.start)
	}
}

func TestD8_TheTargetIsRefreshedByReINVITEAndByUPDATE(t *testing.T) {
	for _, method := range []string{"INVITE", "UPDATE"} {
		t.Run(method, func(t *testing.T) {
			dialogs := make(chan *Dialog, 1)
			e := open(t, answering(dialogs))
			l, d := called(t, e, dialogs)
			elsewhere := newPhone(t, e)
			go func() {
				if r := <-d.Requests(); r.Method == method {
					_, _ = r.Respond(200, "", []byte(someSDP))
				}
			}()
			if m := l.do(method, someSDP, "Contact: <sip:moved@"+elsewhere.local+">"); m.status() != 200 {
				t.Fatalf("%s", m.start)
			}
			if method == "INVITE" {
				l.ack(200, "")
				time.Sleep(20 * time.Millisecond)
			}
			d.Hangup(0, "")
			bye := elsewhere.request("BYE")
			if bye.start != "BYE sip:moved@"+elsewhere.local+" SIP/2.0" {
				t.Errorf("%s", bye.start)
			}
			elsewhere.reply(bye, 200, "", "")
		})
	}
}

func TestD8_RecordRouteOfAnIncomingCallIsFollowedInItsOrder(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	proxy := newPhone(t, e)
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, "Record-Route: <sip:"+proxy.local+";lr>", "Record-Route: <sip:192.0.2.7;lr>", "Contact: <sip:caller@192.0.2.8>")
	ok := l.answered()
	if len(ok.all("Record-Route")) != 2 {
		t.Errorf("200 has Record-Route %q", ok.all("Record-Route"))
	}
	wait(t, dialogs, "the dialog").Hangup(486, "")
	bye := proxy.request("BYE")
	if bye.start != "BYE sip:caller@192.0.2.8 SIP/2.0" {
		t.Errorf("%s", bye.start)
	}
	if got := strings.Join(bye.all("Route"), ","); got != "<sip:"+proxy.local+";lr>,<sip:192.0.2.7;lr>" {
		t.Errorf("Route %s", got)
	}
	if !strings.Contains(bye.get("Reason"), "cause=486") {
		t.Errorf("Reason %s", bye.get("Reason"))
	}
	proxy.reply(bye, 200, "", "")
}

func TestARequestOutsideAnyDialogIs481(t *testing.T) {
	e := open(t, callsFunc(func(context.Context, *Dialog) {}))
	l := newPhone(t, e).newLeg("1234")
	l.to += ";tag=nobody"
	for _, method := range []string{"BYE", "INFO", "UPDATE", "INVITE", "OPTIONS", "REFER", "PRACK", "NOTIFY"} {
		if m := l.do(method, ""); m.status() != 481 {
			t.Errorf("%s: %s", method, m.start)
		}
		if method == "INVITE" {
			l.ack(481, "")
		}
	}
}

func TestAnotherDialogsTagIsNotEnough(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	stranger := *l
	stranger.from = strings.Replace(l.from, tagOf(l.from), "other", 1)
	if m := stranger.do("BYE", ""); m.status() != 481 || d.Context().Err() != nil {
		t.Errorf("BYE with another From tag: %s", m.start)
	}
}

func TestCloseSaysGoodbyeToEveryCall(t *testing.T) {
	dialogs := make(chan *Dialog, 2)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	closed := make(chan error, 1)
	go func() { closed <- e.Close(context.Background()) }()
	bye := l.p.request("BYE")
	if !strings.Contains(bye.get("Reason"), "cause=503") {
		t.Errorf("Reason %q", bye.get("Reason"))
	}
	l.p.reply(bye, 200, "", "")
	if err := wait(t, closed, "the end of Close"); err != nil {
		t.Error(err)
	}
	if end := endOf(t, d); end.Why != Stopped {
		t.Error(end)
	}
	if wait(t, e.Done(), "Done"); e.Err() != nil {
		t.Errorf("Err %v", e.Err())
	}
}

func TestG1_DrainRefusesNewCallsAndKeepsOldOnes(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	e.Drain(1500 * time.Millisecond)
	other := newPhone(t, e).newLeg("1")
	other.invite(someSDP)
	if m := other.p.final("INVITE"); m.status() != 503 || m.get("Retry-After") != "2" {
		t.Errorf("INVITE: %s, Retry-After %q", m.start, m.get("Retry-After"))
	}
	if m := newPhone(t, e).newLeg("1").do("OPTIONS", ""); m.status() != 503 {
		t.Errorf("OPTIONS: %s", m.start)
	}
	if _, _, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"lab", "1"}}); err == nil {
		t.Error("a call went out while draining")
	}
	if m := l.do("OPTIONS", ""); m.status() != 200 || d.Context().Err() != nil {
		t.Errorf("the old call: %s", m.start)
	}
}

func TestG2_ADeadListenerEndsTheEndpoint(t *testing.T) {
	e := open(t, nil, func(c *Config) { c.Log = nil })
	_ = e.listeners[0].packet.Close() // as the system would
	wait(t, e.Done(), "Done")
	if e.Err() == nil || !strings.Contains(e.Err().Error(), "udp listener") {
		t.Errorf("Err %v", e.Err())
	}
}

func TestG2_AnAddressThatIsTakenIsAnError(t *testing.T) {
	e := open(t, nil)
	if _, err := Open(Config{UDP: []string{udpOf(e).String()}}, nil); err == nil || !strings.Contains(err.Error(), udpOf(e).String()) {
		t.Errorf("%v", err)
	}
}
