package sound

import (
	"math/rand/v2"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
)

// listener is one sink that hears one sound, on its own seat of the metronome, so that all listeners together are
// spread over the tick.
type listener struct {
	sink   rtp.Sink
	format rtp.Format
	track  *track // nil: it cannot be encoded; only the time passes
	span   uint32 // of a tick, in the RTP clock

	frame func(packet int) (frame int, ok bool) // which frame is the listener's n-th packet; false: it is over
	over  func(at time.Time)                    // called when it is over; may be nil

	origin time.Time // the moment of packet 0
	packet rtp.Packet
}

// begin makes a listener of s. What the listener's codec cannot be encoded in is logged, and silent.
func (s *Sound) begin(sink rtp.Sink, want *rtp.Format) *listener {
	l := &listener{sink: sink, format: *want, span: uint32(want.Codec.Clock / ticksPerSecond)}
	l.packet = rtp.Packet{SSRC: rand.Uint32(), Sequence: uint16(rand.Uint32()), Marker: true, Format: &l.format}
	t, err := s.track(variantOf(want))
	if err != nil {
		s.player.log.Warn("sound cannot be encoded", zap.String("sound", s.name), zap.String("codec", want.Codec.Name), zap.Error(err))
		return l
	}
	l.track = t
	return l
}

// ticks in a packet.
func (l *listener) ticks() int {
	if l.track == nil {
		return 1
	}
	return l.track.variant.ticks
}

// beat sends the packet whose time has come. Its place follows from the clock, so that a late metronome leaves a gap in
// time and not in step.
func (l *listener) beat(at time.Time) (next int) {
	if l.origin.IsZero() {
		l.origin = at
	}
	tick := int((at.Sub(l.origin) + rtp.Tick/2) / rtp.Tick)
	ticks := l.ticks()
	if early := tick % ticks; early != 0 {
		return ticks - early
	}
	frame, ok := l.frame(tick / ticks)
	if !ok {
		if l.over != nil {
			l.over(at)
		}
		return 0
	}
	if l.track == nil {
		return ticks
	}
	l.send(uint32(tick)*l.span, l.track.frame(frame), at)
	return ticks
}

func (l *listener) send(timestamp uint32, payload []byte, at time.Time) {
	if payload == nil {
		return
	}
	l.packet.Timestamp, l.packet.Payload, l.packet.Arrived = timestamp, payload, at
	l.sink.Packet(&l.packet)
	l.packet.Sequence++
	l.packet.Marker = false
}

// loop repeats a sound without end.
type loop struct {
	sound *Sound
	since time.Time // when its place was the beginning; zero: every listener begins there
}

// Loop is the sound over and over; every listener hears it from its beginning. Less than a packet at the end that fills
// none is left out.
func (s *Sound) Loop() rtp.Source { return &loop{sound: s} }

// Shared is the sound over and over; all listeners hear the same place.
func (s *Sound) Shared() rtp.Source { return &loop{sound: s, since: time.Now()} }

func (p *loop) SourceName() string { return p.sound.name }

func (p *loop) Listen(sink rtp.Sink, want *rtp.Format) (stop func()) {
	l := p.sound.begin(sink, want)
	l.origin = p.since
	frames := 1
	if l.track != nil {
		frames = max(len(p.sound.pcm)/l.track.size, 1)
		if len(l.track.frames) == 0 {
			return func() {} // nothing to play
		}
	}
	l.frame = func(packet int) (int, bool) { return packet % frames, true }
	return p.sound.player.metronome.Join(l.beat).Leave
}
