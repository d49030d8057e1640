package lab

import (
	"math"
	"strings"
	"time"
)

const (
	rate        = 8000 // Hz, of all PCM in the lab
	samplesOf20 = rate / 50
)

// Sound is something to say: mono PCM at 8 kHz. Next is called by one goroutine at a time; a sound belongs to one mouth.
type Sound interface {
	// Next fills the buffer with what follows.
	Next(pcm []int16)
}

// Tone is a sine of the frequency in Hz at a level in dBFS (0 is full scale, -10 a loud voice).
func Tone(hz, dBFS float64) Sound {
	return &tone{step: 2 * math.Pi * hz / rate, amplitude: 32767 * math.Pow(10, dBFS/20)}
}

type tone struct{ phase, step, amplitude float64 }

func (s *tone) Next(pcm []int16) {
	for i := range pcm {
		pcm[i] = int16(s.amplitude * math.Sin(s.phase))
		s.phase = math.Mod(s.phase+s.step, 2*math.Pi)
	}
}

// Silence is packets with nothing in them.
func Silence() Sound { return silence{} }

type silence struct{}

func (silence) Next(pcm []int16) { clear(pcm) }

// Mix says several sounds at once.
func Mix(sounds ...Sound) Sound { return mix(sounds) }

type mix []Sound

func (m mix) Next(pcm []int16) {
	one := make([]int16, len(pcm))
	clear(pcm)
	for _, s := range m {
		s.Next(one)
		for i := range pcm {
			pcm[i] = int16(max(-32768, min(32767, int(pcm[i])+int(one[i]))))
		}
	}
}

// Play says recorded PCM over and over.
func Play(pcm []int16) Sound { return &play{pcm: pcm} }

type play struct {
	pcm []int16
	at  int
}

func (p *play) Next(pcm []int16) {
	for i := range pcm {
		pcm[i] = p.pcm[p.at]
		p.at = (p.at + 1) % len(p.pcm)
	}
}

// Speech is a stand-in for a voice: a harmonic buzz whose pitch and loudness wander, so that a codec has real work and
// silence suppression none. The same seed gives the same voice.
func Speech(seed int, length time.Duration) []int16 {
	pcm := make([]int16, int(length.Seconds()*rate))
	phase := 0.0
	for i := range pcm {
		at := float64(i) / rate
		pitch := 110 + 15*float64(seed%7) + 20*math.Sin(2*math.Pi*0.7*at) + 8*math.Sin(2*math.Pi*2.3*at)
		phase += 2 * math.Pi * pitch / rate
		loud := 0.25 + 0.75*math.Abs(math.Sin(2*math.Pi*1.9*at+float64(seed)))
		sum := 0.0
		for k := 1.0; k <= 12; k++ {
			formant := math.Exp(-math.Pow((k*pitch-600-300*math.Sin(2*math.Pi*1.3*at))/500, 2)) + 0.3/k
			sum += formant * math.Sin(k*phase)
		}
		pcm[i] = int16(3500 * loud * sum)
	}
	return pcm
}

// power returns the share of a window's energy that lies at hz, 0…1 (Goertzel's recurrence), and the window's level
// in dBFS of a sine (-100 for silence).
func power(pcm []int16, hz float64) (share, dBFS float64) {
	if len(pcm) == 0 {
		return 0, -100
	}
	coefficient := 2 * math.Cos(2*math.Pi*hz/rate)
	var s1, s2, energy float64
	for _, x := range pcm {
		v := float64(x)
		energy += v * v
		s1, s2 = v+coefficient*s1-s2, s1
	}
	if energy == 0 {
		return 0, -100
	}
	n := float64(len(pcm))
	share = 2 * (s1*s1 + s2*s2 - coefficient*s1*s2) / (n * energy)
	return min(share, 1), 10 * math.Log10(2*energy/n/(32768*32768))
}

// Keys are the tones of a telephone's keys (ITU-T Q.23), pressed one after another for as long as given, with pauses as
// long, and then silence. Each tone is at a level in dBFS.
func Keys(keys string, length time.Duration, dBFS float64) Sound {
	rows, columns := [4]float64{697, 770, 852, 941}, [4]float64{1209, 1336, 1477, 1633}
	samples := int(length.Seconds() * rate)
	pcm := make([]int16, 0, 2*samples*len(keys))
	for _, k := range []byte(keys) {
		place := strings.IndexByte("123A456B789C*0#D", k)
		if place < 0 {
			continue
		}
		both := Mix(Tone(rows[place/4], dBFS), Tone(columns[place%4], dBFS))
		pressed := make([]int16, 2*samples)
		both.Next(pressed[:samples])
		pcm = append(pcm, pressed...)
	}
	return &once{pcm: pcm}
}

// once says recorded PCM once.
type once struct{ pcm []int16 }

func (o *once) Next(pcm []int16) {
	n := copy(pcm, o.pcm)
	o.pcm = o.pcm[n:]
	clear(pcm[n:])
}
