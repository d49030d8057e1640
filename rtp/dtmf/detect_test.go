package dtmf

import (
	"compress/gzip"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"
)

// tones is a key as a far side may send it.
type tones struct {
	key      byte
	length   time.Duration
	row, col float64 // dBm0
	off      float64 // of both frequencies, 0.01 is 1 %
	shift    float64 // Hz, on top
}

func nominal(key byte) tones {
	return tones{key: key, length: 100 * time.Millisecond, row: -8, col: -8}
}

func frequencies(key byte) (row, col float64) {
	i := strings.IndexByte(keypad, key)
	return [4]float64{697, 770, 852, 941}[i/4], [4]float64{1209, 1336, 1477, 1633}[i%4]
}

func samples(d time.Duration) int { return int(d * detectRate / time.Second) }

// add mixes a key into sound from a position on.
func (k tones) add(pcm []int16, at int) {
	row, col := frequencies(k.key)
	a, b := math.Sqrt(squareOf(k.row)), math.Sqrt(squareOf(k.col))
	for i := range samples(k.length) {
		t := float64(i) / detectRate
		v := a*math.Sin(2*math.Pi*(row*(1+k.off)+k.shift)*t+0.3) + b*math.Sin(2*math.Pi*(col*(1+k.off)+k.shift)*t+1.1)
		pcm[at+i] = int16(max(-32768, min(32767, float64(pcm[at+i])+v)))
	}
}

// noise is white, at a level in dBm0.
func noise(pcm []int16, dBm0 float64, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 2))
	rms := math.Sqrt(squareOf(dBm0) / 2)
	for i := range pcm {
		pcm[i] = int16(max(-32768, min(32767, float64(pcm[i])+rms*random.NormFloat64())))
	}
}

// heard plays sound in packets of 20 ms and returns the keys pressed.
func heard(t *testing.T, pcm []int16) (keys string, all []Press) {
	t.Helper()
	d := NewDetector()
	for from := 0; from < len(pcm); from += 160 {
		all = d.Hear(pcm[from:min(from+160, len(pcm))], all)
	}
	for _, p := range all {
		if p.End == 0 {
			keys += string(p.Key)
		}
	}
	return keys, all
}

// alignments are the places of a key in relation to the windows that are tried.
const alignments = 16

// each plays a key alone in every alignment and returns in how many it was heard as itself, and as anything else.
func each(t *testing.T, k tones, snr float64) (right, wrong int) {
	t.Helper()
	for i := range alignments {
		pcm := make([]int16, 4000)
		k.add(pcm, 800+4*i)
		if snr > 0 {
			noise(pcm, max(k.row, k.col)-snr, uint64(i))
		}
		switch keys, _ := heard(t, pcm); keys {
		case string(k.key):
			right++
		case "":
		default:
			wrong++
		}
	}
	return right, wrong
}

// What Q.24's administrations want accepted and refused, for each of the sixteen keys.
func TestKeysAreHeardAsQ24Wants(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name   string
		change func(*tones)
		snr    float64
		accept bool
	}{
		{"as it should be", func(*tones) {}, 0, true},
		{"40 ms", func(k *tones) { k.length = 40 * ms }, 0, true},
		{"40 ms in noise", func(k *tones) { k.length = 40 * ms }, 15, true},
		{"23 ms", func(k *tones) { k.length = 23 * ms }, 0, false},
		{"20 ms in noise", func(k *tones) { k.length = 20 * ms }, 15, false},
		{"1.5 % high", func(k *tones) { k.off, k.shift = 0.015, 2 }, 0, true},
		{"1.5 % low", func(k *tones) { k.off, k.shift = -0.015, -2 }, 0, true},
		{"1.5 % high, short and in noise", func(k *tones) { k.off, k.length = 0.015, 40*ms }, 15, true},
		{"3.5 % high", func(k *tones) { k.off = 0.035 }, 0, false},
		{"3.5 % low", func(k *tones) { k.off = -0.035 }, 0, false},
		{"3.5 % low in noise", func(k *tones) { k.off = -0.035 }, 15, false},
		{"5 % high", func(k *tones) { k.off = 0.05 }, 0, false},
		{"5 % low", func(k *tones) { k.off = -0.05 }, 0, false},
		{"row 8 dB louder", func(k *tones) { k.row, k.col = -6, -14 }, 0, true},
		{"column 4 dB louder", func(k *tones) { k.row, k.col = -10, -6 }, 0, true},
		{"row 8 dB louder, off, in noise", func(k *tones) { k.row, k.col, k.off = -6, -14, 0.015 }, 18, true},
		{"row 12 dB louder", func(k *tones) { k.row, k.col = -6, -18 }, 0, false},
		{"column 8 dB louder", func(k *tones) { k.row, k.col = -14, -6 }, 0, false},
		{"as loud as can be", func(k *tones) { k.row, k.col = -3, -3 }, 0, true},
		{"-30 dBm0", func(k *tones) { k.row, k.col = -30, -30 }, 0, true},
		{"-40 dBm0", func(k *tones) { k.row, k.col = -40, -40 }, 0, false},
		{"row alone", func(k *tones) { k.col = -60 }, 0, false},
		{"column alone", func(k *tones) { k.row = -60 }, 0, false},
		{"in noise of 12 dB", func(*tones) {}, 12, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			for i := range len(keypad) {
				k := nominal(keypad[i])
				c.change(&k)
				right, wrong := each(t, k, c.snr)
				if c.accept && right != alignments || !c.accept && right != 0 || wrong != 0 {
					t.Errorf("%c: heard %d times of %d, taken for others %d times", k.key, right, alignments, wrong)
				}
			}
		})
	}
}

