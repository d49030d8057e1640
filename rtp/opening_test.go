package rtp

import (
	"errors"
	"sync"
	"testing"
	"time"
)

// saying is a payload that is not silence, its n-th.
func saying(n int) []byte {
	return fillBytes(make([]byte, 160), byte(n+1), 160)
}

func TestB23AStreamBeginsWithSilenceAtOnceAndHandsOverWithoutABreak(t *testing.T) {
	for _, format := range []*Format{testPCMA, testPCMU, testOpus} {
		for phase := time.Duration(0); phase < 2*Tick; phase += 3 * time.Millisecond {
			inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
				answered := time.Now()
				v := newVoice("agent", format, 7, 65530, 1<<32-400)
				s.SetFormat(format, SendRecv)
				s.Hear(v)
				if first := w.take(); len(first) != 1 || !first[0].marker || first[0].at != answered {
					t.Fatalf("%v: the first moment brought %d packets", phase, len(first))
				}
				time.Sleep(5*Tick + phase)
				silence := w.take()
				if n := len(silence); n < 4 || n > 7 {
					t.Fatalf("%v: %d packets of silence in %v", phase, n, 5*Tick+phase)
				}
				var said []time.Time
				for range 50 {
					said = append(said, time.Now())
					v.speak(1)
				}
				sound := w.take()
				if len(sound) != len(said) || !sound[0].marker || sound[1].marker {
					t.Fatalf("%v: %d packets of %d, marked %v %v", phase, len(sound), len(said), sound[0].marker, sound[1].marker)
				}
				for i, p := range sound {
					if p.at != said[i] {
						t.Fatalf("%v: packet %d waited %v", phase, i, p.at.Sub(said[i]))
					}
				}
				continuous(t, append(silence, sound...), format.Codec.Clock, Tick)
			})
		}
	}
}

func TestNoSilenceComesBetweenTwoPartiesWhoBothSpeak(t *testing.T) {
	for phase := time.Duration(0); phase < Tick; phase += time.Millisecond {
		inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
			first, second := newVoice("first", testPCMA, 1, 1, 1), newVoice("second", testPCMA, 2, 900, 900)
			s.SetFormat(testPCMA, SendRecv)
			s.Hear(first)
			first.speak(5)
			s.Hear(second) // the last packet of the first party is a tick old
			time.Sleep(phase)
			w.take()
			for i := range 5 {
				second.emit(second.packet(saying(i)))
				time.Sleep(Tick)
			}
			for i, p := range w.take() {
				if p.body[0] != byte(i+1) {
					t.Fatalf("%v: packet %d is not what the second party said", phase, i)
				}
			}
		})
	}
}

func TestWhoIsSwitchedToAndSaysNothingIsSilenceAtOnce(t *testing.T) {
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, w *wire) {
		v := newVoice("voice", testPCMU, 1, 1, 1)
		s.SetFormat(testPCMU, SendRecv)
		s.Hear(v)
		v.speak(50)
		last := w.take()
		s.Hear(newVoice("mute", testPCMU, 2, 1, 1))
		time.Sleep(time.Second)
		silence := w.take()
		if gap := silence[0].at.Sub(last[len(last)-1].at); gap > 3*Tick {
			t.Errorf("a gap of %v", gap)
		}
		if len(silence) < 47 {
			t.Errorf("%d packets in a second", len(silence))
		}
	})
}

// gate is a way to the far side that opens.
type gate struct {
	wire
	open bool
}

var errShut = errors.New("shut")

func (g *gate) write(raw []byte) error {
	if !g.open {
		return errShut
	}
	return g.wire.write(raw)
}

func TestWhatWasSaidLastIsHeardTheMomentTheWayOpensAndOnlyThat(t *testing.T) {
	for name, c := range map[string]struct {
		waits time.Duration // after the last packet
		heard int
	}{"at once": {0, 1}, "within its time": {19 * time.Millisecond, 1}, "too late": {20 * time.Millisecond, 0}} {
		t.Run(name, func(t *testing.T) {
			g := &gate{wire: wire{t: t}}
			inStream(t, StreamConfig{Fill: -1}, func(t *testing.T, s *Stream, _ *wire) {
				s.write = g.write
				v := newVoice("caller", testPCMU, 1, 1, 1)
				s.SetFormat(testPCMU, SendRecv)
				s.Hear(v)
				for i := range 5 {
					time.Sleep(Tick)
					v.emit(v.packet(saying(i)))
				}
				time.Sleep(c.waits)
				s.Opens(func() { g.open = true })
				early := g.take()
				if len(early) != c.heard || c.heard == 1 && early[0].body[0] != 5 {
					t.Fatalf("heard %d packets", len(early))
				}
				time.Sleep(Tick - c.waits)
				v.speak(5)
				continuous(t, append(early, g.take()...), 8000, Tick)
				if packets, octets := s.sent(); packets != uint64(c.heard+5) || octets != packets*160 {
					t.Errorf("counted %d packets of %d octets", packets, octets)
				}
			})
		})
	}
}

func TestBeforeAnythingWasSaidTheOpenedWayBringsSilence(t *testing.T) {
	g := &gate{wire: wire{t: t}}
	inStream(t, StreamConfig{}, func(t *testing.T, s *Stream, _ *wire) {
		s.write = g.write
		s.Opens(func() {}) // before any format
		s.SetFormat(testPCMU, SendRecv)
		s.Hear(newVoice("caller", testPCMU, 1, 1, 1))
		time.Sleep(7 * time.Millisecond)
		s.Opens(func() { g.open = true })
		if heard := g.take(); len(heard) != 1 || heard[0].body[0] != silentPCMU {
			t.Fatalf("heard %d packets", len(heard))
		}
	})
}

func TestNothingIsSentTwiceWhileTheWayOpens(t *testing.T) {
	for range 200 {
		m := NewMetronome(1)
		g := &gate{wire: wire{t: t}}
		s := NewStream(StreamConfig{Write: g.write, Metronome: m, Fill: -1})
		v := newVoice("caller", testPCMU, 1, 1, 1)
		s.SetFormat(testPCMU, SendRecv)
		s.Hear(v)
		var speaking sync.WaitGroup
		speaking.Go(func() {
			for i := range 20 {
				v.emit(v.packet(saying(i)))
			}
		})
		s.Opens(func() { g.open = true })
		speaking.Wait()
		s.Close()
		m.Close()
		heard := g.take()
		for i := 1; i < len(heard); i++ {
			if heard[i].sequence != heard[i-1].sequence+1 {
				t.Fatalf("sequence %d after %d", heard[i].sequence, heard[i-1].sequence)
			}
		}
	}
}
