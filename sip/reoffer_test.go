package sip

import (
	"errors"
	"testing"
	"time"
)

func TestB32_S3_GlareIsWaitedOutAndTriedAgain(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	done := make(chan error, 1)
	var answer []byte
	go func() {
		var err error
		answer, err = d.Reoffer(t.Context(), []byte("v=0\r\nagain\r\n"))
		done <- err
	}()
	re := l.p.request("INVITE")
	// Theirs while ours is pending: 491 (RFC 3261 section 14.2).
	l.cseq++
	l.branch = newBranch()
	l.p.send(l.text("INVITE", l.branch, l.cseq, someSDP))
	if m := l.p.final("INVITE"); m.status() != 491 {
		t.Errorf("re-INVITE during ours: %s", m.start)
	}
	l.ack(491, "")
	l.p.reply(re, 491, "", "")
	l.p.request("ACK")
	again := l.p.request("INVITE") // within 2 s: the Call-ID is theirs
	if again.body != "v=0\r\nagain\r\n" || cseqOf(again) != cseqOf(re)+1 {
		t.Errorf("second re-INVITE: CSeq %s, body %q", again.get("CSeq"), again.body)
	}
	l.p.reply(again, 200, "", someSDP)
	l.p.request("ACK")
	if err := wait(t, done, "the end of Reoffer"); err != nil || string(answer) != someSDP {
		t.Errorf("%q %v", answer, err)
	}
}

func TestB32_S3_WhoeverMadeTheCallIDWaitsLonger(t *testing.T) {
	ours, theirs := &Dialog{caller: true}, &Dialog{}
	for range 1000 {
		if g := ours.glare(); g < 2100*time.Millisecond || g > 4*time.Second {
			t.Fatalf("owner waits %v", g)
		}
		if g := theirs.glare(); g < 0 || g > 2*time.Second {
			t.Fatalf("the other waits %v", g)
		}
	}
}

func TestM4_OurReoffersGoOneAfterTheOther(t *testing.T) {
	_, l, d := connected(t)
	done := make(chan error, 3)
	for range 3 {
		go func() { _, err := d.Reoffer(t.Context(), []byte(someSDP)); done <- err }()
	}
	for range 3 {
		re := l.p.request("INVITE")
		if m, ok := l.p.readWithin(100 * time.Millisecond); ok && m.method() == "INVITE" && m.get("CSeq") != re.get("CSeq") {
			t.Fatalf("a second re-INVITE, CSeq %s, while %s was pending", m.get("CSeq"), re.get("CSeq"))
		}
		l.p.reply(re, 200, "", someSDP)
		l.p.request("ACK")
	}
	for range 3 {
		if err := wait(t, done, "a Reoffer"); err != nil {
			t.Error(err)
		}
	}
}

func TestARefusedReofferLeavesTheCallAndALostOneEndsIt(t *testing.T) {
	_, l, d := connected(t)
	done := make(chan error, 1)
	reoffer := func() { _, err := d.Reoffer(t.Context(), []byte(someSDP)); done <- err }
	go reoffer()
	l.p.reply(l.p.request("INVITE"), 488, "", "")
	l.p.request("ACK")
	var ref *Refused
	if err := wait(t, done, "the refusal"); !errors.As(err, &ref) || ref.Status != 488 || d.Context().Err() != nil {
		t.Fatalf("%v; dialog %v", err, d.Context().Err())
	}
	go reoffer()
	l.p.reply(l.p.request("INVITE"), 481, "", "")
	l.p.request("ACK")
	wait(t, done, "the refusal")
	if end := endOf(t, d); !end.Remote || end.Status != 481 {
		t.Error(end)
	}
}

func TestS2_AnOfferlessReINVITEOfOursAcknowledgesWithAnAnswer(t *testing.T) {
	_, l, d := connected(t)
	done := make(chan error, 1)
	go func() {
		offer, err := d.ReofferLate(t.Context(), func(o []byte) ([]byte, error) { return append([]byte("re:"), o...), nil })
		if string(offer) != "theirs" {
			t.Errorf("offer %q", offer)
		}
		done <- err
	}()
	re := l.p.request("INVITE")
	if re.body != "" {
		t.Errorf("re-INVITE carries %q", re.body)
	}
	l.p.reply(re, 200, "", "theirs")
	if ack := l.p.request("ACK"); ack.body != "re:theirs" {
		t.Errorf("ACK carries %q", ack.body)
	}
	if err := wait(t, done, "the end"); err != nil {
		t.Error(err)
	}
}

func TestSendSpeaksInsideTheDialog(t *testing.T) {
	_, l, d := connected(t)
	done := make(chan error, 1)
	go func() {
		done <- d.Send(t.Context(), "NOTIFY", "message/sipfrag", []byte("SIP/2.0 200 OK"), Header{"Event", "refer"}, Header{"Subscription-State", "terminated"})
	}()
	n := l.p.request("NOTIFY")
	if n.get("Event") != "refer" || n.body != "SIP/2.0 200 OK" || n.get("Content-Type") != "message/sipfrag" {
		t.Errorf("%+v", n)
	}
	l.p.reply(n, 200, "", "")
	if err := wait(t, done, "the response"); err != nil {
		t.Error(err)
	}
}
