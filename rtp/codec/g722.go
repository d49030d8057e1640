package codec

// G.722 at 64 kbit/s (mode 1): each byte holds two samples at 16 kHz, 6 bits of the low band and 2 of the high one. Its
// RTP clock is 8000 all the same (RFC 3551 section 4.5.2), so a 20 ms payload has 160 bytes and 160 ticks, but 320 samples.

// g722Encoder encodes PCM at 16000 Hz.
type g722Encoder struct {
	low, high band
	in        splitter
}

func newG722Encoder() *g722Encoder {
	return &g722Encoder{low: band{step: 32}, high: band{step: 8}}
}

func (e *g722Encoder) Rate() int { return wide }

func (e *g722Encoder) Encode(payload []byte, pcm []int16) (int, error) {
	bytes := len(pcm) / 2
	if len(payload) < bytes {
		return 0, ErrRoom
	}
	for i := range bytes {
		low, high := e.in.split(int(pcm[2*i]), int(pcm[2*i+1]))
		low, high = e.low.lowCode(low), e.high.highCode(high)
		e.low.takeLow(low)
		e.high.takeHigh(high)
		payload[i] = byte(high<<6 | low)
	}
	return bytes, nil
}

// splitter is the transmit quadrature mirror filter.
type splitter struct{ line delayLine }

func (s *splitter) split(first, second int) (low, high int) {
	even, odd := s.line.push(first, second)
	return (even + odd) >> 14, (even - odd) >> 14
}

// decisions are the 29 levels between the quantiser's steps in the low band, in units of its step size (G.722 table 17).
//
//nolint:gochecknoglobals // a table of the Recommendation, never written
var decisions = [29]int{
	35, 72, 110, 150, 190, 233, 276, 323, 370, 422, 473, 530, 587, 650, 714,
	786, 858, 940, 1023, 1121, 1219, 1339, 1458, 1612, 1765, 1980, 2195, 2557, 2919,
}

// lowCode is the code nearest to what lies between a sample of the low band and its prediction.
func (b *band) lowCode(x int) (code6 int) {
	diff := sat(x - b.predicted)
	size := diff
	if diff < 0 {
		size = ^diff
	}
	level := 0
	for level < len(decisions) && size >= decisions[level]*b.step>>12 {
		level++
	}
	switch {
	case diff >= 0:
		return 61 - level
	case level < 2:
		return 63 - level // the two smallest negative levels have codes of their own
	}
	return 33 - level
}

// highCode is the same in the high band, where it says no more than small or large, and the sign.
func (b *band) highCode(x int) (code2 int) {
	diff := sat(x - b.predicted)
	size := diff
	if diff < 0 {
		size = ^diff
	}
	if size < 564*b.step>>12 {
		code2 = 1 // small
	}
	if diff >= 0 {
		code2 |= 2
	}
	return code2
}
