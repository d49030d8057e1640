package rtp

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

// Stream is what one party hears from us: one SSRC, one sequence and one timestamp clock for life, whatever is played
// on it. All methods are safe for concurrent use.
//
// A packet of a live source that speaks the listener's codec is rewritten and sent by the goroutine that received it.
// Everything else (silence, digits, transcoding) is sent on the beats of the metronome.
type Stream struct {
	write     func([]byte) error
	again     func() error
	metronome *Metronome
	coders    Coders
	fill      time.Duration
	ssrc      uint32

	switching sync.Mutex // serialises Hear, SetFormat and Close; never taken by a packet or a beat
	source    Source     // guarded by switching; nil: silence
	stop      func()     // guarded by switching; nil: not listening to the source yet
	seat      *Seat      // guarded by switching and mu; nil before the first format

	mu        sync.Mutex // held while one packet is written, so that packets leave in sequence
	closed    bool
	format    *Format
	direction Direction
	next      uint16 // sequence number of the next packet
	clock     clock
	input     *input // the one whose packets count; nil: silence
	quiet     bool   // the next audio packet opens a talk spurt: marker (RFC 3551 section 4.1)
	sends     uint64 // packets sent; an input sees from it that something else was sent in between
	packets   uint64 // packets written without error
	octets    uint64 // and their payload bytes
	newest    int    // length of the newest packet, which is still in buffer; 0: there is none
	keys      keys
	silence   silence
	speaker   speaker
	loss      atomic.Int32 // percent of packets expected to be lost, plus 1; 0: nothing is known
	buffer    []byte       // of maxPacket, and capacity for what Write adds
}

// StreamConfig says how a Stream reaches the network and what it may use.
type StreamConfig struct {
	// Write sends one RTP packet; the bytes are lent for the call. An error means that it was not sent: the stream
	// goes on. Called with the stream's lock held, so it must not call back into the stream.
	Write func(packet []byte) error
	// Again sends what Write was given last once more, see Stream.Opens; where Write protects packets in place, they lie in
	// the stream's buffer as it left them. nil: Write does it, and leaves the bytes as they are.
	Again func() error
	// Spare is how many bytes behind each packet Write may use, to protect it in place.
	Spare int
	// Metronome paces silence, digits and transcoding. Required.
	Metronome *Metronome
	// Coders transcode; nil: a source of another codec than the listener's is silence.
	Coders Coders
	// Fill is how long a source may say nothing before the stream sends encoded silence, so that no gap makes the far
	// side play loud comfort noise or hang up. 0: 200 ms; negative: never.
	Fill time.Duration
	// SSRC of the stream; 0: a random one.
	SSRC uint32
}

// defaultFill is longer than the jitter of a usable line and shorter than what an exchange takes for a dead one.
const defaultFill = 200 * time.Millisecond

// NewStream makes a stream that has no format yet, and so sends nothing.
func NewStream(c StreamConfig) *Stream {
	s := &Stream{write: c.Write, again: c.Again, metronome: c.Metronome, coders: c.Coders, fill: c.Fill, ssrc: c.SSRC, quiet: true,
		buffer: make([]byte, maxPacket, maxPacket+c.Spare)}
	if s.fill == 0 {
		s.fill = defaultFill
	}
	for s.ssrc == 0 {
		s.ssrc = rand.Uint32()
	}
	s.next = uint16(rand.UintN(1 << 15)) // the lower half: SRTP's roll-over count must not be guessed early (RFC 3711 section 3.3.1)
	s.clock.last = rand.Uint32()
	s.direction = Inactive
	return s
}

// Hear switches, between two packets, what is played. Nil is silence. It returns when the former source has let go of
// the stream. A source that is heard before the first negotiation begins with it. It must not be called from within
// Sink.Packet.
func (s *Stream) Hear(source Source) {
	s.switching.Lock()
	defer s.switching.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	former := s.stop
	s.source, s.stop, s.input, s.quiet = source, nil, nil, true
	s.mu.Unlock()
	if former != nil {
		former()
	}
	s.listen()
}

