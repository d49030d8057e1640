package rtp

// rest is a source's pause that it has announced by comfort noise (RFC 3389): until its next packet, this noise is made
// in its place, so that a line never sounds dead, and whoever listens gets a stream without gaps.
type rest struct {
	resting  bool
	ssrc     uint32
	sequence uint16 // of the comfort noise
	payload  [mostComfort]byte
	size     int
	fresh    bool    // payload has not been heard yet
	noise    Decoder // nil: there was none yet, or it cannot be made
	rate     int     // of noise, Hz
}

// mostComfort is as much of a payload as means anything: the level, and the spectrum of a model of order 12.
const mostComfort = 13

// overtook ends the rest with a packet of sound. It reports whether the packet is one that the comfort noise overtook on
// its way, and whose time is over.
func (r *rest) overtook(p *Packet) bool {
	if !r.resting {
		return false
	}
	if p.SSRC == r.ssrc && int16(p.Sequence-r.sequence) < 0 {
		return true
	}
	r.resting = p.Comfort
	return false
}

// takeRest begins or changes the noise. The caller holds the stream's mu.
func (in *input) takeRest(p *Packet) {
	s, r := in.stream, &in.rest
	r.resting, r.fresh, r.ssrc, r.sequence = true, true, p.SSRC, p.Sequence
	r.size = copy(r.payload[:], p.Payload)
	s.clock.heard = p.Arrived
	if in.coder != nil && in.coder.jitter != nil {
		in.coder.jitter.rest()
	}
	if s.fill >= 0 && !s.silence.filling {
		s.silence.filling, s.silence.due = true, p.Arrived
		s.soon()
	}
}

// restPayload is a packet of the noise of a source at rest, and how many ticks it lasts; nil: there is none.
func (s *Stream) restPayload() (payload []byte, ticks int) {
	if s.input == nil || !s.input.rest.resting || s.coders == nil {
		return nil, 0
	}
	r, k := &s.input.rest, &s.speaker
	rate := k.rate
	if k.encoder == nil {
		rate = 8000
	}
	if r.noise == nil || r.rate != rate {
		noise, err := s.coders.NewDecoder(&Format{Codec: Comfort}, rate)
		if err != nil {
			return nil, 0
		}
		r.noise, r.rate, r.fresh = noise, rate, true
	}
	ticks = min(max(int(s.format.Ptime/Tick), 1), longestSilence)
	k.n = 0
	pcm := k.pcm[:ticks*rate/50]
	if !r.hear(pcm) {
		return nil, 0
	}
	payload, err := k.encode(s, pcm, rate)
	if err != nil {
		return nil, 0
	}
	return payload, ticks
}

// hear makes the next piece of noise.
func (r *rest) hear(pcm []int16) bool {
	made := 0
	if r.fresh {
		n, err := r.noise.Decode(pcm, r.payload[:r.size])
		if err != nil {
			return false // no level: nothing that could be made
		}
		made, r.fresh = n, false
	}
	_, err := r.noise.Conceal(pcm[made:], nil)
	return err == nil
}
