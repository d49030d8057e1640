package rtp

import (
	"time"

	"github.com/cordboard/cordboard/rtp/dtmf"
)

// heardKeys are the keys in the sound of a source that sends no telephone-event (ITU-T Q.23). They go the way of those
// that come as events: what of a key has not been sent on as sound is sent as an event, and never both.
type heardKeys struct {
	codec    Codec
	decoder  Decoder
	detector *dtmf.Detector
	heard    int64 // samples
	begin    int64 // of the key that is down, in samples
	presses  [4]dtmf.Press
	pcm      [keyRate / 1000 * 120]int16
}

// keyRate is the rate of the sound in which keys are heard, in Hz.
const keyRate = 8000

// mayBeKeys reports whether keys are to be heard in a packet's sound: there is no other way for them to come, or it is
// not used, and there is one for them to go.
func (in *input) mayBeKeys(p *Packet) bool {
	s := in.stream
	return s.format.Event != 0 && (p.Format.Event == 0 || p.Format.Tones && !in.events) &&
		!p.Comfort && p.Format.Codec.Clock == keyRate && s.coders != nil
}

// hearKeys listens to a packet of sound. The caller holds the stream's mu.
func (in *input) hearKeys(p *Packet) {
	e := in.heard
	if e == nil || e.codec != p.Format.Codec {
		e = &heardKeys{codec: p.Format.Codec, detector: dtmf.NewDetector()}
		in.heard = e
		e.decoder, _ = in.stream.coders.NewDecoder(p.Format, keyRate) // nil: a codec that is not spoken
	}
	if e.decoder == nil {
		return
	}
	n, err := e.decoder.Decode(e.pcm[:], p.Payload)
	if err != nil || n > len(e.pcm) {
		return
	}
	e.heard += int64(n)
	keys := &in.stream.keys
	for _, press := range e.detector.Hear(e.pcm[:n], e.presses[:0]) {
		if press.End != 0 {
			keys.tell(heardTime(press.Length()), true, p.Arrived)
			continue
		}
		code, _ := dtmf.Code(press.Key)
		e.begin = press.Begin
		keys.release()
		keys.add(key{code: code, volume: keyVolume, tone: e.down(), held: true, told: p.Arrived})
		in.stream.soon()
	}
	if e.detector.Down() != 0 {
		keys.tell(e.down(), false, p.Arrived)
	}
}

// down is how long the key has been down.
func (e *heardKeys) down() time.Duration { return min(heardTime(e.heard-e.begin), maxTone) }

func heardTime(samples int64) time.Duration { return time.Duration(samples) * time.Second / keyRate }
