package bridge

import (
	"math"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
)

var _ call.Sounding = (*leg)(nil)

// Sound tells how the leg sounds, or has sounded.
func (l *leg) Sound() (call.Sound, bool) {
	session := l.sound()
	if session == nil {
		return call.Sound{}, false
	}
	q := session.Quality()
	s := call.Sound{Leg: l.id, Agent: l.party.Agent, Received: q.Received, Lost: q.Lost, Late: q.Late, Sent: q.Sent,
		FarLost: rounded(q.FarLost), Jitter: q.Jitter.Round(10 * time.Microsecond), RoundTrip: q.RoundTrip.Round(10 * time.Microsecond), Protected: l.browser}
	if p, ok := session.(interface{ Protected() bool }); ok {
		s.Protected = p.Protected()
	}
	f := session.Out().Format()
	if f == nil {
		return s, true
	}
	s.Codec = f.Codec.Name
	if q.Received > 0 {
		s.MOS = rounded(q.Impression(f.Codec, buffered(q, f)).CQ)
	}
	if q.Reported {
		far := rtp.Path{Lost: q.FarLost, Delay: q.RoundTrip/2 + buffered(q, f)}
		s.FarMOS = rounded(f.Codec.Impress(far).CQ)
	}
	return s, true
}

// buffered is what packets and jitter buffers add to the delay of the network: a packet is filled before it is sent, and
// a buffer holds what the jitter asks for, at least one packet.
func buffered(q rtp.Quality, f *rtp.Format) time.Duration {
	return f.Ptime + max(f.Ptime, 4*q.Jitter)
}

// rounded is what of an estimate means something.
func rounded(x float64) float64 { return math.Round(x*100) / 100 }
