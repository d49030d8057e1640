package lab

import (
	"context"
	"encoding/binary"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Heard is one received RTP packet.
type Heard struct {
	At        time.Time // the kernel's for plain RTP
	SSRC      uint32
	Sequence  uint16
	Timestamp uint32
	Marker    bool
	Payload   uint8 // payload type
	Bytes     int   // of payload
	Event     bool  // a telephone-event
	Position  int   // where its sound begins in the ear's PCM
	Samples   int
}

// Ear collects everything that arrives, decoded and laid out in time: what was not sent is silence.
type Ear struct {
	mu       sync.Mutex
	formats  map[uint8]Format  // guarded by mu; by payload type
	events   map[uint8]int     // guarded by mu; payload types of telephone-event, with their clocks
	decoders map[uint8]decoder // guarded by mu
	packets  []Heard           // guarded by mu
	pcm      []int16           // guarded by mu
	began    time.Time         // guarded by mu; arrival of the first packet
	last     lastPacket        // guarded by mu
	digits   []byte            // guarded by mu
	strange  int               // guarded by mu; packets of no known payload type
	waiting  []chan struct{}   // guarded by mu
	lean     *lean             // measures only, and remembers nothing
	buf      [5760]int16       // 120 ms at 48 kHz
}

// lastPacket is what the next packet is compared with.
type lastPacket struct {
	ssrc      uint32
	timestamp uint32
	samples   int
	event     uint32 // timestamp of the last digit
	seenEvent bool
	any       bool
}

func newEar() *Ear {
	return &Ear{formats: map[uint8]Format{}, events: map[uint8]int{}, decoders: map[uint8]decoder{}}
}

// understand adds formats; nothing that was understood before is forgotten, as packets may still be on their way.
func (e *Ear) understand(formats []Format) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, f := range formats {
		if old, known := e.formats[f.Payload]; !known || !strings.EqualFold(old.Codec, f.Codec) {
			e.formats[f.Payload] = f
			delete(e.decoders, f.Payload)
		}
		if f.Event != 0 {
			e.events[f.Event] = f.clock()
		}
	}
}

// hear takes one packet as it came.
func (e *Ear) hear(raw []byte, at time.Time) {
	h, payload, ok := parseRTP(raw)
	if !ok {
		return
	}
	h.At = at
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.lean != nil {
		e.lean.hear(h, payload, e.formats[h.Payload])
		return
	}
	if clock, event := e.events[h.Payload]; event {
		e.key(&h, payload, clock)
	} else if f, known := e.formats[h.Payload]; known {
		e.listen(&h, payload, f)
	} else {
		e.strange++
		return
	}
	if len(e.packets) == 0 {
		e.began = at
	}
	e.packets = append(e.packets, h)
	for _, w := range e.waiting {
		close(w)
	}
	e.waiting = nil
}

func parseRTP(raw []byte) (Heard, []byte, bool) {
	if len(raw) < 12 || raw[0]>>6 != 2 {
		return Heard{}, nil, false
	}
	end, begin := len(raw), 12+4*int(raw[0]&15)
	if raw[0]&0x10 != 0 && end >= begin+4 {
		begin += 4 + 4*int(binary.BigEndian.Uint16(raw[begin+2:]))
	}
	if raw[0]&0x20 != 0 {
		end -= int(raw[end-1])
	}
	if begin > end {
		return Heard{}, nil, false
	}
	return Heard{SSRC: binary.BigEndian.Uint32(raw[8:]), Sequence: binary.BigEndian.Uint16(raw[2:]),
		Timestamp: binary.BigEndian.Uint32(raw[4:]), Marker: raw[1]&0x80 != 0, Payload: raw[1] & 0x7f,
		Bytes: end - begin}, raw[begin:end], true
}

// key notes a digit once: every packet of one press has the same timestamp (RFC 4733 section 2.2.2).
func (e *Ear) key(h *Heard, payload []byte, _ int) {
	h.Event, h.Position = true, len(e.pcm)
	if len(payload) < 4 || int(payload[0]) >= len(keys) {
		return
	}
	if !e.last.seenEvent || e.last.event != h.Timestamp {
		e.digits = append(e.digits, keys[payload[0]])
	}
	e.last.seenEvent, e.last.event = true, h.Timestamp
}

// listen decodes audio and lays it where it belongs in time.
func (e *Ear) listen(h *Heard, payload []byte, f Format) {
	d := e.decoders[h.Payload]
	if d == nil {
		var err error
		if d, err = f.decoder(); err != nil {
			return
		}
		e.decoders[h.Payload] = d
	}
	n, err := d.decode(payload, e.buf[:])
	if err != nil {
		return
	}
	e.pause(h, f)
	h.Position, h.Samples = len(e.pcm), n
	if len(e.pcm) < 3600*rate { // an hour is enough for any test
		e.pcm = append(e.pcm, e.buf[:n]...)
	}
	e.last.ssrc, e.last.timestamp, e.last.samples, e.last.any = h.SSRC, h.Timestamp, n, true
}

// pause inserts the silence before a packet: what its timestamp skips, or what its arrival tells when the sender's
// clock stood still or began anew.
func (e *Ear) pause(h *Heard, f Format) {
	if !e.last.any {
		return
	}
	skipped := 0
	if h.SSRC == e.last.ssrc {
		step := int(int32(h.Timestamp-e.last.timestamp)) * rate / f.clock()
		if skipped = step - e.last.samples; skipped < 0 || skipped > rate {
			skipped = 0
		}
	}
	const tolerated = rate / 10 // a jitter of 100 ms
	byArrival := int(h.At.Sub(e.began).Seconds()*rate) - len(e.pcm) - skipped
	if byArrival > tolerated {
		skipped += byArrival
	}
	if skipped > 0 && len(e.pcm) < 3600*rate {
		e.pcm = append(e.pcm, make([]int16, skipped)...)
	}
}

// Packets returns all packets in order of arrival.
func (e *Ear) Packets() []Heard {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]Heard(nil), e.packets...)
}

// PCM returns all that was heard, at 8 kHz.
func (e *Ear) PCM() []int16 { return e.since(0) }

func (e *Ear) since(position int) []int16 {
	e.mu.Lock()
	defer e.mu.Unlock()
	return append([]int16(nil), e.pcm[min(position, len(e.pcm)):]...)
}

// Now is how much has been heard: a position for Dropouts.
func (e *Ear) Now() int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return len(e.pcm)
}

// Digits returns the keys heard as RFC 4733 events.
func (e *Ear) Digits() string {
	e.mu.Lock()
	defer e.mu.Unlock()
	return string(e.digits)
}

// AwaitDigits waits until the keys heard end with want.
func (e *Ear) AwaitDigits(ctx context.Context, want string) error {
	for {
		changed := e.changed()
		if strings.HasSuffix(e.Digits(), want) {
			return nil
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("heard keys %q, not %q: %w", e.Digits(), want, context.Cause(ctx))
		}
	}
}

// changed is closed with the next packet.
func (e *Ear) changed() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	ch := make(chan struct{})
	e.waiting = append(e.waiting, ch)
	return ch
}
