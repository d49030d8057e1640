package codec

// taps of the quadrature mirror filter that cuts the spectrum in two halves and joins them again.
const taps = 24

// mirror are its coefficients, those of one phase; the other phase has them in reverse (G.722 table 11).
//
//nolint:gochecknoglobals // a table of the Recommendation, never written
var mirror = [taps / 2]int32{3, -11, 12, 32, -210, 951, 3876, -805, 362, -156, 53, -11}

// delayLine holds the last samples, each of them twice, so that wherever the oldest one is, all stand in one row.
type delayLine struct {
	samples [2 * taps]int32
	oldest  int
}

// push takes two samples in place of the two oldest and gives the sums of both phases.
func (l *delayLine) push(first, second int) (even, odd int) {
	at := l.oldest
	l.samples[at], l.samples[at+taps] = int32(first), int32(first)
	l.samples[at+1], l.samples[at+1+taps] = int32(second), int32(second)
	if at += 2; at == taps {
		at = 0
	}
	l.oldest = at
	row := (*[taps]int32)(l.samples[at:])
	var e, o int32 // 16 bits times the sum of the coefficients fits
	for i, c := range mirror {
		o += row[2*i] * c
		e += row[taps-1-2*i] * c
	}
	return int(e), int(o)
}
