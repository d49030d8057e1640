package rtp

import (
	"math"
	"time"
)

// dualTone is the oscillator for keys that must be heard (ITU-T Q.23), because the far side takes no telephone events.
type dualTone struct{ low, high float64 }

// toneLevel is the amplitude of each of the two tones: −9 dBm0, within ITU-T Q.24.
const toneLevel = 8000

// soundKey sends one tick of a key's tones as audio; the caller holds mu.
func (s *Stream) soundKey(code uint8, at time.Time) {
	rate := s.speaker.rate
	if s.speaker.encoder == nil {
		rate = 8000
	}
	var ticked [16000 / 50]int16
	pcm := ticked[:rate/50]
	low, high := keyTones(code)
	level := float64(toneLevel)
	if code > 15 {
		level = 0 // a hook flash has no sound
	}
	t := &s.keys.tones
	for i := range pcm {
		pcm[i] = int16(level * (math.Sin(t.low) + math.Sin(t.high)))
		t.low = math.Mod(t.low+2*math.Pi*low/float64(rate), 2*math.Pi)
		t.high = math.Mod(t.high+2*math.Pi*high/float64(rate), 2*math.Pi)
	}
	s.speaker.n = 0
	payload, err := s.speaker.encode(s, pcm, rate)
	if err != nil {
		return // no coder for this format: the digit cannot be said
	}
	s.sendAudio(payload, uint32(s.clock.rate/50), at)
}

// keyTones are the frequencies of a key in Hz (ITU-T Q.23): columns 1209 to 1633, rows 697 to 941.
func keyTones(code uint8) (low, high float64) {
	rows := [4]float64{697, 770, 852, 941}
	columns := [4]float64{1209, 1336, 1477, 1633}
	place := [16]uint8{13, 0, 1, 2, 4, 5, 6, 8, 9, 10, 12, 14, 3, 7, 11, 15}[code&15]
	return rows[place/4], columns[place%4]
}
