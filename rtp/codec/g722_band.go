package codec

// band is the adaptive differential coder of one half of the spectrum: a predictor of two poles and six zeros and a
// logarithmic step size (ITU-T G.722 section 3.5 and 3.6, block 3 and 4). All values are 16-bit with saturation, as the
// Recommendation prescribes, so that coder and decoder never drift apart.
type band struct {
	scale int // logarithmic step size (nabla)
	step  int // the same, linear (delta)

	predicted int    // signal estimate s
	zeros     int    // the zeros' share of it
	recent    [2]int // reconstructed signal, newest first
	partial   [2]int // reconstructed by the zeros alone, newest first
	poleA     [2]int // a1, a2
	diffs     [6]int // quantised differences, newest first
	zeroB     [6]int // b1 … b6
}

// The tables of the step size: linear mantissas of 32 logarithmic steps, and what each code adds to the logarithm.
//
//nolint:gochecknoglobals // tables of the Recommendation, never written
var (
	mantissas = [32]int{
		2048, 2093, 2139, 2186, 2233, 2282, 2332, 2383, 2435, 2489, 2543, 2599, 2656, 2714, 2774, 2834,
		2896, 2960, 3025, 3091, 3158, 3228, 3298, 3371, 3444, 3520, 3597, 3676, 3756, 3838, 3922, 4008,
	}
	// by the 4-bit code of the low band
	growLow = [16]int{-60, 3042, 1198, 538, 334, 172, 58, -30, 3042, 1198, 538, 334, 172, 58, -30, -60}
	// by the 2-bit code of the high band
	growHigh = [4]int{798, -214, 798, -214}
)

const (
	longestLow  = 18432
	longestHigh = 22528
)

// takeLow moves the low band on by a code that was sent or received. Its predictor sees 4 of the 6 bits only.
func (b *band) takeLow(code6 int) {
	code4 := code6 >> 2
	diff := b.step * levels4[code4] >> 15
	b.grow(growLow[code4], longestLow, 8)
	b.adapt(diff)
}

// takeHigh moves the high band on.
func (b *band) takeHigh(code2 int) {
	diff := b.step * levels2[code2] >> 15
	b.grow(growHigh[code2], longestHigh, 10)
	b.adapt(diff)
}

// grow changes the step size.
func (b *band) grow(by, longest, shift int) {
	b.scale = min(max(b.scale*127>>7+by, 0), longest)
	mantissa := mantissas[b.scale>>6&31]
	if shift -= b.scale >> 11; shift < 0 {
		b.step = mantissa << -shift << 2
	} else {
		b.step = mantissa >> shift << 2
	}
}

// adapt takes the quantised difference, updates the predictor and makes the next prediction.
func (b *band) adapt(diff int) {
	reconstructed := sat(b.predicted + diff)
	partial := sat(b.zeros + diff)
	b.adaptPoles(partial)
	b.adaptZeros(diff)

	b.recent[1], b.recent[0] = b.recent[0], reconstructed
	b.partial[1], b.partial[0] = b.partial[0], partial
	copy(b.diffs[1:], b.diffs[:5])
	b.diffs[0] = diff

	poles := sat(b.poleA[0]*sat(2*b.recent[0])>>15 + b.poleA[1]*sat(2*b.recent[1])>>15)
	zeros := 0
	for i := 5; i >= 0; i-- {
		zeros = sat(zeros + b.zeroB[i]*sat(2*b.diffs[i])>>15)
	}
	b.zeros = zeros
	b.predicted = sat(poles + zeros)
}

// adaptPoles moves both poles by the signs of the partial signal, and keeps them where the filter is stable.
func (b *band) adaptPoles(partial int) {
	const leak1, leak2 = 32640, 32512 // 255/256 and 127/128
	same0 := partial < 0 == (b.partial[0] < 0)
	same1 := partial < 0 == (b.partial[1] < 0)

	push := sat(4 * b.poleA[0])
	if same0 {
		push = min(-push, 32767)
	}
	a2 := push >> 7
	if same1 {
		a2 += 128
	} else {
		a2 -= 128
	}
	a2 = min(max(a2+b.poleA[1]*leak2>>15, -12288), 12288)

	a1 := b.poleA[0] * leak1 >> 15
	if same0 {
		a1 += 192
	} else {
		a1 -= 192
	}
	limit := sat(15360 - a2)
	b.poleA = [2]int{min(max(sat(a1), -limit), limit), a2}
}

// adaptZeros moves each zero by the sign of its difference times the sign of the newest one.
func (b *band) adaptZeros(diff int) {
	const leak = 32640
	push := 128
	if diff == 0 {
		push = 0
	}
	for i := range b.zeroB {
		move := push
		if diff < 0 != (b.diffs[i] < 0) {
			move = -push
		}
		b.zeroB[i] = sat(move + b.zeroB[i]*leak>>15)
	}
}

// sat keeps a value within 16 bits.
func sat(x int) int { return min(max(x, -32768), 32767) }
