package rtp

import (
	"time"

	"github.com/cordboard/cordboard/rtp/dtmf"
)

// keys plays telephone events (RFC 4733), those we were asked for and those a party pressed, always from the beginning
// and always in good shape: one timestamp, growing durations, three ends, at least 100 ms.
type keys struct {
	queue    []key // at most maxKeys
	sounding bool  // the first of the queue is being sent: no audio meanwhile
	start    uint32
	began    time.Time     // when it began
	past     time.Duration // of it told by earlier segments; start is the timestamp of the present one
	first    bool          // no packet of it was sent yet
	ends     int           // end packets sent
	rested   time.Time     // no key before
	tones    dualTone      // where the far side takes no events
}

// key is one event to be sent, or a pause.
type key struct {
	code   uint8
	volume uint8         // −dBm0
	tone   time.Duration // how long it lasts; for a held one: as far as we know
	held   bool          // the end has not come yet
	told   time.Time     // held: when we last heard of it
	pause  bool          // nothing is sent for the time of tone
}

// Times of an event (RFC 4733 section 2.5.1, and what exchanges accept).
const (
	minTone   = 100 * time.Millisecond
	maxTone   = 60 * time.Second
	keyRest   = 60 * time.Millisecond
	keyPause  = time.Second
	keyLost   = 150 * time.Millisecond // a held key of which nothing was heard for so long has been let go
	keyVolume = 10
	maxKeys   = 64
	endsSent  = 3
	lastKey   = 16 // the hook flash
)

// Digits plays tones (0-9 * # A-D, and ! for the hook flash) as telephone events (RFC 4733), after those already queued: 100 ms each, 60 ms apart.
// Anything else in tones is a pause of a second. At most 64 wait; the rest is dropped.
func (s *Stream) Digits(tones string) {
	s.mu.Lock()
	for i := range len(tones) {
		if code, ok := dtmf.Code(tones[i]); ok {
			s.keys.add(key{code: code, volume: keyVolume, tone: minTone})
		} else {
			s.keys.add(key{pause: true, tone: keyPause})
		}
	}
	seat := s.seat
	s.mu.Unlock()
	if seat != nil {
		seat.Soon()
	}
}

func (k *keys) add(next key) {
	if len(k.queue) < maxKeys {
		k.queue = append(k.queue, next)
	}
}

// pressed is the event that an input's party is pressing, so that its many packets make one key.
type pressed struct {
	known bool
	ssrc  uint32
	start uint32 // timestamp: this, not the marker, tells one event from the next
	code  uint8
	over  bool
	units uint16        // duration of the last packet, in the source's clock
	past  time.Duration // of the segments before start
}

// press takes an event packet of the party we hear. The caller holds the stream's mu.
func (in *input) press(p *Packet) {
	event, err := dtmf.Parse(p.Payload)
	if err != nil {
		return
	}
	in.events = true
	code, end, units := event.Code, event.End, event.Duration
	clock := p.Format.eventClock()
	now, keys := &in.pressed, &in.stream.keys
	if now.known && now.ssrc == p.SSRC {
		ahead := int32(p.Timestamp - now.start)
		switch {
		case ahead == 0 && now.over:
			return // the repeated ends
		case ahead < 0 && ahead > -10*int32(p.Format.Codec.Clock):
			return // a straggler of an earlier event
		case ahead == 0:
			now.over, now.units = end, max(now.units, units)
			keys.tell(now.past+unitsTime(units, clock), end, p.Arrived)
			return
		case !now.over && code == now.code && int(ahead) == int(now.units)*p.Format.Codec.Clock/clock: // a further segment of a long press
			now.past += unitsTime(now.units, clock)
			now.start, now.over, now.units = p.Timestamp, end, units
			keys.tell(now.past+unitsTime(units, clock), end, p.Arrived)
			return
		}
	}
	keys.release()
	*now = pressed{known: true, ssrc: p.SSRC, start: p.Timestamp, code: code, over: end, units: units}
	if code > lastKey {
		now.over = true // tones, modem signals: nothing that a key means
		return
	}
	tone := min(unitsTime(units, clock), maxTone)
	keys.add(key{code: code, volume: event.Volume, tone: tone, held: !end, told: p.Arrived})
	in.stream.soon()
}

func unitsTime(units uint16, clock int) time.Duration {
	return time.Duration(units) * time.Second / time.Duration(clock)
}

// tell brings news of the key that is held.
func (k *keys) tell(tone time.Duration, end bool, at time.Time) {
	if n := len(k.queue); n > 0 && k.queue[n-1].held {
		held := &k.queue[n-1]
		held.tone = min(max(held.tone, tone), maxTone)
		held.held, held.told = !end, at
	}
}

// release lets go of a held key whose end was lost.
func (k *keys) release() {
	if n := len(k.queue); n > 0 {
		k.queue[n-1].held = false
	}
}

// playKeys does the beat's share of the waiting keys. True: a key is sounding, nothing else may be sent. The caller
// holds the stream's mu.
func (s *Stream) playKeys(at time.Time) bool {
	k := &s.keys
	if len(k.queue) == 0 || at.Before(k.rested) {
		return false
	}
	now := &k.queue[0]
	if now.pause {
		k.finish(at.Add(now.tone))
		return false
	}
	if !k.sounding {
		k.sounding, k.first, k.ends, k.past = true, true, 0, 0
		k.start, k.began = s.clock.follow(at), at
		s.quiet = true
	}
	if now.held && at.Sub(now.told) > keyLost {
		now.held = false
	}
	elapsed, last := min(at.Sub(k.began)+Tick, maxTone), max(now.tone, minTone)
	ending := !now.held && elapsed >= last
	if s.format.Event == 0 {
		if s.soundKey(now.code, at); ending {
			k.finish(at.Add(keyRest))
		}
		return true
	}
	if ending {
		k.ends++
	}
	s.sendKey(now, min(elapsed, last), ending, at) // never more than the party told: a duration must not shrink at the end
	if k.ends == endsSent {
		k.finish(at.Add(keyRest))
	}
	return true
}

// finish takes the first key from the queue.
func (k *keys) finish(rested time.Time) {
	k.sounding = false
	k.rested = rested
	k.queue = append(k.queue[:0], k.queue[1:]...)
}

// sendKey writes one event packet. A long press goes on in further segments, each with its own timestamp, when the 16
// bits of the duration are full (RFC 4733 section 2.5.1.3): after 1.4 s beside Opus.
func (s *Stream) sendKey(now *key, tone time.Duration, end bool, at time.Time) {
	const full = 0xffff
	k, clock := &s.keys, s.format.eventClock()
	units := int64(tone-k.past) * int64(clock) / int64(time.Second)
	for units > full {
		s.sendEvent(now, full, false)
		k.start += uint32(full * s.clock.rate / clock)
		k.past += full * time.Second / time.Duration(clock)
		units -= full
	}
	s.sendEvent(now, uint16(units), end)
}

func (s *Stream) sendEvent(now *key, units uint16, end bool) {
	k := &s.keys
	payload := dtmf.Event{Code: now.code, End: end, Volume: now.volume, Duration: units}.Append(s.speaker.payload[:0])
	h := header{marker: k.first, payload: s.format.Event, sequence: s.next, timestamp: k.start}
	s.next++
	k.first = false
	s.send(&h, payload)
}
