package rtp

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/rtp/dtmf"
)

// comfort sends a packet of comfort noise, in the place of one of sound.
func (v *voice) comfort(level byte) {
	p := v.packet([]byte{level})
	p.Comfort = true
	v.timestamp = p.Timestamp + uint32(v.format.Codec.Clock/50)
	v.emit(p)
}

// levels are the first samples of fake-coded packets; real silence in A-law has none.
func levels(packets []sentPacket) (found []int16) {
	for _, p := range packets {
		switch len(p.body) {
		case 320:
			found = append(found, int16(binary.BigEndian.Uint16(p.body)))
		default:
			found = append(found, -1)
		}
	}
	return found
}

// B24: a source at rest is heard as the noise it asks for, from then until it speaks again, and the stream has no gap.
func TestB24ASourceAtRestIsHeardAsItsComfortNoise(t *testing.T) {
	for name, from := range map[string]*Format{"passed through": testPCMA, "transcoded": testPCMU} {
		t.Run(name, func(t *testing.T) {
			inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
				s.SetFormat(testPCMA, SendRecv)
				v := newVoice("resting", from, 1, 1, 1)
				s.Hear(v)
				v.speak(50)
				began := time.Now()
				v.comfort(7)
				time.Sleep(300 * time.Millisecond)
				v.comfort(9) // an update
				time.Sleep(5 * time.Second)
				v.timestamp += uint32(5300 * 8)
				sent := w.take()
				continuous(t, sent, 8000, 2*Tick)
				var quiet []sentPacket
				for _, p := range sent {
					if p.at.Sub(began) > 150*time.Millisecond { // what was said has been heard
						quiet = append(quiet, p)
					}
				}
				if len(quiet) < 255 {
					t.Errorf("%d packets in 5.15 s", len(quiet))
				}
				for i, l := range levels(quiet) {
					if l != 900 && (l != 700 || i > 10) {
						t.Fatalf("packet %d of the noise has level %d", i, l)
					}
				}
				v.speak(50)
				sent = append(sent, w.take()...)
				continuous(t, sent, 8000, 2*Tick)
				for i, l := range levels(sent[len(sent)-30:]) {
					if l == 900 {
						t.Fatalf("packet %d is noise, and the source speaks", i)
					}
				}
			})
		})
	}
}

// Sound that the comfort noise overtook is over, and does not end the rest.
func TestAStragglerDoesNotEndARest(t *testing.T) {
	inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("resting", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(10)
		late := v.packet(make([]byte, 160))
		v.comfort(5)
		v.emit(late)
		time.Sleep(time.Second)
		all := levels(w.take())
		if last := all[len(all)-40:]; last[0] != 500 || last[39] != 500 {
			t.Errorf("levels %v", last)
		}
	})
}

// Whoever else is heard meanwhile has no noise.
func TestTheNoiseGoesWithItsSource(t *testing.T) {
	inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("resting", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(10)
		v.comfort(5)
		time.Sleep(200 * time.Millisecond)
		s.Hear(nil)
		w.take()
		time.Sleep(400 * time.Millisecond)
		for i, l := range levels(w.take()) {
			if l != -1 {
				t.Fatalf("packet %d has level %d", i, l)
			}
		}
	})
}

// Comfort noise is taken where it is offered, under its number, and offered where that is wanted.
func TestB23ComfortNoiseIsNegotiated(t *testing.T) {
	offer := "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 8 101 13\r\na=rtpmap:101 telephone-event/8000\r\n"
	for _, c := range []struct {
		offer, answer string
		payload       uint8
	}{
		{offer, "RTP/AVP 8 101 13\r\n", 13},
		{strings.NewReplacer(" 13\r\n", " 98\r\na=rtpmap:98 CN/8000\r\n").Replace(offer), "RTP/AVP 8 101 98\r\n", 98},
		{strings.Replace(offer, " 13\r\n", "\r\n", 1), "RTP/AVP 8 101\r\n", 0},
		{strings.NewReplacer(" 13\r\n", " 98\r\na=rtpmap:98 CN/16000\r\n").Replace(offer), "RTP/AVP 8 101\r\n", 0},
	} {
		n := negotiation(PCMA, PCMU)
		n.terms.Pauses = PausesTaken
		answer, a, err := n.Answer([]byte(c.offer))
		if err != nil || !strings.Contains(string(answer), c.answer) || a.Send.Comfort != c.payload {
			t.Errorf("%v, %+v, answered:\n%s", err, a, answer)
		}
		if f := a.Receive[c.payload]; c.payload != 0 && (f == nil || f.Codec != PCMA) {
			t.Errorf("not understood: %v", a.Receive)
		}
	}
	if answer, a, err := negotiation(PCMA).Answer([]byte(offer)); err != nil || !strings.Contains(string(answer), "RTP/AVP 8 101\r\n") || a.Send.Comfort != 0 {
		t.Errorf("where it is not wanted: %v, %+v, answered:\n%s", err, a, answer)
	}
	for _, wanted := range []bool{false, true} {
		n := negotiation(PCMA)
		if n.terms.Pauses = PausesTaken; wanted {
			n.terms.Pauses = PausesOffered
		}
		ours, err := n.Offer()
		if err != nil || strings.Contains(string(ours), "a=rtpmap:13 CN/8000\r\n") != wanted {
			t.Errorf("%v:\n%s", err, ours)
		}
		a, err := n.Accept([]byte(offer))
		if err != nil || a.Receive[13] != nil != wanted {
			t.Errorf("%v: %+v", err, a)
		}
	}
}

