package codec

import (
	"compress/gzip"
	"encoding/binary"
	"io"
	"math"
	"os"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// golden reads a file that testdata/make.sh made with somebody else's implementation.
func golden(t testing.TB, name string) []byte {
	t.Helper()
	f, err := os.Open("testdata/" + name + ".gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(z)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func samples(b []byte) []int16 {
	pcm := make([]int16, len(b)/2)
	for i := range pcm {
		pcm[i] = int16(binary.LittleEndian.Uint16(b[2*i:]))
	}
	return pcm
}

func speech(t testing.TB) []int16 { return samples(golden(t, "speech16k.s16")) }

// sine is n samples of a tone at a level in dB below full scale.
func sine(n int, hz, rate, below float64) []int16 {
	pcm := make([]int16, n)
	peak := 32767 * math.Pow(10, -below/20)
	for i := range pcm {
		pcm[i] = int16(math.Round(peak * math.Sin(2*math.Pi*hz*float64(i)/rate)))
	}
	return pcm
}

// level is the mean power in dB relative to a full-scale sine.
func level(pcm []int16) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return 10 * math.Log10(2*sum/float64(len(pcm))/32767/32767+1e-12)
}

// tone is the level of one frequency in dB relative to a full-scale sine (Goertzel, Hann window).
func tone(pcm []int16, hz, rate float64) float64 {
	var re, im, gain float64
	for i, s := range pcm {
		w := 1 - math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))
		a := 2 * math.Pi * hz * float64(i) / rate
		re += w * float64(s) * math.Cos(a)
		im += w * float64(s) * math.Sin(a)
		gain += w
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/gain/32767+1e-9)
}

// snr is how far the difference between got and want lies below want, in dB.
func snr(got, want []int16) float64 {
	var signal, noise float64
	for i := range want {
		d := float64(got[i]) - float64(want[i])
		signal += float64(want[i]) * float64(want[i])
		noise += d * d
	}
	return 10 * math.Log10((signal+1)/(noise+1))
}

// bestSNR is snr at the delay, up to most samples, at which it is best.
func bestSNR(got, want []int16, most int) (db float64, delay int) {
	db = math.Inf(-1)
	for d := range most {
		n := min(len(got)-d, len(want))
		if s := snr(got[d:d+n], want[:n]); s > db {
			db, delay = s, d
		}
	}
	return db, delay
}

var (
	formatA    = &rtp.Format{Codec: rtp.PCMA, Payload: 8, Ptime: 20 * time.Millisecond}
	formatU    = &rtp.Format{Codec: rtp.PCMU, Payload: 0, Ptime: 20 * time.Millisecond}
	format722  = &rtp.Format{Codec: rtp.G722, Payload: 9, Ptime: 20 * time.Millisecond}
	formatOpus = &rtp.Format{Codec: rtp.Opus, Payload: 111, Ptime: 20 * time.Millisecond, FEC: true}
	inGo       = []*rtp.Format{formatA, formatU, format722}
)

func coders(t testing.TB) *Coders {
	t.Helper()
	c, err := New(Options{Complexity: 5, Bitrate: 24000, FEC: true})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func pair(t testing.TB, f *rtp.Format, rate int) (rtp.Encoder, rtp.Decoder) {
	t.Helper()
	c := coders(t)
	e, err := c.NewEncoder(f, rate)
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.NewDecoder(f, rate)
	if err != nil {
		t.Fatal(err)
	}
	return e, d
}

// encode cuts sound into 20 ms payloads.
func encode(t testing.TB, e rtp.Encoder, pcm []int16) (payloads [][]byte) {
	t.Helper()
	frame := e.Rate() / 50
	for ; len(pcm) >= frame; pcm = pcm[frame:] {
		buf := make([]byte, 1500)
		n, err := e.Encode(buf, pcm[:frame])
		if err != nil {
			t.Fatal(err)
		}
		payloads = append(payloads, buf[:n])
	}
	return payloads
}

// decode joins payloads; a nil one is lost and concealed with the help of the next.
func decode(t testing.TB, d rtp.Decoder, payloads [][]byte) (pcm []int16) {
	t.Helper()
	frame := d.Rate() / 50
	for i, p := range payloads {
		if p == nil {
			var next []byte
			if i+1 < len(payloads) {
				next = payloads[i+1]
			}
			buf := make([]int16, frame)
			n, err := d.Conceal(buf, next)
			if err != nil || n != frame {
				t.Fatalf("conceal: %d samples, %v", n, err)
			}
			pcm = append(pcm, buf...)
			continue
		}
		buf := make([]int16, d.Rate()*Longest/1000)
		n, err := d.Decode(buf, p)
		if err != nil {
			t.Fatal(err)
		}
		pcm = append(pcm, buf[:n]...)
	}
	return pcm
}
