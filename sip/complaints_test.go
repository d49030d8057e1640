package sip

import (
	"context"
	"strings"
	"testing"
	"time"
)

// What users of other gateways complain about, in dialogs; what a row of the known traps covers already is tested there.

func TestB1_OurBYENamesTheDialogWhole(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 200, "them", someSDP, "Contact: <sip:elsewhere@"+p.local+";x=y>")
	ack := p.request("ACK")
	wait(t, done, "the answer").d.Hangup(0, "")
	bye := p.request("BYE")
	if bye.get("Call-ID") != inv.get("Call-ID") || bye.tag("From") != inv.tag("From") || bye.tag("To") != "them" || cseqOf(bye) <= cseqOf(inv) {
		t.Errorf("%+v", bye)
	}
	for _, m := range []msg{ack, bye} {
		if !strings.HasPrefix(m.start, m.method()+" sip:elsewhere@"+p.local+";x=y ") {
			t.Errorf("%s: not to the Contact of the answer", m.start)
		}
	}
	p.reply(bye, 200, "", "")
}

func TestB2_AGoodbyeForACallThereIsNotIsAnsweredAndNothingElseIsSaid(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	p := newPhone(t, e)
	stray := p.newLeg("1234")
	stray.to += ";tag=nobody"
	if m := stray.do("BYE", ""); m.status() != 481 {
		t.Errorf("of nobody's call: %s", m.start)
	}
	l := p.newLeg("1234")
	l.invite(someSDP)
	l.answered()
	wait(t, dialogs, "the call")
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("of a call: %s", m.start)
	}
	if m := l.do("BYE", ""); m.status() != 481 && m.status() != 200 {
		t.Errorf("of a call that is over: %s", m.start)
	}
	if m, ok := p.readWithin(300 * time.Millisecond); ok {
		t.Errorf("then came %s", m.start)
	}
}

func TestB3_WhenTheStoryEndsTheFarSideIsLetGo(t *testing.T) {
	end := make(chan struct{})
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		_, _ = d.Answer(ctx, []byte(someSDP))
		<-end
	}))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP)
	l.answered()
	close(end)
	l.p.reply(l.p.request("BYE"), 200, "", "")
	waitUntil(t, "nothing to be left", func() bool { return e.dialogs.count() == 0 })
}

func TestWhoWouldTakeOverACallByHimselfIsNotLet(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	for replaces, status := range map[string]int{
		l.callID + ";to-tag=" + tagOf(l.to) + ";from-tag=" + tagOf(l.from): 403,
		l.callID + ";to-tag=x;from-tag=y":                                  481,
		"nonsense":                                                         481,
	} {
		other := l.p.newLeg("1234")
		other.invite(someSDP, "Require: replaces", "Replaces: "+replaces)
		if m := l.p.final("INVITE"); m.status() != status {
			t.Errorf("Replaces %s: %s", replaces, m.start)
		}
		other.ack(status, "")
	}
	if d.Context().Err() != nil {
		t.Error(d.how())
	}
}

func TestB34_ARequestBelongsToItsDialogWhateverSocketItComesBy(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	l, d := called(t, e, dialogs)
	other := newPhone(t, e)
	home := l.p
	l.p = other
	go func() {
		r := <-d.Requests()
		_, _ = r.Respond(200, "", []byte(someSDP))
	}()
	if m := l.do("INVITE", someSDP); m.status() != 200 || !strings.HasPrefix(m.get("CSeq"), "101") {
		t.Errorf("re-INVITE by another socket: %s", m.start)
	}
	l.ack(200, "")
	l.p = home
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
}
