// Package codec turns payloads into sound and back: G.711 and G.722 in Go, Opus by libopus. Sound is mono, 16-bit, at
// 8000 or 16000 Hz; a codec asked to run at the rate that is not its own is resampled by a half-band filter.
//
// Coders may be shared by everyone. The decoders and encoders that it makes belong to one stream each and are not safe
// for concurrent use; they allocate nothing after they were made.
package codec

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/comfort"
)

// Longest is the longest payload that anyone may send, in milliseconds (RFC 6716 section 2.1.4; RFC 3551 has no limit).
const Longest = 120

// Errors of decoding and encoding. What a decoder could not read is lost sound: conceal it.
var (
	ErrEmpty = errors.New("payload is empty")
	ErrLong  = errors.New("payload holds more sound than there is room for")
	ErrRoom  = errors.New("no room for the encoded payload")
)

// Options are what an operator may choose.
type Options struct {
	Complexity int  // of the Opus encoder, 0 to 10
	Bitrate    int  // of the Opus encoder in bit/s; 0: libopus chooses
	FEC        bool // Opus in-band error correction, towards those who said that they can use it, as far as loss is expected
}

// Coders makes decoders and encoders. It implements rtp.Coders and is safe for concurrent use.
type Coders struct {
	options  Options
	recorded bool
}

var _ rtp.Coders = (*Coders)(nil)

// New makes the coders of a gateway.
func New(o Options) (*Coders, error) {
	if o.Complexity < 0 || o.Complexity > 10 {
		return nil, fmt.Errorf("opus complexity %d: choose 0 to 10", o.Complexity)
	}
	if o.Bitrate != 0 && (o.Bitrate < 6000 || o.Bitrate > 510000) {
		return nil, fmt.Errorf("opus bitrate %d bit/s: choose 6000 to 510000, or 0", o.Bitrate)
	}
	return &Coders{options: o}, nil
}

// Recorded are the coders for sounds that are encoded once and then heard again and again, from any place on: music,
// prompts. Their Opus packets depend on those before them as little as may be. Speech packets of Opus repeat the pitch
// of what the decoder said last, and where a loop begins anew that is not what the encoder said last: a tone was 8 dB
// too loud for seconds.
func (c *Coders) Recorded() rtp.Coders {
	o := c.options
	o.Complexity, o.FEC = 10, false // once is cheap, and nothing of it may be lost to redundancy
	return &Coders{options: o, recorded: true}
}

// NewDecoder makes a decoder of the format's payloads that gives PCM at rate, 8000 or 16000 Hz.
func (c *Coders) NewDecoder(f *rtp.Format, rate int) (rtp.Decoder, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	switch kindOf(f.Codec) {
	case pcma:
		return atRate(&g711Decoder{expand: expandA, conceal: newConcealer(narrow)}, rate), nil
	case pcmu:
		return atRate(&g711Decoder{expand: expandU, conceal: newConcealer(narrow)}, rate), nil
	case g722:
		return atRate(newG722Decoder(), rate), nil
	case opus:
		return newOpusDecoder(rate)
	case unknown:
		if f.Codec == rtp.Comfort {
			return comfort.NewDecoder(rate), nil
		}
	}
	return nil, fmt.Errorf("no decoder for %s/%d", f.Codec.Name, f.Codec.Clock)
}

// NewEncoder makes an encoder to the format from PCM at rate, 8000 or 16000 Hz.
func (c *Coders) NewEncoder(f *rtp.Format, rate int) (rtp.Encoder, error) {
	if err := checkRate(rate); err != nil {
		return nil, err
	}
	switch kindOf(f.Codec) {
	case pcma:
		return fromRate(g711Encoder{compress: compressA}, rate), nil
	case pcmu:
		return fromRate(g711Encoder{compress: compressU}, rate), nil
	case g722:
		return fromRate(newG722Encoder(), rate), nil
	case opus:
		return newOpusEncoder(f, rate, c.options, c.recorded)
	case unknown:
	}
	return nil, fmt.Errorf("no encoder for %s/%d", f.Codec.Name, f.Codec.Clock)
}

// The rates of PCM.
const (
	narrow = 8000
	wide   = 16000
)

// kind is a codec that we speak.
type kind int

const (
	unknown kind = iota
	pcma
	pcmu
	g722
	opus
)

// kindOf knows a codec by its name and clock (RFC 4855: names are compared without case).
func kindOf(c rtp.Codec) kind {
	for k, known := range [...]rtp.Codec{pcma: rtp.PCMA, pcmu: rtp.PCMU, g722: rtp.G722, opus: rtp.Opus} {
		if known.Clock == c.Clock && strings.EqualFold(known.Name, c.Name) {
			return kind(k)
		}
	}
	return unknown
}

func checkRate(rate int) error {
	if rate != narrow && rate != wide {
		return fmt.Errorf("PCM at %d Hz: choose 8000 or 16000", rate)
	}
	return nil
}
