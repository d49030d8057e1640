package sip

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

func TestB4_D1_CANCELEndsARingingCall(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, ringing(dialogs))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	r := l.p.until(func(m msg) bool { return m.status() == 180 })
	d := wait(t, dialogs, "ringing")
	l.p.send(l.text("CANCEL", l.branch, l.cseq, "", `Reason: SIP;cause=200;text="elsewhere"`))
	if m := l.p.final("CANCEL"); m.status() != 200 {
		t.Errorf("CANCEL: %s", m.start)
	}
	m := l.p.final("INVITE")
	if m.status() != 487 || m.tag("To") != r.tag("To") {
		t.Errorf("INVITE: %s, To tag %q, want %q", m.start, m.tag("To"), r.tag("To"))
	}
	l.to = m.get("To")
	l.ack(487, "")
	if end := endOf(t, d); end.Why != Cancelled || !end.Remote || !strings.Contains(end.Reason, "elsewhere") {
		t.Error(end)
	}
	if _, err := d.Answer(t.Context(), []byte(someSDP)); err == nil {
		t.Error("a cancelled call was answered")
	}
	if m, ok := l.p.readWithin(300 * time.Millisecond); ok {
		t.Errorf("then came %s", m.start)
	}
}

func TestD1_ACANCELThatCrossesOur200ChangesNothing(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	l.take(l.p.final("INVITE"))
	branch := l.branch
	l.p.send(strings.Replace(l.text("CANCEL", branch, l.cseq, ""), "To: "+l.to, "To: <sip:1234@x>", 1))
	l.p.final("CANCEL")
	l.ack(200, "")
	d := wait(t, dialogs, "the answer")
	if m := l.do("OPTIONS", ""); m.status() != 200 || d.Context().Err() != nil {
		t.Errorf("the call is gone: %s", m.start)
	}
}

func TestD1_AnswerAndCANCELAtTheSameMomentGiveOneFinalResponse(t *testing.T) {
	for range 30 {
		start := make(chan struct{})
		ended := make(chan struct{})
		e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
			close(start)
			_, _ = d.Answer(ctx, []byte(someSDP))
			<-ctx.Done()
			close(ended)
		}))
		l := newPhone(t, e).newLeg("1234")
		l.invite(someSDP)
		wait(t, start, "the call")
		l.p.send(l.text("CANCEL", l.branch, l.cseq, ""))
		first := l.p.final("INVITE")
		l.to = first.get("To")
		for { // every repetition says the same
			m, ok := l.p.readWithin(80 * time.Millisecond)
			if !ok {
				break
			}
			if strings.HasSuffix(m.get("CSeq"), "INVITE") && m.status() != first.status() {
				t.Fatalf("first %s, then %s", first.start, m.start)
			}
		}
		l.ack(first.status(), "")
		if first.status() == 200 {
			l.do("BYE", "")
		}
		wait(t, ended, "the end")
	}
}

func TestAnUnmatchedCANCELIs481AndOneThatBeatsItsINVITEIsRemembered(t *testing.T) {
	var told atomic.Int32
	e := open(t, callsFunc(func(context.Context, *Dialog) { told.Add(1) }))
	l := newPhone(t, e).newLeg("1234")
	l.branch = newBranch()
	l.p.send(l.text("CANCEL", l.branch, l.cseq, ""))
	if m := l.p.final("CANCEL"); m.status() != 481 {
		t.Errorf("CANCEL: %s", m.start)
	}
	l.p.send(l.text("INVITE", l.branch, l.cseq, someSDP))
	if m := l.p.final("INVITE"); m.status() != 487 {
		t.Errorf("INVITE: %s", m.start)
	}
	if told.Load() != 0 {
		t.Error("a call that was cancelled before it came was told of")
	}
}

func TestS7_BYEWaitsForTheACKOfOur200(t *testing.T) {
	for _, withACK := range []bool{true, false} {
		t.Run(fmt.Sprint("ack=", withACK), func(t *testing.T) {
			e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
				go func() { _, _ = d.Answer(ctx, []byte(someSDP)) }()
				for d.inPhase(early) {
					time.Sleep(time.Millisecond)
				}
				d.Hangup(0, "")
				<-ctx.Done()
			}), func(c *Config) { c.Timeouts.NoACK, c.Timeouts.ByeBeforeACK = 3*time.Second, 400*time.Millisecond })
			l := newPhone(t, e).newLeg("1234")
			l.invite(someSDP)
			l.take(l.p.final("INVITE"))
			sent := time.Now()
			for time.Since(sent) < 200*time.Millisecond {
				if m, ok := l.p.readWithin(50 * time.Millisecond); ok && m.method() == "BYE" {
					t.Fatal("BYE before the ACK")
				}
			}
			if withACK {
				l.ack(200, "")
			}
			l.p.reply(l.p.request("BYE"), 200, "", "")
			if took := time.Since(sent); !withACK && took < 350*time.Millisecond {
				t.Errorf("BYE after %v, before the limit", took)
			}
		})
	}
}

