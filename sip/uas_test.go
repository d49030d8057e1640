package sip

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/emiago/sipgo/sip"
)

// answering answers every call at once, hands out its dialog, and waits for its end.
func answering(dialogs chan<- *Dialog) Calls {
	return callsFunc(func(ctx context.Context, d *Dialog) {
		if _, err := d.Answer(ctx, []byte(someSDP)); err == nil {
			dialogs <- d
		}
		<-ctx.Done()
	})
}

// ringing rings and waits for the end.
func ringing(dialogs chan<- *Dialog) Calls {
	return callsFunc(func(ctx context.Context, d *Dialog) {
		_ = d.Progress(180, nil)
		dialogs <- d
		<-ctx.Done()
	})
}

// called is a call of a new phone that is up.
func called(t testing.TB, e *Endpoint, dialogs <-chan *Dialog) (*leg, *Dialog) {
	t.Helper()
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	l.answered()
	return l, wait(t, dialogs, "the dialog")
}

func endOf(t testing.TB, d *Dialog) *Ended {
	t.Helper()
	wait(t, d.Context().Done(), "the end of the dialog")
	var end *Ended
	if !errors.As(context.Cause(d.Context()), &end) {
		t.Fatalf("ended with %v", context.Cause(d.Context()))
	}
	return end
}

func TestD3_WithoutACKThe200IsRepeatedAsTheRFCSaysAndThenTheCallIsHungUp(t *testing.T) {
	result := make(chan error, 1)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		_, err := d.Answer(ctx, []byte(someSDP))
		result <- err
	}))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	l.p.final("INVITE")
	again := 0
	for {
		m := l.p.read()
		if m.method() == "BYE" {
			l.p.reply(m, 200, "", "")
			break
		}
		if m.status() == 200 {
			again++
		}
	}
	if again < 3 || again > 6 { // at 50, 150, 350, 550, 750 and 950 ms of the 1 s
		t.Errorf("the 200 was repeated %d times", again)
	}
	var end *Ended
	if err := wait(t, result, "the end of Answer"); !errors.As(err, &end) || end.Why != NoACK {
		t.Errorf("Answer: %v", err)
	}
}

func TestD3_The200IsRepeatedAfterT1AndThenDoublingUpToT2(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &Dialog{e: &Endpoint{cfg: Config{}.withDefaults()}}
		begin := time.Now()
		var at []time.Duration
		if d.insist(func() { at = append(at, time.Since(begin)) }, nil, nil, nil) {
			t.Error("confirmed by nobody")
		}
		var want []time.Duration
		for next, pause := 500*time.Millisecond, 500*time.Millisecond; next < 32*time.Second; next += pause {
			want = append(want, next)
			pause = min(2*pause, 4*time.Second)
		}
		if !slices.Equal(at, want) || time.Since(begin) != 32*time.Second {
			t.Errorf("repeated at %v until %v\nwant %v", at, time.Since(begin), want)
		}
	})
}

func TestD11_OurTimersBelongToTheEndpointAndNotToTheProcess(t *testing.T) {
	// The endpoint above runs with T1 = 50 ms while the library's stays what it is.
	if sip.T1 != 500*time.Millisecond || sip.Timer_B != 32*time.Second {
		t.Errorf("library timers were changed: T1 %v", sip.T1)
	}
	if d := (Timeouts{}).withDefaults(); d.T1 != 500*time.Millisecond || d.T2 != 4*time.Second || d.NoACK != 32*time.Second {
		t.Errorf("defaults %+v", d)
	}
}

func TestW5_AnyLaterRequestConfirmsTheDialogWhenItsACKIsLate(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	l.take(l.p.final("INVITE"))
	invite := l.cseq
	if m := l.do("OPTIONS", ""); m.status() != 200 {
		t.Fatalf("OPTIONS: %s", m.start)
	}
	d := wait(t, dialogs, "the answer, without an ACK")
	l.p.send(l.text("ACK", newBranch(), invite, "")) // and D4: it still is the INVITE's, after another CSeq
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
	if end := endOf(t, d); end.Why != HungUp || !end.Remote {
		t.Error(end)
	}
}

