package dtmf

import "time"

// Lost is how long after the last packet of a key it counts as let go when no end packet came: three lost end packets
// must not leave a key pressed for ever (RFC 4733 section 2.5.2.2 leaves the time to us; senders repeat every 20 to 50 ms).
const Lost = 150 * time.Millisecond

// backwards is how far a timestamp may lie in the past and still be a straggler of an earlier key, in seconds of the
// clock. One that lies further back is a sender that began its clock anew.
const backwards = 5

// Receiver makes key presses out of event packets. A key is known by its timestamp, never by its marker bit: carriers
// omit the marker, Chrome sets it on every packet, and each key's end is sent three times. It is not safe for concurrent
// use; the zero Receiver needs Clock set before its first packet.
type Receiver struct {
	Clock int // of the event's payload type, in Hz

	any       bool // a key was received before
	held      bool // and has not ended
	code      uint8
	timestamp uint32 // of the current segment
	earlier   uint32 // duration of the segments before it
	duration  uint16
	last      time.Time // arrival
}

// Step is what a packet told: the zero Step is nothing new. A key whose first packet is an end packet begins and ends in
// one Step.
type Step struct {
	Tone  byte // 0-9 * # A-D and Flash
	Began bool
	Ended bool
	Held  time.Duration // how long, as far as the sender told; 0 when the key just began
}

// Receive takes one event with the RTP timestamp of its packet, received at the given time. A new key ends the one
// before it without a Step of its own.
func (r *Receiver) Receive(timestamp uint32, e Event, at time.Time) Step {
	tone, ok := Tone(e.Code)
	if !ok {
		return Step{}
	}
	switch {
	case r.any && timestamp == r.timestamp && e.Code == r.code:
		return r.update(tone, e, at)
	case r.continues(timestamp, e):
		r.earlier += timestamp - r.timestamp
		r.timestamp, r.duration = timestamp, 0
		return r.update(tone, e, at)
	case r.straggler(timestamp):
		return Step{}
	}
	r.any, r.held, r.code, r.timestamp, r.earlier, r.duration = true, true, e.Code, timestamp, 0, 0
	step := r.update(tone, e, at)
	step.Tone, step.Began = tone, true
	return step
}

// Expire ends a key whose end packets were all lost. Call it now and then, with the time.
func (r *Receiver) Expire(now time.Time) Step {
	if !r.held || now.Sub(r.last) < Lost {
		return Step{}
	}
	r.held = false
	return Step{Tone: keys[r.code], Ended: true, Held: r.length()}
}

// Reset forgets everything: the sender was replaced (another SSRC) and its timestamps mean nothing here.
func (r *Receiver) Reset() { *r = Receiver{Clock: r.Clock} }

func (r *Receiver) update(tone byte, e Event, at time.Time) Step {
	if !r.held {
		return Step{} // the second and third end packet, or an update that was overtaken by the end
	}
	r.last = at
	r.duration = max(r.duration, e.Duration)
	if !e.End {
		return Step{}
	}
	r.held = false
	return Step{Tone: tone, Ended: true, Held: r.length()}
}

// continues reports whether the event is the next segment of a key that is held for longer than a duration can say
// (RFC 4733 section 2.5.1.3): it begins where the full segment ended.
func (r *Receiver) continues(timestamp uint32, e Event) bool {
	return r.held && e.Code == r.code && r.duration == 0xffff && timestamp == r.timestamp+0xffff
}

// straggler reports whether the timestamp belongs to a key before the current one.
func (r *Receiver) straggler(timestamp uint32) bool {
	if !r.any {
		return false
	}
	behind := int32(r.timestamp - timestamp)
	return behind > 0 && behind < int32(backwards*r.clock())
}

func (r *Receiver) length() time.Duration {
	return time.Duration(uint64(r.earlier)+uint64(r.duration)) * time.Second / time.Duration(r.clock())
}

func (r *Receiver) clock() int {
	if r.Clock <= 0 {
		return 8000
	}
	return r.Clock
}
