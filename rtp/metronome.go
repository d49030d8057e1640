package rtp

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Tick is the time between two beats of a Metronome: the packet time of telephony.
const Tick = 20 * time.Millisecond

// Beat is called by a Metronome. It says in how many ticks it wants to be called again; 0 or less means never. A rest of
// five ticks or more may last up to five ticks longer. at is the nominal moment, which advances in exact ticks as long
// as the beat does not rest; the call may come a little later. A beat must not block.
type Beat func(at time.Time) (next int)

// Metronome beats the time for all sound that is not paced by an arriving packet: transcoding, prompts, music, silence,
// digits. One goroutine, the conductor, serves all streams of the process; where one moment has much to do, helpers
// share it. Every wake-up of a process costs more than the beat of a stream that passes packets through, or of one that
// plays music. So seats that beat come together at as few moments as can serve them in time, seats that rest are looked
// after all at once, and while nobody has a seat nothing is woken.
type Metronome struct {
	alarm  alarm // rung when somebody was called, or closed is set
	done   sync.WaitGroup
	panics atomic.Uint64
	report atomic.Pointer[func(panicked any, stack []byte)]

	mu     sync.Mutex
	called []*Seat // guarded by mu: who joined, and whose rest was cut short
	closed bool    // guarded by mu

	conductor // owned by run
}

// Seat is one member's place in the metronome.
type Seat struct {
	metronome *Metronome
	beat      Beat
	rest      atomic.Int32 // ticks until the next call; beating while the beat decides

	mu   sync.Mutex // held while the beat is being called
	gone bool       // guarded by mu

	seating // owned by the conductor
}

// NewMetronome starts a metronome whose moments are shared by up to so many goroutines; 0 means one per CPU. It waits by
// Go's timers.
func NewMetronome(hands int) *Metronome { return start(hands, newTimerAlarm()) }

// NewKernelMetronome is NewMetronome with a timer of the kernel, which is what a process should have that transcodes:
// waiting costs it a fraction. The error is what the system says.
func NewKernelMetronome(hands int) (*Metronome, error) {
	a, err := newKernelAlarm()
	if err != nil {
		return nil, fmt.Errorf("start the metronome: %w", err)
	}
	return start(hands, a), nil
}

func start(hands int, a alarm) *Metronome {
	if hands <= 0 {
		hands = runtime.GOMAXPROCS(0)
	}
	m := &Metronome{alarm: a}
	m.started, m.helpers, m.share.offer = time.Now(), hands-1, make(chan struct{}, hands)
	m.done.Go(m.run)
	for range m.helpers {
		m.done.Go(m.help)
	}
	return m
}

// Join begins to call beat on every tick, the first time within one tick from now.
func (m *Metronome) Join(beat Beat) *Seat {
	s := &Seat{metronome: m, beat: beat}
	m.call(s)
	return s
}

// ReportPanics says who is told of a beat that panicked. Beats work on what the network sends, and one bad packet may
// not stop the process: a panic costs that beat, and the seat stays.
func (m *Metronome) ReportPanics(to func(panicked any, stack []byte)) { m.report.Store(&to) }

// Panics is how many beats have panicked.
func (m *Metronome) Panics() uint64 { return m.panics.Load() }

func (m *Metronome) contain(next *int) {
	r := recover()
	if r == nil {
		return
	}
	*next = 1
	m.panics.Add(1)
	if report := m.report.Load(); report != nil {
		(*report)(r, debug.Stack())
	}
}

// Close stops the beats and waits for the last. Seats still taken are called no more.
func (m *Metronome) Close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.alarm.ring()
	m.done.Wait()
}

// Leave ends the beats. No beat is under way when it returns, so it must not be called from the beat itself (which
// returns 0 instead) nor while holding a lock that the beat takes. Leaving twice is harmless.
func (s *Seat) Leave() {
	s.mu.Lock()
	s.gone = true
	s.mu.Unlock()
}

// beating marks that the beat is being called, so that a Soon during the call is not lost.
const beating = -1

// Soon cuts short what the beat asked for: it is called within a tick. It may be called from anywhere, a beat included.
func (s *Seat) Soon() {
	if s.rest.Swap(0) >= longRest {
		s.metronome.call(s)
	}
}

// call brings a seat to the conductor's notice.
func (m *Metronome) call(s *Seat) {
	m.mu.Lock()
	m.called = append(m.called, s)
	m.mu.Unlock()
	m.alarm.ring()
}

// strike calls the beat when its time has come and says in how many ticks it is to be called again; 0: the seat is free.
// A seat at rest finds out that it was left when its rest is over.
func (s *Seat) strike(at time.Time) int {
	if s.rest.Load() > 1 && s.rest.Add(-1) > 0 {
		return 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return 0
	}
	s.rest.Store(beating)
	next := s.sound(at)
	if next <= 0 {
		s.gone = true
		return 0
	}
	if !s.rest.CompareAndSwap(beating, int32(min(next, 1<<20))) {
		return 1
	}
	return next
}

// sound contains a panic of the beat, which is then called again on the next tick.
func (s *Seat) sound(at time.Time) (next int) {
	defer s.metronome.contain(&next)
	return s.beat(at)
}
