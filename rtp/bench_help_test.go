package rtp

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sentPacket is what a stream has written.
type sentPacket struct {
	header
	at time.Time
}

// wire collects what a stream writes.
type wire struct {
	t  *testing.T
	mu sync.Mutex
	p  []sentPacket
}

func (w *wire) write(raw []byte) error {
	var h header
	if err := h.parse(append([]byte(nil), raw...)); err != nil {
		w.t.Errorf("the stream wrote what is no packet: %v", err)
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.p = append(w.p, sentPacket{header: h, at: time.Now()})
	return nil
}

// take gives what was written since the last take.
func (w *wire) take() []sentPacket {
	w.mu.Lock()
	defer w.mu.Unlock()
	p := w.p
	w.p = nil
	return p
}

// voice is a live source in the hands of a test.
type voice struct {
	name      string
	format    *Format
	mu        sync.Mutex
	sinks     map[*input]bool
	ssrc      uint32
	sequence  uint16
	timestamp uint32
}

func newVoice(name string, f *Format, ssrc uint32, sequence uint16, timestamp uint32) *voice {
	return &voice{name: name, format: f, sinks: map[*input]bool{}, ssrc: ssrc, sequence: sequence, timestamp: timestamp}
}

func (v *voice) SourceName() string { return v.name }

func (v *voice) Listen(sink Sink, _ *Format) func() {
	v.mu.Lock()
	defer v.mu.Unlock()
	in := sink.(*input)
	v.sinks[in] = true
	return func() {
		v.mu.Lock()
		defer v.mu.Unlock()
		delete(v.sinks, in)
	}
}

func (v *voice) emit(p *Packet) {
	v.mu.Lock()
	defer v.mu.Unlock()
	for s := range v.sinks {
		s.Packet(p)
	}
}

// packet makes the next packet of the voice without sending it.
func (v *voice) packet(payload []byte) *Packet {
	p := &Packet{SSRC: v.ssrc, Sequence: v.sequence, Timestamp: v.timestamp, Payload: payload, Format: v.format, Arrived: time.Now()}
	v.sequence++
	v.timestamp += v.format.Codec.samples(payload)
	return p
}

// speak sends n packets of 20 ms, one per 20 ms.
func (v *voice) speak(n int) {
	payload := make([]byte, 160)
	if v.format.Codec == Opus {
		payload = []byte(silentOpus)
	}
	for range n {
		v.emit(v.packet(payload))
		time.Sleep(Tick)
	}
}

var ( // formats of the tests
	testPCMA = &Format{Codec: PCMA, Payload: 8, Event: 101, Ptime: Tick}
	testPCMU = &Format{Codec: PCMU, Payload: 0, Event: 101, Ptime: Tick}
	testOpus = &Format{Codec: Opus, Payload: 111, Event: 110, Ptime: Tick}
)

// inStream runs a test of one stream in fake time.
func inStream(t *testing.T, c StreamConfig, test func(t *testing.T, s *Stream, w *wire)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		w := &wire{t: t}
		c.Write, c.Metronome = w.write, NewMetronome(1)
		s := NewStream(c)
		test(t, s, w)
		s.Close()
		c.Metronome.Close()
	})
}

// continuous checks that packets are numbered without a gap and that their timestamps fit the wall clock.
func continuous(t *testing.T, packets []sentPacket, clock int, tolerance time.Duration) {
	t.Helper()
	for i := 1; i < len(packets); i++ {
		p, before := packets[i], packets[i-1]
		if p.ssrc != before.ssrc {
			t.Fatalf("packet %d: SSRC changed from %x to %x", i, before.ssrc, p.ssrc)
		}
		if p.sequence != before.sequence+1 {
			t.Fatalf("packet %d: sequence %d after %d", i, p.sequence, before.sequence)
		}
		step := time.Duration(int32(p.timestamp-before.timestamp)) * time.Second / time.Duration(clock)
		if waited := p.at.Sub(before.at); step <= 0 || step-waited > tolerance || waited-step > tolerance {
			t.Fatalf("packet %d: timestamp moved by %v in %v", i, step, waited)
		}
	}
}
