package rtp

import "time"

// onTime is how far a timestamp may be off its place and still be taken as following directly: the shortest packet.
const onTime = 2500 * time.Microsecond

// more adds to the decoded sound: the next packet, or what replaces it. It may add nothing once, when it only moves on.
func (b *jitterBuffer) more(at time.Time) {
	if b.from > 0 {
		b.to = copy(b.pcm[:], b.pcm[b.from:b.to])
		b.from = 0
	}
	slot := b.first()
	if slot == nil {
		b.starve(at)
		return
	}
	missing := slot.sequence - b.next
	gap := slot.place - b.place
	switch near := b.units(onTime); {
	case gap < -near: // its time is over: filled with something else
		b.discarded++
		b.take(slot)
	case gap <= near && b.resting && b.spare(at) < b.lateness.target()-delayMargin:
		b.invent(b.units(Tick), nil) // a new talk spurt is the moment to get the delay right
		b.place -= b.units(Tick)
	case gap <= near:
		b.lost += uint64(missing)
		b.owed, b.resting = 0, false
		b.decode(slot)
	case b.owed > 0: // (part of) the gap has been filled when we did not know how long it would be
		b.resting = b.resting || missing == 0
		filled := min(b.owed, gap)
		b.owed -= filled
		b.place += filled
	case missing == 0: // the source paused
		b.resting = true
		b.invent(min(gap, b.units(Tick)), nil)
	case gap <= max(b.span, near)+near && missing == 1: // exactly one packet is missing, and its successor is here
		b.invent(gap, slot.payload)
	default:
		b.invent(min(gap, max(b.span, b.units(Tick/2)), b.units(3*Tick)), nil)
		if missing > 1 {
			b.next++
			b.lost++
		}
	}
}

// starve invents a tick because nothing is there. Whether the next packet is late or lost will be seen: until then the
// place stays, which makes the delay grow, up to its bound.
func (b *jitterBuffer) starve(at time.Time) {
	units := b.units(Tick)
	b.invent(units, nil)
	if b.delay(at) > maxDelay {
		return
	}
	b.place -= units
	b.owed += units
}

// invent conceals so many units of time and moves on by them.
func (b *jitterBuffer) invent(units int64, following []byte) {
	n := int(units * int64(b.decoder.Rate()) / int64(b.clock))
	n = min(n, len(b.pcm)-b.to)
	lost := b.pcm[b.to : b.to+n : b.to+n]
	if got, err := b.decoder.Conceal(lost, following); err != nil {
		clear(lost)
	} else if got < n {
		clear(lost[max(got, 0):])
	}
	b.to += n
	b.place += units
	b.invented++
}

// decode plays a packet.
func (b *jitterBuffer) decode(slot *jitterSlot) {
	rate := b.decoder.Rate()
	room := b.pcm[b.to:min(b.to+maxDecoded, len(b.pcm))]
	n, err := b.decoder.Decode(room[:len(room):len(room)], slot.payload)
	b.place = slot.place
	b.take(slot)
	if err != nil || n <= 0 || n > len(room) {
		b.invent(b.span, nil)
		return
	}
	b.to += n
	b.span = int64(n) * int64(b.clock) / int64(rate)
	b.place += b.span
}

// take removes a packet and makes its successor the next one.
func (b *jitterBuffer) take(slot *jitterSlot) {
	slot.used = false
	b.count--
	b.next = slot.sequence + 1
}
