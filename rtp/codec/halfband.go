package codec

import "math"

// Half-band filters between 8000 and 16000 Hz: 63 taps, every second of which is zero, flat to 3.5 kHz and at least
// 60 dB down from 4.5 kHz. The delay is 2 ms.
const (
	sideTaps = 16                    // on either side of the middle, not counting zeros
	upPast   = 2*sideTaps - 1        // inputs that doubling looks back to
	downPast = 4*sideTaps - 2        // inputs that halving looks back to
	longest  = wide * Longest / 1000 // samples in the longest payload
)

// sides are the non-zero taps on one side of the middle, nearest first. The middle is ½.
type sides [sideTaps]float32

// newSides is an ideal half-band filter under a Kaiser window.
func newSides() sides {
	const beta = 6.2 // 65 dB
	var h sides
	var sum float64
	ideal := [sideTaps]float64{}
	for k := range ideal {
		n := float64(2*k + 1)
		ideal[k] = math.Sin(math.Pi*n/2) / (math.Pi * n) * kaiser(n/(2*sideTaps), beta)
		sum += ideal[k]
	}
	for k := range h {
		h[k] = float32(ideal[k] * 0.25 / sum) // both sides together make ½, so that a constant stays what it is
	}
	return h
}

// kaiser is the window at x, from 0 in the middle to 1 at the end.
func kaiser(x, beta float64) float64 {
	return bessel0(beta*math.Sqrt(1-x*x)) / bessel0(beta)
}

// bessel0 is the modified Bessel function of the first kind and order 0.
func bessel0(x float64) float64 {
	sum, term := 1.0, 1.0
	for k := 1.0; term > sum*1e-12; k++ {
		term *= x / (2 * k) * x / (2 * k)
		sum += term
	}
	return sum
}

// doubler makes two samples of one: 8000 to 16000 Hz.
type doubler struct {
	taps sides
	in   [upPast + longest/2]float32 // past inputs, then the new ones
}

// run reads src and writes twice as many samples to dst.
func (d *doubler) run(dst, src []int16) {
	for i, s := range src {
		d.in[upPast+i] = float32(s)
	}
	for i := range src {
		window := d.in[i : i+2*sideTaps : i+2*sideTaps]
		var between float32
		for k, tap := range d.taps {
			between += tap * (window[sideTaps-1-k] + window[sideTaps+k])
		}
		dst[2*i] = int16(window[sideTaps-1])
		dst[2*i+1] = round16(2 * between)
	}
	copy(d.in[:upPast], d.in[len(src):])
}

// halver makes one sample of two: 16000 to 8000 Hz.
type halver struct {
	taps sides
	in   [downPast + longest]float32 // past inputs, then the new ones
}

// run reads src, whose length is even, and writes half as many samples to dst.
func (h *halver) run(dst, src []int16) {
	for i, s := range src {
		h.in[downPast+i] = float32(s)
	}
	const middle = 2*sideTaps - 1
	for i := range len(src) / 2 {
		window := h.in[2*i : 2*i+2*middle+1 : 2*i+2*middle+1]
		sum := window[middle] / 2
		for k, tap := range h.taps {
			sum += tap * (window[middle-2*k-1] + window[middle+2*k+1])
		}
		dst[i] = round16(sum)
	}
	copy(h.in[:downPast], h.in[len(src):])
}

func round16(x float32) int16 {
	switch {
	case x >= 32767:
		return 32767
	case x <= -32768:
		return -32768
	case x < 0:
		return int16(x - 0.5)
	}
	return int16(x + 0.5)
}
