package rtp

import "time"

// Stream is what one party hears from us: one SSRC, one sequence and one timestamp clock for life, whatever is played
// on it. All methods are safe for concurrent use.
type Stream struct{}

// StreamConfig says how a Stream reaches the network and what it may use.
type StreamConfig struct {
	// Write sends one RTP packet; the bytes are lent for the call. An error means that it was not sent: the stream
	// goes on. Called with the stream's lock held, so it must not call back into the stream.
	Write func(packet []byte) error
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

// NewStream makes a stream that has no format yet, and so sends nothing.
func NewStream(c StreamConfig) *Stream { return &Stream{} }

// Hear switches, between two packets, what is played. Nil is silence. It returns when the former source has let go of
// the stream. A source that is heard before the first negotiation begins with it.
func (s *Stream) Hear(src Source) {}

// SetFormat tells what the far side wants and whether we may send to it (SendRecv, SendOnly). Sequence and SSRC go on,
// the clock too: when the codec's clock rate changes the timestamp continues from where it was, at the new rate.
func (s *Stream) SetFormat(f *Format, d Direction) {}

// Format is what the stream sends; nil before the first negotiation.
func (s *Stream) Format() *Format { return nil }

// Digits plays tones (0-9 * # A-D) as telephone events (RFC 4733), after those already queued: 100 ms each, 60 ms apart.
// Anything else in tones is a pause of a second. Without a negotiated telephone-event they are sounded in the audio.
func (s *Stream) Digits(tones string) {}

// SSRC of the stream, for life.
func (s *Stream) SSRC() uint32 { return 0 }

// Close ends the stream; nothing is written after it returned.
func (s *Stream) Close() {}
