package lab

import (
	"math"
	"math/rand/v2"
	"time"
)

// Voice is like Speech, but never the same twice: its syllables, pitch and formants are drawn by lot. A comparison can
// tell each moment of it from every other. The same seed gives the same voice.
func Voice(seed uint64, length time.Duration) []int16 {
	random := rand.New(rand.NewPCG(seed, 0))
	pcm := make([]int16, int(length.Seconds()*rate))
	var now [5]float64 // pitch, two formants, loudness, breath
	next := [5]float64{110, 500, 1500, 0.5, 0.05}
	phase := 0.0
	for i := range pcm {
		if i%1400 == 0 { // a syllable
			now = next
			next = [5]float64{90 + 90*random.Float64(), 300 + 500*random.Float64(), 900 + 1400*random.Float64(), 0.3 + 0.7*random.Float64(), 0.03 + 0.1*random.Float64()}
		}
		share := float64(i%1400) / 1400
		at := func(k int) float64 { return now[k] + share*(next[k]-now[k]) }
		phase += 2 * math.Pi * at(0) / rate
		sum := at(4) * random.NormFloat64()
		for k := 1.0; k*at(0) < 3400; k++ {
			first, second := (k*at(0)-at(1))/150, (k*at(0)-at(2))/250
			sum += (0.1 + math.Exp(-first*first) + 0.5*math.Exp(-second*second)) * math.Sin(k*phase) / math.Sqrt(k)
		}
		pcm[i] = int16(max(-32768, min(32767, 3500*at(3)*sum)))
	}
	return pcm
}