// tones sends n packets of 20 ms of a key's tones, fake-coded; 0 is silence.
func (v *voice) tones(key byte, n int, at *int) {
	code, pressed := dtmf.Code(key)
	low, high := keyTones(code)
	for range n {
		payload := make([]byte, 320)
		for j := range 160 {
			if x := float64(*at) / 8000; pressed {
				s := 6000 * (math.Sin(2*math.Pi*low*x) + math.Sin(2*math.Pi*high*x))
				binary.BigEndian.PutUint16(payload[2*j:], uint16(int16(s)))
			}
			*at++
		}
		p := v.packet(payload)
		v.timestamp = p.Timestamp + uint32(v.format.Codec.Clock/50)
		v.emit(p)
		time.Sleep(Tick)
	}
}

// B30: keys in the sound of a far side that has no telephone-event arrive as events, each once, as long as they were
// pressed, and what is sent as an event is not heard as well.
func TestB30KeysInTheSoundArriveAsEvents(t *testing.T) {
	const keys = "123A456B789C*0#D55"
	inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMU, SendRecv)
		format := *testPCMA
		format.Event = 0
		v := newVoice("sounding", &format, 1, 1, 1)
		s.Hear(v)
		at := 0
		for _, k := range []byte(keys) {
			v.tones(k, 6, &at) // 120 ms
			v.tones(0, 6, &at)
		}
		v.tones('7', 100, &at) // two seconds
		v.tones(0, 20, &at)
		sent := w.take()
		pressed := ""
		for _, e := range events(t, sent, 101) {
			pressed += string("0123456789*#ABCD"[e.code])
			if length := time.Duration(e.duration) * time.Second / 8000; len(pressed) <= len(keys) && (length < 80*time.Millisecond || length > 160*time.Millisecond) {
				t.Errorf("key %d was down for %v", len(pressed), length)
			} else if len(pressed) > len(keys) && (length < 1900*time.Millisecond || length > 2100*time.Millisecond) {
				t.Errorf("the long key was down for %v", length)
			}
		}
		if pressed != keys+"7" {
			t.Errorf("pressed %s, arrived %s", keys+"7", pressed)
		}
		heard := 0
		for _, p := range sent {
			if p.payload == 0 && loud(p.body) {
				heard++
			}
		}
		if heard > 3*(len(keys)+1) { // before it is known that it is a key
			t.Errorf("%d packets of tones were heard for %d keys", heard, len(keys)+1)
		}
	})
}

// Where keys come as events, or cannot go as events, sound is sound.
func TestKeysInTheSoundAreLeftAloneWhereEventsAreKnownOrUnknownToBoth(t *testing.T) {
	for _, c := range []struct{ source, listener uint8 }{{101, 101}, {0, 0}} {
		inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
			from, to := *testPCMA, *testPCMU
			from.Event, to.Event = c.source, c.listener
			s.SetFormat(&to, SendRecv)
			v := newVoice("sounding", &from, 1, 1, 1)
			s.Hear(v)
			at := 0
			v.tones('5', 20, &at)
			v.tones(0, 10, &at)
			loudly := 0
			for _, p := range w.take() {
				if p.payload == 101 {
					t.Fatalf("an event was sent")
				}
				if loud(p.body) {
					loudly++
				}
			}
			if loudly < 18 {
				t.Errorf("%d packets of the tone were heard", loudly)
			}
		})
	}
}

// B30: where it is known that a far side sends tones although it has agreed to events, both are taken, and a key that
// comes both ways is one.
func TestB30TonesBesideEventsAreTakenWhereThatIsKnown(t *testing.T) {
	inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMU, SendRecv)
		format := *testPCMA
		format.Tones = true
		v := newVoice("sounding", &format, 1, 1, 1)
		s.Hear(v)
		at := 0
		v.tones('5', 6, &at)
		v.tones(0, 10, &at)
		if said := events(t, w.take(), 101); len(said) != 1 || said[0].code != 5 {
			t.Errorf("said %v", said)
		}
		v.pressKey(6, 100*time.Millisecond, true) // and from now on it is known to send events
		v.tones('6', 6, &at)
		v.tones(0, 10, &at)
		if said := events(t, w.take(), 101); len(said) != 1 || said[0].code != 6 {
			t.Errorf("said %v", said)
		}
	})
}
