package rtp

import (
	"errors"
	"net/netip"
	"testing"
)

func TestOurOfferAndItsAnswer(t *testing.T) {
	us, them := negotiation(Opus, G722, PCMA), NewNegotiation(Terms{Local: netip.MustParseAddrPort("[2001:db8::9]:20000"), Codecs: []Codec{PCMA, Opus}, Playback: 16000})
	offer, err := us.Offer()
	if err != nil {
		t.Fatal(err)
	}
	has(t, offer, "m=audio 16400 RTP/AVP 111 9 8 110 101", "c=IN IP4 192.0.2.1", "a=rtpmap:110 telephone-event/48000", "a=rtpmap:101 telephone-event/8000",
		"a=fmtp:111 useinbandfec=1;usedtx=0", "a=sendrecv")
	answer, theirs, err := them.Answer(offer)
	if err != nil {
		t.Fatal(err)
	}
	has(t, answer, "m=audio 20000 RTP/AVP 8 101", "c=IN IP6 2001:db8::9")
	ours, err := us.Accept(answer)
	if err != nil {
		t.Fatal(err)
	}
	if ours.Send.Codec != PCMA || ours.Remote.String() != "[2001:db8::9]:20000" || theirs.Remote.String() != "192.0.2.1:16400" {
		t.Errorf("we: %+v, they: %+v", ours, theirs)
	}
}

func TestB25AnEarlyAnswerMayBeFollowedByAnotherOne(t *testing.T) {
	n := negotiation(Opus, PCMA)
	if _, err := n.Accept(offered("m=audio 6000 RTP/AVP 8")); !errors.Is(err, errNoOffer) {
		t.Errorf("an answer without an offer: %v", err)
	}
	if _, err := n.Offer(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		answer []byte
		codec  Codec
		remote string
	}{
		{offered("m=audio 6000 RTP/AVP 8"), PCMA, "192.0.2.9:6000"},                                                        // 183: the carrier's announcement
		{offered("m=audio 6000 RTP/AVP 8"), PCMA, "192.0.2.9:6000"},                                                        // and again
		{offered("m=audio 7000 RTP/AVP 111", "a=rtpmap:111 opus/48000/2", "c=IN IP4 192.0.2.77"), Opus, "192.0.2.77:7000"}, // 200: the callee
	} {
		a, err := n.Accept(c.answer)
		if err != nil || a.Send.Codec != c.codec || a.Remote.String() != c.remote {
			t.Fatalf("%v: %+v", err, a)
		}
	}
	if _, _, err := n.Answer(offered("m=audio 7000 RTP/AVP 8")); err != nil {
		t.Fatal(err)
	}
	if _, err := n.Accept(offered("m=audio 6000 RTP/AVP 8")); !errors.Is(err, errNoOffer) {
		t.Errorf("an answer after an offer of theirs: %v", err)
	}
}

func TestAnAnswerWithOtherNumbersIsSentWithTheirsAndReceivedWithOurs(t *testing.T) {
	n := negotiation(Opus)
	if _, err := n.Offer(); err != nil {
		t.Fatal(err)
	}
	a, err := n.Accept(offered("m=audio 6000 RTP/AVP 97 96", "a=rtpmap:97 opus/48000/2", "a=rtpmap:96 telephone-event/48000", "a=sendonly"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Send.Payload != 97 || a.Send.Event != 96 || a.Receive[111] == nil || a.Receive[110] == nil || a.Receive[97] != nil || a.Direction != RecvOnly {
		t.Errorf("%+v", a)
	}
}

func TestM1AnAnswerWithEventsAt8000BesideOpusIsUnderstood(t *testing.T) {
	n := negotiation(Opus, PCMA)
	if _, err := n.Offer(); err != nil {
		t.Fatal(err)
	}
	a, err := n.Accept(offered("m=audio 6000 RTP/AVP 111 101", "a=rtpmap:111 opus/48000/2", "a=rtpmap:101 telephone-event/8000"))
	if err != nil {
		t.Fatal(err)
	}
	f := a.Receive[101]
	if f == nil || f.Codec != Opus || f.Event != 101 || f.EventClock != 8000 || a.Send.Event != 101 || a.Receive[110] != nil {
		t.Errorf("we receive %+v, we send %+v", f, a.Send)
	}
}

func TestAnAnswerThatRefusesIsUnacceptable(t *testing.T) {
	for _, answer := range [][]byte{offered("m=audio 0 RTP/AVP 8"), offered("m=audio 6000 RTP/AVP 18"), offered("m=video 6000 RTP/AVP 99")} {
		n := negotiation()
		if _, err := n.Offer(); err != nil {
			t.Fatal(err)
		}
		var u *Unacceptable
		if _, err := n.Accept(answer); !errors.As(err, &u) {
			t.Errorf("%v for\n%s", err, answer)
		}
	}
}
