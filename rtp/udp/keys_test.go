package udp

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/sdes"
)

// protected is the configuration of a session with keys.
func protected(p sdes.Policy, suites ...sdes.Suite) Config {
	return Config{Protection: sdes.Protection{Policy: p, Suites: suites}}
}

// Two sessions come to what their policies allow, and hear each other by it.
func TestTwoSessionsProtectWhatBothCan(t *testing.T) {
	for _, c := range []struct {
		from, to  sdes.Policy
		secure    bool // the offer's transport
		protected bool
		refused   string
	}{
		{sdes.Off, sdes.Off, false, false, ""},
		{sdes.Off, sdes.Preferred, false, false, ""},
		{sdes.Off, sdes.Required, false, false, "no key of the offer can be used: it has none"},
		{sdes.Preferred, sdes.Off, false, false, ""},
		{sdes.Preferred, sdes.Preferred, false, true, ""},
		{sdes.Preferred, sdes.Required, false, true, ""},
		{sdes.Required, sdes.Off, true, false, "the offer asks for SRTP (RTP/SAVP), which this line does not speak"},
		{sdes.Required, sdes.Preferred, true, true, ""},
		{sdes.Required, sdes.Required, true, true, ""},
	} {
		t.Run(fmt.Sprintf("%d to %d", c.from, c.to), func(t *testing.T) {
			b := newBench(t)
			from, to := b.open(protected(c.from)), b.open(protected(c.to))
			offer, err := from.Offer()
			if err != nil {
				t.Fatal(err)
			}
			if got := bytes.Contains(offer, []byte(" RTP/SAVP ")); got != c.secure {
				t.Errorf("offered:\n%s", offer)
			}
			early := Refuses(offer, sdes.Protection{Policy: c.to})
			answer, err := to.Answer(offer)
			var unacceptable *rtp.Unacceptable
			if c.refused != "" {
				if !errors.As(err, &unacceptable) || unacceptable.Why != c.refused || early == nil || early.Error() != err.Error() {
					t.Fatalf("refused with %v, before with %v", err, early)
				}
				return
			}
			if err = errors.Join(err, early); err == nil {
				err = from.Accept(answer)
			}
			if err != nil {
				t.Fatal(err)
			}
			if from.Protected() != c.protected || to.Protected() != c.protected {
				t.Errorf("protected: %v and %v", from.Protected(), to.Protected())
			}
			for _, s := range []*Session{from, to} {
				heard := make(ear, 10)
				defer s.Listen(heard, nil)()
				if p := heard.next(t); p.Payload[0] != 0xd5 {
					t.Errorf("heard %x", p.Payload[:4])
				}
			}
		})
	}
}

// beforeRollOver is a sequence number shortly before they begin again.
const beforeRollOver = 65500

// B21: roll-over counts go on over a re-INVITE that keeps the key, and B22: a new SSRC begins at zero.
func TestB21TheRollOverCountGoesOnOverAReINVITE(t *testing.T) {
	b := newBench(t)
	us, them := b.open(protected(sdes.Required, sdes.AES128CM80)), b.open(protected(sdes.Required, sdes.AES128CM80))
	join(t, them, us)
	heard := make(ear, 200)
	defer us.Listen(heard, nil)()
	var seal sdes.Sender
	if err := seal.Use(them.keys.exchange.Agreed().Ours); err != nil {
		t.Fatal(err)
	}
	them.Out().Close()                                                  // it says nothing by itself any more …
	at, sequence := time.Now().Add(time.Second), uint16(beforeRollOver) // … and has been silent: another SSRC is believed at once
	say := func(ssrc uint32, n int) {
		t.Helper()
		for range n {
			raw := make([]byte, 172, 172+sdes.MaxOverhead)
			raw[0], raw[1] = 0x80, 8
			binary.BigEndian.PutUint16(raw[2:], sequence)
			binary.BigEndian.PutUint32(raw[4:], 160*uint32(sequence))
			binary.BigEndian.PutUint32(raw[8:], ssrc)
			raw[12] = byte(sequence)
			sequence++
			at = at.Add(rtp.Tick)
			sealed, err := seal.Protect(raw)
			if err != nil {
				t.Fatal(err)
			}
			us.take(sealed, them.Local(), at)
			for p := heard.next(t); p.SSRC != ssrc || p.Payload[0] != byte(sequence-1); p = heard.next(t) {
				if p.SSRC == ssrc { // else the silence of the session itself
					t.Fatalf("heard %d of %x", p.Payload[0], p.SSRC)
				}
			}
		}
	}
	say(1, 100)       // over the roll-over
	join(t, us, them) // hold, resume: the same keys
	say(1, 20)
	join(t, them, us)
	say(1, 20)
	at = at.Add(time.Second) // the device begins anew: its count does, too
	sequence = 10
	say(2, 50)
	if us.Quality().Forged != 0 {
		t.Errorf("%d packets were not believed", us.Quality().Forged)
	}
}

// B21: an offer that is refused for its codec changes no key.
func TestB21ARefusedReINVITELeavesTheKeys(t *testing.T) {
	b := newBench(t)
	us, them := b.open(protected(sdes.Preferred)), b.open(protected(sdes.Preferred))
	join(t, them, us)
	before := us.keys.exchange.Agreed()
	offer, err := them.Offer()
	if err != nil {
		t.Fatal(err)
	}
	foreign := strings.NewReplacer("PCMA/8000", "GSM/8000", " 8 101", " 3 101", "rtpmap:8 ", "rtpmap:3 ").Replace(string(offer))
	if _, err := us.Answer([]byte(foreign)); err == nil {
		t.Fatalf("accepted:\n%s", foreign)
	}
	if us.keys.exchange.Agreed() != before || !us.Protected() {
		t.Error("the keys have changed")
	}
}

