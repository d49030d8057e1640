package rtp

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// Two legs that hear each other, while everything that may happen to them happens at once. The race detector and the
// leak check are the judges; what is asserted is that the numbers of each stream stay in sequence.
func TestP1EverythingAtOnceKeepsTheSequence(t *testing.T) {
	m := NewMetronome(2)
	var written atomic.Uint64
	newLeg := func() *Core {
		var last header
		return NewCore(CoreConfig{StreamConfig: StreamConfig{Metronome: m, Coders: fakeCoders{}, Fill: time.Millisecond, Write: func(raw []byte) error {
			var h header
			if err := h.parse(raw); err != nil {
				t.Error(err)
			}
			if last.ssrc != 0 && (h.ssrc != last.ssrc || h.sequence != last.sequence+1) { // no lock: the stream's own is held
				t.Errorf("sequence %d after %d", h.sequence, last.sequence)
			}
			last = h
			last.body = nil
			written.Add(1)
			return nil
		}}})
	}
	a, b := newLeg(), newLeg()
	receive := map[uint8]*Format{8: testPCMA, 111: testOpus, 101: testPCMA, 110: testOpus}
	stop := make(chan struct{})
	var all sync.WaitGroup
	repeat := func(f func(i int)) {
		all.Go(func() {
			for i := 0; ; i++ {
				select {
				case <-stop:
					return
				default:
					f(i)
				}
			}
		})
	}
	for _, legs := range [][2]*Core{{a, b}, {b, a}} {
		leg, other := legs[0], legs[1]
		raw := make([]byte, 332)
		h := header{ssrc: 1}
		repeat(func(i int) { // packets of both codecs, in sequence
			h.payload = []uint8{8, 111}[i/50%2]
			h.sequence++
			h.timestamp += 160
			h.put(raw)
			leg.Receive(raw, time.Now())
		})
		repeat(func(i int) {
			leg.Out().Hear([]Source{other, nil, leg}[i%3])
			time.Sleep(time.Millisecond)
		})
		repeat(func(i int) {
			leg.SetFormats([]*Format{testPCMA, testOpus}[i%2], receive, Direction(i%4))
			time.Sleep(3 * time.Millisecond)
		})
		repeat(func(int) {
			leg.Out().Digits("1")
			leg.Quality()
			leg.ReceiveControl(other.Report(time.Now()), time.Now())
			time.Sleep(2 * time.Millisecond)
		})
	}
	time.Sleep(500 * time.Millisecond)
	a.Close() // while all goes on
	time.Sleep(20 * time.Millisecond)
	close(stop)
	all.Wait()
	b.Close()
	m.Close()
	if written.Load() < 100 || m.Panics() > 0 {
		t.Errorf("%d packets written, %d panics", written.Load(), m.Panics())
	}
}
