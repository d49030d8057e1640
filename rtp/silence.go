package rtp

import "time"

// silence is what a stream sends when nobody says anything: none at all, or what a source at rest has asked for.
type silence struct {
	filling bool      // nothing has been heard since silence began
	due     time.Time // of the next packet
}

// fillSilence sends a packet of silence when its time has come; the caller holds the stream's mu.
func (s *Stream) fillSilence(at time.Time) {
	if !s.silence.filling {
		s.silence.filling = true
		s.silence.due = at
		s.quiet = true
	}
	if at.Before(s.silence.due) {
		return
	}
	payload, ticks := s.restPayload()
	if payload == nil {
		payload, ticks = s.silentPayload()
	}
	if payload == nil {
		return
	}
	span := time.Duration(ticks) * Tick
	s.silence.due = at.Add(span - Tick/2) // half a tick early, since beats come in ticks
	s.sendAudio(payload, uint32(int64(span)*int64(s.clock.rate)/int64(time.Second)), at)
}

// longestSilence is how many ticks a packet of silence can last.
const longestSilence = 3

// The encodings of silence: digital zero in G.711 (RFC 3551 section 4.5.14), and an Opus packet of 20 ms, CELT, full
// band, that decodes to it.
const (
	silentPCMU = 0xff
	silentPCMA = 0xd5
	silentOpus = "\xf8\xff\xfe"
)

// silentPayload is a packet of silence in the stream's format, and how many ticks it lasts.
func (s *Stream) silentPayload() (payload []byte, ticks int) {
	ticks = min(max(int(s.format.Ptime/Tick), 1), longestSilence)
	switch s.format.Codec {
	case PCMU:
		return fillBytes(s.speaker.payload[:], silentPCMU, ticks*160), ticks
	case PCMA:
		return fillBytes(s.speaker.payload[:], silentPCMA, ticks*160), ticks
	case Opus:
		return append(s.speaker.payload[:0], silentOpus...), 1
	}
	// An adaptive codec has no fixed silence: its encoder must say it.
	payload, err := s.speaker.encodeSilence(s, ticks)
	if err != nil {
		return nil, ticks
	}
	return payload, ticks
}

func fillBytes(b []byte, with byte, n int) []byte {
	b = b[:n]
	for i := range b {
		b[i] = with
	}
	return b
}
