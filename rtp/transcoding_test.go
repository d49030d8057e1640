//go:build cgo

package rtp_test

import (
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/codec"
)

// talk is one direction of a transcoded call, without sockets: packets go in, and packets come out on the beats.
type talk struct {
	stream   *rtp.Stream
	packet   rtp.Packet
	sink     rtp.Sink
	span     uint32
	payloads [][]byte // what is said, over and over
	at       time.Time
	sent     int
}

func (v *talk) SourceName() string { return "talk" }

func (v *talk) Listen(sink rtp.Sink, _ *rtp.Format) func() {
	v.sink = sink
	return func() { v.sink = nil }
}

func newTalk(tb testing.TB, m *rtp.Metronome, coders *codec.Coders, from, to *rtp.Format) *talk {
	tb.Helper()
	v := &talk{span: uint32(from.Codec.Clock / 50), packet: rtp.Packet{SSRC: 1, Format: from}, payloads: voice(tb, coders, from), at: time.Now()}
	v.stream = rtp.NewStream(rtp.StreamConfig{Metronome: m, Coders: coders, Write: func([]byte) error { v.sent++; return nil }})
	tb.Cleanup(v.stream.Close)
	v.stream.SetFormat(to, rtp.SendRecv)
	v.stream.Hear(v)
	return v
}

// voice is a second of something like one.
func voice(tb testing.TB, coders *codec.Coders, f *rtp.Format) (payloads [][]byte) {
	tb.Helper()
	encoder, err := coders.NewEncoder(f, 8000)
	if err != nil {
		tb.Fatal(err)
	}
	pcm := make([]int16, 8000)
	for i := range pcm {
		x := float64(i) / 8000
		pcm[i] = int16(6000 * math.Sin(2*math.Pi*(140+20*math.Sin(9*x))*x) * (1.2 + math.Sin(17*x)) * math.Cos(2*math.Pi*900*x))
	}
	for ; len(pcm) > 0; pcm = pcm[160:] {
		payload := make([]byte, 1500)
		n, err := encoder.Encode(payload, pcm[:160])
		if err != nil {
			tb.Fatal(err)
		}
		payloads = append(payloads, payload[:n])
	}
	return payloads
}

// tick brings the packet and strikes the beat that follows it.
func (v *talk) tick() {
	v.at = v.at.Add(rtp.Tick)
	v.packet.Sequence++
	v.packet.Timestamp += v.span
	v.packet.Arrived = v.at
	v.packet.Payload = v.payloads[int(v.packet.Sequence)%len(v.payloads)]
	v.sink.Packet(&v.packet)
	v.stream.Beat(v.at.Add(rtp.Tick / 2))
}

// The two directions of a call between a trunk and a browser.
var (
	trunkFormat   = &rtp.Format{Codec: rtp.PCMU, Payload: 0, Ptime: rtp.Tick}
	browserFormat = &rtp.Format{Codec: rtp.Opus, Payload: 111, Ptime: rtp.Tick, FEC: true}
	directions    = []struct {
		name     string
		from, to *rtp.Format
	}{{"PCMU to Opus", trunkFormat, browserFormat}, {"Opus to PCMU", browserFormat, trunkFormat}}
)

// withTalks runs a test of each direction. The metronome has been closed, so that only the test strikes beats.
func withTalks(tb testing.TB, test func(name string, v *talk)) {
	tb.Helper()
	coders, err := codec.New(codec.Options{Complexity: 5, Bitrate: 24000, FEC: true})
	if err != nil {
		tb.Fatal(err)
	}
	m := rtp.NewMetronome(1)
	m.Close()
	for _, d := range directions {
		v := newTalk(tb, m, coders, d.from, d.to)
		for range 50 {
			v.tick()
		}
		test(d.name, v)
	}
}

func TestTranscodingAllocatesNothing(t *testing.T) {
	withTalks(t, func(name string, v *talk) {
		before := v.sent
		if n := testing.AllocsPerRun(200, v.tick); n != 0 {
			t.Errorf("%s: a tick allocates %v times", name, n)
		}
		if sent := v.sent - before; sent < 195 || sent > 205 {
			t.Errorf("%s: 200 ticks made %d packets", name, sent)
		}
	})
}

// What one says is heard by the other after the jitter buffer, up to a tick until the beat, and what the codecs look ahead.
func TestTranscodingDelaysWhatIsSaidByTheJitterBufferAndATick(t *testing.T) {
	for _, d := range directions {
		for _, step := range []time.Duration{0, 7 * time.Millisecond, 13 * time.Millisecond} { // into the tick
			synctest.Test(t, func(t *testing.T) {
				delay := clickDelay(t, d.from, d.to, step)
				t.Logf("%s, %v into the tick: %v", d.name, step, delay)
				if least, most := 20*time.Millisecond, 40*time.Millisecond+2*rtp.Tick; delay < least || delay > most {
					t.Errorf("%s: heard %v after it was said, want %v to %v", d.name, delay, least, most)
				}
			})
		}
	}
}

// clickDelay is how long after its arrival a click leaves: where it is in the packets, too.
func clickDelay(t *testing.T, from, to *rtp.Format, step time.Duration) time.Duration {
	coders, err := codec.New(codec.Options{Complexity: 5, Bitrate: 24000, FEC: true})
	if err != nil {
		t.Fatal(err)
	}
	encoder, err := coders.NewEncoder(from, 8000)
	if err != nil {
		t.Fatal(err)
	}
	decoder, err := coders.NewDecoder(to, 8000)
	if err != nil {
		t.Fatal(err)
	}
	m := rtp.NewMetronome(1)
	defer m.Close()
	v := &talk{packet: rtp.Packet{SSRC: 1, Format: from}}
	var heard time.Time
	pcm := make([]int16, 960)
	v.stream = rtp.NewStream(rtp.StreamConfig{Metronome: m, Coders: coders, Write: func(packet []byte) error {
		n, err := decoder.Decode(pcm, packet[12:])
		if err != nil {
			t.Error(err)
		}
		for i, x := range pcm[:n] {
			if heard.IsZero() && (x > 4000 || x < -4000) {
				heard = time.Now().Add(time.Duration(i) * time.Second / 8000)
			}
		}
		return nil
	}})
	defer v.stream.Close()
	v.stream.SetFormat(to, rtp.SendRecv)
	v.stream.Hear(v)
	time.Sleep(step)
	said := time.Time{}
	for i := range 100 {
		sound, payload := make([]int16, 160), make([]byte, 1500)
		if i >= 50 {
			for j := range sound {
				sound[j] = int16(12000 * math.Sin(2*math.Pi*500*float64(j)/8000))
			}
		}
		if i == 50 {
			said = time.Now()
		}
		n, err := encoder.Encode(payload, sound)
		if err != nil {
			t.Fatal(err)
		}
		v.packet.Sequence++
		v.packet.Timestamp += uint32(from.Codec.Clock / 50)
		v.packet.Arrived, v.packet.Payload = time.Now(), payload[:n]
		v.sink.Packet(&v.packet)
		time.Sleep(rtp.Tick)
	}
	synctest.Wait()
	return heard.Sub(said)
}

// One iteration is 20 ms of one direction: an arriving packet, and the beat that sends one.
func BenchmarkTranscode(b *testing.B) {
	withTalks(b, func(name string, v *talk) {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				v.tick()
			}
		})
	})
}
