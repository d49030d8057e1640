package rtp

import (
	"bytes"
	"encoding/binary"
	"math"
	"testing"
	"testing/synctest"
	"time"

	pion "github.com/pion/rtp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/pion/rtcp"
)

func FuzzParseAgreesWithPion(f *testing.F) {
	plain := pion.Packet{Header: pion.Header{Version: 2, PayloadType: 8, SequenceNumber: 7, Timestamp: 9, SSRC: 11, Marker: true}, Payload: []byte{1, 2, 3}}
	for _, p := range []pion.Packet{plain, {Header: pion.Header{Version: 2, CSRC: []uint32{1, 2}}, Payload: []byte{1}}, {Header: pion.Header{Version: 2, Padding: true, PaddingSize: 4}}} {
		raw, err := p.Marshal()
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	extended := plain
	if err := extended.SetExtension(1, []byte{5}); err != nil {
		f.Fatal(err)
	}
	raw, err := extended.Marshal()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(raw)
	f.Add([]byte{0x80})
	f.Add(append([]byte{0xb0, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 2}, 0xbe, 0xde, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, raw []byte) {
		var h header
		ours := h.parse(raw)
		var p pion.Packet
		theirs := p.Unmarshal(raw)
		if ours != nil {
			// Ours is stricter about the version and the size, more patient about nothing.
			if theirs == nil && p.Version == 2 && len(p.Payload) <= maxPayload {
				t.Fatalf("we refuse what pion reads: %x", raw)
			}
			return
		}
		if theirs != nil {
			return // pion looks into extensions, which we skip
		}
		if h.marker != p.Marker || h.payload != p.PayloadType || h.sequence != p.SequenceNumber || h.timestamp != p.Timestamp || h.ssrc != p.SSRC || !bytes.Equal(h.body, p.Payload) {
			t.Fatalf("%+v is not %+v", h, p)
		}
	})
}

// listening is a core with a sink that counts.
type listening struct {
	*Core
	at      time.Time
	heard   []Packet
	metrics *Metrics
}

func (l *listening) Packet(p *Packet) { l.heard = append(l.heard, *p) }

func newListening(t *testing.T) *listening {
	t.Helper()
	m := NewMetronome(1)
	metrics, err := NewMetrics(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	l := &listening{at: time.Now(), metrics: metrics}
	l.Core = NewCore(CoreConfig{Name: "leg", Leg: "trunk", Metrics: metrics, StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m, Fill: -1}})
	l.SetFormats(testPCMA, map[uint8]*Format{8: testPCMA, 101: testPCMA}, SendRecv)
	stop := l.Listen(l, nil)
	t.Cleanup(func() {
		stop()
		l.Close()
		m.Close()
	})
	return l
}

func (l *listening) receive(ssrc uint32, sequence uint16) bool {
	raw := make([]byte, 172)
	h := header{payload: 8, ssrc: ssrc, sequence: sequence, timestamp: 160 * uint32(sequence)}
	h.put(raw)
	return l.Receive(raw, l.at)
}

func TestLossIsCountedAsTheRFCSays(t *testing.T) {
	l := newListening(t)
	for i := range 1000 {
		l.at = l.at.Add(Tick)
		if i%10 != 5 {
			l.receive(1, uint16(65000+i)) // over the wrap
		}
	}
	if q := l.Quality(); q.Received != 900 || q.Lost != 100 || !q.LastHeard.Equal(l.at) {
		t.Errorf("%+v", q)
	}
	if f := l.reception.fraction(); f != 25 { // 10 % of 256
		t.Errorf("fraction %d/256", f)
	}
	if totals := l.metrics.totals()["trunk"]; totals.in != 900 || totals.lost != 100 {
		t.Errorf("metrics: %+v", totals)
	}
	l.Close()
	if totals := l.metrics.totals()["trunk"]; totals.in != 900 || totals.lost != 100 || len(l.metrics.alive) != 0 {
		t.Errorf("metrics after the end: %+v", totals)
	}
}

func TestRepeatsAndStragglersAreDeliveredOnce(t *testing.T) {
	l := newListening(t)
	for _, s := range []uint16{10, 11, 11, 13, 12, 12, 13, 14, 9, 10} {
		l.receive(1, s)
	}
	var got []uint16
	for _, p := range l.heard {
		got = append(got, p.Sequence)
	}
	if want := []uint16{10, 11, 13, 12, 14, 9}; len(got) != len(want) {
		t.Errorf("delivered %v, want %v", got, want)
	}
	if q := l.Quality(); q.Lost != 0 {
		t.Errorf("%d lost", q.Lost)
	}
}

func TestAnotherSSRCTakesOverWithItsSecondPacketOrAfterSilence(t *testing.T) {
	l := newListening(t)
	l.receive(1, 10)
	l.receive(2, 500) // a stray packet
	l.receive(1, 11)
	if n := len(l.heard); n != 2 {
		t.Fatalf("%d packets delivered", n)
	}
	l.receive(2, 501)
	l.receive(2, 502)
	if n := len(l.heard); n != 4 || l.heard[3].SSRC != 2 {
		t.Fatalf("%d packets delivered", n)
	}
	l.at = l.at.Add(time.Second)
	l.receive(3, 9)
	if l.heard[len(l.heard)-1].SSRC != 3 {
		t.Error("after a second of silence a new SSRC was not believed at once")
	}
	if q := l.Quality(); q.Received != 5 || q.Lost != 0 {
		t.Errorf("%+v", q)
	}
}

func TestAJumpOfTheSequenceIsARestartOnlyWhenTheNextPacketConfirmsIt(t *testing.T) {
	l := newListening(t)
	l.receive(1, 10)
	l.receive(1, 30000)
	if len(l.heard) != 1 {
		t.Fatal("one odd packet was believed")
	}
	l.receive(1, 30001)
	l.receive(1, 30002)
	if len(l.heard) != 3 {
		t.Fatalf("%d packets delivered", len(l.heard))
	}
	if q := l.Quality(); q.Lost > 1 {
		t.Errorf("%d lost", q.Lost)
	}
}

func TestJitterIsMeasuredAsTheRFCSays(t *testing.T) {
	l := newListening(t)
	for i := range 2000 {
		l.at = l.at.Add(Tick)
		if i%2 == 0 { // every other packet 10 ms late: successive transits differ by 10 ms
			l.at = l.at.Add(10 * time.Millisecond)
		}
		l.receive(1, uint16(i))
		if i%2 == 0 {
			l.at = l.at.Add(-10 * time.Millisecond)
		}
	}
	if j := l.Quality().Jitter; j < 9*time.Millisecond || j > 11*time.Millisecond {
		t.Errorf("jitter %v", j)
	}
}

func TestHostilePacketsAreNotDelivered(t *testing.T) {
	l := newListening(t)
	long := make([]byte, 12+maxPayload+1)
	for name, raw := range map[string][]byte{
		"empty": nil, "short": {0x80, 8, 0}, "version 1": {0x40, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1},
		"CSRCs beyond the end":        {0x8f, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1},
		"extension beyond the end":    {0x90, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 9},
		"padding beyond the packet":   {0xa0, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 200},
		"padding of nothing":          {0xa0, 8, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 0},
		"payload type not agreed":     {0x80, 9, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1, 1},
		"longer than any sound of us": func() []byte { long[0], long[1] = 0x80, 8; return long }(),
	} {
		if l.Receive(raw, l.at) || len(l.heard) != 0 {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestHeldMediaIsCountedAndNotDelivered(t *testing.T) {
	l := newListening(t)
	for _, c := range []struct {
		direction Direction
		delivered bool
	}{{SendOnly, false}, {Inactive, false}, {RecvOnly, true}, {SendRecv, true}} {
		l.SetFormats(testPCMA, map[uint8]*Format{8: testPCMA}, c.direction)
		before, q := len(l.heard), l.Quality().Received
		l.receive(1, uint16(q))
		if got := len(l.heard) > before; got != c.delivered || l.Quality().Received != q+1 {
			t.Errorf("%v: delivered %v", c.direction, got)
		}
	}
}

func TestNoPacketIsDeliveredAfterStop(t *testing.T) {
	m := NewMetronome(1)
	defer m.Close()
	core := NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m}})
	defer core.Close()
	core.SetFormats(testPCMA, map[uint8]*Format{8: testPCMA}, SendRecv)
	end := make(chan struct{})
	go func() {
		defer close(end)
		raw := make([]byte, 172)
		for i := range uint16(20000) {
			h := header{payload: 8, ssrc: 1, sequence: i}
			h.put(raw)
			core.Receive(raw, time.Now())
		}
	}()
	for range 200 {
		stopped := false // written by this goroutine, read in Packet: the race detector is the judge
		stop := core.Listen(sinkFunc(func(*Packet) {
			if stopped {
				t.Error("delivered after stop")
			}
		}), nil)
		stop()
		stopped = true
	}
	<-end
}

type sinkFunc func(*Packet)

func (f sinkFunc) Packet(p *Packet) { f(p) }

func TestReportsOfTwoCoresTellEachOtherLossAndRoundTrip(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		const oneWay = 30 * time.Millisecond
		var a, b *Core
		var sent int
		drop := func(to **Core) func([]byte) error {
			return func(raw []byte) error {
				if sent++; sent%4 != 0 { // a quarter is lost
					(*to).Receive(raw, time.Now())
				}
				return nil
			}
		}
		a = NewCore(CoreConfig{StreamConfig: StreamConfig{Write: drop(&b), Metronome: m}})
		b = NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m}})
		b.SetFormats(testPCMA, map[uint8]*Format{8: testPCMA}, SendRecv)
		a.SetFormats(testPCMA, map[uint8]*Format{8: testPCMA}, SendRecv)
		time.Sleep(10 * time.Second) // of silence, sent
		carry := func(from, to *Core) {
			raw := from.Report(time.Now())
			time.Sleep(oneWay)
			if !to.ReceiveControl(raw, time.Now()) {
				t.Fatal("a report could not be read")
			}
		}
		carry(a, b)
		time.Sleep(2 * time.Second)
		carry(b, a)
		q := a.Quality()
		if math.Abs(q.FarLost-0.25) > 0.02 {
			t.Errorf("far side lost %.3f", q.FarLost)
		}
		if d := q.RoundTrip - 2*oneWay; d < -time.Millisecond || d > time.Millisecond {
			t.Errorf("round trip %v", q.RoundTrip)
		}
		if last := a.LastControl(); !last.Equal(time.Now()) {
			t.Errorf("last RTCP at %v", last)
		}
		a.Close()
		b.Close()
		m.Close()
	})
}

