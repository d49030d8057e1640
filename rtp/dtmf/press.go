package dtmf

import "time"

// What a sent key looks like when nothing else is asked for.
const (
	DefaultLength = 160 * time.Millisecond // long enough for any receiver: RFC 4733 section 2.3.5 asks for 40 ms at least
	DefaultVolume = 10                     // -10 dBm0
	maxLength     = 2 * time.Second        // keeps the duration in 16 bits at 8 kHz; at 48 kHz the cut is at 1.3 s
	ends          = 3                      // RFC 4733 section 2.5.1.4: the end is sent three times
)

// Press is one key being sent: its packets, one per packet time. All of them carry the timestamp of the first.
type Press struct {
	code    uint8
	step    uint32 // duration that a packet adds, in clock units
	length  uint32 // of the whole key, in clock units
	elapsed uint32
	ended   int
}

// NewPress begins to send a tone at an RTP clock (Hz), one packet every ptime; false when the character is no key.
func NewPress(tone byte, clock int, ptime, length time.Duration) (Press, bool) {
	code, ok := Code(tone)
	if !ok || clock <= 0 || ptime <= 0 {
		return Press{}, false
	}
	units := func(d time.Duration) uint32 { return uint32(d * time.Duration(clock) / time.Second) }
	length = min(max(length, 2*ptime), maxLength)
	return Press{code: code, step: units(ptime), length: min(units(length), 0xffff)}, true
}

// Next is the next packet to send; marker is set on the first one only. more is false when the key is over, and then
// there is no packet. The end is repeated at the pace of the others.
func (p *Press) Next() (e Event, marker, more bool) {
	if p.ended == ends {
		return Event{}, false, false
	}
	marker = p.elapsed == 0
	p.elapsed = min(p.elapsed+p.step, p.length)
	e = Event{Code: p.code, Volume: DefaultVolume, Duration: uint16(p.elapsed)}
	if p.elapsed == p.length {
		e.End = true
		p.ended++
	}
	return e, marker, true
}

// Length is the whole key in clock units: the timestamp of the sound that follows is at least so much later.
func (p *Press) Length() uint32 { return p.length }
