package rtp

import (
	"math"
	"time"
)

// Impression is how a call sounds to the one who listens, estimated from what the network did to it (ITU-T G.107, the
// E-model). The names are those of RFC 3611 section 4.7.5.
type Impression struct {
	R  float64 // 0 to 100 with the delay counted: 93 is a call without a fault, below 60 nearly all are dissatisfied
	LQ float64 // MOS-LQ, 1 to 4.5: how it sounds to one who only listens
	CQ float64 // MOS-CQ, 1 to 4.5: how it is to talk over it, the delay counted
}

// Path is what the network and the buffers did to one direction of a call.
type Path struct {
	Lost  float64       // fraction of packets that were not played, 0…1: lost and late
	Burst float64       // how losses cluster, BurstR of G.107: 1 at random, 2 where each lost packet brings another; 0: 1
	Delay time.Duration // from mouth to ear: half the round trip, the packet, the jitter buffer
}

// Constants of the E-model at its defaults (ITU-T G.107 table 3), with all that is not the network's as it should be.
const (
	bestR    = 93.2
	worstIe  = 95
	idleTime = 100 * time.Millisecond // a shorter delay is not noticed, without echo
)

// frailty is what a codec loses by itself (Ie) and how well its concealment bears losses (Bpl, in percent), of ITU-T
// G.113 appendix I. For G.711 with concealment it has Ie 0 and Bpl 25.1. It has no narrow-band figures for G.722 and
// Opus: G.722 is taken to be no better than G.711 here, since the scale ends with the telephone's band; Opus to bear as
// much as the best listed there, as in-band FEC gives back most single losses.
func (c Codec) frailty() (ie, bpl float64) {
	if c == Opus {
		return 0, 34
	}
	return 0, 25.1
}

// Impress estimates how a direction of a call in this codec sounds. It knows nothing of echo, noise and loudness.
func (c Codec) Impress(p Path) Impression {
	r := bestR - c.lossImpairment(p.Lost, p.Burst)
	whole := r - delayImpairment(p.Delay)
	return Impression{R: min(max(whole, 0), 100), LQ: opinion(r), CQ: opinion(whole)}
}

// lossImpairment is Ie-eff (ITU-T G.107 section 7.5).
func (c Codec) lossImpairment(lost, burst float64) float64 {
	ie, bpl := c.frailty()
	percent := 100 * min(max(lost, 0), 1)
	if !(burst >= 1) {
		burst = 1
	}
	if percent == 0 {
		return ie
	}
	return ie + (worstIe-ie)*percent/(percent/burst+bpl)
}

// delayImpairment is Idd (ITU-T G.107 section 7.4): what delay does to a conversation without echo.
func delayImpairment(delay time.Duration) float64 {
	if delay <= idleTime {
		return 0
	}
	x := math.Log2(float64(delay) / float64(idleTime))
	return 25 * (math.Pow(1+math.Pow(x, 6), 1.0/6) - 3*math.Pow(1+math.Pow(x/3, 6), 1.0/6) + 2)
}

// opinion turns R into a mean opinion score (ITU-T G.107 annex B).
func opinion(r float64) float64 {
	switch {
	case r <= 0:
		return 1
	case r >= 100:
		return 4.5
	}
	return max(1, 1+0.035*r+r*(r-60)*(100-r)*7e-6)
}

// Impression of what we hear of the far side: losses and late packets, half the round trip and the time of buffers,
// which the caller knows best.
func (q Quality) Impression(c Codec, buffered time.Duration) Impression {
	lost := 0.0
	if expected := q.Received + q.Lost; expected > 0 {
		lost = float64(min(q.Lost+q.Late, expected)) / float64(expected)
	}
	return c.Impress(Path{Lost: lost, Delay: q.RoundTrip/2 + buffered})
}