func TestAPressHasALength(t *testing.T) {
	for _, ms := range []time.Duration{40, 60, 100, 333, 2000} {
		for i := range alignments {
			k := nominal('5')
			k.length = ms * time.Millisecond
			pcm := make([]int16, samples(k.length)+3000)
			begin := 1000 + 5*i
			k.add(pcm, begin)
			_, all := heard(t, pcm)
			if len(all) != 2 {
				t.Fatalf("%d ms: %+v", ms, all)
			}
			const near = 96 // 12 ms
			down, up := all[0], all[1]
			if down.End != 0 || down.Begin != up.Begin || math.Abs(float64(down.Begin)-float64(begin)) > near ||
				math.Abs(float64(up.Length())-float64(samples(k.length))) > near || math.Abs(down.Level+8) > 1 {
				t.Errorf("%d ms at %d: %+v", ms, begin, all)
			}
		}
	}
}

func TestThePauseTellsOnePressFromTwo(t *testing.T) {
	for _, c := range []struct {
		gap  time.Duration
		keys string
	}{{10 * time.Millisecond, "7"}, {40 * time.Millisecond, "77"}, {70 * time.Millisecond, "77"}} {
		for i := range alignments {
			pcm := make([]int16, 4000)
			k := nominal('7')
			k.length = 50 * time.Millisecond
			k.add(pcm, 500+4*i)
			k.add(pcm, 500+4*i+samples(k.length+c.gap))
			if keys, _ := heard(t, pcm); keys != c.keys {
				t.Errorf("a gap of %s: %q", c.gap, keys)
			}
		}
	}
}

// As quick as exchanges dial: 50 ms of tone, 50 ms of pause, and no pause at all between different keys.
func TestEveryKeyOfAQuickDialIsHeard(t *testing.T) {
	const number = "0123456789*#ABCD00112233"
	pcm := make([]int16, samples(100*time.Millisecond)*(len(number)+1))
	for i := range len(number) {
		k := nominal(number[i])
		k.length = 50 * time.Millisecond
		k.add(pcm, 211+i*800)
	}
	noise(pcm, -45, 1)
	if keys, _ := heard(t, pcm); keys != number {
		t.Errorf("heard %q", keys)
	}
	pcm = make([]int16, 4000)
	for i := range 4 {
		k := nominal("15#4"[i])
		k.length = 80 * time.Millisecond
		k.add(pcm, 333+i*640)
	}
	if keys, _ := heard(t, pcm); keys != "15#4" {
		t.Errorf("without pauses: %q", keys)
	}
}

// Packets may have any length.
func TestTheCutOfPacketsDoesNotMatter(t *testing.T) {
	pcm := make([]int16, 8000)
	nominal('3').add(pcm, 1000)
	nominal('9').add(pcm, 3000)
	_, want := heard(t, pcm)
	for _, size := range []int{1, 7, 80, 240, 8000} {
		d := NewDetector()
		var all []Press
		for part := range slices.Chunk(pcm, size) {
			all = d.Hear(part, all)
		}
		if !slices.Equal(all, want) {
			t.Errorf("in packets of %d: %+v", size, all)
		}
	}
}

// Voices, music, noise and the tones of the network are no keys.
func TestATalkerPressesNothing(t *testing.T) {
	sounds := map[string][]int16{
		"a voice":         halved(read(t, "../codec/testdata/speech16k.s16.gz")),
		"an announcement": prompt(t, "../sound/assets/welcome.wav"),
		"an apology":      prompt(t, "../sound/assets/sorry.wav"),
		"music":           prompt(t, "../sound/assets/music.wav"),
		"dial tone":       sines(5, 350, 440),
		"ringing":         sines(5, 400, 450),
		"busy":            sines(5, 480, 620),
		"a modem":         sines(5, 1209, 2100),
		"information":     sines(5, 950, 1400),
	}
	white := make([]int16, 60*detectRate)
	noise(white, -15, 7)
	sounds["noise"] = white
	for name, pcm := range sounds {
		for _, gain := range []float64{1, 0.3, 3} { // louder: clipped, as a bad headset is
			loud := make([]int16, len(pcm))
			for i, x := range pcm {
				loud[i] = int16(max(-32768, min(32767, gain*float64(x))))
			}
			if keys, all := heard(t, loud); keys != "" {
				t.Errorf("%s (%.0f s, times %.1f) pressed %q: %+v", name, float64(len(pcm))/detectRate, gain, keys, all)
			}
		}
	}
}

