package codec

import (
	"math"
	"testing"
)

func TestHalfBandsPassSpeechAndStopAliases(t *testing.T) {
	for hz := 100.0; hz <= 3400; hz += 100 {
		up := doubler{taps: newSides()}
		in := sine(960, hz, narrow, 6)
		out := make([]int16, 1920)
		up.run(out, in)
		if l := tone(out[200:], hz, wide); math.Abs(l+6) > 0.2 {
			t.Errorf("doubling: %v Hz at -6 dB comes out at %.2f dB", hz, l)
		}
		if l := tone(out[200:], narrow-hz, wide); l > -60 {
			t.Errorf("doubling: %v Hz has an image at %.1f dB", hz, l)
		}
		down := halver{taps: newSides()}
		in = sine(1920, hz, wide, 6)
		out = make([]int16, 960)
		down.run(out, in)
		if l := tone(out[100:], hz, narrow); math.Abs(l+6) > 0.2 {
			t.Errorf("halving: %v Hz at -6 dB comes out at %.2f dB", hz, l)
		}
	}
	for hz := 4600.0; hz < 8000; hz += 100 {
		down := halver{taps: newSides()}
		out := make([]int16, 960)
		down.run(out, sine(1920, hz, wide, 6))
		if l := tone(out[100:], narrow-hz, narrow); l > -60 {
			t.Errorf("halving: %v Hz has an alias at %.1f dB", hz, l)
		}
	}
}

func TestResamplingIsTheSameInAnyPieces(t *testing.T) {
	pcm := speech(t)[:9600]
	whole, pieces := halver{taps: newSides()}, halver{taps: newSides()}
	want, got := make([]int16, 960), make([]int16, 0, 960)
	whole.run(want, pcm[:1920])
	for _, n := range []int{160, 320, 480, 960} {
		out := make([]int16, n/2)
		pieces.run(out, pcm[2*len(got):2*len(got)+n])
		got = append(got, out...)
	}
	compare(t, "halving", got, want)

	upWhole, upPieces := doubler{taps: newSides()}, doubler{taps: newSides()}
	want = make([]int16, 1920)
	upWhole.run(want, pcm[:960])
	got = got[:0]
	for _, n := range []int{80, 160, 240, 480} {
		out := make([]int16, 2*n)
		upPieces.run(out, pcm[len(got)/2:len(got)/2+n])
		got = append(got, out...)
	}
	compare(t, "doubling", got, want)
}

func TestResamplingDoesNotWrapAround(t *testing.T) {
	square := make([]int16, 1920)
	for i := range square {
		square[i] = 32767
		if i/8%2 == 1 {
			square[i] = -32768
		}
	}
	down := halver{taps: newSides()}
	out := make([]int16, 960)
	down.run(out, square)
	for i := 40; i < len(out); i++ {
		if in := square[2*i-31]; (in > 0) != (out[i] > 0) && math.Abs(float64(out[i])) > 30000 {
			t.Fatalf("sample %d wrapped around: %d of %d", i, out[i], in)
		}
	}
}
