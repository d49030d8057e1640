package rtp

import (
	"encoding/binary"
	"math"
	"testing"
	"testing/synctest"
	"time"
)

// sing sends n packets of 20 ms of a fake-coded tone, one per 20 ms; keep says which arrive.
func (v *voice) sing(n int, keep func(i int) bool) {
	for i := range n {
		payload := make([]byte, 320)
		for j := range 160 {
			s := int16(8000 * math.Sin(2*math.Pi*440*float64(int(v.sequence)*160+j)/8000))
			binary.BigEndian.PutUint16(payload[2*j:], uint16(s))
		}
		p := v.packet(payload)
		v.timestamp = p.Timestamp + uint32(v.format.Codec.Clock/50)
		if keep == nil || keep(i) {
			v.emit(p)
		}
		time.Sleep(Tick)
	}
}

func TestTranscodedSoundLeavesOnTheBeatsInThePacketTimeOfTheListener(t *testing.T) {
	for _, ptime := range []time.Duration{Tick, 2 * Tick, 3 * Tick} {
		inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
			format := *testPCMA
			format.Ptime = ptime
			s.SetFormat(&format, SendRecv)
			v := newVoice("wide", testOpus, 1, 1, 1)
			s.Hear(v)
			v.sing(10, nil)
			w.take()
			v.sing(90, nil)
			sent := w.take()
			if want := int(90 * Tick / ptime); len(sent) < want-1 || len(sent) > want+1 {
				t.Errorf("ptime %v: %d packets, want %d", ptime, len(sent), want)
			}
			continuous(t, sent, 8000, time.Millisecond)
			for i, p := range sent {
				if len(p.body) != int(ptime*16000/time.Second) || p.timestamp-sent[0].timestamp != uint32(i*int(ptime*8000/time.Second)) {
					t.Fatalf("ptime %v: packet %d has %d bytes at %d", ptime, i, len(p.body), p.timestamp-sent[0].timestamp)
				}
			}
		})
	}
}

func TestR10TranscodingBeginsAfterTheStartDelayWhateverWasPlayedBefore(t *testing.T) {
	inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		for i := range 5 {
			narrow := newVoice("narrow", testPCMA, uint32(2*i+1), 1, 1)
			s.Hear(narrow)
			narrow.speak(23 + i) // out of step with the rests of the beat
			wide := newVoice("wide", testOpus, uint32(2*i+2), 1, 1)
			s.Hear(wide)
			time.Sleep(33 * time.Millisecond) // and the beats rest again
			w.take()
			began := time.Now()
			wide.sing(20, nil)
			for _, p := range w.take() {
				if loud(p.body) {
					if waited := p.at.Sub(began); waited > startDelay+2*Tick {
						t.Errorf("the first sound came after %v", waited)
					}
					break
				}
			}
		}
	})
}

func TestB23TranscodingFillsPausesWithSilenceToo(t *testing.T) {
	inStream(t, StreamConfig{Coders: fakeCoders{}, Fill: 100 * time.Millisecond}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("wide", testOpus, 1, 1, 1)
		s.Hear(v)
		for range 3 {
			v.sing(50, nil)
			time.Sleep(3 * time.Second)
			v.timestamp += 3 * 48000
		}
		sent := w.take()
		for i := 1; i < len(sent); i++ {
			if gap := sent[i].at.Sub(sent[i-1].at); gap > 100*time.Millisecond+6*Tick {
				t.Fatalf("packet %d: a gap of %v", i, gap)
			}
		}
		continuous(t, sent, 8000, 20*time.Millisecond)
	})
}

func TestTheSourceMayChangeItsCodecWhileItIsHeard(t *testing.T) {
	inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("changing", testPCMA, 1, 1, 1)
		s.Hear(v)
		for range 4 {
			v.format = testPCMA
			v.speak(20)
			v.format = testOpus
			v.sing(20, nil)
		}
		continuous(t, w.take(), 8000, 80*time.Millisecond)
	})
}

func TestWithoutCodersAnotherCodecIsSilence(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		s.SetFormat(testPCMA, SendRecv)
		v := newVoice("wide", testOpus, 1, 1, 1)
		s.Hear(v)
		v.sing(50, nil)
		sent := w.take()
		if len(sent) < 30 || sent[0].body[0] != silentPCMA {
			t.Errorf("%d packets", len(sent))
		}
	})
}

func TestPacketsTooLateForTheJitterBufferAreCounted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		core := NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m, Coders: fakeCoders{}}})
		core.SetFormats(testPCMA, map[uint8]*Format{111: testOpus}, SendRecv)
		core.Out().Hear(core)
		raw := make([]byte, 332)
		receive := func(sequence uint16) {
			h := header{payload: 111, ssrc: 7, sequence: sequence, timestamp: 960 * uint32(sequence)}
			h.put(raw)
			core.Receive(raw, time.Now())
		}
		for i := range uint16(20) {
			if i != 10 {
				receive(100 + i)
			}
			time.Sleep(Tick)
		}
		receive(110) // long since due
		if q := core.Quality(); q.Late != 1 || q.Lost != 0 {
			t.Errorf("%d packets counted as late, %d as lost", q.Late, q.Lost)
		}
		core.Close()
		m.Close()
	})
}

func BenchmarkTranscodeTick(b *testing.B) {
	s := NewStream(StreamConfig{Write: func([]byte) error { return nil }, Coders: fakeCoders{}})
	s.format, s.direction = testPCMA, SendRecv
	s.clock.setRate(8000)
	in := &input{stream: s}
	s.input = in
	v := newVoice("wide", testOpus, 1, 1, 1)
	payload := make([]byte, 320)
	at := time.Now()
	p := v.packet(payload)
	b.ReportAllocs()
	for b.Loop() {
		p.Sequence++
		p.Timestamp += 960
		p.Arrived = at
		in.Packet(p)
		in.transcode(at)
		at = at.Add(Tick)
		in.coder.jitter.decoder.(*fakeDecoder).calls = 0
	}
}

// B18: the clock of Opus is 48 kHz whatever rate its coder runs at.
func TestB18TheClockOfOpusIs48kHzWhateverTheCodersRate(t *testing.T) {
	for _, from := range []*Format{testPCMA, {Codec: G722, Payload: 9, Event: 101, Ptime: Tick}} {
		inStream(t, StreamConfig{Coders: fakeCoders{}}, func(t *testing.T, s *Stream, w *wire) {
			s.SetFormat(testOpus, SendRecv)
			v := newVoice("narrow", from, 1, 1, 1)
			s.Hear(v)
			v.sing(50, nil)
			sent := w.take()
			if len(sent) < 40 {
				t.Fatalf("%d packets", len(sent))
			}
			for i := 1; i < len(sent); i++ {
				if step := sent[i].timestamp - sent[i-1].timestamp; step != 960 {
					t.Errorf("%s: packet %d is %d later", from.Codec.Name, i, step)
				}
			}
		})
	}
}
