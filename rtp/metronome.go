package rtp

import (
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
)

// Tick is the time between two beats of a Metronome: the packet time of telephony.
const Tick = 20 * time.Millisecond

// Beat is called by a Metronome. It says in how many ticks it wants to be called again; 0 or less means never. at is the
// nominal moment, which advances in exact ticks; the call may come a little later. A beat must not block.
type Beat func(at time.Time) (next int)

// Metronome beats the time for all sound that is not paced by an arriving packet: transcoding, prompts, music, silence,
// digits. A few goroutines ("hands") serve all streams of the process, which are spread evenly over the tick.
type Metronome struct {
	hands  []*hand
	next   atomic.Uint32
	done   sync.WaitGroup
	panics atomic.Uint64
	report atomic.Pointer[func(panicked any, stack []byte)]
}

// phases is over how many moments within a tick the seats are spread: 2 ms apart.
const phases = 10

// slack is how far a late hand catches up beat by beat; a longer stall (a suspended machine) is skipped.
const slack = 5 * Tick

// hand is one goroutine of the metronome.
type hand struct {
	metronome *Metronome
	started   time.Time
	wake      chan struct{} // capacity 1: new seats are waiting, or closed is set

	mu     sync.Mutex
	joined []*Seat // guarded by mu: not yet seen by run
	fewest [phases]int
	closed bool

	seats [phases][]*Seat   // owned by run
	due   [phases]time.Time // owned by run: the next nominal moment of each phase
}

// Seat is one member's place in the metronome.
type Seat struct {
	beat  Beat
	hand  *hand
	phase int
	rest  atomic.Int32 // ticks until the next call; beating while the beat decides

	mu   sync.Mutex // held while the beat is being called
	gone bool       // guarded by mu
}

// NewMetronome starts a metronome with so many hands; 0 means one per CPU.
func NewMetronome(hands int) *Metronome {
	if hands <= 0 {
		hands = runtime.GOMAXPROCS(0)
	}
	m := &Metronome{}
	for range hands {
		h := &hand{metronome: m, started: time.Now(), wake: make(chan struct{}, 1)}
		m.hands = append(m.hands, h)
		m.done.Go(h.run)
	}
	return m
}

// Join begins to call beat on every tick, the first time within one tick from now.
func (m *Metronome) Join(beat Beat) *Seat {
	h := m.hands[int(m.next.Add(1))%len(m.hands)]
	return h.join(beat)
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

// Close stops all hands and waits for them. Seats still taken are called no more.
func (m *Metronome) Close() {
	for _, h := range m.hands {
		h.mu.Lock()
		h.closed = true
		h.mu.Unlock()
		h.ring()
	}
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

// Soon cuts short what the beat asked for: it is called on the next tick of its phase.
func (s *Seat) Soon() { s.rest.Store(0) }

func (h *hand) join(beat Beat) *Seat {
	h.mu.Lock()
	phase := 0
	for i, n := range h.fewest {
		if n < h.fewest[phase] {
			phase = i
		}
	}
	h.fewest[phase]++
	s := &Seat{beat: beat, hand: h, phase: phase}
	h.joined = append(h.joined, s)
	h.mu.Unlock()
	h.ring()
	return s
}

func (h *hand) ring() {
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h *hand) run() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for h.admit() {
		phase, at, any := h.earliest()
		if !any {
			<-h.wake
			continue
		}
		if wait := time.Until(at); wait > 0 {
			timer.Reset(wait)
			select {
			case <-timer.C:
			case <-h.wake:
				continue
			}
		} else if wait < -slack {
			h.due[phase] = h.nextMoment(phase)
			continue
		}
		h.strike(phase, at)
	}
}

// admit gives seats to those who joined. False: the metronome has been closed.
func (h *hand) admit() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	for i, s := range h.joined {
		if len(h.seats[s.phase]) == 0 {
			h.due[s.phase] = h.nextMoment(s.phase)
		}
		h.seats[s.phase] = append(h.seats[s.phase], s)
		h.joined[i] = nil
	}
	h.joined = h.joined[:0]
	return !h.closed
}

// nextMoment is the first moment of a phase that is not in the past.
func (h *hand) nextMoment(phase int) time.Time {
	offset := time.Duration(phase) * Tick / phases
	since := time.Since(h.started) - offset
	return h.started.Add(offset + (since+Tick-1)/Tick*Tick)
}

func (h *hand) earliest() (phase int, at time.Time, any bool) {
	for i := range h.seats {
		if len(h.seats[i]) > 0 && (!any || h.due[i].Before(at)) {
			phase, at, any = i, h.due[i], true
		}
	}
	return phase, at, any
}

// strike calls the beats of a phase and lets go of those who left.
func (h *hand) strike(phase int, at time.Time) {
	h.due[phase] = at.Add(Tick)
	stay := h.seats[phase][:0]
	left := 0
	for _, s := range h.seats[phase] {
		if s.strike(at) {
			stay = append(stay, s)
		} else {
			left++
		}
	}
	clear(h.seats[phase][len(stay):])
	h.seats[phase] = stay
	if left > 0 {
		h.mu.Lock()
		h.fewest[phase] -= left
		h.mu.Unlock()
	}
}

// strike reports whether the seat is still taken. A seat at rest finds out that it was left when its rest is over.
func (s *Seat) strike(at time.Time) bool {
	if s.rest.Load() > 1 && s.rest.Add(-1) > 0 {
		return true
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.gone {
		return false
	}
	s.rest.Store(beating)
	next := s.call(at)
	if next <= 0 {
		s.gone = true
		return false
	}
	s.rest.CompareAndSwap(beating, int32(min(next, 1<<20)))
	return true
}

// call contains a panic of the beat, which is then called again on the next tick.
func (s *Seat) call(at time.Time) (next int) {
	defer s.hand.metronome.contain(&next)
	return s.beat(at)
}