// Of two lines to choose from, the one with keys is taken where keys are wanted.
func TestTheLineWithKeysIsTaken(t *testing.T) {
	b := newBench(t)
	us, them := b.open(protected(sdes.Preferred)), b.open(protected(sdes.Required))
	secure, err := them.Offer()
	if err != nil {
		t.Fatal(err)
	}
	head, line, _ := strings.Cut(string(secure), "m=audio")
	both := head + "m=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\nm=audio" + line
	answer, err := us.Answer([]byte(both))
	if err != nil || !us.Protected() || !strings.Contains(string(answer), "m=audio 0 RTP/AVP 8\r\nm=audio ") {
		t.Errorf("%v:\n%s", err, answer)
	}
	plain := b.open(Config{})
	if answer, err = plain.Answer([]byte(both)); err != nil || !strings.Contains(string(answer), "m=audio 0 RTP/SAVP") {
		t.Errorf("%v:\n%s", err, answer)
	}
}

// A stranger's packet, or one in the clear, is neither heard nor followed, from whatever address.
func TestOnAProtectedLineNobodyElseIsHeard(t *testing.T) {
	b := newBench(t)
	us, them := b.open(protected(sdes.Required)), b.open(protected(sdes.Required))
	heard := make(ear, 200)
	defer us.Listen(heard, nil)()
	join(t, them, us)
	first := heard.next(t)
	intruder := newFar(t, us)
	intruder.ssrc, intruder.sequence = first.SSRC, first.Sequence+10
	for range 10 {
		intruder.say(8, 66)
	}
	raw := make([]byte, 172)
	raw[0], raw[1] = 0x80, 8
	us.take(raw, them.Local(), time.Now())
	for range 10 {
		if p := heard.next(t); p.Payload[0] == 66 {
			t.Fatal("the intruder is heard")
		}
	}
	if us.Quality().Forged == 0 || us.Remote() != them.Local() {
		t.Errorf("%d forged, we send to %v", us.Quality().Forged, us.Remote())
	}
}

// Reports are protected as well, and tell the round trip.
func TestReportsAreProtected(t *testing.T) {
	b := newBench(t)
	c := protected(sdes.Required)
	c.Report = 30 * time.Millisecond
	one, two := b.open(c), b.open(c)
	join(t, one, two)
	for deadline := time.Now().Add(5 * time.Second); two.Quality().RoundTrip == 0; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("no round trip: %+v", two.Quality())
		}
	}
	if one.Quality().Forged != 0 {
		t.Errorf("%d reports were not believed", one.Quality().Forged)
	}
}

func TestAProtectedPacketGoesThroughWithoutAllocating(t *testing.T) {
	if raced {
		t.Skip("the race detector lets pools forget")
	}
	b := newBench(t)
	for _, suite := range sdes.Suites() {
		c := protected(sdes.Required, suite)
		c.Fill = -1
		caller, in, out, callee := b.open(c), b.open(c), b.open(c), b.open(c)
		join(t, caller, in)
		join(t, out, callee)
		out.Out().Hear(in)
		var seal sdes.Sender
		if err := seal.Use(caller.keys.exchange.Agreed().Ours); err != nil {
			t.Fatal(err)
		}
		const packets = 600
		sealed, at, sequence := make([][]byte, packets), time.Now(), 0
		for i := range sealed {
			raw := make([]byte, 172, 172+sdes.MaxOverhead)
			raw[0], raw[1], raw[11] = 0x80, 8, 1
			binary.BigEndian.PutUint16(raw[2:], uint16(i))
			binary.BigEndian.PutUint32(raw[4:], 160*uint32(i))
			var err error
			if sealed[i], err = seal.Protect(raw); err != nil {
				t.Fatal(err)
			}
		}
		next := func() {
			in.take(sealed[sequence], caller.Local(), at)
			sequence++
			at = at.Add(rtp.Tick)
		}
		for range 60 { // right after a negotiation, other keys are tried, too
			next()
		}
		if n := testing.AllocsPerRun(500, next); n >= 1 { // other goroutines of the test may allocate now and then
			t.Errorf("%s: %v allocations a packet", suite, n)
		}
		if q := out.Quality(); q.Sent < 500 {
			t.Errorf("%s: only %d packets were sent", suite, q.Sent)
		}
	}
}

// Keys are in no log, however much is logged.
func TestKeysAreNotLogged(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	b := newBench(t)
	c := protected(sdes.Required)
	c.Log = zap.New(core)
	us, them := b.open(c), b.open(protected(sdes.Required))
	offer, err := them.Offer()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := us.Answer(offer)
	if err != nil {
		t.Fatal(err)
	}
	us.log.Debug("everything", zap.Any("session", us), zap.Any("agreed", us.keys.exchange.Agreed()), zap.String("text", fmt.Sprintf("%+v %#v", us.keys.exchange, us.keys.exchange.Agreed())))
	_ = us.Close()
	for _, sdp := range [][]byte{offer, answer} {
		for _, part := range strings.Split(string(sdp), "inline:")[1:] {
			key, _, _ := strings.Cut(part, "\r\n")
			for _, entry := range logs.All() {
				if text := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(text, key[:10]) {
					t.Errorf("logged: %.200s", text)
				}
			}
		}
	}
	if logs.Len() < 2 {
		t.Error("nothing was logged")
	}
}
