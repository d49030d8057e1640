// Package comfort is comfort noise (RFC 3389): what a far side that stops sending during silence tells us to put there.
package comfort

import (
	"errors"
	"math"

	"github.com/cordboard/cordboard/rtp"
)

// Payload is the static payload type of comfort noise at 8 kHz (RFC 3551 table 4).
const Payload = 13

// Name is the encoding name in an rtpmap.
const Name = "CN"

// maxOrder is how much of a spectrum is honoured: ten numbers describe that of a voice's background, senders use no
// more, and what lies beyond is finer than anybody hears in noise. Further ones are left out, which keeps the rest valid.
const maxOrder = 12

// ErrEmpty is a payload without a level.
var ErrEmpty = errors.New("comfort noise without a level")

// Noise is one payload.
type Noise struct {
	Level   int // 0 (the loudest there can be) to 127, in -dBov
	order   int
	mirrors [maxOrder]float32 // reflection coefficients of the spectrum, -1 to 1; none: white
}

// Parse reads a payload (RFC 3389 section 3).
func Parse(payload []byte) (Noise, error) {
	if len(payload) == 0 {
		return Noise{}, ErrEmpty
	}
	n := Noise{Level: int(payload[0] & 0x7f)}
	n.order = min(len(payload)-1, maxOrder)
	for i, q := range payload[1 : 1+n.order] {
		// Section 3.2; 255 is not used, and would make a filter that grows without end.
		n.mirrors[i] = 258.0 / 32768 * float32(int(min(q, 254))-127)
	}
	return n, nil
}

// RMS is the level as the root of the mean square of samples of 16 bits: 0 dBov is 32768 (section 3.1).
func (n *Noise) RMS() float64 { return 32768 * math.Pow(10, -float64(n.Level)/20) }

// Decoder makes noise of payloads; it implements rtp.Decoder, so that comfort noise is one more codec to a jitter
// buffer. A payload has no length of its own: Decode makes a tick of noise, and Conceal goes on with the same for as
// long as nothing else comes. Level and spectrum go over to new ones within 80 ms, since a step is heard.
type Decoder struct {
	rate    int
	goal    Noise
	gain    float32           // of the excitation, now
	target  float32           // what gain goes to
	mirrors [maxOrder]float32 // now
	delays  [maxOrder]float32 // of the lattice
	random  uint32            // never 0
	known   bool              // a payload has come
}

var _ rtp.Decoder = (*Decoder)(nil)

// glide is the share of the way to a new level or spectrum that is gone each 2.5 ms.
const glide = 1.0 / 16

// NewDecoder makes noise at a rate of 8000 or 16000 Hz.
func NewDecoder(rate int) *Decoder {
	return &Decoder{rate: rate, random: 0x9e3779b9}
}

// Rate implements rtp.Decoder.
func (d *Decoder) Rate() int { return d.rate }

// Decode takes a payload and writes the first tick of its noise.
func (d *Decoder) Decode(pcm []int16, payload []byte) (int, error) {
	n, err := Parse(payload)
	if err != nil {
		return 0, err
	}
	d.take(&n)
	tick := min(len(pcm), d.rate*int(rtp.Tick.Milliseconds())/1000)
	d.fill(pcm[:tick])
	return tick, nil
}

// Conceal goes on with the noise, or with silence where there was none yet.
func (d *Decoder) Conceal(pcm []int16, _ []byte) (int, error) {
	d.fill(pcm)
	return len(pcm), nil
}

func (d *Decoder) take(n *Noise) {
	d.goal = *n
	// The lattice makes white noise louder by 1/Π(1-k²) in energy (section 4).
	energy := 1.0
	for _, k := range n.mirrors[:n.order] {
		energy *= 1 - float64(k)*float64(k)
	}
	// The excitation is even between -1 and 1, with a mean square of a third.
	d.target = float32(n.RMS() * math.Sqrt(3*energy))
	if !d.known {
		d.known, d.gain, d.mirrors = true, d.target, n.mirrors
	}
}

// fill makes noise: an all-pole lattice excited by random numbers.
func (d *Decoder) fill(pcm []int16) {
	if !d.known {
		clear(pcm)
		return
	}
	step := d.rate / 400
	for len(pcm) > 0 {
		n := min(step, len(pcm))
		d.glide()
		d.lattice(pcm[:n])
		pcm = pcm[n:]
	}
}

func (d *Decoder) glide() {
	d.gain += glide * (d.target - d.gain)
	for i := range d.mirrors {
		d.mirrors[i] += glide * (d.goal.mirrors[i] - d.mirrors[i])
	}
}

func (d *Decoder) lattice(pcm []int16) {
	order := maxOrder
	for order > 0 && d.mirrors[order-1] == 0 {
		order--
	}
	for i := range pcm {
		d.random ^= d.random << 13
		d.random ^= d.random >> 17
		d.random ^= d.random << 5
		f := d.gain * float32(int32(d.random)) / (1 << 31)
		for m := order - 1; m >= 0; m-- {
			f -= d.mirrors[m] * d.delays[m]
			if m+1 < order {
				d.delays[m+1] = d.delays[m] + d.mirrors[m]*f
			}
		}
		d.delays[0] = f
		pcm[i] = int16(max(-32768, min(32767, f)))
	}
}
