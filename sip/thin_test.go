package sip

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func TestACallComesInIsAnsweredAndHungUpByEitherSide(t *testing.T) {
	for _, by := range []string{"them", "us"} {
		t.Run(by, func(t *testing.T) {
			ended := make(chan error, 1)
			e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
				if d.Called() != "1234" || d.From().User != "+358400000001" || d.Origin() != (FromTrunk{"lab"}) || string(d.Offer()) != someSDP {
					t.Errorf("called %q from %+v origin %v offer %q", d.Called(), d.From(), d.Origin(), d.Offer())
				}
				if err := d.Progress(180, nil); err != nil {
					t.Error(err)
				}
				if _, err := d.Answer(ctx, []byte(someSDP)); err != nil {
					t.Error(err)
				}
				if by == "us" {
					d.Hangup(0, "")
				}
				<-ctx.Done()
				ended <- context.Cause(ctx)
			}))
			l := newPhone(t, e).newLeg("1234")
			l.invite(someSDP)
			if m := l.p.read(); m.status() != 100 {
				t.Fatalf("first came %s", m.start)
			}
			ringing := l.p.read()
			if ringing.status() != 180 {
				t.Fatalf("then came %s", ringing.start)
			}
			ok := l.answered()
			if ok.tag("To") != ringing.tag("To") || ok.body != someSDP {
				t.Errorf("200 is not of the dialog of the 180, or has another body: %+v", ok)
			}
			if by == "us" {
				bye := l.p.request("BYE")
				l.p.reply(bye, 200, "", "")
			} else if m := l.do("BYE", "", `Reason: Q.850;cause=16`); m.status() != 200 {
				t.Errorf("BYE: %s", m.start)
			}
			var end *Ended
			if err := wait(t, ended, "the end"); !errors.As(err, &end) || end.Why != HungUp || end.Remote != (by == "them") {
				t.Errorf("ended with %v", err)
			}
			if by == "them" && end.Reason != "Q.850;cause=16" {
				t.Errorf("reason %q", end.Reason)
			}
		})
	}
}

func TestACallGoesOutByATrunk(t *testing.T) {
	at := reserve(t)
	e := open(t, nil, trunkTo(at))
	p := newPhoneAt(t, e, at)
	type result struct {
		d      *Dialog
		answer []byte
		err    error
	}
	done := make(chan result, 1)
	progress := make(chan int, 10)
	go func() {
		d, a, err := e.Invite(context.Background(), Invitation{
			To: ToTrunk{"out", "+358401111111"}, From: Address{Display: `Anna "A"`, User: "+358293000100"}, Offer: []byte(someSDP),
			Headers:  []Header{{"X-Call", "a\r\nInjected: 1"}},
			Progress: func(status int, _ []byte) { progress <- status },
			Early: func(d *Dialog) {
				if d.From().User != "+358293000100" || d.To().User != "+358401111111" || d.Called() != "+358401111111" || d.Origin() != nil || d.Header("X") != "" {
					t.Errorf("from %+v to %+v called %q", d.From(), d.To(), d.Called())
				}
			},
		})
		done <- result{d, a, err}
	}()
	inv := p.request("INVITE")
	if !strings.Contains(inv.start, "sip:+358401111111@"+at) || inv.body != someSDP || inv.get("Injected") != "" {
		t.Errorf("INVITE %q %q", inv.start, inv.head)
	}
	if !strings.HasPrefix(inv.get("From"), `"Anna \"A\"" <sip:+358293000100@`) {
		t.Errorf("From %q", inv.get("From"))
	}
	p.reply(inv, 100, "", "")
	p.reply(inv, 183, "them", someSDP)
	p.reply(inv, 200, "them", someSDP)
	r := wait(t, done, "the answer")
	if r.err != nil || string(r.answer) != someSDP {
		t.Fatalf("%q, %v", r.answer, r.err)
	}
	if s := wait(t, progress, "progress"); s != 183 {
		t.Errorf("progress %d", s)
	}
	if ack := p.request("ACK"); ack.tag("To") != "them" {
		t.Errorf("ACK to %q", ack.get("To"))
	}
	r.d.Hangup(0, "")
	p.reply(p.request("BYE"), 200, "", "")
	<-r.d.Context().Done()
}

func TestAPhoneRegistersWithItsPasswordAndIsCalled(t *testing.T) {
	e := open(t, nil)
	p := newPhone(t, e)
	l := p.newLeg("1001")
	l.target = "sip:" + p.to
	contact := `Contact: "Desk" <sip:anna@` + p.local + `;ob>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=120`
	m := l.do("REGISTER", "", contact)
	if m.status() != 401 || len(m.all("WWW-Authenticate")) != 2 || !strings.Contains(m.get("WWW-Authenticate"), "SHA-256") {
		t.Fatalf("%s %q", m.start, m.all("WWW-Authenticate"))
	}
	m = l.do("REGISTER", "", contact, authorization(t, m.get("WWW-Authenticate"), "REGISTER", l.target, "anna", "secret-anna"))
	if m.status() != 200 {
		t.Fatalf("%s", m.start)
	}
	if got, want := m.get("Contact"), `"Desk" <sip:anna@`+p.local+`;ob>;+sip.instance="<urn:uuid:1>";reg-id=1;expires=120`; got != want {
		t.Errorf("Contact %s\nwant    %s", got, want)
	}
	devs := e.Devices("anna")
	if len(devs) != 1 || devs[0].Browser() || devs[0].Instance != "urn:uuid:1" {
		t.Fatalf("devices %+v", devs)
	}
	go func() {
		_, _, _ = e.Invite(t.Context(), Invitation{To: ToDevice{devs[0]}, From: Address{User: "1002"}, Offer: []byte(someSDP)})
	}()
	inv := p.request("INVITE")
	if want := "INVITE sip:anna@" + p.local + ";ob SIP/2.0"; inv.start != want {
		t.Errorf("%s, want %s", inv.start, want)
	}
	p.reply(inv, 486, "x", "")
	p.request("ACK")
}
