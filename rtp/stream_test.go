package rtp

import (
	"testing"
	"testing/synctest"
	"time"
)

func TestP1TheStreamNumbersEverythingItselfAcrossTwentySwitches(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		for i := range 20 {
			// Each speaker has numbers that have nothing to do with the last one's; every third is silence.
			if i%3 == 2 {
				s.Hear(nil)
				time.Sleep(100 * time.Millisecond)
				continue
			}
			v := newVoice("voice", testPCMA, uint32(i+1), uint16(60000-3000*i), uint32(i)*0x77777777)
			s.Hear(v)
			v.speak(7)
		}
		sent := w.take()
		if len(sent) < 100 {
			t.Fatalf("only %d packets were sent", len(sent))
		}
		continuous(t, sent, 8000, 40*time.Millisecond)
		for _, p := range sent {
			if p.payload != 8 || p.ssrc != s.SSRC() {
				t.Fatalf("packet with payload type %d and SSRC %x", p.payload, p.ssrc)
			}
		}
	})
}

func TestB19TimestampsStayOnTheGridOfThePacketsAcrossASwitch(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMU, SendRecv)
		time.Sleep(33 * time.Millisecond) // out of step with the beats
		for i := range 6 {
			v := newVoice("voice", testPCMU, uint32(i+1), 5, 1000)
			s.Hear(v)
			v.speak(5)
			time.Sleep(7 * time.Millisecond)
		}
		sent := w.take()
		for i := 1; i < len(sent); i++ {
			if step := sent[i].timestamp - sent[i-1].timestamp; step%160 != 0 {
				t.Fatalf("packet %d: timestamp moved by %d, off the grid of 160", i, step)
			}
		}
	})
}

func TestTheFirstPacketOfATalkSpurtHasAMarker(t *testing.T) {
	inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		first, second := newVoice("first", testPCMA, 1, 1, 1), newVoice("second", testPCMA, 2, 9, 9)
		s.Hear(first)
		first.speak(4)
		s.Hear(second)
		second.speak(4)
		sent := w.take()
		for i, p := range sent {
			if want := i == 0 || i == 4; p.marker != want {
				t.Errorf("packet %d of %d: marker %v", i, len(sent), p.marker)
			}
		}
	})
}

func TestB16AClockThatStoodStillOverSilenceIsBroughtUpToTheWallClock(t *testing.T) {
	inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("frozen", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(5)
		time.Sleep(5 * time.Second) // the source's timestamp stays
		v.speak(5)
		continuous(t, w.take(), 8000, 20*time.Millisecond)
	})
}

func TestB15ASourceWhoseTimestampsJumpIsNotHeardToJump(t *testing.T) {
	inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("jumping", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(5)
		v.timestamp += 0x40000000
		v.speak(5)
		v.sequence += 5000
		v.speak(5)
		v.timestamp -= 0x20000000
		v.speak(5)
		continuous(t, w.take(), 8000, 20*time.Millisecond)
	})
}

func TestR9APauseOfTheSourceIsAGapInTimestampsOnly(t *testing.T) {
	inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testOpus, SendRecv)
		v := newVoice("dtx", testOpus, 1, 1, 1)
		s.Hear(v)
		v.speak(5)
		time.Sleep(400 * time.Millisecond)
		v.timestamp += 400 * 48
		v.speak(5)
		sent := w.take()
		continuous(t, sent, 48000, time.Millisecond)
		if step := sent[5].timestamp - sent[4].timestamp; step != 960+400*48 {
			t.Errorf("over the pause the timestamp moved by %d", step)
		}
	})
}

