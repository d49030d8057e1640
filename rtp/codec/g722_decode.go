package codec

// What the codes stand for, in units of the step size: the low band with 6 and, for the predictors, 4 bits, and the high
// band (G.722 tables 18 to 20).
//
//nolint:gochecknoglobals // tables of the Recommendation, never written
var (
	levels6 = [64]int{
		-136, -136, -136, -136, -24808, -21904, -19008, -16704, -14984, -13512, -12280, -11192, -10232, -9360, -8576, -7856,
		-7192, -6576, -6000, -5456, -4944, -4464, -4008, -3576, -3168, -2776, -2400, -2032, -1688, -1360, -1040, -728,
		24808, 21904, 19008, 16704, 14984, 13512, 12280, 11192, 10232, 9360, 8576, 7856, 7192, 6576, 6000, 5456,
		4944, 4464, 4008, 3576, 3168, 2776, 2400, 2032, 1688, 1360, 1040, 728, 432, 136, -432, -136,
	}
	levels4 = [16]int{
		0, -20456, -12896, -8968, -6288, -4240, -2584, -1200, 20456, 12896, 8968, 6288, 4240, 2584, 1200, 0,
	}
	levels2 = [4]int{-7408, -1616, 7408, 1616}
)

// g722Decoder decodes to PCM at 16000 Hz.
type g722Decoder struct {
	low, high band
	out       delayLine // sums and differences of the bands
	conceal   concealer
}

func newG722Decoder() *g722Decoder {
	return &g722Decoder{low: band{step: 32}, high: band{step: 8}, conceal: newConcealer(wide)}
}

func (d *g722Decoder) Rate() int { return wide }

func (d *g722Decoder) Decode(pcm []int16, payload []byte) (int, error) {
	switch {
	case len(payload) == 0:
		return 0, ErrEmpty
	case 2*len(payload) > len(pcm):
		return 0, ErrLong
	}
	pcm = pcm[:2*len(payload)]
	for i, code := range payload {
		first, second := d.join(d.low.decodeLow(int(code&63)), d.high.decodeHigh(int(code>>6)))
		pcm[2*i], pcm[2*i+1] = int16(first), int16(second)
	}
	d.conceal.heard(pcm)
	return len(pcm), nil
}

// Conceal continues the sound and encodes it again into the bands' predictors, as if it had been received: the far side's
// went on too, and so the two are close to each other when the next payload comes (the idea of G.722 Appendix III).
func (d *g722Decoder) Conceal(pcm []int16, _ []byte) (int, error) {
	var in splitter
	tail := d.conceal.past[len(d.conceal.past)-taps:]
	for i := 0; i < taps; i += 2 {
		in.split(int(tail[i]), int(tail[i+1]))
	}
	d.conceal.fill(pcm)
	for i := 0; i+1 < len(pcm); i += 2 {
		low, high := in.split(int(pcm[i]), int(pcm[i+1]))
		d.join(d.low.decodeLow(d.low.lowCode(low)), d.high.decodeHigh(d.high.highCode(high)))
	}
	return len(pcm), nil
}

func (b *band) decodeLow(code6 int) int {
	out := limit15(b.predicted + b.step*levels6[code6]>>15)
	b.takeLow(code6)
	return out
}

func (b *band) decodeHigh(code2 int) int {
	out := limit15(b.predicted + b.step*levels2[code2]>>15)
	b.takeHigh(code2)
	return out
}

// join is the receive quadrature mirror filter.
func (d *g722Decoder) join(low, high int) (first, second int) {
	even, odd := d.out.push(low+high, low-high)
	return sat(even >> 11), sat(odd >> 11)
}

// limit15 keeps a band's output within 15 bits.
func limit15(x int) int { return min(max(x, -16384), 16383) }
