package sip

import (
	"fmt"
	"strings"
	"testing"
)

func TestWeAcknowledgeReliableResponsesInOrderAndOnce(t *testing.T) {
	got := make(chan int, 8)
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP), Progress: func(s int, _ []byte) { got <- s }})
	inv := p.request("INVITE")
	if !strings.Contains(inv.get("Supported"), "100rel") || inv.get("Require") != "" {
		t.Errorf("Supported %q, Require %q", inv.get("Supported"), inv.get("Require"))
	}
	reliably := func(status, rseq int, sdp string) {
		p.reply(inv, status, "them", sdp, "Require: 100rel", fmt.Sprintf("RSeq: %d", rseq))
	}
	reliably(180, 7, "")
	first := p.request("PRACK")
	if first.get("RAck") != fmt.Sprintf("7 %d INVITE", cseqOf(inv)) || first.tag("To") != "them" || cseqOf(first) <= cseqOf(inv) || first.body != "" {
		t.Errorf("%+v", first)
	}
	p.reply(first, 200, "", "")
	reliably(180, 7, "")      // repeated: our PRACK crossed it
	reliably(183, 9, someSDP) // 8 is on its way
	reliably(183, 8, "v=0\r\nearly\r\n")
	second := p.request("PRACK")
	if second.get("RAck") != fmt.Sprintf("8 %d INVITE", cseqOf(inv)) {
		t.Errorf("RAck %q", second.get("RAck"))
	}
	p.reply(second, 200, "", "")
	p.reply(inv, 200, "them", "")
	if ack := p.request("ACK"); cseqOf(ack) != cseqOf(inv) || ack.body != "" {
		t.Errorf("ACK %s %q", ack.get("CSeq"), ack.body)
	}
	r := wait(t, done, "the answer")
	if r.err != nil || string(r.answer) != "v=0\r\nearly\r\n" {
		t.Errorf("a 200 without a description leaves the early one standing: %q %v", r.answer, r.err)
	}
	if a, b := <-got, <-got; a != 180 || b != 183 || len(got) > 0 {
		t.Errorf("told of %d, %d and %d more", a, b, len(got))
	}
	r.d.Hangup(0, "")
	bye := p.request("BYE")
	if cseqOf(bye) <= cseqOf(second) {
		t.Errorf("BYE has CSeq %d after the PRACK's %d", cseqOf(bye), cseqOf(second))
	}
	p.reply(bye, 200, "", "")
}

func TestEachBranchOfAForkIsAcknowledgedByItself(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)}, reliableTrunk(Required))
	inv := p.request("INVITE")
	p.reply(inv, 183, "one", "v=0\r\none\r\n", "Require: 100rel", "RSeq: 40")
	if m := p.request("PRACK"); m.tag("To") != "one" {
		t.Errorf("PRACK to %q", m.get("To"))
	} else {
		p.reply(m, 200, "", "")
	}
	p.reply(inv, 183, "two", "v=0\r\ntwo\r\n", "Require: 100rel", "RSeq: 3")
	if m := p.request("PRACK"); m.tag("To") != "two" || !strings.HasPrefix(m.get("RAck"), "3 ") {
		t.Errorf("PRACK to %q, RAck %q", m.get("To"), m.get("RAck"))
	} else {
		p.reply(m, 200, "", "")
	}
	p.reply(inv, 200, "two", "")
	if ack := p.request("ACK"); ack.tag("To") != "two" {
		t.Errorf("ACK to %q", ack.get("To"))
	}
	if r := wait(t, done, "the answer"); string(r.answer) != "v=0\r\ntwo\r\n" {
		t.Errorf("%q %v", r.answer, r.err)
	}
}

func TestARequiredTrunkIsToldSoAndOneWithoutIsNot(t *testing.T) {
	for policy, want := range map[Reliability][2]string{Required: {supported, "100rel"}, Unsupported: {unreliable, ""}} {
		at := reserve(t)
		e := open(t, nil, trunkTo(at), reliableTrunk(policy))
		p := newPhoneAt(t, e, at)
		done := make(chan error, 1)
		go func() {
			_, _, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"out", "+358401111111"}, Offer: []byte(someSDP)})
			done <- err
		}()
		inv := p.request("INVITE")
		if inv.get("Supported") != want[0] || inv.get("Require") != want[1] {
			t.Errorf("Supported %q, Require %q", inv.get("Supported"), inv.get("Require"))
		}
		p.reply(inv, 486, "x", "")
		wait(t, done, "the refusal")
	}
}

func TestAnOfferInAReliableResponseIsAnsweredByPRACK(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Answer: func(offer []byte) ([]byte, error) { return append([]byte("re:"), offer...), nil }})
	inv := p.request("INVITE")
	p.reply(inv, 183, "them", "theirs", "Require: 100rel", "RSeq: 1")
	m := p.request("PRACK")
	if m.body != "re:theirs" || m.get("Content-Type") != "application/sdp" {
		t.Errorf("PRACK carries %q", m.body)
	}
	p.reply(m, 200, "", "")
	p.reply(inv, 200, "them", "")
	if ack := p.request("ACK"); ack.body != "" {
		t.Errorf("ACK carries %q", ack.body)
	}
	if r := wait(t, done, "the answer"); r.err != nil {
		t.Error(r.err)
	}
}
