package rtp

import (
	"sync/atomic"
	"time"
)

// Codec names an encoding by its rtpmap name and clock, never by a payload type number: numbers belong to one negotiation.
type Codec struct {
	Name  string // "PCMU", "PCMA", "G722", "opus" (as in the rtpmap, compared without case)
	Clock int    // RTP clock rate in Hz: 8000, for G.722 too (RFC 3551 section 4.5.2), 48000 for Opus
}

// The codecs we speak.
var (
	PCMU = Codec{"PCMU", 8000}
	PCMA = Codec{"PCMA", 8000}
	G722 = Codec{"G722", 8000}
	Opus = Codec{"opus", 48000}
	// Comfort is comfort noise (RFC 3389): what some far sides send once in place of silence. It is heard and never sent.
	Comfort = Codec{"CN", 8000}
)

// comfortPayload is its static payload type (RFC 3551 table 4), which some use without having said so.
const comfortPayload = 13

// Format is how one party wants its sound after a negotiation.
type Format struct {
	Codec      Codec
	Payload    uint8         // payload type of the audio
	Event      uint8         // payload type of telephone-event; 0: not negotiated
	Tones      bool          // keys may come as tones, too, although Event is negotiated
	Comfort    uint8         // payload type of comfort noise; 0: not negotiated
	EventClock int           // clock rate of telephone-event in Hz; 0: the codec's
	Ptime      time.Duration // packet time we send: 20, 40 or 60 ms
	FEC        bool          // Opus: the far side can use in-band FEC (useinbandfec=1)
	MaxAverage int           // Opus: maxaveragebitrate in bit/s; 0: not limited
}

// eventClock is the unit of the durations of telephone-event in Hz.
func (f *Format) eventClock() int {
	if f.EventClock != 0 {
		return f.EventClock
	}
	return f.Codec.Clock
}

// Packet is one received RTP packet, parsed. It and its payload are lent for the duration of the call that hands it out.
type Packet struct {
	SSRC      uint32
	Sequence  uint16
	Timestamp uint32 // in the clock of Format.Codec
	Marker    bool
	Event     bool // the payload is a telephone-event (RFC 4733), not audio
	Comfort   bool // the payload is comfort noise (RFC 3389): the source says nothing until its next packet
	Payload   []byte
	Format    *Format   // of the sender; never changes while lent, may differ from packet to packet
	Arrived   time.Time // at the socket; of a recorded sound: when it was due. Never zero

	late *atomic.Uint64 // the sender's count of packets too late for a jitter buffer; nil for recorded sounds
}

// Sink receives a source's packets, one at a time, in order of arrival. Packet must neither block nor keep p.
type Sink interface{ Packet(p *Packet) }

// Source is what a Stream can play. A live party sends the packets it receives, in its own format; a recorded sound
// sends packets already encoded in the format the listener wants.
type Source interface {
	SourceName() string
	// Listen begins to send to the sink; stop ends it, and no packet is delivered after stop returned.
	// want is read by recorded sounds only.
	Listen(sink Sink, want *Format) (stop func())
}

// Session is one party's media for the length of its leg.
//
// Offer, Answer and Accept are called by the one goroutine that owns the leg's negotiation. Everything else is safe for
// concurrent use.
type Session interface {
	Source
	// Offer makes an SDP offer (RFC 3264): the first one, or one for a re-INVITE with the session's state unchanged.
	Offer() ([]byte, error)
	// Answer takes the far side's offer and returns our answer; called again for a re-INVITE. An offer we cannot serve
	// is *Unacceptable and changes nothing.
	Answer(offer []byte) (answer []byte, err error)
	// Accept takes the far side's answer to our last Offer. It may come again and differ: early media, then the callee.
	Accept(answer []byte) error
	// Out is the one outgoing stream. It exists before any negotiation and is never replaced.
	Out() *Stream
	// Direction is what the last negotiation left us, from our side: RecvOnly (they offered sendonly) or Inactive means
	// that the far side holds us.
	Direction() Direction
	// Quality is what has been received and reported so far.
	Quality() Quality
	// Connected is closed when the path is up: ICE and DTLS done, or for plain RTP once negotiated.
	Connected() <-chan struct{}
	// Done is closed when the path is lost for good; Err then says why.
	Done() <-chan struct{}
	Err() error
	// Close gives back the port and every goroutine before it returns.
	Close() error
}

// Quality is what RTP and RTCP tell of a session (RFC 3550 sections 6.4 and A.8).
type Quality struct {
	Received  uint64        // packets
	Sent      uint64        // packets
	Lost      uint64        // packets missing in what we received
	Late      uint64        // packets that came too late for the jitter buffer
	Jitter    time.Duration // interarrival jitter of what we receive
	RoundTrip time.Duration // from RTCP; 0 unknown
	FarLost   float64       // fraction the far side reports lost, 0…1
	Reported  bool          // the far side has reported on what it hears of us
	Strangers uint64        // packets from addresses that were not believed to be the far side's
	Forged    uint64        // packets of a protected session that the far side has not protected, or that came again
	LastHeard time.Time     // arrival of the last valid packet
}

// Unacceptable is an offer we cannot serve: no common codec, no usable address. It becomes 488.
type Unacceptable struct{ Why string }

func (u *Unacceptable) Error() string { return "offer not acceptable: " + u.Why }
