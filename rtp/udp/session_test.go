package udp

import (
	"net/netip"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// bench is a pool of ports and a metronome for one test.
type bench struct {
	t         *testing.T
	ports     *Ports
	metronome *rtp.Metronome
}

func newBench(t *testing.T) *bench {
	t.Helper()
	ports, err := NewPorts(PortsConfig{Bind: netip.MustParseAddr("127.0.0.1"), Rest: time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	b := &bench{t: t, ports: ports, metronome: rtp.NewMetronome(1)}
	t.Cleanup(func() {
		b.metronome.Close()
		if err := ports.Close(); err != nil {
			t.Error(err)
		}
	})
	return b
}

func (b *bench) open(c Config) *Session {
	b.t.Helper()
	c.Ports, c.Metronome = b.ports, b.metronome
	s, err := Open(c)
	if err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(func() {
		if err := s.Close(); err != nil {
			b.t.Error(err)
		}
	})
	return s
}

// join negotiates two sessions with each other.
func join(t *testing.T, a, b rtp.Session) {
	t.Helper()
	offer, err := a.Offer()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := b.Answer(offer)
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Accept(answer); err != nil {
		t.Fatal(err)
	}
}

// ear notes copies of the packets of a session.
type ear chan rtp.Packet

func (e ear) Packet(p *rtp.Packet) {
	copied := *p
	copied.Payload = append([]byte(nil), p.Payload...)
	select {
	case e <- copied:
	default:
	}
}

func (e ear) next(t *testing.T) rtp.Packet {
	t.Helper()
	select {
	case p := <-e:
		return p
	case <-time.After(3 * time.Second):
		t.Fatal("no packet came")
		return rtp.Packet{}
	}
}

func TestSilenceFlowsAsSoonAsTwoSessionsAgree(t *testing.T) {
	b := newBench(t)
	one, two := b.open(Config{Name: "one"}), b.open(Config{Name: "two"})
	heard := make(ear, 100)
	stop := two.Listen(heard, nil)
	defer stop()
	join(t, one, two)
	first := heard.next(t)
	for i := range 5 {
		p := heard.next(t)
		if p.Sequence != first.Sequence+uint16(i)+1 || p.Timestamp != first.Timestamp+160*uint32(i+1) || len(p.Payload) != 160 || p.Payload[0] != 0xd5 {
			t.Fatalf("packet %d: %+v after %+v", i, p, first)
		}
	}
	if !first.Marker {
		t.Error("the first packet of a talk spurt has no marker")
	}
}

func TestR11APacketReadFromOneSocketIsWrittenToTheOtherUnchanged(t *testing.T) {
	b := newBench(t)
	caller, in := b.open(Config{Name: "caller"}), b.open(Config{Name: "in"})
	out, callee := b.open(Config{Name: "out"}), b.open(Config{Name: "callee"})
	join(t, caller, in)
	join(t, out, callee)
	heard := make(ear, 100)
	stop := callee.Listen(heard, nil)
	defer stop()
	out.Out().Hear(in)
	var last rtp.Packet
	for last.SSRC == 0 || last.Payload[0] != 0xd5 {
		last = heard.next(t) // silence of the far caller, passed through
	}
	if last.SSRC != out.Out().SSRC() {
		t.Errorf("SSRC %x is not that of the stream, %x", last.SSRC, out.Out().SSRC())
	}
}
