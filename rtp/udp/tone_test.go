package udp

import (
	"encoding/binary"
	"math"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/codec"
)

// sing makes a far party say a sine until stop is closed.
func sing(t *testing.T, s *Session, coders rtp.Coders, hz float64, stop <-chan struct{}) {
	t.Helper()
	f := s.Out().Format()
	encoder, err := coders.NewEncoder(f, 8000)
	if err != nil {
		t.Error(err)
		return
	}
	tone := &singer{format: f, metronome: s.config.Metronome}
	s.Out().Hear(tone)
	defer s.Out().Hear(nil)
	ticker := time.NewTicker(rtp.Tick)
	defer ticker.Stop()
	payload := make([]byte, 1500)
	pcm := make([]int16, 160)
	for i := 0; ; i++ {
		for j := range pcm {
			pcm[j] = int16(8000 * math.Sin(2*math.Pi*hz*float64(i*160+j)/8000))
		}
		n, err := encoder.Encode(payload, pcm)
		if err != nil {
			t.Error(err)
			return
		}
		tone.say(payload[:n], uint16(i), uint32(i*f.Codec.Clock/50))
		select {
		case <-ticker.C:
		case <-stop:
			return
		}
	}
}

// singer is a live source with one sink.
type singer struct {
	format    *rtp.Format
	metronome *rtp.Metronome
	mu        sync.Mutex
	sink      rtp.Sink
}

func (s *singer) SourceName() string { return "singer" }

func (s *singer) Listen(sink rtp.Sink, _ *rtp.Format) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sink = sink
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.sink = nil
	}
}

func (s *singer) say(payload []byte, sequence uint16, timestamp uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.sink != nil {
		s.sink.Packet(&rtp.Packet{SSRC: 1, Sequence: sequence, Timestamp: timestamp, Payload: payload, Format: s.format, Arrived: time.Now()})
	}
}

// listener decodes what a session hears and collects it.
type listener struct {
	mu      sync.Mutex
	decoder rtp.Decoder
	pcm     []int16
	err     error
}

func (l *listener) Packet(p *rtp.Packet) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if p.Event {
		return
	}
	var room [960]int16
	n, err := l.decoder.Decode(room[:], p.Payload)
	if err != nil {
		l.err = err
		return
	}
	l.pcm = append(l.pcm, room[:n]...)
}

// heard waits for so much sound after a start and gives it.
func (l *listener) heard(t *testing.T, skip, want time.Duration) []int16 {
	t.Helper()
	from, to := int(skip*8000/time.Second), int((skip+want)*8000/time.Second)
	deadline := time.Now().Add(10 * time.Second)
	for {
		l.mu.Lock()
		pcm, err := l.pcm, l.err
		l.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		if len(pcm) >= to {
			return pcm[from:to]
		}
		if time.Now().After(deadline) {
			t.Fatalf("only %d samples came", len(pcm))
		}
		time.Sleep(10 * time.Millisecond)
	}
}

// power is the share of the sound's power that is at one frequency (Goertzel).
func power(pcm []int16, hz float64) float64 {
	var a, b, total float64
	k := 2 * math.Cos(2*math.Pi*hz/8000)
	for _, v := range pcm {
		a, b = float64(v)+k*a-b, a
		total += float64(v) * float64(v)
	}
	if total == 0 {
		return 0
	}
	return 2 * (a*a + b*b - k*a*b) / (float64(len(pcm)) * total)
}

