package rtp

import (
	"testing"
	"time"

	"github.com/cordboard/cordboard/rtp/dtmf"
)

// press sends one packet of an event as a party would.
func (v *voice) press(marker bool, timestamp uint32, e dtmf.Event) {
	p := v.packet(nil)
	p.Event, p.Marker, p.Timestamp, p.Payload = true, marker, timestamp, e.Append(nil)
	v.emit(p)
}

// pressKey sends an ordinary event: updates every 20 ms and three ends.
func (v *voice) pressKey(code uint8, length time.Duration, marker bool) {
	start := v.timestamp
	clock := time.Duration(v.format.eventClock())
	for d := Tick; d < length; d += Tick {
		v.press(marker && d == Tick, start, dtmf.Event{Code: code, Volume: 12, Duration: uint16(d * clock / time.Second)})
		time.Sleep(Tick)
	}
	for range 3 {
		v.press(false, start, dtmf.Event{Code: code, Volume: 12, End: true, Duration: uint16(length * clock / time.Second)})
		time.Sleep(Tick)
	}
	v.timestamp = start + uint32((length+2*Tick)*time.Duration(v.format.Codec.Clock)/time.Second)
}

// saidKey is one event as the far side understands it.
type saidKey struct {
	code     uint8
	duration uint16
	packets  int
}

// events reads the keys from what was sent, and checks that each is well formed.
func events(t *testing.T, packets []sentPacket, pt uint8) []saidKey {
	t.Helper()
	var said []saidKey
	var start uint32
	var ends int
	var before dtmf.Event
	for i, p := range packets {
		if p.payload != pt {
			if ends > 0 && ends < 3 || len(said) > 0 && ends == 0 {
				t.Errorf("packet %d: audio within an event", i)
			}
			continue
		}
		e, err := dtmf.Parse(p.body)
		if err != nil {
			t.Fatal(err)
		}
		if len(said) == 0 || p.timestamp != start {
			if len(said) > 0 && ends != 3 {
				t.Errorf("event %d has %d ends", len(said), ends)
			}
			if !p.marker {
				t.Errorf("packet %d: a new event without a marker", i)
			}
			said = append(said, saidKey{code: e.Code})
			start, ends, before = p.timestamp, 0, dtmf.Event{}
		} else if p.marker {
			t.Errorf("packet %d: a marker within an event", i)
		}
		if e.Duration < before.Duration || e.Code != said[len(said)-1].code {
			t.Errorf("packet %d: %+v after %+v", i, e, before)
		}
		before = e
		if e.End {
			ends++
		}
		k := &said[len(said)-1]
		k.packets++
		k.duration = e.Duration
	}
	if len(said) > 0 && ends != 3 {
		t.Errorf("the last event has %d ends", ends)
	}
	return said
}

func codes(keys []saidKey) string {
	var s []byte
	for _, k := range keys {
		tone, _ := dtmf.Tone(k.code)
		s = append(s, tone)
	}
	return string(s)
}

func TestS5DigitsAreEventsWithOneTimestampThreeEndsAndPausesBetween(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("agent", testPCMA, 1, 1, 1)
		s.Hear(v)
		go s.Digits("159#*0AD")
		v.speak(150)
		sent := w.take()
		said := events(t, sent, 101)
		if codes(said) != "159#*0AD" {
			t.Fatalf("said %q", codes(said))
		}
		for _, k := range said {
			if k.duration != 800 || k.packets < 6 {
				t.Errorf("%+v", k)
			}
		}
		for i := 1; i < len(sent); i++ {
			if step := int32(sent[i].timestamp - sent[i-1].timestamp); step < 0 || sent[i].sequence != sent[i-1].sequence+1 {
				t.Fatalf("packet %d: sequence %d, timestamp moved by %d", i, sent[i].sequence, step)
			}
			if a, b := sent[i-1], sent[i]; a.payload == 101 && b.payload == 101 && a.timestamp != b.timestamp && b.at.Sub(a.at) < 50*time.Millisecond {
				t.Errorf("only %v between two keys", b.at.Sub(a.at))
			}
		}
	})
}

func TestB27AnEventWithoutAMarkerIsHeard(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("provider", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(3)
		v.pressKey(7, 160*time.Millisecond, false)
		v.speak(10)
		if said := events(t, w.take(), 101); codes(said) != "7" || said[0].duration != 1280 {
			t.Errorf("said %+v", said)
		}
	})
}

func TestB28RepeatedEndsAreOneKeyAndTheSameKeyAgainIsAnother(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMU, SendRecv)
		v := newVoice("caller", testPCMU, 1, 1, 1)
		s.Hear(v)
		for range 3 {
			v.pressKey(5, 100*time.Millisecond, true)
			v.speak(5)
		}
		v.speak(20)
		if said := events(t, w.take(), 101); codes(said) != "555" {
			t.Errorf("said %q", codes(said))
		}
	})
}