func TestARepeatedINVITEIsOneCall(t *testing.T) {
	var told atomic.Int32
	dialogs := make(chan *Dialog, 4)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		told.Add(1)
		_ = d.Progress(183, []byte(someSDP))
		dialogs <- d
		<-ctx.Done()
	}))
	l := newPhone(t, e).newLeg("1234")
	text := l.text("INVITE", newBranch(), l.cseq, someSDP)
	l.p.send(text)
	first := l.p.until(func(m msg) bool { return m.status() == 183 })
	for range 3 {
		l.p.send(text)
		if m := l.p.read(); m.status() != 183 || m.tag("To") != first.tag("To") {
			t.Errorf("repetition got %s", m.start)
		}
	}
	if told.Load() != 1 {
		t.Errorf("told of %d calls", told.Load())
	}
}

func TestD12_TheSameINVITEByAnotherPathIsNotAnotherCall(t *testing.T) {
	var told atomic.Int32
	refuse := make(chan struct{})
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		told.Add(1)
		select {
		case <-refuse:
			d.Hangup(486, "Busy Here")
		case <-ctx.Done():
		}
	}))
	p := newPhone(t, e)
	l := p.newLeg("1234")
	l.invite(someSDP)
	p.until(func(m msg) bool { return m.status() == 100 })
	other := newPhone(t, e) // the carrier's second address
	copied := *l
	copied.p = other
	copied.invite(someSDP)
	if m := other.final("INVITE"); m.status() != 482 {
		t.Errorf("while the first is served: %s", m.start)
	}
	close(refuse)
	if m := p.final("INVITE"); m.status() != 486 {
		t.Errorf("the first: %s", m.start)
	}
	again := copied
	again.p = newPhone(t, e)
	again.invite(someSDP)
	if m := again.p.final("INVITE"); m.status() != 486 {
		t.Errorf("after the first was refused: %s, want the same refusal", m.start)
	}
	retry := *l
	retry.cseq++
	retry.invite(someSDP)
	if m := p.final("INVITE"); m.status() != 486 || told.Load() != 2 {
		t.Errorf("a new attempt: %s, told of %d", m.start, told.Load())
	}
}

func TestS2_AnOfferlessINVITEIsAnsweredWithAnOfferAndTheACKBringsTheAnswer(t *testing.T) {
	got := make(chan []byte, 1)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		if d.Offer() != nil {
			t.Errorf("offer %q", d.Offer())
		}
		b, err := d.Answer(ctx, []byte(someSDP))
		if err != nil {
			t.Error(err)
		}
		got <- b
	}))
	l := newPhone(t, e).newLeg("1234")
	l.invite("")
	m := l.p.final("INVITE")
	if m.body != someSDP {
		t.Errorf("200 carries %q", m.body)
	}
	l.take(m)
	l.ack(200, "v=0\r\nanswer\r\n")
	if b := wait(t, got, "the ACK"); string(b) != "v=0\r\nanswer\r\n" {
		t.Errorf("ACK body %q", b)
	}
	l.p.reply(l.p.request("BYE"), 200, "", "")
}

func TestD9_ADatagramOf4KiBIsSentAndReceived(t *testing.T) {
	long := someSDP + "a=x:" + strings.Repeat("y", 4000) + "\r\n"
	dialogs := make(chan *Dialog, 1)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		_, _ = d.Answer(ctx, d.Offer())
		dialogs <- d
		<-ctx.Done()
	}))
	l := newPhone(t, e).newLeg("1234")
	l.invite(long)
	if m := l.answered(); m.body != long {
		t.Errorf("200 has a body of %d bytes", len(m.body))
	}
	l.do("BYE", "")
	if sip.UDPMTUSize != 65535 {
		t.Errorf("limit %d", sip.UDPMTUSize)
	}
}

func TestAMultipartINVITEIsReadForItsSDP(t *testing.T) {
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		if !bytes.Equal(d.Offer(), []byte(someSDP)) {
			t.Errorf("offer %q", d.Offer())
		}
		d.Hangup(486, "")
	}))
	l := newPhone(t, e).newLeg("1234")
	body := "--b\r\nContent-Type: application/isup\r\n\r\n\x01\x02\r\n--b\r\nContent-Type: application/sdp\r\n\r\n" + someSDP + "\r\n--b--\r\n"
	l.invite(body, "Content-Type: multipart/mixed;boundary=b")
	if m := l.p.final("INVITE"); m.status() != 486 {
		t.Errorf("%s", m.start)
	}
}
