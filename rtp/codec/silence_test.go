package codec

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

// What a stream sends when nobody says anything must sound like nothing, also right after loud speech.
func TestTheSilenceOfAStreamIsSilent(t *testing.T) {
	for _, f := range all {
		for _, ms := range []int{10, 20, 40, 60} {
			g := *f
			g.Ptime = time.Duration(ms) * time.Millisecond
			silence := silenceOf(t, &g)
			for _, rate := range []int{narrow, wide} {
				e, d := pair(t, f, rate)
				decode(t, d, encode(t, e, sine(rate/2, 500, float64(rate), 3)))
				pcm := decodeAny(t, d, silence)
				if least := rate / 2; len(pcm) < least {
					t.Fatalf("%s, %d ms: %d samples in a second", f.Codec.Name, ms, len(pcm))
				}
				if l := level(pcm[len(pcm)/2:]); l > -50 { // G.722's own noise is near
					t.Errorf("%s at %d, %d ms: silence is at %.1f dB", f.Codec.Name, rate, ms, l)
				}
			}
		}
	}
}

// silenceOf are the payloads that a stream which hears nobody sends in a second.
func silenceOf(t *testing.T, f *rtp.Format) (payloads [][]byte) {
	t.Helper()
	const header = 12 // without contributors and extensions (RFC 3550 section 5.1)
	synctest.Test(t, func(t *testing.T) {
		m := rtp.NewMetronome(1)
		defer m.Close()
		s := rtp.NewStream(rtp.StreamConfig{Metronome: m, Coders: coders(t), Write: func(packet []byte) error {
			payloads = append(payloads, slices.Clone(packet[header:]))
			return nil
		}})
		defer s.Close()
		s.SetFormat(f, rtp.SendRecv)
		time.Sleep(time.Second)
	})
	return payloads
}

// decodeAny joins payloads of any length.
func decodeAny(t *testing.T, d rtp.Decoder, payloads [][]byte) (pcm []int16) {
	t.Helper()
	for _, p := range payloads {
		buf := make([]int16, d.Rate()*Longest/1000)
		n, err := d.Decode(buf, p)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, buf[:n]...)
	}
	return pcm
}