func TestLossAndReorderingOfTheSourceStayVisible(t *testing.T) {
	inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("lossy", testPCMA, 1, 65530, 1)
		s.Hear(v)
		v.speak(3)
		v.packet(make([]byte, 160)) // lost
		v.speak(1)
		late := v.packet(make([]byte, 160))
		v.speak(1)
		v.emit(late)
		v.speak(1)
		sent := w.take()
		var steps []int
		for _, p := range sent {
			steps = append(steps, int(int16(p.sequence-sent[0].sequence)))
			if p.timestamp-sent[0].timestamp != uint32(160*int(int16(p.sequence-sent[0].sequence))) {
				t.Errorf("sequence %d and timestamp %d do not belong together", p.sequence, p.timestamp)
			}
		}
		want := []int{0, 1, 2, 4, 6, 5, 7}
		if len(steps) != len(want) {
			t.Fatalf("sent %v, want %v", steps, want)
		}
		for i := range want {
			if steps[i] != want[i] {
				t.Fatalf("sent %v, want %v", steps, want)
			}
		}
	})
}

func TestB23WithoutASourceSilenceFlowsAtOnceAndWithAQuietOneAfterTheFill(t *testing.T) {
	inStream(t, StreamConfig{Fill: 100 * time.Millisecond}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMU, SendRecv)
		time.Sleep(time.Second)
		silence := w.take()
		if len(silence) < 48 || silence[0].body[0] != silentPCMU || len(silence[0].body) != 160 {
			t.Fatalf("%d packets in a second of silence", len(silence))
		}
		v := newVoice("muted", testPCMU, 1, 1, 1)
		s.Hear(v)
		v.speak(10)
		w.take()
		time.Sleep(time.Second) // the source says nothing
		filled := w.take()
		if len(filled) < 40 {
			t.Fatalf("%d packets in a second of a quiet source", len(filled))
		}
		continuous(t, filled, 8000, 20*time.Millisecond)
		v.timestamp += 8000
		v.speak(10)
		continuous(t, append(filled, w.take()...), 8000, 20*time.Millisecond)
	})
}

func TestB23AGapNeverLastsLongerThanTheFillPlusABeat(t *testing.T) {
	inStream(t, StreamConfig{Fill: 100 * time.Millisecond}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMU, SendRecv)
		v := newVoice("stuttering", testPCMU, 1, 1, 1)
		s.Hear(v)
		for i := range 40 {
			v.speak(i % 7)
			pause := time.Duration(i*13) * time.Millisecond
			time.Sleep(pause)
			v.timestamp += uint32(pause * 8000 / time.Second)
		}
		sent := w.take()
		for i := 1; i < len(sent); i++ {
			if gap := sent[i].at.Sub(sent[i-1].at); gap > 100*time.Millisecond+6*Tick {
				t.Fatalf("packet %d: a gap of %v", i, gap)
			}
			if step := int32(sent[i].timestamp - sent[i-1].timestamp); step <= 0 {
				t.Fatalf("packet %d: the timestamp moved by %d", i, step)
			}
		}
	})
}

func TestB17TheClockRunsOnWhileWeMayNotSend(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("voice", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(10)
		for _, d := range []Direction{RecvOnly, Inactive} {
			s.SetFormat(testPCMA, d)
			before := len(w.p)
			v.speak(150)
			if len(w.p) != before {
				t.Fatalf("%d packets were sent while %v", len(w.p)-before, d)
			}
			s.SetFormat(testPCMA, SendRecv)
			v.speak(10)
		}
		continuous(t, w.take(), 8000, 20*time.Millisecond)
	})
}

func TestAShortHoldDoesNotLookLikeLoss(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("voice", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(10)
		s.SetFormat(testPCMA, Inactive)
		v.speak(30)
		s.SetFormat(testPCMA, SendRecv)
		v.speak(10)
		sent := w.take()
		continuous(t, sent, 8000, 20*time.Millisecond)
		if len(sent) < 20 {
			t.Errorf("%d packets", len(sent))
		}
	})
}

