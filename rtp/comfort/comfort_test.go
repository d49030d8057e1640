package comfort

import (
	"errors"
	"math"
	"testing"
)

func TestAPayloadIsALevelAndASpectrum(t *testing.T) {
	if _, err := Parse(nil); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
	n, err := Parse([]byte{0x80 | 40, 127, 0, 254, 255})
	if err != nil || n.Level != 40 || n.order != 4 {
		t.Fatalf("%+v, %v", n, err)
	}
	for i, want := range []float64{0, -0.99994, 0.99994, 0.99994} {
		if got := float64(n.mirrors[i]); math.Abs(got-want) > 1e-4 {
			t.Errorf("coefficient %d is %f, want %f", i, got, want)
		}
	}
	if n, err = Parse(make([]byte, 100)); err != nil || n.order != maxOrder {
		t.Errorf("%+v, %v", n, err)
	}
}

// made is a second of noise after the level has settled.
func made(t *testing.T, rate int, payload []byte) []int16 {
	t.Helper()
	d := NewDecoder(rate)
	pcm := make([]int16, rate)
	if n, err := d.Decode(pcm[:rate*120/1000], payload); err != nil || n != rate/50 {
		t.Fatalf("%d samples, %v", n, err)
	}
	if n, err := d.Conceal(pcm, nil); err != nil || n != len(pcm) {
		t.Fatalf("%d samples, %v", n, err)
	}
	return pcm
}

func level(pcm []int16) float64 {
	sum := 0.0
	for _, x := range pcm {
		sum += float64(x) * float64(x)
	}
	return 10 * math.Log10(sum/float64(len(pcm))/(32768*32768))
}

// likeness is the correlation of neighbours: what one reflection coefficient determines.
func likeness(pcm []int16) float64 {
	r0, r1 := 0.0, 0.0
	for i := 1; i < len(pcm); i++ {
		r0 += float64(pcm[i]) * float64(pcm[i])
		r1 += float64(pcm[i]) * float64(pcm[i-1])
	}
	return r1 / r0
}

func TestTheNoiseHasTheLevelAndTheColourAsked(t *testing.T) {
	for _, rate := range []int{8000, 16000} {
		for _, payload := range [][]byte{
			{20}, {40}, {60}, {30, 27}, {30, 227}, {50, 14, 200, 90, 140, 127, 127, 127, 100, 130, 120},
		} {
			pcm := made(t, rate, payload)
			if got, want := level(pcm), -float64(payload[0]); math.Abs(got-want) > 0.7 {
				t.Errorf("%d Hz, %v: %.1f dBov", rate, payload, got)
			}
			want := 0.0
			if len(payload) > 1 {
				want = -float64(int(payload[1])-127) * 258 / 32768
			}
			if got := likeness(pcm); math.Abs(got-want) > 0.05 {
				t.Errorf("%d Hz, %v: neighbours are alike by %.2f, want %.2f", rate, payload, got, want)
			}
		}
	}
}

// Below the last bit there is silence, and no spectrum, however odd, makes the filter run away.
func TestTheNoiseStaysWithinItsBounds(t *testing.T) {
	for _, x := range made(t, 8000, []byte{127}) {
		if x != 0 {
			t.Fatal("noise below the last bit")
		}
	}
	payload := make([]byte, 13)
	for seed := range 200 {
		payload[0] = byte(seed % 90)
		for i := range payload[1:] {
			payload[1+i] = byte((seed + 3*i) * 97)
		}
		pcm := made(t, 8000, payload)
		loud := 0
		for _, x := range pcm {
			if x == 32767 || x == -32768 {
				loud++
			}
		}
		if got := level(pcm); got > -float64(payload[0])+6 || payload[0] > 20 && loud > 0 {
			t.Errorf("%v: %.1f dBov, %d samples at the limit", payload, got, loud)
		}
	}
}

func TestALevelIsGoneOverToWithoutAStep(t *testing.T) {
	d, pcm := NewDecoder(8000), make([]int16, 160)
	if n, _ := d.Conceal(pcm, nil); n != 160 || pcm[7] != 0 {
		t.Error("noise before any payload")
	}
	if _, err := d.Decode(pcm, []byte{30}); err != nil {
		t.Fatal(err)
	}
	if first := level(pcm); math.Abs(first+30) > 2 {
		t.Errorf("the first noise has %.1f dBov", first)
	}
	before := -30.0
	for i := range 12 {
		if i == 0 {
			_, _ = d.Decode(pcm, []byte{50})
		} else {
			_, _ = d.Conceal(pcm, nil)
		}
		now := level(pcm)
		if now > before+1.5 || now < before-6 {
			t.Errorf("from %.1f to %.1f dBov", before, now)
		}
		before = now
	}
	if math.Abs(before+50) > 2 {
		t.Errorf("in the end %.1f dBov", before)
	}
	if _, err := d.Decode(pcm, nil); !errors.Is(err, ErrEmpty) {
		t.Error(err)
	}
}

func TestNothingIsAllocatedForNoise(t *testing.T) {
	d, pcm, payload := NewDecoder(8000), make([]int16, 160), []byte{40, 20, 100, 140}
	if n := testing.AllocsPerRun(100, func() {
		_, _ = d.Decode(pcm, payload)
		_, _ = d.Conceal(pcm, nil)
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{40})
	f.Add([]byte{0, 0, 254, 0, 254, 0, 254, 0, 254, 0, 254, 0, 254, 0, 254})
	f.Fuzz(func(t *testing.T, payload []byte) {
		d, pcm := NewDecoder(8000), make([]int16, 960)
		n, err := d.Decode(pcm, payload)
		if (err != nil) != (len(payload) == 0) || err == nil && n != 160 {
			t.Fatalf("%d samples, %v", n, err)
		}
		for range 20 {
			_, _ = d.Conceal(pcm, nil)
		}
		for _, x := range d.delays {
			if x != x || x > 1e9 || x < -1e9 {
				t.Fatalf("the filter ran away: %v", d.delays)
			}
		}
	})
}

// One iteration is a second of noise, as a listener gets it while a source rests.
func BenchmarkNoise(b *testing.B) {
	for name, payload := range map[string][]byte{"white": {40}, "of order 10": {40, 200, 60, 150, 110, 140, 120, 130, 125, 128, 126}} {
		b.Run(name, func(b *testing.B) {
			d, pcm := NewDecoder(8000), make([]int16, 160)
			if _, err := d.Decode(pcm, payload); err != nil {
				b.Fatal(err)
			}
			b.ReportAllocs()
			for b.Loop() {
				for range 50 {
					if _, err := d.Conceal(pcm, nil); err != nil {
						b.Fatal(err)
					}
				}
			}
		})
	}
}