func TestD4_AnACKThatComesAfterALaterRequestStillBringsItsAnswer(t *testing.T) {
	got := make(chan string, 1)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		b, err := d.Answer(ctx, []byte(someSDP))
		if err != nil {
			t.Error(err)
		}
		got <- string(b)
		<-ctx.Done()
	}), func(c *Config) { c.Timeouts.T1, c.Timeouts.NoACK = 500*time.Millisecond, 5*time.Second })
	l := newPhone(t, e).newLeg("1234")
	l.invite("")
	l.take(l.p.final("INVITE"))
	invite := l.cseq
	l.do("OPTIONS", "")
	l.p.send(l.text("ACK", newBranch(), invite, "v=0\r\nanswer\r\n"))
	if b := wait(t, got, "the ACK"); b != "v=0\r\nanswer\r\n" {
		t.Errorf("answer %q", b)
	}
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("%s", m.start)
	}
}

func TestW5_BYEWinsOverA200ThatIsNotAcknowledged(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	l.take(l.p.final("INVITE"))
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
	if end := endOf(t, wait(t, dialogs, "the dialog")); end.Why != HungUp || !end.Remote {
		t.Error(end)
	}
}

func TestW5_RequestsOfOneConnectionAreToldInTheirOrder(t *testing.T) {
	const n = 2000
	got := make(chan string, n)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		_, _ = d.Answer(ctx, []byte(someSDP))
		for {
			select {
			case r := <-d.Requests():
				got <- string(r.Body)
				_, _ = r.Respond(200, "", nil)
			case <-ctx.Done():
				return
			}
		}
	}), func(c *Config) { c.Timeouts.NoACK = 0 })
	p := newTCPPhone(t, e)
	l := p.newLeg("1234")
	l.invite(someSDP)
	l.answered()
	go func() {
		for {
			if _, err := p.readRaw(patience); err != nil {
				return
			}
		}
	}()
	for i := range n {
		l.cseq++
		l.p.send(l.text("INFO", newBranch(), l.cseq, fmt.Sprint(i), "Content-Type: text/plain"))
		if i%20 == 19 { // as fast as they are taken: the queue of a dialog is bounded
			for k := i - 19; k <= i; k++ {
				if b := wait(t, got, "an INFO"); b != fmt.Sprint(k) {
					t.Fatalf("INFO %s came where %d was sent", b, k)
				}
			}
		}
	}
}

func TestALowerCSeqIsRefused(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, _ := called(t, e, dialogs)
	l.do("OPTIONS", "")
	l.cseq -= 2
	if m := l.do("OPTIONS", ""); m.status() != 500 {
		t.Errorf("lower CSeq: %s", m.start)
	}
	l.cseq += 5
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("BYE with a gap before its CSeq: %s", m.start)
	}
}

func TestD6_APanicIsOneCallsMisfortune(t *testing.T) {
	var n atomic.Int32
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		switch n.Add(1) {
		case 1:
			var nobody *Dialog
			_ = nobody.ID()
		case 2:
			_, _ = d.Answer(ctx, []byte(someSDP))
			panic("while talking")
		}
		_, _ = d.Answer(ctx, []byte(someSDP))
		<-ctx.Done()
	}), func(c *Config) { c.Log = nil })
	p := newPhone(t, e)
	l := p.newLeg("1")
	l.invite(someSDP)
	if m := p.final("INVITE"); m.status() != 500 {
		t.Errorf("first call: %s", m.start)
	}
	l = p.newLeg("2")
	l.invite(someSDP)
	l.answered()
	p.reply(p.request("BYE"), 200, "", "")
	l = p.newLeg("3")
	l.invite(someSDP)
	l.answered()
	// The message that ended a process once: an INFO without a Content-Type.
	if m := l.do("INFO", "Signal=1", "Content-Type:"); m.status() != 200 {
		t.Errorf("INFO: %s", m.start)
	}
	l.do("BYE", "")
	if got := counted(t, e.metrics.panics); got != 2 {
		t.Errorf("%v panics counted", got)
	}
}

func TestD7_AStoryThatReturnsWithoutAnAnswerIs500(t *testing.T) {
	e := open(t, callsFunc(func(context.Context, *Dialog) {}))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	if m := l.p.final("INVITE"); m.status() != 500 {
		t.Errorf("%s", m.start)
	}
}

func TestHangupBeforeTheAnswerIsTheFinalResponse(t *testing.T) {
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		d.Hangup(486, "Busy Here")
		d.Hangup(603, "") // the first counts
		<-ctx.Done()
	}))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	m := l.p.final("INVITE")
	if m.start != "SIP/2.0 486 Busy Here" {
		t.Errorf("%s", m.start)
	}
}