func TestReportsAreWellFormed(t *testing.T) {
	l := newListening(t)
	for i := range uint16(10) {
		l.receive(77, i)
	}
	for _, raw := range [][]byte{l.Report(l.at), l.Farewell(l.at)} {
		packets, err := rtcp.Unmarshal(raw)
		if err != nil {
			t.Fatal(err)
		}
		rr, ok := packets[0].(*rtcp.ReceiverReport) // nothing was sent yet
		if !ok || len(rr.Reports) != 1 || rr.Reports[0].SSRC != 77 || rr.Reports[0].LastSequenceNumber != 9 {
			t.Errorf("%v", packets[0])
		}
		if err := rtcp.CompoundPacket(packets).Validate(); err != nil {
			t.Error(err)
		}
	}
	packets, err := rtcp.Unmarshal(l.Farewell(l.at))
	if err != nil {
		t.Fatal(err)
	}
	if bye, ok := packets[len(packets)-1].(*rtcp.Goodbye); !ok || bye.Sources[0] != l.Out().SSRC() {
		t.Errorf("the last packet is %v", packets[len(packets)-1])
	}
}

func FuzzReceiveControl(f *testing.F) {
	m := NewMetronome(1)
	core := NewCore(CoreConfig{StreamConfig: StreamConfig{Write: func([]byte) error { return nil }, Metronome: m}})
	f.Cleanup(func() {
		core.Close()
		m.Close()
	})
	f.Add(core.Report(time.Now()))
	f.Add(core.Farewell(time.Now()))
	sr, err := rtcp.Marshal([]rtcp.Packet{&rtcp.SenderReport{SSRC: 5, NTPTime: ntp(time.Now()), Reports: []rtcp.ReceptionReport{{SSRC: core.Out().SSRC(), FractionLost: 9, LastSenderReport: 1}}}})
	if err != nil {
		f.Fatal(err)
	}
	f.Add(sr)
	f.Fuzz(func(t *testing.T, raw []byte) {
		core.ReceiveControl(raw, time.Now())
		if q := core.Quality(); q.RoundTrip < 0 || q.RoundTrip > time.Minute || q.FarLost > 1 {
			t.Fatalf("%+v", q)
		}
	})
}

