package rtp

// Decoder turns the payloads of one stream into mono PCM at Rate. It belongs to one stream and one goroutine at a time.
type Decoder interface {
	// Rate of the PCM in Hz: 8000 or 16000.
	Rate() int
	// Decode writes the samples of one payload to pcm and says how many. A payload may hold 2.5 to 120 ms; pcm always
	// has room for 120 ms at Rate, and no sample beyond len(pcm) may be written.
	Decode(pcm []int16, payload []byte) (samples int, err error)
	// Conceal fills pcm, whose length is exactly the time lost, with what may have been said: from the redundancy in
	// next, the payload that follows the loss directly (Opus in-band FEC), or, when next is nil or carries none, by
	// continuing what was heard before (packet loss concealment, fading to silence when called again and again).
	Conceal(pcm []int16, next []byte) (samples int, err error)
}

// Encoder turns mono PCM at Rate into payloads. It belongs to one stream and one goroutine at a time.
type Encoder interface {
	// Rate of the PCM in Hz: 8000 or 16000.
	Rate() int
	// Encode writes one payload of all of pcm (10, 20, 30, 40 or 60 ms) and says how many bytes it has.
	Encode(payload []byte, pcm []int16) (bytes int, err error)
}

// LossReady is an Encoder that can prepare its packets for loss, at the cost of bits and work. It is told what the far
// side reports, in percent; as long as that reports nothing, what we have lost of its packets. Before, it prepares for none.
type LossReady interface {
	ExpectLoss(percent int)
}

// Coders makes decoders and encoders; rtp/codec implements it.
type Coders interface {
	// NewDecoder for packets of format f, giving PCM at rate (8000 or 16000 Hz). G.711 exists at 8000 only, Opus at both
	// (the Opus coder runs directly at that rate), G.722 at 16000 and, by its own resampling, at 8000.
	NewDecoder(f *Format, rate int) (Decoder, error)
	// NewEncoder to format f (its Ptime, FEC and MaxAverage are wishes of the far side) from PCM at rate.
	NewEncoder(f *Format, rate int) (Encoder, error)
}
