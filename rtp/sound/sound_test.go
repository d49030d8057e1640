package sound

import (
	"math"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/codec"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var (
	formatA    = &rtp.Format{Codec: rtp.PCMA, Payload: 8, Ptime: 20 * time.Millisecond}
	formatU    = &rtp.Format{Codec: rtp.PCMU, Payload: 0, Ptime: 20 * time.Millisecond}
	format722  = &rtp.Format{Codec: rtp.G722, Payload: 9, Ptime: 20 * time.Millisecond}
	formatOpus = &rtp.Format{Codec: rtp.Opus, Payload: 111, Ptime: 20 * time.Millisecond, FEC: true}
	formats    = []*rtp.Format{formatA, formatU, format722, formatOpus}
)

// counting are real coders that count what they encode.
type counting struct {
	rtp.Coders
	encoded atomic.Int64
}

type countingEncoder struct {
	rtp.Encoder
	encoded *atomic.Int64
}

func (c *counting) Recorded() rtp.Coders { return c }

func (c *counting) NewEncoder(f *rtp.Format, rate int) (rtp.Encoder, error) {
	e, err := c.Coders.NewEncoder(f, rate)
	return countingEncoder{e, &c.encoded}, err
}

func (e countingEncoder) Encode(payload []byte, pcm []int16) (int, error) {
	e.encoded.Add(1)
	return e.Encoder.Encode(payload, pcm)
}

// newPlayer makes a player whose metronome the test winds up; call it inside a synctest bubble.
func newPlayer(t testing.TB) (*Player, *counting, *rtp.Metronome) {
	t.Helper()
	real, err := codec.New(codec.Options{Complexity: 5, Bitrate: 24000, FEC: true})
	if err != nil {
		t.Fatal(err)
	}
	c := &counting{Coders: real.Recorded()}
	m := rtp.NewMetronome(2)
	t.Cleanup(m.Close)
	return NewPlayer(c, m, zap.NewNop()), c, m
}

// ear is a sink that decodes what it hears.
type ear struct {
	mu       sync.Mutex
	decoder  rtp.Decoder
	packets  []rtp.Packet // guarded by mu; payloads copied
	pcm      []int16      // guarded by mu
	problems []string     // guarded by mu
}

func newEar(t testing.TB, f *rtp.Format) *ear {
	t.Helper()
	c, err := codec.New(codec.Options{Complexity: 5, Bitrate: 24000, FEC: true})
	if err != nil {
		t.Fatal(err)
	}
	d, err := c.NewDecoder(f, 8000)
	if err != nil {
		t.Fatal(err)
	}
	return &ear{decoder: d}
}

func (e *ear) Packet(p *rtp.Packet) {
	e.mu.Lock()
	defer e.mu.Unlock()
	kept := *p
	kept.Payload = append([]byte(nil), p.Payload...)
	e.packets = append(e.packets, kept)
	buf := make([]int16, 960)
	n, err := e.decoder.Decode(buf, p.Payload)
	if err != nil {
		e.problems = append(e.problems, err.Error())
		return
	}
	e.pcm = append(e.pcm, buf[:n]...)
}

func (e *ear) heard(t testing.TB) ([]rtp.Packet, []int16) {
	t.Helper()
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, p := range e.problems {
		t.Error(p)
	}
	return append([]rtp.Packet(nil), e.packets...), append([]int16(nil), e.pcm...)
}

// tone is the level of a frequency in dB relative to a full-scale sine, at 8 kHz (Goertzel's sum, Hann window).
func tone(pcm []int16, hz float64) float64 {
	var re, im, gain float64
	for i, s := range pcm {
		w := 1 - math.Cos(2*math.Pi*float64(i)/float64(len(pcm)))
		a := 2 * math.Pi * hz * float64(i) / 8000
		re += w * float64(s) * math.Cos(a)
		im += w * float64(s) * math.Sin(a)
		gain += w
	}
	return 20 * math.Log10(2*math.Hypot(re, im)/gain/32767+1e-9)
}

// level is the mean power in dB relative to a full-scale sine.
func level(pcm []int16) float64 {
	var sum float64
	for _, s := range pcm {
		sum += float64(s) * float64(s)
	}
	return 10 * math.Log10(2*sum/float64(max(len(pcm), 1))/32767/32767+1e-12)
}

// sine is a tone at -12 dB.
func sine(rate int, hz float64, d time.Duration) []int16 {
	pcm := make([]int16, int(d*time.Duration(rate)/time.Second))
	for i := range pcm {
		pcm[i] = int16(8231 * math.Sin(2*math.Pi*hz*float64(i)/float64(rate)))
	}
	return pcm
}
