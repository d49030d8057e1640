package lab

import (
	"fmt"
	"strings"

	"github.com/hraban/opus"
)

// Format is an encoding with the payload types it is offered under. Answers keep the offer's numbers.
type Format struct {
	Codec   string // "PCMU", "PCMA", "opus"; others are offered but neither spoken nor understood
	Payload uint8
	Event   uint8  // telephone-event at the codec's clock; 0: none
	Fmtp    string // parameters, none when empty
}

// The usual formats, as trunks and browsers number them.
func PCMU() Format { return Format{Codec: "PCMU", Payload: 0, Event: 101} }
func PCMA() Format { return Format{Codec: "PCMA", Payload: 8, Event: 101} }
func Opus() Format {
	return Format{Codec: "opus", Payload: 111, Event: 110, Fmtp: "minptime=10;useinbandfec=1"}
}

// G722 can be negotiated; what is said in it is its silence, and what is heard is counted, not decoded.
func G722() Format { return Format{Codec: "G722", Payload: 9, Event: 101} }

func (f Format) clock() int {
	if strings.EqualFold(f.Codec, "opus") {
		return 48000
	}
	return 8000 // of G.722 too, RFC 3551 section 4.5.2
}

func (f Format) step() uint32 { return uint32(f.clock() / 50) }

func (f Format) rtpmap() string {
	if f.clock() == 48000 {
		return fmt.Sprintf("%d %s/48000/2", f.Payload, f.Codec)
	}
	return fmt.Sprintf("%d %s/%d", f.Payload, f.Codec, f.clock())
}

// encoder turns 20 ms of PCM into a payload.
type encoder interface {
	encode(pcm []int16, payload []byte) (int, error)
}

// decoder turns a payload into PCM at 8 kHz.
type decoder interface {
	decode(payload []byte, pcm []int16) (int, error)
}

func (f Format) encoder() (encoder, error) {
	switch strings.ToLower(f.Codec) {
	case "pcmu":
		return law{toMu, fromMu}, nil
	case "pcma":
		return law{toA, fromA}, nil
	case "opus":
		e, err := opus.NewEncoder(rate, 1, opus.AppVoIP)
		if err != nil {
			return nil, err
		}
		return opusEncoder{e}, e.SetBitrate(24000)
	}
	return opaque{}, nil
}

func (f Format) decoder() (decoder, error) {
	switch strings.ToLower(f.Codec) {
	case "pcmu":
		return law{toMu, fromMu}, nil
	case "pcma":
		return law{toA, fromA}, nil
	case "opus":
		d, err := opus.NewDecoder(rate, 1)
		return opusDecoder{d}, err
	}
	return opaque{}, nil
}

// opaque stands for a codec that the lab has no ears for.
type opaque struct{}

func (opaque) encode(_ []int16, payload []byte) (int, error) {
	clear(payload[:samplesOf20])
	return samplesOf20, nil
}

func (opaque) decode(payload []byte, pcm []int16) (int, error) {
	n := min(len(payload), len(pcm))
	clear(pcm[:n])
	return n, nil
}

type law struct {
	to   func(int16) byte
	from func(byte) int16
}

func (l law) encode(pcm []int16, payload []byte) (int, error) {
	for i, x := range pcm {
		payload[i] = l.to(x)
	}
	return len(pcm), nil
}

func (l law) decode(payload []byte, pcm []int16) (int, error) {
	n := min(len(payload), len(pcm))
	for i := range n {
		pcm[i] = l.from(payload[i])
	}
	return n, nil
}

// toMu and its companions follow ITU-T G.711: a sign, three bits of segment and four of mantissa.
func toMu(x int16) byte {
	v, sign := int(x), byte(0)
	if v < 0 {
		v, sign = -v, 0x80
	}
	v = min(v, 32635) + 132
	segment := 7
	for segment > 0 && v < 1<<(segment+7) {
		segment--
	}
	return ^(sign | byte(segment<<4) | byte(v>>(segment+3))&0x0f)
}

func fromMu(b byte) int16 {
	b = ^b
	v := (int(b&0x0f)<<3+132)<<(b>>4&7) - 132
	if b&0x80 != 0 {
		return int16(-v)
	}
	return int16(v)
}

func toA(x int16) byte {
	v, sign := int(x), byte(0x80)
	if v < 0 {
		v, sign = -v-1, 0
	}
	segment := 7
	for segment > 0 && v < 1<<(segment+7) {
		segment--
	}
	shift := max(segment, 1) + 3
	return (sign | byte(segment<<4) | byte(v>>shift)&0x0f) ^ 0x55
}

func fromA(b byte) int16 {
	b ^= 0x55
	segment := int(b >> 4 & 7)
	v := int(b&0x0f)<<4 + 8
	if segment > 0 {
		v = (v + 256) << (segment - 1)
	}
	if b&0x80 == 0 {
		return int16(-v)
	}
	return int16(v)
}

type opusEncoder struct{ *opus.Encoder }

func (e opusEncoder) encode(pcm []int16, payload []byte) (int, error) { return e.Encode(pcm, payload) }

type opusDecoder struct{ *opus.Decoder }

// decode lends libopus no more than it may write: it goes by capacity.
func (d opusDecoder) decode(payload []byte, pcm []int16) (int, error) {
	return d.Decode(payload, pcm[:len(pcm):len(pcm)])
}
