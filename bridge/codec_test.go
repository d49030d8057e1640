package bridge

import (
	"context"
	"regexp"
	"testing"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
)

// offered is the list of payload types of an SDP's audio line.
func offered(sdp []byte) string {
	if m := regexp.MustCompile(`m=audio \d+ \S+ ([\d ]+)`).FindSubmatch(sdp); m != nil {
		return string(m[1])
	}
	return "none"
}

// The codec of a call that comes in is decided by whom it hears first (docs/decisions/0002).
func TestWhoeverIsHeardFirstDecidesTheCodec(t *testing.T) {
	for _, c := range []struct {
		name  string
		trunk []lab.Format
		agent lab.Format
		music bool // he hears music before her
		want  string
	}{
		{"her codec, which is not the trunk's first", []lab.Format{lab.PCMA(), lab.PCMU()}, lab.PCMU(), false, "0 101"},
		{"her codec, which is both sides' first", []lab.Format{lab.PCMA(), lab.PCMU()}, lab.PCMA(), false, "8 101"},
		{"hers is not among the trunk's", []lab.Format{lab.PCMU()}, lab.PCMA(), false, "0 101"},
		{"music first: the trunk's order in our policy", []lab.Format{lab.PCMU(), lab.PCMA()}, lab.PCMU(), true, "8 101"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			desk := h.phone("anna", c.agent)
			customer, story := h.comes(lab.CallOptions{}, c.trunk...)
			if c.music {
				story.Audio().Hear(nil)
				h.answer(story, customer)
			}
			d := h.calls(Invitation{Agent: "anna", From: thisCall, With: story.Leg})
			rung := h.rung(desk, 0)
			if err := rung.Answer(h.soon()); err != nil {
				t.Fatal(err)
			}
			if e := h.ended(d); d.leg == nil {
				t.Fatal(e)
			}
			story.Audio().Hear(d.leg.Audio())
			d.leg.Audio().Hear(story.Audio())
			if !c.music {
				h.answer(story, customer)
			}
			ok, err := customer.AwaitResponse(h.soon(), 200)
			if err != nil {
				t.Fatal(err)
			}
			if got := offered(ok.Body); got != c.want {
				t.Errorf("the customer is answered with payload types %s, want %s", got, c.want)
			}
		})
	}
}

// A leg that we dial is offered first what the other one speaks or could speak.
func TestTheOtherLegsCodecIsOfferedFirst(t *testing.T) {
	for _, c := range []struct {
		name    string
		trunk   []lab.Format
		decided bool
		want    string
	}{
		{"could speak", []lab.Format{lab.G722(), lab.PCMU()}, false, "0 9 8 101"},
		{"speaks", []lab.Format{lab.PCMU(), lab.PCMA()}, true, "8 0 9 101"},
		{"speaks the second of our policy", []lab.Format{lab.PCMU()}, true, "0 8 9 101"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHouse(t)
			desk := h.phone("anna", lab.PCMA())
			_, story := h.comes(lab.CallOptions{}, c.trunk...)
			if c.decided {
				story.Audio().Hear(nil)
			}
			d := h.calls(Invitation{Agent: "anna", From: thisCall, With: story.Leg})
			if got := offered(h.rung(desk, 0).Invite.Body); got != c.want {
				t.Errorf("her phone is offered %s, want %s", got, c.want)
			}
			d.leave(nil)
			story.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup})
		})
	}
}

// An offer with nothing in common, or none that can be read, is refused at once, before any story begins.
func TestAnOfferWithNothingInCommonIsRefusedAtOnce(t *testing.T) {
	h := newHouse(t)
	for _, o := range []lab.CallOptions{
		{Formats: []lab.Format{{Codec: "GSM", Payload: 3}}},
		{SDP: "v=0\r\nthis is no description\r\n"},
	} {
		c, err := h.trunk(lab.PCMA()).Call(context.Background(), "sip:+358291@"+h.address(), o)
		if err != nil {
			t.Fatal(err)
		}
		if e := c.MustEnd(t, patience); e.Status != 488 {
			t.Errorf("refused with %v", e)
		}
	}
	if len(h.begun) != 0 {
		t.Error("a story was told all the same")
	}
}

func TestWhoCalls(t *testing.T) {
	h := newHouse(t)
	for _, c := range []struct {
		name string
		o    lab.CallOptions
		want call.Party
	}{
		{"a number", lab.CallOptions{From: "+358401"}, call.Party{Number: "+358401"}},
		{"with a name", lab.CallOptions{From: "+358401", Display: "Maija"}, call.Party{Number: "+358401", Name: "Maija"}},
		{"the number as a name", lab.CallOptions{From: "+358401", Display: "+358401"}, call.Party{Number: "+358401"}},
		{"privacy", lab.CallOptions{From: "+358401", Privacy: "id"}, call.Party{}},
		{"no privacy", lab.CallOptions{From: "+358401", Privacy: "none"}, call.Party{Number: "+358401"}},
		{"anonymous", lab.CallOptions{From: "anonymous"}, call.Party{}},
	} {
		_, story := h.comes(c.o, lab.PCMA())
		if story.in.Caller != c.want || story.Party() != c.want || story.in.Trunk != "line" || story.in.Dialled != "+358291" {
			t.Errorf("%s: %+v", c.name, story.in)
		}
		story.Hangup(call.Ending{By: call.ByUs, Reason: call.NotFound})
	}
	anna := h.page("anna")
	if _, err := anna.Call(h.soon(), "1002", lab.CallOptions{Headers: []lab.Header{{Name: "X-Cordboard-Display", Value: "+358291"},
		{Name: "X-Cordboard-Token", Value: "click"}, {Name: "Privacy", Value: "id"}}}); err != nil {
		t.Fatal(err)
	}
	in := h.next()
	if in.in.Agent != "anna" || in.in.Shown != "+358291" || in.in.Token != "click" || !in.in.Hide || in.in.Dialled != "1002" || in.Party().Agent != "anna" {
		t.Errorf("anna calls: %+v", in.in)
	}
	in.Hangup(call.Ending{By: call.ByUs, Reason: call.NotFound})
}