// listen begins to hear the source once it is known what the far side wants; the caller holds switching.
func (s *Stream) listen() {
	var in *input
	s.mu.Lock()
	if s.source != nil && s.format != nil && s.stop == nil {
		in = &input{stream: s}
		s.input = in
		s.clock.heard = time.Now()
	}
	s.begin(time.Now())
	s.mu.Unlock()
	if in != nil {
		s.stop = s.source.Listen(in, s.format)
	}
	s.soon()
}

// SetFormat tells what the far side wants and whether we may send to it (SendRecv, SendOnly). Sequence and SSRC go on,
// the clock too: when the codec's clock rate changes the timestamp continues from where it was, at the new rate. The
// format may not be changed afterwards.
func (s *Stream) SetFormat(f *Format, d Direction) {
	s.switching.Lock()
	defer s.switching.Unlock()
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.direction = d
	if f != nil {
		if s.format == nil || s.format.Codec != f.Codec {
			s.quiet = true
		}
		if s.format != nil && *s.format != *f {
			s.speaker.forget()
		}
		s.clock.setRate(f.Codec.Clock)
		s.format = f
		if s.seat == nil {
			s.seat = s.metronome.Join(s.beat)
		}
	}
	s.mu.Unlock()
	s.listen()
}

// Format is what the stream sends; nil before the first negotiation.
func (s *Stream) Format() *Format {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.format
}

// SSRC of the stream, for life.
func (s *Stream) SSRC() uint32 { return s.ssrc }

// Close ends the stream; nothing is written after it returned. Closing twice is harmless.
func (s *Stream) Close() {
	s.switching.Lock()
	defer s.switching.Unlock()
	s.mu.Lock()
	s.closed = true
	s.input = nil
	seat, stop := s.seat, s.stop
	s.seat, s.stop, s.source = nil, nil, nil
	s.mu.Unlock()
	if stop != nil {
		stop()
	}
	if seat != nil {
		seat.Leave()
	}
}

func (s *Stream) soon() {
	if s.seat != nil {
		s.seat.Soon()
	}
}

// speaks reports whether a packet may be sent; the caller holds mu.
func (s *Stream) speaks() bool {
	return s.format != nil && !s.closed && (s.direction == SendRecv || s.direction == SendOnly)
}

// send writes one packet; the caller holds mu.
func (s *Stream) send(h *header, payload []byte) {
	h.ssrc = s.ssrc
	h.put(s.buffer)
	s.newest = headerSize + copy(s.buffer[headerSize:], payload)
	s.sends++
	s.count(s.write(s.buffer[:s.newest]))
}

// count notes the newest packet if it was sent; the caller holds mu.
func (s *Stream) count(err error) {
	if err == nil {
		s.packets++
		s.octets += uint64(s.newest - headerSize)
	}
}

// sendAudio writes one packet of our own making, right after what was sent before; the caller holds mu.
func (s *Stream) sendAudio(payload []byte, span uint32, at time.Time) {
	ts := s.clock.follow(at)
	h := header{marker: s.quiet, payload: s.format.Payload, sequence: s.next, timestamp: ts}
	s.next++
	s.quiet = false
	s.clock.mark(ts, span, at)
	s.send(&h, payload)
}

// sent says how many packets and payload bytes have gone out.
func (s *Stream) sent() (packets, octets uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets, s.octets
}

// ticks that may pass until the next beat.
const (
	ticksBusy = 1
	ticksHeld = 50 // we may not send, or need not
)

// beat does what no arriving packet does for us.
func (s *Stream) beat(at time.Time) (next int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.closed:
		return 0
	case !s.speaks():
		return ticksHeld
	case s.playKeys(at), s.input != nil && s.input.transcode(at):
		return ticksBusy
	case s.fill >= 0 && (s.input == nil || s.silence.filling || at.Sub(s.clock.heard) >= s.fill || s.unheard(at)):
		s.fillSilence(at)
		return ticksBusy
	case len(s.keys.queue) > 0, s.fill >= 0 && !s.input.spoke:
		return ticksBusy
	case s.fill < 0:
		return ticksHeld
	}
	// A live source paces the stream: the next look is when it may have been silent for too long.
	return max(int((s.fill-at.Sub(s.clock.heard)+Tick-1)/Tick), longRest)
}
