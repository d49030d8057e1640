// Compose writes the built-in queue music: an original piece of twelve bars, made for telephones (nothing below 110 Hz
// that a handset could not play, nothing above 4 kHz that G.711 would cut) and made to be looped, so that its last notes
// ring on into its first ones.
//
//	go run ./rtp/sound/testdata/compose rtp/sound/assets/music.wav
package main

import (
	"encoding/binary"
	"fmt"
	"math"
	"os"
)

const (
	rate  = 16000
	beat  = 12480 // samples: 77 beats a minute
	beats = 48    // twelve bars of four
	total = beats * beat
	peak  = 0.32 // of full scale: -10 dB, as loud as a voice
)

// bar is a chord: its bass and the notes that are broken over it, as MIDI numbers.
type bar struct {
	bass  int
	chord [4]int
}

// bars lead from D major through its neighbours and back.
var bars = [12]bar{
	{50, [4]int{62, 66, 69, 73}}, // D maj7
	{47, [4]int{62, 66, 69, 71}}, // B m7
	{55, [4]int{62, 66, 67, 71}}, // G maj7
	{45, [4]int{61, 64, 67, 69}}, // A 7
	{54, [4]int{61, 64, 66, 69}}, // F# m7
	{47, [4]int{62, 66, 69, 71}}, // B m7
	{52, [4]int{62, 64, 67, 71}}, // E m7
	{45, [4]int{62, 64, 67, 69}}, // A 7 sus4
	{55, [4]int{62, 66, 67, 71}}, // G maj7
	{54, [4]int{61, 64, 66, 69}}, // F# m7
	{52, [4]int{62, 64, 67, 71}}, // E m7
	{45, [4]int{61, 64, 67, 69}}, // A 7
}

// tune is the melody: where it begins (in half beats from the start), its note and its length in half beats.
var tune = [][3]int{
	{0, 78, 3}, {3, 76, 1}, {4, 74, 4},
	{8, 73, 2}, {10, 74, 2}, {12, 69, 4},
	{16, 71, 3}, {19, 74, 1}, {20, 78, 4},
	{24, 76, 6},
	{32, 81, 3}, {35, 80, 1}, {36, 78, 4},
	{40, 78, 2}, {42, 76, 2}, {44, 74, 4},
	{48, 71, 3}, {51, 74, 1}, {52, 79, 4},
	{56, 76, 4}, {60, 74, 2},
	{64, 78, 4}, {68, 74, 4},
	{72, 73, 4}, {76, 69, 4},
	{80, 67, 3}, {83, 71, 1}, {84, 74, 4},
	{88, 73, 2}, {90, 71, 2}, {92, 69, 4},
}

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: compose FILE")
		os.Exit(2)
	}
	if err := os.WriteFile(os.Args[1], wav(compose()), 0o644); err != nil {
		fmt.Fprintln(os.Stderr, "compose:", err)
		os.Exit(1)
	}
}

func compose() []int16 {
	var mix [total]float64
	for i, b := range bars {
		from := i * 4 * beat
		strike(&mix, bass, from, b.bass, 0.5)
		strike(&mix, bass, from+2*beat+beat/2, b.bass, 0.3)
		for half, note := range [8]int{0, 2, 1, 3, 2, 1, 3, 2} { // the chord broken into quavers
			loud := 0.16
			if half%4 == 0 {
				loud = 0.22
			}
			strike(&mix, piano, from+half*beat/2, b.chord[note], loud)
		}
		for _, note := range b.chord {
			strike(&mix, pad, from, note, 0.05)
		}
	}
	for _, n := range tune {
		strike(&mix, bell, n[0]*beat/2, n[1], 0.2+0.01*float64(n[2]))
	}
	return level(&mix)
}

// voice is an instrument: its sound t seconds after a note of so many hertz was struck, and how long it rings.
type voice struct {
	rings float64
	sound func(hz, t float64) float64
}

var (
	piano = voice{2, func(hz, t float64) float64 { // an electric piano: a sine that bends itself, less and less
		return math.Exp(-2.6*t) * sine(hz, t, 0.9*math.Exp(-5*t)*math.Sin(2*math.Pi*hz*2*t))
	}}
	bell = voice{2.6, func(hz, t float64) float64 {
		return math.Exp(-1.9*t) * (sine(hz, t, 0) + 0.25*math.Exp(-4*t)*sine(3*hz, t, 0))
	}}
	bass = voice{1.8, func(hz, t float64) float64 { // its overtones carry it over a telephone
		return math.Exp(-1.8*t) * (sine(hz, t, 0) + 0.45*sine(2*hz, t, 0) + 0.2*sine(3*hz, t, 0)) / 1.5
	}}
	pad = voice{4 * float64(beat) / rate, func(hz, t float64) float64 {
		const length = 4 * float64(beat) / rate
		return math.Sin(math.Pi*t/length) * (sine(hz*1.002, t, 0) + sine(hz*0.998, t, 0))
	}}
)

func sine(hz, t, bend float64) float64 { return math.Sin(2*math.Pi*hz*t + bend) }

// strike adds a note to the mix. What rings beyond the end rings at the beginning.
func strike(mix *[total]float64, v voice, from, note int, loud float64) {
	const attack, release = 0.006, 0.05
	hz := 440 * math.Pow(2, float64(note-69)/12)
	for i := range int(v.rings * rate) {
		t := float64(i) / rate
		gain := loud * min(1, t/attack, (v.rings-t)/release)
		mix[(from+i)%total] += gain * v.sound(hz, t)
	}
}

func level(mix *[total]float64) []int16 {
	var top float64
	for _, s := range mix {
		top = max(top, math.Abs(s))
	}
	pcm := make([]int16, total)
	for i, s := range mix {
		pcm[i] = int16(math.Round(32767 * peak * s / top))
	}
	return pcm
}

// wav is a mono 16-bit file.
func wav(pcm []int16) []byte {
	b := make([]byte, 0, 44+2*len(pcm))
	b = append(b, "RIFF"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(36+2*len(pcm)))
	b = append(b, "WAVEfmt "...)
	b = binary.LittleEndian.AppendUint32(b, 16)
	b = binary.LittleEndian.AppendUint16(b, 1) // PCM
	b = binary.LittleEndian.AppendUint16(b, 1) // mono
	b = binary.LittleEndian.AppendUint32(b, rate)
	b = binary.LittleEndian.AppendUint32(b, 2*rate)
	b = binary.LittleEndian.AppendUint16(b, 2)
	b = binary.LittleEndian.AppendUint16(b, 16)
	b = append(b, "data"...)
	b = binary.LittleEndian.AppendUint32(b, uint32(2*len(pcm)))
	for _, s := range pcm {
		b = binary.LittleEndian.AppendUint16(b, uint16(s))
	}
	return b
}
