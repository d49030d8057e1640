package rtp

import (
	"math"
	"time"
)

// Limits of RFC 3550 appendix A.1.
const (
	maxDropout  = 3000 // a larger step forward is a restart
	maxMisorder = 100  // a larger step back is a restart
	silentSSRC  = 100 * time.Millisecond
)

// reception keeps account of the packets of one far side (RFC 3550 appendices A.1, A.3 and A.8), over changes of SSRC.
type reception struct {
	begun     bool
	ssrc      uint32
	base      uint32 // extended sequence number of the first packet
	top       uint32 // highest extended sequence number
	seen      uint64 // which of the 64 packets up to top have come: bit 0 is top
	bad       uint32 // the sequence number after a jump; two in a row make it a restart
	received  uint64 // of this SSRC
	transit   uint32 // arrival − timestamp of the last packet, in the RTP clock
	jitter    float64
	clock     int
	last      time.Time // arrival of the last valid packet
	candidate struct {  // another SSRC that may take over
		ssrc uint32
		next uint16
	}
	formerReceived, formerLost uint64 // of former SSRCs
	priorExpected, priorGot    uint64 // at the last report
}

// noSequence is no 16-bit number.
const noSequence = 1 << 16

// accept reports whether a packet is new and belongs to the stream; a repeat, a stray SSRC and the first packet after
// an odd jump do not. odd: the packet has a time of its own, as those of an event do, whose timestamps stand still.
func (r *reception) accept(h *header, clock int, odd bool, at time.Time) bool {
	switch {
	case !r.begun:
		r.restart(h)
	case h.ssrc != r.ssrc:
		if !r.takesOver(h, at) {
			return false
		}
		r.formerReceived += r.received
		r.formerLost += r.lost()
		r.restart(h)
	case !r.inSequence(h):
		return false
	}
	r.received++
	if !odd {
		r.measure(h.timestamp, clock, at)
	}
	r.last = at
	return true
}

func (r *reception) restart(h *header) {
	r.begun = true
	r.ssrc = h.ssrc
	r.base = uint32(h.sequence) | noSequence // room below for packets that were overtaken at the start
	r.top = r.base
	r.seen = 1
	r.bad = noSequence
	r.received = 0
	r.clock = 0
	r.priorExpected, r.priorGot = 0, 0
}

// takesOver: another SSRC is believed at once when the present one has fallen silent, otherwise with its second packet.
func (r *reception) takesOver(h *header, at time.Time) bool {
	if at.Sub(r.last) >= silentSSRC {
		return true
	}
	second := r.candidate.ssrc == h.ssrc && r.candidate.next == h.sequence
	r.candidate.ssrc, r.candidate.next = h.ssrc, h.sequence+1
	return second
}

func (r *reception) inSequence(h *header) bool {
	step := int32(int16(h.sequence - uint16(r.top)))
	switch ahead := h.sequence - uint16(r.top); {
	case step > 0 && ahead < maxDropout:
		r.top += uint32(ahead)
		r.seen = r.seen<<uint(min(ahead, 64)) | 1
	case step <= 0 && -step < 64:
		bit := uint64(1) << uint(-step)
		if r.seen&bit != 0 {
			return false // a repeat
		}
		r.seen |= bit
		if low := r.top - uint32(-step); low < r.base {
			r.base = low
		}
	case step <= 0 && -step <= maxMisorder:
		return false // too old to tell a repeat from a straggler, and of no use to anyone
	case uint32(h.sequence) == r.bad:
		lost, got := r.lost(), r.received
		r.restart(h)
		r.formerLost += lost
		r.formerReceived += got
	default:
		r.bad = uint32(h.sequence + 1)
		return false
	}
	r.bad = noSequence
	return true
}

func (r *reception) measure(timestamp uint32, clock int, at time.Time) {
	now := uint32(at.Unix()*int64(clock) + int64(at.Nanosecond())*int64(clock)/int64(time.Second))
	transit := now - timestamp
	if clock != r.clock { // the first packet, or a new codec: nothing to compare with
		r.jitter = r.jitter / float64(max(r.clock, 1)) * float64(clock)
		r.clock, r.transit = clock, transit
		return
	}
	d := math.Abs(float64(int32(transit - r.transit)))
	r.transit = transit
	if d > float64(clock) {
		return // the source set its clock anew; that is no jitter
	}
	r.jitter += (d - r.jitter) / 16
}

func (r *reception) expected() uint64 {
	if !r.begun {
		return 0
	}
	return uint64(r.top-r.base) + 1
}

func (r *reception) lost() uint64 {
	if e := r.expected(); e > r.received {
		return e - r.received
	}
	return 0
}

func (r *reception) jitterTime() time.Duration {
	if r.clock == 0 {
		return 0
	}
	return time.Duration(r.jitter / float64(r.clock) * float64(time.Second))
}

// fraction is the share of packets lost since it was last asked for, in 1/256 (RFC 3550 appendix A.3).
func (r *reception) fraction() uint8 {
	expected := r.expected() - r.priorExpected
	got := r.received - r.priorGot
	r.priorExpected, r.priorGot = r.expected(), r.received
	if expected == 0 || got >= expected {
		return 0
	}
	return uint8(min((expected-got)<<8/expected, 255))
}