// Vowels of two formants and nothing else, held for a fifth of a second each, are nearer to keys than any voice. spandsp
// hears 66 keys in ten minutes of these; more there shall not be.
func TestPureVowelsPressLittle(t *testing.T) {
	if keys, _ := heard(t, vowels(120*detectRate)); len(keys) > 66/5 {
		t.Errorf("%d keys in two minutes: %q", len(keys), keys)
	}
}

// A key pressed while a voice goes on is heard when it is well above it.
func TestAKeyIsHeardOverAVoice(t *testing.T) {
	voice := prompt(t, "../sound/assets/welcome.wav")
	missed := 0
	for i := range len(keypad) {
		pcm := make([]int16, 6000)
		for j := range pcm {
			pcm[j] = voice[(j+i*1777)%len(voice)] / 8
		}
		k := nominal(keypad[i])
		k.row, k.col = -5, -5
		k.add(pcm, 2000)
		if keys, _ := heard(t, pcm); keys != string(k.key) {
			missed++
		}
	}
	if missed > 1 {
		t.Errorf("%d of 16 keys were not heard", missed)
	}
}

func read(t *testing.T, name string) []int16 {
	t.Helper()
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return pcm16(raw)
}

// prompt reads a WAV of 8 kHz, 16 bit, mono, as they all are.
func prompt(t *testing.T, name string) []int16 {
	t.Helper()
	raw, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if rate := binary.LittleEndian.Uint32(raw[24:]); rate != detectRate {
		if rate == 2*detectRate {
			return halved(pcm16(raw[44:]))
		}
		t.Fatalf("%s: %d Hz", name, rate)
	}
	return pcm16(raw[44:])
}

func pcm16(raw []byte) []int16 {
	pcm := make([]int16, len(raw)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(raw[2*i:]))
	}
	return pcm
}

func halved(pcm []int16) []int16 {
	half := make([]int16, len(pcm)/2)
	for i := range half {
		half[i] = int16((int(pcm[2*i]) + int(pcm[2*i+1])) / 2)
	}
	return half
}

// vowels are voices that glide through pitches and formants, some of which meet the keys' frequencies.
func vowels(n int) []int16 {
	random := rand.New(rand.NewPCG(11, 12))
	pcm := make([]int16, n)
	phase, pitch, target := 0.0, 120.0, 120.0
	f1, f2 := 600.0, 1300.0
	for i := range pcm {
		if i%1600 == 0 {
			target, f1, f2 = 80+180*random.Float64(), 300+700*random.Float64(), 1000+800*random.Float64()
		}
		pitch += (target - pitch) / 2000
		phase += 2 * math.Pi * pitch / detectRate
		v := 0.0
		for k := 1.0; k*pitch < 3400; k++ {
			d1, d2 := (k*pitch-f1)/70, (k*pitch-f2)/90
			v += (1/(1+d1*d1) + 0.6/(1+d2*d2) + 0.01) * math.Sin(k*phase)
		}
		pcm[i] = int16(max(-32768, min(32767, 6000*v)))
	}
	return pcm
}

func sines(seconds int, hz ...float64) []int16 {
	pcm := make([]int16, seconds*detectRate)
	for i := range pcm {
		v := 0.0
		for _, f := range hz {
			v += 8000 * math.Sin(2*math.Pi*f*float64(i)/detectRate)
		}
		pcm[i] = int16(v)
	}
	return pcm
}

func TestNothingIsAllocatedToListen(t *testing.T) {
	d, told := NewDetector(), make([]Press, 0, 8)
	pcm := make([]int16, 160)
	nominal('1').add(make([]int16, 4000), 0)
	noise(pcm, -10, 1)
	if n := testing.AllocsPerRun(1000, func() { told = d.Hear(pcm, told[:0]) }); n != 0 {
		t.Errorf("%v allocations a packet", n)
	}
}

// BenchmarkHear is the cost of 20 ms, of a voice and of a key.
func BenchmarkHear(b *testing.B) {
	voice := vowels(detectRate)
	key := make([]int16, detectRate)
	k := nominal('1')
	k.length = time.Second
	k.add(key, 0)
	for name, pcm := range map[string][]int16{"voice": voice, "key": key, "silence": make([]int16, detectRate)} {
		b.Run(fmt.Sprint(name), func(b *testing.B) {
			d, told, at := NewDetector(), make([]Press, 0, 8), 0
			b.ReportAllocs()
			for b.Loop() {
				told = d.Hear(pcm[at:at+160], told[:0])
				at = (at + 160) % len(pcm)
			}
		})
	}
}
