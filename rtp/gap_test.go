package rtp

import (
	"testing"
	"testing/synctest"
	"time"
)

// liveSource is a party whose packets the test sends.
type liveSource struct{ sink Sink }

func (l *liveSource) SourceName() string                     { return "live" }
func (l *liveSource) Listen(s Sink, _ *Format) (stop func()) { l.sink = s; return func() {} }

// A source that was away long enough for silence to be sent in its place is heard again as soon as it is back, whatever
// the phase of its packets against our beats.
func TestASourceIsHeardAgainAfterAnyGap(t *testing.T) {
	for phase := time.Duration(0); phase < Tick; phase += 3 * time.Millisecond {
		for gap := 5; gap < 25; gap += 3 {
			synctest.Test(t, func(t *testing.T) {
				m := NewMetronome(1)
				defer m.Close()
				const loud = 0x55
				heard := 0
				s := NewStream(StreamConfig{Metronome: m, Write: func(p []byte) error {
					if p[12] == loud {
						heard++
					}
					return nil
				}})
				defer s.Close()
				format := &Format{Codec: PCMU, Ptime: Tick}
				s.SetFormat(format, SendRecv)
				source := &liveSource{}
				s.Hear(source)
				time.Sleep(phase)
				payload := make([]byte, 160)
				for i := range payload {
					payload[i] = loud
				}
				p := &Packet{SSRC: 1, Payload: payload, Format: format}
				say := func(packets int) {
					for range packets {
						p.Arrived = time.Now()
						source.sink.Packet(p)
						p.Sequence++
						p.Timestamp += 160
						time.Sleep(Tick)
					}
				}
				say(50)
				before := heard
				p.Sequence += uint16(gap)
				p.Timestamp += uint32(gap) * 160
				time.Sleep(time.Duration(gap) * Tick)
				say(100)
				if got := heard - before; got < 95 {
					t.Errorf("phase %v, gap %v: %d of 100 packets heard afterwards", phase, time.Duration(gap)*Tick, got)
				}
			})
		}
	}
}
