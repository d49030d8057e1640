package rtp

import (
	"errors"
	"math"
	"time"
)

// transcoder turns what an input hears into PCM: a jitter buffer with a decoder behind it.
type transcoder struct {
	codec  Codec
	ssrc   uint32
	rate   int           // Hz of the PCM
	jitter *jitterBuffer // nil: there is no decoder for this
}

// speaker turns PCM into packets of the stream's format. It outlives the inputs, so that an adaptive encoder never
// starts anew within a stream.
type speaker struct {
	encoder Encoder
	loss    int32 // that the encoder was told of; as Stream.loss
	rate    int   // of encoder
	failed  bool
	pcm     [16000 / 1000 * 60]int16 // what waits until a packet is full: pcm[:n]
	n       int
	waiting int // Hz of what waits
	payload [maxPayload]byte
}

var errNoCoder = errors.New("no coder for this format")

// decode puts a packet of another codec into the jitter buffer. The caller holds the stream's mu.
func (in *input) decode(p *Packet) {
	s := in.stream
	rate := 8000
	if p.Format.Codec.wide() && s.format.Codec.wide() {
		rate = 16000
	}
	c := in.coder
	if c == nil || c.codec != p.Format.Codec || c.ssrc != p.SSRC || c.rate != rate {
		c = &transcoder{codec: p.Format.Codec, ssrc: p.SSRC, rate: rate}
		in.coder = c
		if s.coders != nil {
			if decoder, err := s.coders.NewDecoder(p.Format, rate); err == nil {
				c.jitter = newJitterBuffer(p.Format.Codec.Clock, decoder)
			}
		}
	}
	if c.jitter == nil {
		return
	}
	s.clock.heard = p.Arrived
	if !c.jitter.push(p) {
		c.jitter.discarded++
	}
	if n := c.jitter.discarded; n > 0 && p.late != nil {
		p.late.Add(n)
		c.jitter.discarded = 0
	}
	s.silence.filling = false
	if !c.jitter.starting.IsZero() {
		s.soon() // the beats may be resting
	}
}

// transcode sends the next tick of what was heard. False: there is nothing. The caller holds the stream's mu.
func (in *input) transcode(at time.Time) bool {
	c, s := in.coder, in.stream
	if c == nil || c.jitter == nil || !c.jitter.active(at) {
		return false
	}
	k := &s.speaker
	n := c.rate / 50
	if c.rate != k.waiting || k.n+n > len(k.pcm) {
		k.n, k.waiting = 0, c.rate
	}
	c.jitter.pull(k.pcm[k.n:k.n+n], at)
	k.n += n
	packet := min(max(int(s.format.Ptime/Tick), 1), longestSilence) * n
	if k.n < packet {
		return true
	}
	k.n = 0
	payload, err := k.encode(s, k.pcm[:packet], c.rate)
	if err != nil {
		return false
	}
	s.sendAudio(payload, uint32(packet*s.clock.rate/c.rate), at)
	return true
}

// encode gives the payload, valid until the next call.
func (k *speaker) encode(s *Stream, pcm []int16, rate int) ([]byte, error) {
	if k.encoder == nil || k.rate != rate {
		if s.coders == nil || k.failed {
			return nil, errNoCoder
		}
		encoder, err := s.coders.NewEncoder(s.format, rate)
		if err != nil {
			k.failed = true // until the next negotiation
			return nil, err
		}
		k.encoder, k.rate, k.loss = encoder, rate, 0
	}
	if loss := s.loss.Load(); loss != k.loss {
		k.loss = loss
		if e, ok := k.encoder.(LossReady); ok {
			e.ExpectLoss(int(loss) - 1)
		}
	}
	n, err := k.encoder.Encode(k.payload[:], pcm)
	if err != nil {
		return nil, err
	}
	return k.payload[:n], nil
}

// expectLoss tells what fraction of the packets the far side will miss.
func (s *Stream) expectLoss(fraction float64) {
	if fraction < lossExpected {
		fraction = 0
	}
	s.loss.Store(int32(math.Round(fraction*100)) + 1)
}

// encodeSilence gives so many ticks of silence.
func (k *speaker) encodeSilence(s *Stream, ticks int) ([]byte, error) {
	rate := k.rate
	if k.encoder == nil {
		rate = 16000
	}
	k.n = 0
	pcm := k.pcm[:ticks*rate/50]
	clear(pcm)
	return k.encode(s, pcm, rate)
}

// forget makes the next packet begin with a new encoder, for a new format.
func (k *speaker) forget() {
	k.encoder, k.rate, k.failed, k.n = nil, 0, false, 0
}
