package sound

import (
	"math"
	"time"
)

// Region is a country whose tones people know.
type Region string

// The regions.
const (
	Finland Region = "FI" // and the ETSI countries: 425 Hz
	US      Region = "US" // and Canada
)

// Cadence is a tone's frequencies and its rhythm.
type Cadence struct {
	Hz      []float64
	On, Off time.Duration
}

// Ringback is what a caller hears while the other side rings (ITU-T E.180 supplement 2).
func (r Region) Ringback() Cadence {
	switch r {
	case US:
		return Cadence{[]float64{440, 480}, 2 * time.Second, 4 * time.Second}
	case Finland:
	}
	return Cadence{[]float64{425}, time.Second, 4 * time.Second}
}

const (
	toneRate  = 8000
	toneLevel = -16.0                // dB below full scale, each frequency: about -13 dBm0
	toneRamp  = 5 * time.Millisecond // up and down, so that nothing clicks
)

// Tone makes one period of a cadence: loop it, or play it once.
func (p *Player) Tone(name string, c Cadence) *Sound {
	on := toneSamples(c.On)
	pcm := make([]int16, on+toneSamples(c.Off))
	ramp := float64(toneSamples(toneRamp))
	amplitude := 32767 * math.Pow(10, toneLevel/20)
	for i := range on {
		var sum float64
		for _, hz := range c.Hz {
			sum += math.Sin(2 * math.Pi * hz * float64(i) / toneRate)
		}
		gain := min(1, float64(i)/ramp, float64(on-i)/ramp)
		pcm[i] = int16(math.Round(amplitude * gain * sum))
	}
	return p.FromPCM(name, toneRate, pcm)
}

// Silence is a pause that can be played like a prompt.
func (p *Player) Silence(d time.Duration) *Sound {
	return p.FromPCM("silence", toneRate, make([]int16, toneSamples(d)))
}

func toneSamples(d time.Duration) int { return int(d * toneRate / time.Second) }