func TestM1ThreeEndsOfABrowserBecomeAProperEventTowardsTheTrunk(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		browser := &Format{Codec: Opus, Payload: 111, Event: 126, EventClock: 48000, Ptime: Tick}
		v := newVoice("browser", browser, 1, 1, 1)
		s.Hear(v)
		v.speak(3)
		for i := range 3 {
			v.press(true, 123456, dtmf.Event{Code: 9, Volume: 10, End: true, Duration: 960})
			if i == 0 {
				time.Sleep(7 * time.Millisecond)
			}
		}
		v.speak(20)
		said := events(t, w.take(), 101)
		if codes(said) != "9" || said[0].duration != 800 || said[0].packets != 4+3 {
			t.Errorf("said %+v", said)
		}
	})
}

func TestM1DurationsAreRescaledBetweenTheClocks(t *testing.T) {
	for _, c := range []struct {
		from, to *Format
		event    uint8
		want     uint16
	}{
		{testOpus, testPCMA, 101, 1920}, {testPCMA, testOpus, 110, 11520}, {testPCMU, testPCMA, 101, 1920}, {testOpus, testOpus, 110, 11520},
	} {
		inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
			s.SetFormat(c.to, SendRecv)
			v := newVoice("presser", c.from, 1, 1, 1)
			s.Hear(v)
			v.speak(3)
			v.pressKey(3, 240*time.Millisecond, true)
			v.speak(10)
			if said := events(t, w.take(), c.event); codes(said) != "3" || said[0].duration != c.want {
				t.Errorf("%v to %v: said %+v, want duration %d", c.from.Codec, c.to.Codec, said, c.want)
			}
		})
	}
}

func TestAKeyWhoseEndIsLostIsLetGo(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("lossy", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.press(true, 5000, dtmf.Event{Code: 4, Duration: 160})
		time.Sleep(time.Second)
		if said := events(t, w.take(), 101); codes(said) != "4" {
			t.Errorf("said %+v", said)
		}
	})
}

func TestALongPressGoesOnInSegmentsBesideOpus(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testOpus, SendRecv)
		v := newVoice("patient", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.pressKey(1, 3*time.Second, true)
		v.speak(10)
		var total, last uint32
		starts := map[uint32]bool{}
		for _, p := range w.take() {
			if p.payload != 110 {
				continue
			}
			e, err := dtmf.Parse(p.body)
			if err != nil {
				t.Fatal(err)
			}
			if !starts[p.timestamp] && len(starts) > 0 && p.timestamp != last+0xffff {
				t.Errorf("a segment starts at %d, the one before at %d", p.timestamp, last)
			}
			if e.End {
				total = p.timestamp + uint32(e.Duration)
			}
			starts[p.timestamp], last = true, p.timestamp
		}
		first := last - 2*0xffff
		if len(starts) != 3 || total-first != 3*48000 {
			t.Errorf("%d segments, %d units in all", len(starts), total-first)
		}
	})
}

func TestSegmentsOfALongPressAreOneKey(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("patient", testOpus, 1, 1, 1)
		s.Hear(v)
		start := v.timestamp
		for d := uint32(960); d <= 96000; d += 960 {
			segment := (d - 1) / 0xffff
			v.press(false, start+segment*0xffff, dtmf.Event{Code: 2, Duration: uint16(d - segment*0xffff)})
			if d+960 > (segment+1)*0xffff && segment == 0 {
				v.press(false, start, dtmf.Event{Code: 2, Duration: 0xffff})
			}
			time.Sleep(Tick)
		}
		for range 3 {
			v.press(false, start+0xffff, dtmf.Event{Code: 2, End: true, Duration: 96000 - 0xffff})
		}
		v.speak(20)
		if said := events(t, w.take(), 101); codes(said) != "2" || said[0].duration != 16000 {
			t.Errorf("said %+v", said)
		}
	})
}

func TestB29ANewPayloadTypeOfEventsIsUsedFromTheNegotiationOn(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		s.Digits("1")
		time.Sleep(500 * time.Millisecond)
		moved := *testPCMA
		moved.Event = 126
		s.SetFormat(&moved, SendRecv)
		s.Digits("2")
		time.Sleep(500 * time.Millisecond)
		sent := w.take()
		if a, b := codes(events(t, sent, 101)), codes(events(t, sent, 126)); a != "1" || b != "2" {
			t.Errorf("said %q and %q", a, b)
		}
	})
}

func TestB30DigitsAreSoundedWhereNoEventsAreTaken(t *testing.T) {
	inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(&Format{Codec: PCMA, Payload: 8, Ptime: Tick}, SendRecv)
		s.Digits("8")
		time.Sleep(500 * time.Millisecond)
		sounding := 0
		for _, p := range w.take() {
			if p.payload != 8 {
				t.Fatalf("payload type %d", p.payload)
			}
			if loud(p.body) {
				sounding++
			}
		}
		if sounding != 5 {
			t.Errorf("%d packets of tone, want 5", sounding)
		}
	})
}

func TestAFloodOfKeysIsBounded(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("flooder", testPCMA, 1, 1, 1)
		s.Hear(v)
		for i := range 10000 {
			v.press(true, uint32(i*320), dtmf.Event{Code: uint8(i % 10), End: true, Duration: 160})
		}
		if n := len(s.keys.queue); n > maxKeys {
			t.Errorf("%d keys wait", n)
		}
	})
}
