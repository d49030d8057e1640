package rtp

import "time"

// jitterBuffer puts the packets of one stream in order, holds them for as long as the line's jitter asks, and gives
// PCM tick by tick, by the wall clock. It knows three things: where the source's clock stands (the earliest arrivals of
// the last seconds), how late packets come relative to that (a histogram that forgets), and how much sound it holds.
// When it holds too much or too little for the jitter, it takes out or puts in a pitch period.
//
// It belongs to one stream and is used with that stream's lock held.
type jitterBuffer struct {
	clock   int // Hz of the timestamps
	decoder Decoder

	slots   [jitterSlots]jitterSlot
	begun   bool
	next    uint16    // sequence number of the packet to be played next
	top     uint16    // highest sequence number held, when count > 0
	count   int       // packets held
	place   int64     // extended timestamp of the sound that comes next from the decoder
	span    int64     // length of the last packet played
	owed    int64     // sound invented when nothing was there: the time of what comes may have been filled by it
	known   int64     // extended timestamp of the last packet pushed
	resting bool      // the source paused before the packet that comes next
	paused  bool      // it has said that it pauses: nothing will come for a while
	heard   time.Time // arrival of the last packet

	line     arrivalLine
	lateness lateness
	starting time.Time // when the first packet will be played; zero: playing
	adjusted time.Time // when the pace was last changed

	pcm      [maxDecoded + 2*maxTick]int16 // decoded and not yet played: pcm[from:to]
	from, to int

	lost      uint64 // packets that had not come when they were due
	invented  uint64 // ticks concealed
	discarded uint64 // packets thrown away since they came too late or too many at once; taken by the owner
}

// Sizes and times of the buffer.
const (
	jitterSlots = 128 // 200 ms in packets of 2.5 ms, and some
	maxTick     = 16000 / 50
	maxDecoded  = 16000 / 1000 * 120 // the longest packet there is
	startDelay  = 40 * time.Millisecond
	minDelay    = 20 * time.Millisecond
	maxDelay    = 200 * time.Millisecond
	delayMargin = 10 * time.Millisecond // above the jitter; also how far off the delay may be before the pace changes
	adjustPause = 100 * time.Millisecond
	idleAfter   = 500 * time.Millisecond // nothing heard for so long: the source has paused
	largestLeap = 2 * time.Second        // of timestamps against the wall clock; beyond, the source began anew
)

type jitterSlot struct {
	used     bool
	sequence uint16
	place    int64
	payload  []byte
}

func newJitterBuffer(clock int, decoder Decoder) *jitterBuffer {
	b := &jitterBuffer{clock: clock, decoder: decoder, span: int64(clock / 50)}
	b.lateness.reset()
	return b
}

// push takes a copy of a packet. False: it comes too late to be heard, or a second time.
func (b *jitterBuffer) push(p *Packet) bool {
	place := b.extend(p)
	late := b.line.observe(b.duration(place), p.Arrived)
	b.lateness.observe(late)
	b.heard = p.Arrived
	if !b.begun {
		b.begun = true
		b.next, b.place = p.Sequence, place
		b.starting = p.Arrived.Add(b.lateness.target())
	}
	step := int(int16(p.Sequence - b.next))
	switch {
	case step < 0 && !b.starting.IsZero() && step > -jitterSlots/2:
		b.next, b.place = p.Sequence, place // overtaken by the first one
	case step < 0:
		return false
	case step >= jitterSlots:
		b.skipTo(p.Sequence, place)
	}
	slot := &b.slots[p.Sequence%jitterSlots]
	if slot.used {
		return slot.sequence != p.Sequence
	}
	slot.used, slot.sequence, slot.place = true, p.Sequence, place
	slot.payload = append(slot.payload[:0], p.Payload...)
	if b.count == 0 || int16(p.Sequence-b.top) > 0 {
		b.top = p.Sequence
	}
	b.count++
	return true
}