func FuzzReceive(f *testing.F) {
	event := make([]byte, 16)
	(&header{payload: 101, ssrc: 1}).put(event)
	binary.BigEndian.PutUint32(event[12:], 0x050a00a0)
	f.Add(event)
	f.Add(append(event[:12:12], 0x05, 0x8a, 0xff, 0xff))
	f.Fuzz(func(t *testing.T, raw []byte) {
		s := NewStream(StreamConfig{Coders: fakeCoders{}, Write: func(out []byte) error {
			var h header
			if err := h.parse(out); err != nil {
				t.Fatal(err)
			}
			return nil
		}})
		s.format, s.direction = testOpus, SendRecv
		s.clock.setRate(48000)
		in := &input{stream: s}
		s.input = in
		var h header
		at := time.Unix(1000, 0)
		for range 3 {
			if h.parse(raw) == nil {
				format := []*Format{testPCMA, testOpus}[h.ssrc%2]
				in.Packet(&Packet{SSRC: h.ssrc, Sequence: h.sequence, Timestamp: h.timestamp, Marker: h.marker, Event: h.payload == 101, Payload: h.body, Format: format, Arrived: at})
			}
			at = at.Add(Tick)
			if !s.playKeys(at) {
				in.transcode(at)
			}
		}
	})
}
