package rtp

import (
	"encoding/binary"
	"errors"
	"math"
)

// fakeCoders carry PCM as it is, two bytes a sample at 8 kHz, whatever the codec is called.
type fakeCoders struct{}

func (fakeCoders) NewDecoder(f *Format, rate int) (Decoder, error) {
	if f.Codec == Comfort {
		return &fakeNoise{rate: rate}, nil
	}
	return &fakeDecoder{rate: rate}, nil
}
func (fakeCoders) NewEncoder(_ *Format, rate int) (Encoder, error) { return fakeEncoder(rate), nil }

type fakeEncoder int

func (e fakeEncoder) Rate() int { return int(e) }

func (e fakeEncoder) Encode(payload []byte, pcm []int16) (int, error) {
	for i, v := range pcm {
		binary.BigEndian.PutUint16(payload[2*i:], uint16(v))
	}
	return 2 * len(pcm), nil
}

// fakeDecoder remembers what it was asked to conceal.
type fakeDecoder struct {
	rate      int
	decoded   int // samples
	concealed int // samples
	fec       int // calls with a following packet
	calls     int // since it was last set to 0
}

func (d *fakeDecoder) Rate() int { return d.rate }

func (d *fakeDecoder) Decode(pcm []int16, payload []byte) (int, error) {
	d.called()
	n := len(payload) / 2
	if n > len(pcm) {
		return 0, errors.New("no room")
	}
	for i := range n {
		pcm[i] = int16(binary.BigEndian.Uint16(payload[2*i:]))
	}
	d.decoded += n
	return n, nil
}

func (d *fakeDecoder) Conceal(pcm []int16, next []byte) (int, error) {
	d.called()
	clear(pcm)
	d.concealed += len(pcm)
	if next != nil {
		d.fec++
	}
	return len(pcm), nil
}

// fakeNoise is as loud as the payload's first byte says, times 100.
type fakeNoise struct {
	rate  int
	level int16
}

func (n *fakeNoise) Rate() int { return n.rate }

func (n *fakeNoise) Decode(pcm []int16, payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, errors.New("no level")
	}
	n.level = 100 * int16(payload[0])
	return n.Conceal(pcm[:n.rate/50], nil)
}

func (n *fakeNoise) Conceal(pcm []int16, _ []byte) (int, error) {
	for i := range pcm {
		pcm[i] = n.level
	}
	return len(pcm), nil
}

// loud reports whether fake-coded sound is a tone rather than silence.
func loud(payload []byte) bool {
	var sum float64
	for i := 0; i+1 < len(payload); i += 2 {
		v := float64(int16(binary.BigEndian.Uint16(payload[i:])))
		sum += v * v
	}
	// 0xd5 bytes, real silence in A-law, read as PCM are a constant, and not longer than 160 bytes.
	return len(payload) == 320 && math.Sqrt(sum/float64(len(payload)/2)) > 3000
}

// called ends a test that goes round in circles.
func (d *fakeDecoder) called() {
	if d.calls++; d.calls > 10000 {
		panic("thousands of decoder calls for one tick")
	}
}
