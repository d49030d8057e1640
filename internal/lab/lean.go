package lab

import (
	"math"
	"sync/atomic"
	"time"
)

// measuring is the window of a measurement, shared by all mouths and ears of a load.
type measuring struct {
	open     atomic.Bool  // frames sent now count
	from, to atomic.Int64 // packets that arrive between count; nanoseconds since 1970, 0: not yet
}

func (m *measuring) begin() { m.from.Store(time.Now().UnixNano()); m.open.Store(true) }
func (m *measuring) end()   { m.open.Store(false); m.to.Store(time.Now().UnixNano()) }

func (m *measuring) holds(at int64) bool {
	from, to := m.from.Load(), m.to.Load()
	return from != 0 && at >= from && (to == 0 || at < to)
}

// lean is an ear that measures one stream and remembers no sound. Guarded by the Ear's mu.
type lean struct {
	window  *measuring
	stream  uint32 // whose frames should come
	skip    int    // bytes before the mark
	first   time.Time
	voice   time.Time // the first marked frame of stream
	packets uint64    // in the window
	whole   uint64    // marked frames sent in the window that have come
	foreign uint64    // in the window, without a readable mark
	crossed uint64    // marked frames of another stream
	gaps    int64     // missing sequence numbers
	late    uint64    // reordered or repeated
	seen    []uint64
	latency []float64 // milliseconds
	jitter  float64   // seconds, RFC 3550 section 6.4.1
	steady  float64   // its last value in the window
	worst   float64
	last    Heard
	any     bool
}

func (l *lean) hear(h Heard, payload []byte, f Format) {
	at := h.At.UnixNano()
	inside := l.window.holds(at)
	if l.first.IsZero() {
		l.first = h.At
	}
	if inside {
		l.packets++
	}
	l.order(h, f, inside)
	m, marked := readMark(payload, l.skip)
	if marked && m.stream == l.stream && l.voice.IsZero() {
		l.voice = h.At
	}
	switch {
	case !marked:
		if inside {
			l.foreign++
		}
	case m.stream != l.stream:
		l.crossed++
	case m.open && l.fresh(m.number):
		l.whole++
		l.latency = append(l.latency, float64(h.At.Sub(m.sent))/float64(time.Millisecond))
	}
}

// order keeps account of sequence and jitter.
func (l *lean) order(h Heard, f Format, inside bool) {
	before := l.last
	if !l.any || before.SSRC != h.SSRC {
		l.any, l.last = true, h
		return
	}
	step := int64(int16(h.Sequence - before.Sequence))
	if step <= 0 {
		l.late++
		if inside {
			l.gaps--
		}
		return
	}
	if inside {
		l.gaps += step - 1
	}
	moved := float64(int32(h.Timestamp-before.Timestamp)) / float64(f.clock())
	d := math.Abs(h.At.Sub(before.At).Seconds() - moved)
	l.jitter += (d - l.jitter) / 16
	if inside {
		l.steady, l.worst = l.jitter, max(l.worst, l.jitter)
	}
	l.last = h
}

// fresh notes a frame number; a repeated frame does not make up for a lost one.
func (l *lean) fresh(number uint32) bool {
	for int(number/64) >= len(l.seen) {
		l.seen = append(l.seen, make([]uint64, 64)...)
	}
	bit := uint64(1) << (number % 64)
	if l.seen[number/64]&bit != 0 {
		return false
	}
	l.seen[number/64] |= bit
	return true
}
