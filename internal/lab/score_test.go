package lab

import (
	"errors"
	"math"
	"math/rand/v2"
	"strings"
	"testing"
	"time"
)

// worse is a known degradation of a voice.
type worse func(pcm []int16) []int16

func late(n int) worse {
	return func(pcm []int16) []int16 { return append(make([]int16, n), pcm...) }
}

func early(n int) worse { return func(pcm []int16) []int16 { return pcm[n:] } }

func quieter(dB float64) worse {
	return each(func(_ int, x int16) int16 { return int16(float64(x) * math.Pow(10, -dB/20)) })
}

func hissing(dB float64) worse {
	random := rand.New(rand.NewPCG(1, 2))
	return func(pcm []int16) []int16 {
		energy := 0.0
		for _, x := range pcm {
			energy += float64(x) * float64(x)
		}
		rms := math.Sqrt(energy/float64(len(pcm))) * math.Pow(10, -dB/20)
		return each(func(_ int, x int16) int16 { return x + int16(rms*random.NormFloat64()) })(pcm)
	}
}

func each(f func(int, int16) int16) worse {
	return func(pcm []int16) []int16 {
		out := make([]int16, len(pcm))
		for i, x := range pcm {
			out[i] = f(i, x)
		}
		return out
	}
}

func coded(f Format) worse {
	return func(pcm []int16) []int16 {
		e, _ := f.encoder()
		d, _ := f.decoder()
		var out []int16
		var payload [1500]byte
		var back [5760]int16
		for ; len(pcm) >= samplesOf20; pcm = pcm[samplesOf20:] {
			n, _ := e.encode(pcm[:samplesOf20], payload[:])
			k, _ := d.decode(payload[:n], back[:])
			out = append(out, back[:k]...)
		}
		return out
	}
}

// lossy does something to every n-th frame of 20 ms.
func lossy(n int, instead func(frame, before []int16)) worse {
	return func(pcm []int16) []int16 {
		out := append([]int16(nil), pcm...)
		for i := n; (i+1)*samplesOf20 <= len(out); i += n {
			instead(out[i*samplesOf20:(i+1)*samplesOf20], out[(i-1)*samplesOf20:i*samplesOf20])
		}
		return out
	}
}

// slower plays at another rate, by so many 10⁻⁶.
func slower(ppm float64) worse {
	return func(pcm []int16) []int16 {
		out := make([]int16, int(float64(len(pcm)-2)*(1+ppm/1e6)))
		for i := range out {
			at := float64(i) / (1 + ppm/1e6)
			k := int(at)
			if k+1 >= len(pcm) {
				return out[:i]
			}
			out[i] = int16(float64(pcm[k]) + (at-float64(k))*(float64(pcm[k+1])-float64(pcm[k])))
		}
		return out
	}
}

func inserted(at, n int) worse {
	return func(pcm []int16) []int16 {
		out := append([]int16(nil), pcm[:at]...)
		out = append(out, pcm[at-n:at]...)
		return append(out, pcm[at:]...)
	}
}

func TestAScoreTellsWhatWasDoneToASound(t *testing.T) {
	voice := Voice(3, 20*time.Second)
	near := func(got, want, by float64) bool { return math.Abs(got-want) <= by }
	for _, c := range []struct {
		name string
		done []worse
		is   func(Score) bool
	}{
		{"nothing", nil, func(s Score) bool {
			return s.Delay == 0 && s.SNR > 34 && s.Whole() == 1 && s.Slips == 0 && near(s.Drift, 0, 1) && near(s.Gain, 0, 0.1) && s.Active > 280
		}},
		{"late", []worse{late(1096)}, func(s Score) bool { return near(s.Delay.Seconds()*1000, 137, 0.2) && s.SNR > 34 && s.Whole() == 1 }},
		{"heard from the middle on", []worse{early(24000)}, func(s Score) bool { return near(s.Delay.Seconds(), -3, 0.001) && s.Whole() == 1 }},
		{"quieter", []worse{quieter(6), late(160)}, func(s Score) bool { return near(s.Gain, -6, 0.2) && s.Whole() == 1 }},
		{"hissing", []worse{hissing(20)}, func(s Score) bool { return near(s.SNR, 19, 2.5) && s.Whole() > 0.97 }},
		{"in G.711", []worse{coded(PCMA()), late(80)}, func(s Score) bool { return s.SNR > 30 && s.Whole() == 1 }},
		{"in Opus", []worse{coded(Opus())}, func(s Score) bool { return s.SNR > 5 && s.Whole() > 0.95 && s.Dropped == 0 }},
		{"holes", []worse{lossy(20, func(frame, _ []int16) { clear(frame) }), late(333)}, func(s Score) bool {
			return near(float64(s.Dropped)/float64(s.Active), 0.05, 0.005) && s.Concealed < 10
		}},
		{"repeated frames", []worse{lossy(20, func(frame, before []int16) { copy(frame, before) })}, func(s Score) bool {
			return s.Dropped == 0 && near(float64(s.Concealed)/float64(s.Active), 0.05, 0.02)
		}},
		{"noise for frames", []worse{lossy(10, func(frame, _ []int16) { copy(frame, hissing(0)(frame)) })}, func(s Score) bool {
			return near(float64(s.Concealed)/float64(s.Active), 0.1, 0.02)
		}},
		{"a slower clock", []worse{slower(100), coded(PCMU())}, func(s Score) bool { return near(s.Drift, 100, 8) && s.Slips == 0 && s.Whole() > 0.98 }},
		{"a faster clock", []worse{slower(-60)}, func(s Score) bool { return near(s.Drift, -60, 8) && s.Slips == 0 }},
		{"a slip", []worse{inserted(12*rate, 160), late(400)}, func(s Score) bool { return s.Slips == 1 && near(s.Drift, 0, 3) && s.Whole() > 0.98 }},
		{"two slips", []worse{inserted(8*rate, 320), inserted(16*rate, 480)}, func(s Score) bool { return s.Slips == 2 && s.Whole() > 0.98 }},
	} {
		said := voice[:6*rate]
		if strings.Contains(c.name, "clock") || strings.Contains(c.name, "slip") {
			said = voice // a drift needs time to show
		}
		heard := said
		for _, w := range c.done {
			heard = w(heard)
		}
		s, err := Compare(said, heard)
		if err != nil || !c.is(s) {
			t.Errorf("%s: %v, %v", c.name, s, err)
		}
	}
}

func TestAnotherSoundIsNotScored(t *testing.T) {
	voice := Voice(3, 10*time.Second)
	noise := each(func(int, int16) int16 { return int16(rand.IntN(8000) - 4000) })(voice)
	for name, heard := range map[string][]int16{"silence": make([]int16, len(voice)), "noise": noise, "a moment": voice[:rate]} {
		if s, err := Compare(voice, heard); !errors.Is(err, ErrUnlike) {
			t.Errorf("%s: %v, %v", name, s, err)
		}
	}
}
