package lab

import (
	"encoding/binary"
	"strings"
	"sync"
	"time"
)

// Mouth sends one RTP stream: one SSRC, sequence and clock from its first packet to its last. Its clock runs on while it
// is silent.
type Mouth struct {
	mu       sync.Mutex
	write    func(packet []byte) error // guarded by mu; nil: nowhere to send to
	format   Format                    // guarded by mu
	encoder  encoder                   // guarded by mu
	sound    Sound                     // guarded by mu; nil: no packets
	frames   *frames                   // guarded by mu; measured frames instead of a sound
	digits   []*digit                  // guarded by mu; the first one is being sent
	ssrc     uint32
	sequence uint16 // guarded by mu
	clock    uint32 // guarded by mu
	talking  bool   // guarded by mu; the packet before this one was sent
	sent     uint64 // guarded by mu
	failed   uint64 // guarded by mu
	pcm      [samplesOf20]int16
	buf      [1500]byte
}

// digit is one key on its way (RFC 4733 section 2.5).
type digit struct {
	event  byte
	began  uint32 // timestamp
	rounds int    // of 20 ms, sent so far
	last   chan struct{}
}

const (
	digitRounds = 6 // 120 ms of tone
	pauseRounds = 3 // 60 ms until the next
)

func newMouth(ssrc uint32) *Mouth {
	seed := token(8)
	return &Mouth{ssrc: ssrc, sequence: uint16(seed[0])<<8 | uint16(seed[1]), clock: ssrc ^ 0x5a5a5a5a}
}

// Say sets the sound from the next packet on; nil stops the packets.
func (m *Mouth) Say(s Sound) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sound = s
}

// Sent is the number of packets sent.
func (m *Mouth) Sent() uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.sent
}

// Digits queues keys; the channel is closed when the last one is over.
func (m *Mouth) Digits(tones string) <-chan struct{} {
	done := make(chan struct{})
	m.mu.Lock()
	defer m.mu.Unlock()
	var last *digit
	for _, key := range strings.ToUpper(tones) {
		if i := strings.IndexRune(keys, key); i >= 0 {
			last = &digit{event: byte(i)}
			m.digits = append(m.digits, last)
		}
	}
	if last == nil {
		close(done)
	} else {
		last.last = done
	}
	return done
}

const keys = "0123456789*#ABCD" // in the order of RFC 4733 section 3.2

// speakTo sets where the stream goes and how it is encoded. Numbers go on.
func (m *Mouth) speakTo(f Format, write func([]byte) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.encoder == nil || !strings.EqualFold(m.format.Codec, f.Codec) {
		e, err := f.encoder()
		if err != nil {
			return err
		}
		m.encoder = e
	}
	m.format, m.write = f, write
	return nil
}

// shut returns when no packet is being sent and none will be.
func (m *Mouth) shut() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.write = nil
}

// speak is one beat of the metronome.
func (m *Mouth) speak() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.clock += m.format.step()
	if m.write == nil {
		return
	}
	if len(m.digits) > 0 && m.format.Event != 0 {
		m.key()
		return
	}
	payload := m.buf[12:]
	var n int
	switch {
	case m.frames != nil:
		n = m.frames.next(payload)
	case m.sound != nil:
		m.sound.Next(m.pcm[:])
		var err error
		if n, err = m.encoder.encode(m.pcm[:], payload); err != nil {
			m.failed++
			return
		}
	default:
		m.talking = false
		return
	}
	m.put(m.format.Payload, !m.talking, m.clock, n)
	m.talking = true
}

// key sends the next packet of the first digit in the queue; its end three times (RFC 4733 section 2.5.1.4).
func (m *Mouth) key() {
	d := m.digits[0]
	if d.rounds == 0 {
		d.began = m.clock
	}
	d.rounds++
	switch {
	case d.rounds <= digitRounds:
		m.event(d, 0)
	case d.rounds == digitRounds+1:
		d.rounds--
		for range 3 {
			m.event(d, 0x80)
		}
		d.rounds++
	case d.rounds > digitRounds+pauseRounds:
		m.digits = m.digits[1:]
		if d.last != nil {
			close(d.last)
		}
	}
}

func (m *Mouth) event(d *digit, end byte) {
	payload := m.buf[12:]
	payload[0], payload[1] = d.event, end|10
	binary.BigEndian.PutUint16(payload[2:], uint16(uint32(d.rounds)*m.format.step()))
	m.put(m.format.Event, d.rounds == 1 && end == 0, d.began, 4)
}

func (m *Mouth) put(payloadType uint8, marker bool, timestamp uint32, n int) {
	b := m.buf[:12+n]
	b[0], b[1] = 0x80, payloadType
	if marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], m.sequence)
	binary.BigEndian.PutUint32(b[4:], timestamp)
	binary.BigEndian.PutUint32(b[8:], m.ssrc)
	if m.frames != nil {
		m.frames.stamp(b[12:], time.Now())
	}
	m.sequence++
	m.sent++
	if m.write(b) != nil {
		m.failed++
	}
}
