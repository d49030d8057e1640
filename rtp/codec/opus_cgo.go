//go:build cgo

package codec

import (
	"errors"
	"fmt"

	libopus "github.com/hraban/opus"

	"github.com/cordboard/cordboard/rtp"
)

// opusDecoder decodes Opus directly at 8000 or 16000 Hz: libopus decodes at any of its rates, so towards G.711 and G.722
// no resampler is needed.
type opusDecoder struct {
	lib  *libopus.Decoder
	rate int
}

func newOpusDecoder(rate int) (rtp.Decoder, error) {
	lib, err := libopus.NewDecoder(rate, 1) // stereo is mixed down by libopus
	if err != nil {
		return nil, fmt.Errorf("make opus decoder: %w", err)
	}
	return &opusDecoder{lib: lib, rate: rate}, nil
}

func (d *opusDecoder) Rate() int { return d.rate }

// Decode lends libopus the slice with its capacity cut to its length: it writes up to the capacity.
func (d *opusDecoder) Decode(pcm []int16, payload []byte) (int, error) {
	if len(payload) == 0 {
		return 0, ErrEmpty
	}
	n := len(pcm)
	if n == 0 {
		return 0, ErrLong
	}
	samples, err := d.lib.Decode(payload, pcm[:n:n])
	if errors.Is(err, libopus.ErrBufferTooSmall) {
		return 0, ErrLong
	}
	if err != nil {
		return 0, fmt.Errorf("decode opus: %w", err)
	}
	return samples, nil
}

// Conceal restores a loss from the redundancy in the payload that follows it, or from what came before. libopus wants a
// multiple of 2.5 ms that is exactly the time lost, and for redundancy no more than one frame of the next payload: what
// lies before that frame is concealed by libopus itself.
func (d *opusDecoder) Conceal(pcm []int16, next []byte) (int, error) {
	n := len(pcm) - len(pcm)%(d.rate/400)
	if n == 0 {
		clear(pcm)
		return len(pcm), nil
	}
	err := d.restore(pcm[:n:n], next)
	if err != nil {
		clear(pcm)
		return 0, fmt.Errorf("conceal opus: %w", err)
	}
	for i := n; i < len(pcm); i++ {
		pcm[i] = pcm[n-1] // less than 2.5 ms that no Opus sender leaves out
	}
	return len(pcm), nil
}

func (d *opusDecoder) restore(pcm []int16, next []byte) error {
	if len(next) > 0 && d.lib.DecodeFEC(next, pcm) == nil {
		return nil
	}
	return d.lib.DecodePLC(pcm)
}

// opusEncoder encodes mono speech at 8000 or 16000 Hz.
type opusEncoder struct {
	lib     *libopus.Encoder
	rate    int
	fec     bool // with redundancy, when loss is expected
	care    int  // the complexity that was asked for
	present int  // and the one in use
	keen    bool // silence is encoded with the same care as speech
}

// independence is the expected loss, in percent, at which libopus makes its packets depend little on each other.
const independence = 30

func newOpusEncoder(f *rtp.Format, rate int, o Options, recorded bool) (rtp.Encoder, error) {
	application := libopus.AppVoIP
	if recorded {
		application = libopus.AppAudio
	}
	lib, err := libopus.NewEncoder(rate, 1, application)
	if err != nil {
		return nil, fmt.Errorf("make opus encoder: %w", err)
	}
	bitrate := o.Bitrate
	if f.MaxAverage > 0 && (bitrate == 0 || bitrate > f.MaxAverage) {
		bitrate = max(f.MaxAverage, 6000) // RFC 7587 section 6.1: maxaveragebitrate
	}
	settings := []error{
		lib.SetComplexity(o.Complexity),
		lib.SetDTX(false), // a silent stream looks like a dead peer to carriers
		lib.SetInBandFEC(o.FEC && f.FEC),
	}
	if recorded {
		settings = append(settings, lib.SetPacketLossPerc(independence))
	}
	if bitrate > 0 {
		settings = append(settings, lib.SetBitrate(bitrate))
	}
	for _, err := range settings {
		if err != nil {
			return nil, fmt.Errorf("set up opus encoder: %w", err)
		}
	}
	return &opusEncoder{lib: lib, rate: rate, fec: o.FEC && f.FEC, care: o.Complexity, present: o.Complexity, keen: recorded}, nil
}

func (e *opusEncoder) Rate() int { return e.rate }

// ExpectLoss turns the redundancy up and down. Without loss there is none, at first as later: it takes a fifth of the
// work and so many of the bits that speech at 24 kbit/s sounds as it would at 13 without.
func (e *opusEncoder) ExpectLoss(percent int) {
	if e.fec {
		_ = e.lib.SetPacketLossPerc(min(max(percent, 0), 100)) // fails only outside of these
	}
}

// hush is the level (RMS, 50 dB below full scale) under which a packet is silence to the ear, noise of the line and the
// room included. With how much care it is encoded nobody can tell, and in a conversation half of all packets are such.
const hush = 104

// silent reports whether the sound is under hush.
func silent(pcm []int16) bool {
	energy := 0
	for _, s := range pcm {
		energy += int(s) * int(s)
	}
	return energy < hush*hush*len(pcm)
}

// attend spends the complexity on what can be heard.
func (e *opusEncoder) attend(pcm []int16) {
	care := e.care
	if !e.keen && silent(pcm) {
		care = 0
	}
	if care != e.present && e.lib.SetComplexity(care) == nil {
		e.present = care
	}
}

func (e *opusEncoder) Encode(payload []byte, pcm []int16) (int, error) {
	n := len(payload)
	if n == 0 {
		return 0, ErrRoom
	}
	e.attend(pcm)
	bytes, err := e.lib.Encode(pcm, payload[:n:n])
	if errors.Is(err, libopus.ErrBufferTooSmall) {
		return 0, ErrRoom
	}
	if err != nil {
		return 0, fmt.Errorf("encode opus: %w", err)
	}
	return bytes, nil
}
