package codec

import "math/bits"

// g711Decoder decodes G.711 (ITU-T G.711) at 8000 Hz, one byte a sample.
type g711Decoder struct {
	expand  func(pcm []int16, payload []byte)
	conceal concealer
}

func (d *g711Decoder) Rate() int { return narrow }

func (d *g711Decoder) Decode(pcm []int16, payload []byte) (int, error) {
	switch {
	case len(payload) == 0:
		return 0, ErrEmpty
	case len(payload) > len(pcm):
		return 0, ErrLong
	}
	pcm = pcm[:len(payload)]
	d.expand(pcm, payload)
	d.conceal.heard(pcm)
	return len(pcm), nil
}

func (d *g711Decoder) Conceal(pcm []int16, _ []byte) (int, error) {
	d.conceal.fill(pcm)
	return len(pcm), nil
}

// g711Encoder encodes to G.711 at 8000 Hz. It has no state.
type g711Encoder struct {
	compress func(payload []byte, pcm []int16)
}

func (e g711Encoder) Rate() int { return narrow }

func (e g711Encoder) Encode(payload []byte, pcm []int16) (int, error) {
	if len(payload) < len(pcm) {
		return 0, ErrRoom
	}
	e.compress(payload[:len(pcm)], pcm)
	return len(pcm), nil
}

// compressA is A-law (G.711 table 1): 13 bits of magnitude-and-sign to 8, even bits inverted.
func compressA(payload []byte, pcm []int16) {
	for i, s := range pcm {
		x, sign := int(s), 0x80
		if x < 0 {
			x, sign = ^x, 0 // one's complement, so that both halves have the same number of steps
		}
		x >>= 4
		if segment := bits.Len(uint(x)) - 5; segment > 0 {
			x = x>>segment - 16 + (segment+1)<<4
		}
		payload[i] = byte(x|sign) ^ 0x55
	}
}

func expandA(pcm []int16, payload []byte) {
	for i, b := range payload {
		b ^= 0x55
		segment := int(b>>4) & 7
		x := int(b&0x0f)<<4 + 8
		if segment > 0 {
			x = (x + 256) << (segment - 1)
		}
		if b&0x80 == 0 {
			x = -x
		}
		pcm[i] = int16(x)
	}
}

// µ-law in 16-bit units: the bias that makes segments powers of two, and the largest magnitude that has a code.
const (
	biasU = 132
	clipU = 32635
)

// compressU is µ-law (G.711 table 2): 14 bits to 8, all bits inverted.
func compressU(payload []byte, pcm []int16) {
	for i, s := range pcm {
		x, sign := int(s), 0
		if x < 0 {
			x, sign = -x, 0x80
		}
		x = min(x, clipU) + biasU
		segment := bits.Len(uint(x)) - 8
		payload[i] = ^byte(sign | segment<<4 | x>>(segment+3)&0x0f)
	}
}

func expandU(pcm []int16, payload []byte) {
	for i, b := range payload {
		b = ^b
		x := (int(b&0x0f)<<3+biasU)<<(b>>4&7) - biasU
		if b&0x80 != 0 {
			x = -x
		}
		pcm[i] = int16(x)
	}
}
