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

// A call that we place by a proxy and that the proxy brings back to us is two calls, with one Call-ID: a spiral, no loop
// (RFC 3261 section 6).
func TestASpiralIsTwoCalls(t *testing.T) {
	at, dialogs := reserve(t), make(chan *Dialog, 1)
	e := open(t, answering(dialogs), trunkTo(at))
	proxy := newPhoneAt(t, e, at)
	done := make(chan placed, 1)
	go func() {
		d, answer, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"out", "1234"}, Offer: []byte(someSDP)})
		done <- placed{d, answer, err}
	}()
	out := proxy.request("INVITE")
	_, rest, _ := strings.Cut(out.head, "\r\n")
	via := out.get("Via")
	proxy.send("INVITE sip:5678@" + proxy.to + " SIP/2.0\r\nVia: SIP/2.0/UDP " + proxy.local + ";branch=" + newBranch() + ";rport\r\nVia: " + via + "\r\n" + rest + "\r\n\r\n" + out.body)
	back := proxy.final("INVITE")
	if back.status() != 200 {
		t.Fatalf("the spiral: %s", back.start)
	}
	proxy.send(replyText(strings.Trim(back.get("Contact"), "<>"), out, 200, tagOf(back.get("To")), back.body))
	r := wait(t, done, "the answer")
	if r.err != nil {
		t.Fatal(r.err)
	}
	in := wait(t, dialogs, "the call that came back")
	if in.CallID() != r.d.CallID() || in.ID() == r.d.ID() || in.Called() != "5678" {
		t.Errorf("%s and %s, for %s", in.CallID(), r.d.CallID(), in.Called())
	}
	r.d.Hangup(0, "")
	if end := endOf(t, in); !end.Remote || end.Why != HungUp {
		t.Error(end)
	}
}

func TestACallPlacedForACallerHasOneHopLess(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	p := newPhone(t, e)
	l := p.newLeg("1234")
	l.branch = newBranch()
	p.send(strings.Replace(l.text("INVITE", l.branch, l.cseq, someSDP), "Max-Forwards: 70", "Max-Forwards: 5", 1))
	l.answered()
	if d := wait(t, dialogs, "the call"); d.Hops() != 5 {
		t.Errorf("%d hops", d.Hops())
	}
	_, out, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP), Hops: 4})
	inv := out.request("INVITE")
	if inv.get("Max-Forwards") != "4" {
		t.Errorf("Max-Forwards %s", inv.get("Max-Forwards"))
	}
	out.reply(inv, 486, "x", "")
	wait(t, done, "the refusal")
}