func TestACodecOfAnotherClockGoesOnFromTheSameNumbers(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		time.Sleep(207 * time.Millisecond)
		narrow := w.take()
		s.SetFormat(testOpus, SendRecv)
		time.Sleep(207 * time.Millisecond)
		wide := w.take()
		last, first := narrow[len(narrow)-1], wide[0]
		if first.sequence != last.sequence+1 || first.ssrc != last.ssrc {
			t.Errorf("sequence %d after %d", first.sequence, last.sequence)
		}
		if step := first.timestamp - last.timestamp; step != 960 || !first.marker || first.payload != 111 {
			t.Errorf("first packet of the new codec: timestamp moved by %d, marker %v, payload type %d", step, first.marker, first.payload)
		}
		continuous(t, wide, 48000, 20*time.Millisecond)
	})
}

func TestASourceHeardBeforeTheNegotiationBeginsWithIt(t *testing.T) {
	inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, w *wire) {
		v := newVoice("early", testPCMA, 1, 1, 1)
		s.Hear(v)
		v.speak(5)
		if n := len(w.take()); n != 0 {
			t.Fatalf("%d packets were sent before any negotiation", n)
		}
		s.SetFormat(testPCMA, SendRecv)
		v.speak(5)
		if n := len(w.take()); n != 5 {
			t.Fatalf("%d packets of 5 were sent", n)
		}
	})
}

func TestAFormerSourceIsNotHeardAfterTheSwitch(t *testing.T) {
	inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		former := newVoice("former", testPCMA, 1, 1, 1)
		s.Hear(former)
		former.speak(2)
		s.Hear(newVoice("next", testPCMA, 2, 1, 1))
		w.take()
		former.speak(2)
		if n := len(w.take()); n != 0 || len(former.sinks) != 0 {
			t.Fatalf("%d packets of the former source, %d sinks left", n, len(former.sinks))
		}
	})
}

func TestPassingAPacketOnAllocatesNothing(t *testing.T) {
	m := NewMetronome(1)
	defer m.Close()
	core := NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m}})
	defer core.Close()
	core.SetFormats(testPCMA, map[uint8]*Format{8: testPCMA, 101: testPCMA}, SendRecv)
	core.Out().Hear(core) // its own echo: the whole way from packet to packet
	raw := make([]byte, 172)
	h := header{payload: 8, ssrc: 7}
	at := time.Now()
	if n := testing.AllocsPerRun(1000, func() {
		h.sequence++
		h.timestamp += 160
		h.put(raw)
		at = at.Add(Tick)
		if !core.Receive(raw, at) {
			t.Error("not received")
		}
	}); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
	if q := core.Quality(); q.Sent < 1000 {
		t.Errorf("only %d packets were passed on", q.Sent)
	}
}

func BenchmarkForward(b *testing.B) {
	m := NewMetronome(1)
	defer m.Close()
	core := NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m}})
	defer core.Close()
	core.SetFormats(testPCMA, map[uint8]*Format{8: testPCMA, 101: testPCMA}, SendRecv)
	core.Out().Hear(core)
	raw := make([]byte, 172)
	h := header{payload: 8, ssrc: 7}
	at := time.Now()
	b.ReportAllocs()
	for b.Loop() {
		h.sequence++
		h.timestamp += 160
		h.put(raw)
		at = at.Add(Tick)
		core.Receive(raw, at)
	}
}

func TestAStreamThatPassesPacketsThroughIsOnlyLookedAtNowAndThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		voices := make([]*voice, 40)
		for i := range voices {
			s := NewStream(StreamConfig{Write: func([]byte) error { return nil }, Metronome: m})
			defer s.Close()
			s.SetFormat(testPCMA, SendRecv)
			voices[i] = newVoice("passed on", testPCMA, uint32(i+1), 1, 1)
			s.Hear(voices[i])
		}
		defer m.Close()
		for second := range 3 {
			for range 50 {
				for _, v := range voices {
					v.emit(v.packet(make([]byte, 160)))
				}
				time.Sleep(Tick)
			}
			synctest.Wait()
			for phase, seats := range m.seats {
				if len(seats) > 0 {
					t.Errorf("after %d s %d streams still beat in phase %d", second+1, len(seats), phase)
				}
			}
		}
	})
}