// extend gives the packet's timestamp in 64 bits, and begins anew when it has nothing to do with those before.
func (b *jitterBuffer) extend(p *Packet) int64 {
	if b.known == 0 {
		b.known = 1<<32 + int64(p.Timestamp)
	}
	place := b.known + int64(int32(p.Timestamp-uint32(b.known)))
	waited := time.Duration(0)
	if !b.heard.IsZero() {
		waited = p.Arrived.Sub(b.heard)
	}
	off := b.duration(place-b.known) - waited
	if off > largestLeap || off < -largestLeap {
		b.restart()
		b.line = arrivalLine{}
	} else if b.count == 0 && (waited >= idleAfter || b.paused) {
		b.restart()
	}
	b.paused = false
	b.known = place
	return place
}

func (b *jitterBuffer) restart() {
	for i := range b.slots {
		b.slots[i].used = false
	}
	b.begun, b.count, b.owed, b.from, b.to = false, 0, 0, 0, 0
}

// skipTo gives up everything before a packet.
func (b *jitterBuffer) skipTo(sequence uint16, place int64) {
	for i := range b.slots {
		if b.slots[i].used {
			b.slots[i].used = false
			b.discarded++
		}
	}
	b.count, b.next, b.place, b.owed = 0, sequence, place, 0
}

// rest notes that the source pauses: when what is held has been played, nothing is missing.
func (b *jitterBuffer) rest() { b.paused = true }

// active reports whether there is, or soon may be, something to play.
func (b *jitterBuffer) active(at time.Time) bool {
	return b.begun && (b.count > 0 || !b.paused && at.Sub(b.heard) < idleAfter)
}

// pull fills pcm, a tick long, with what is due at the given beat.
func (b *jitterBuffer) pull(pcm []int16, at time.Time) {
	if !b.starting.IsZero() {
		if at.Before(b.starting) {
			clear(pcm)
			return
		}
		b.starting = time.Time{}
	}
	b.shed(at)
	for b.to-b.from < len(pcm) {
		b.more(at)
	}
	if at.Sub(b.adjusted) >= adjustPause {
		b.adjust(len(pcm), at)
	}
	b.from += copy(pcm, b.pcm[b.from:b.from+len(pcm)])
}

// held is how far behind the source's clock the sound at an extended timestamp would be played now.
func (b *jitterBuffer) held(place int64, at time.Time) time.Duration {
	return b.line.since(b.duration(place), at)
}

// delay is how far behind the source's clock we are playing.
func (b *jitterBuffer) delay(at time.Time) time.Duration {
	waiting := time.Duration(b.to-b.from) * time.Second / time.Duration(b.decoder.Rate())
	return b.held(b.place, at) + waiting
}

// spare is how long the packet to be played next will have had to arrive, when the beat comes that needs it. Sound
// is taken in ticks, so a packet may be needed a tick before its first sample is heard.
func (b *jitterBuffer) spare(at time.Time) time.Duration {
	tick := b.decoder.Rate() / 50
	beats := (b.to - b.from) / tick
	return b.held(b.place, at.Add(time.Duration(beats)*Tick))
}

// shed throws away the oldest packets when a burst has brought more than may be held.
func (b *jitterBuffer) shed(at time.Time) {
	slot := b.first()
	if slot == nil || b.held(slot.place, at) <= maxDelay {
		return
	}
	for b.count > 1 && b.held(slot.place, at) > b.lateness.target() {
		slot.used = false
		b.count--
		b.discarded++
		slot = b.first()
	}
	b.next, b.place, b.owed = slot.sequence, slot.place, 0
	b.from, b.to = 0, 0
}

// first is the earliest packet held; nil when there is none.
func (b *jitterBuffer) first() *jitterSlot {
	if b.count == 0 {
		return nil
	}
	for sequence := b.next; ; sequence++ {
		slot := &b.slots[sequence%jitterSlots]
		if slot.used && slot.sequence == sequence {
			return slot
		}
		if sequence == b.top {
			return nil
		}
	}
}

func (b *jitterBuffer) duration(units int64) time.Duration {
	clock := int64(b.clock)
	return time.Duration(units/clock)*time.Second + time.Duration(units%clock)*time.Second/time.Duration(clock)
}

func (b *jitterBuffer) units(d time.Duration) int64 {
	return int64(d) * int64(b.clock) / int64(time.Second)
}