func TestATonePassesBothWaysBetweenTwoLegs(t *testing.T) {
	coders, err := codec.New(codec.Options{Complexity: 5, Bitrate: 24000, FEC: true})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name        string
		left, right rtp.Codec
	}{{"PCMA to PCMA", rtp.PCMA, rtp.PCMA}, {"PCMA to PCMU", rtp.PCMA, rtp.PCMU}, {"PCMA to Opus", rtp.PCMA, rtp.Opus}, {"G722 to Opus", rtp.G722, rtp.Opus}} {
		t.Run(c.name, func(t *testing.T) {
			b := newBench(t)
			open := func(name string, codec rtp.Codec) *Session {
				return b.open(Config{Name: name, Coders: coders, Codecs: []rtp.Codec{codec}})
			}
			caller, in, out, callee := open("caller", c.left), open("in", c.left), open("out", c.right), open("callee", c.right)
			join(t, caller, in)
			join(t, out, callee)
			out.Out().Hear(in)
			in.Out().Hear(out)
			ears := map[*Session]*listener{}
			for _, s := range []*Session{caller, callee} {
				decoder, err := coders.NewDecoder(s.Out().Format(), 8000)
				if err != nil {
					t.Skip(err) // a build without this codec
				}
				ears[s] = &listener{decoder: decoder}
				defer s.Listen(ears[s], nil)()
			}
			stop := make(chan struct{})
			var singers sync.WaitGroup
			singers.Go(func() { sing(t, caller, coders, 440, stop) })
			singers.Go(func() { sing(t, callee, coders, 1000, stop) })
			defer singers.Wait()
			defer close(stop)
			for s, hz := range map[*Session]float64{callee: 440, caller: 1000} {
				pcm := ears[s].heard(t, time.Second, time.Second)
				var most float64 // of the tone in any stretch of 200 ms: the box may be busy
				for from := 0; from+1600 <= len(pcm); from += 800 {
					most = max(most, power(pcm[from:from+1600], hz))
				}
				if most < 0.9 {
					t.Errorf("%s: only %.0f %% of the sound is at %v Hz", s.SourceName(), 100*most, hz)
				}
			}
		})
	}
}

func TestAPacketGoesFromSocketToSocketWithoutAllocating(t *testing.T) {
	b := newBench(t)
	in, out := b.open(Config{Name: "in", Fill: -1}), b.open(Config{Name: "out", Fill: -1})
	caller := newFar(t, in)
	for _, s := range []*Session{in, out} {
		if _, err := s.Answer(caller.offer(netip.AddrPort{})); err != nil {
			t.Fatal(err)
		}
	}
	out.Out().Hear(in)
	raw := make([]byte, 172)
	raw[0], raw[1], raw[11] = 0x80, 8, 1
	at, from, sequence := time.Now(), caller.address(), uint16(0)
	if n := testing.AllocsPerRun(500, func() {
		sequence++
		at = at.Add(rtp.Tick)
		binary.BigEndian.PutUint16(raw[2:], sequence)
		binary.BigEndian.PutUint32(raw[4:], 160*uint32(sequence))
		in.take(raw, from, at)
	}); n >= 1 { // other goroutines of the test may allocate now and then
		t.Errorf("%v allocations a packet", n)
	}
	if q := out.Quality(); q.Sent < 500 {
		t.Errorf("only %d packets were sent", q.Sent)
	}
}

func BenchmarkForwardOverSockets(b *testing.B) {
	ports, err := NewPorts(PortsConfig{Bind: loopback, Rest: time.Millisecond})
	if err != nil {
		b.Fatal(err)
	}
	metronome := rtp.NewMetronome(1)
	open := func() *Session {
		s, err := Open(Config{Ports: ports, Metronome: metronome, Fill: -1})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	in, out := open(), open()
	defer func() {
		_ = in.Close()
		_ = out.Close()
		metronome.Close()
		_ = ports.Close()
	}()
	caller, err := listen(netip.AddrPortFrom(loopback, 0))
	if err != nil {
		b.Fatal(err)
	}
	defer caller.Close()
	f := &far{conn: caller}
	for _, s := range []*Session{in, out} {
		if _, err := s.Answer(f.offer(netip.AddrPort{})); err != nil {
			b.Fatal(err)
		}
	}
	out.Out().Hear(in)
	raw := make([]byte, 172)
	raw[0], raw[1], raw[11] = 0x80, 8, 1
	at := time.Now()
	sequence := uint16(0)
	b.ReportAllocs()
	for b.Loop() { // from the datagram read to the datagram written
		sequence++
		at = at.Add(rtp.Tick)
		binary.BigEndian.PutUint16(raw[2:], sequence)
		binary.BigEndian.PutUint32(raw[4:], 160*uint32(sequence))
		in.take(raw, f.address(), at)
	}
}
