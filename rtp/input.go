package rtp

import "time"

// input is one hearing of one source by one stream: it maps the source's numbers to the stream's.
type input struct {
	stream *Stream

	// Guarded by the stream's mu.
	spoke    bool // a packet of the source has come
	mapped   bool
	ssrc     uint32
	codec    Codec  // that the timestamps are counted in
	sends    uint64 // of the stream after our last packet
	aside    bool   // packets since then were not sent on, for reasons of our own: that must not look like loss
	first    uint16 // their first number that has a place in our sequence
	top      uint16 // their highest number so far
	topTime  uint32 // and its timestamp
	topAt    time.Time
	sequence uint16 // ours − theirs
	shift    uint32 // our timestamp − theirs
	pressed  pressed
	events   bool // a key has come as an event
	rest     rest
	heard    *heardKeys // nil: there was no need to listen
	coder    *transcoder
}

// Steps that a source may take; larger ones are a new beginning, which our own numbers do not show.
const (
	maxStep     = 100         // packets lost in a row, or overtaken
	maxMismatch = time.Second // between a source's timestamps and the wall clock
)

// Packet takes one packet of the source.
func (in *input) Packet(p *Packet) {
	s := in.stream
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.input != in {
		return
	}
	in.spoke = true
	if !s.speaks() {
		in.aside = true
		return
	}
	if !p.Event && in.rest.overtook(p) {
		in.aside = true
		return
	}
	if !p.Event && in.mayBeKeys(p) {
		in.hearKeys(p)
	}
	switch same := p.Format.Codec == s.format.Codec; {
	case p.Comfort:
		in.aside = true
		in.takeRest(p)
	case p.Event:
		in.aside = true
		in.press(p)
	case same && s.keys.sounding:
		in.aside = true
		s.clock.heard = p.Arrived // no sound while a digit is sent; the timestamps go on
	case same:
		s.clock.heard = p.Arrived
		in.coder = nil
		in.forward(p)
	default:
		in.aside = true
		in.decode(p)
	}
}

// forward sends the packet on under our own numbers. Loss, reordering and pauses of the source stay visible, so that
// the listener's own jitter buffer can do its work.
func (in *input) forward(p *Packet) {
	s := in.stream
	h := header{marker: p.Marker, payload: s.format.Payload}
	switch in.place(p) {
	case placeKnown:
		in.top, in.topTime, in.topAt = p.Sequence, p.Timestamp, p.Arrived
	case placeOvertaken:
		h.sequence, h.timestamp = p.Sequence+in.sequence, p.Timestamp+in.shift
		s.send(&h, p.Payload)
		in.sends = s.sends
		return
	case placeNew:
		in.begin(p, s.clock.follow(p.Arrived)-p.Timestamp)
		h.marker = true
	case placeAfterOthers:
		in.begin(p, in.shift)
		h.marker = true
	case placeGone:
		// The source is back: silence that went on would take the place of its next packet too, for ever.
		s.silence.filling = false
		return
	}
	h.sequence, h.timestamp = p.Sequence+in.sequence, p.Timestamp+in.shift
	h.marker = h.marker || s.quiet
	s.quiet, s.silence.filling = false, false
	s.next = h.sequence + 1
	s.clock.mark(h.timestamp, p.Format.Codec.samples(p.Payload), p.Arrived)
	s.send(&h, p.Payload)
	in.sends = s.sends
}

// place says where a packet belongs in our numbers.
type place uint8

const (
	placeNew         place = iota // no relation to what we sent: the wall clock decides
	placeKnown                    // the next one, or after a loss
	placeOvertaken                // a straggler
	placeAfterOthers              // something else was sent meanwhile, but its timestamp still fits
	placeGone                     // its time has been filled with something else
)

func (in *input) place(p *Packet) place {
	s := in.stream
	if !in.mapped || p.SSRC != in.ssrc || p.Format.Codec != in.codec {
		return placeNew
	}
	step := int(int16(p.Sequence - in.top))
	tolerance := int64(maxMismatch) * int64(s.clock.rate) / int64(time.Second)
	if in.aside || in.sends != s.sends {
		ts := p.Timestamp + in.shift
		off := int64(int32(ts - s.clock.now(p.Arrived)))
		switch {
		case off > tolerance || off < -tolerance:
			return placeNew
		case step <= 0 || int32(ts-s.clock.last) < int32(s.clock.span):
			return placeGone
		}
		return placeAfterOthers
	}
	switch {
	case step == 0, step < 0 && int16(p.Sequence-in.first) < 0 && step > -maxStep:
		return placeGone
	case step < 0 && step > -maxStep:
		return placeOvertaken
	case step < 0 || step > maxStep:
		return placeNew
	}
	moved := int64(int32(p.Timestamp - in.topTime))
	waited := int64(p.Arrived.Sub(in.topAt)) * int64(s.clock.rate) / int64(time.Second)
	if off := moved - waited; off > tolerance || off < -tolerance || moved < 0 {
		return placeNew
	}
	return placeKnown
}

// begin maps the packet to our next sequence number, and its timestamp by shift.
func (in *input) begin(p *Packet, shift uint32) {
	in.mapped, in.aside, in.ssrc, in.codec = true, false, p.SSRC, p.Format.Codec
	in.first, in.top, in.topTime, in.topAt = p.Sequence, p.Sequence, p.Timestamp, p.Arrived
	in.sequence = in.stream.next - p.Sequence
	in.shift = shift
}
