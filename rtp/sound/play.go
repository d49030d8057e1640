package sound

import (
	"sync"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

// Play is one performance of a sound: a source for one listener, from the beginning to the end. A second listening goes
// on where the first one stopped. It is safe for concurrent use.
type Play struct {
	sound *Sound
	then  rtp.Source // heard afterwards; may be nil
	done  chan struct{}

	mu      sync.Mutex
	heard   time.Duration // guarded by mu: of the sound, by all listeners so far
	ended   bool          // guarded by mu: done is closed
	current *performance  // guarded by mu
}

// performance is one listening to a Play.
type performance struct {
	seat *rtp.Seat
	next func() // stops what is heard afterwards
}

// Play begins a performance; it waits for its listener.
func (s *Sound) Play() *Play { return &Play{sound: s, done: make(chan struct{})} }

// PlayThen is Play, and afterwards the same listener hears next, without a gap.
func (s *Sound) PlayThen(next rtp.Source) *Play {
	return &Play{sound: s, then: next, done: make(chan struct{})}
}

// SourceName is the name of the sound.
func (p *Play) SourceName() string { return p.sound.name }

// Done is closed when the sound has been heard to its end, also in a codec that we cannot encode: a caller is never left
// waiting for a prompt.
func (p *Play) Done() <-chan struct{} { return p.done }

// Listen plays to sink, one sink at a time.
func (p *Play) Listen(sink rtp.Sink, want *rtp.Format) (stop func()) {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := &performance{}
	if p.ended {
		p.follow(now, sink, want)
		return func() { p.stop(now) }
	}
	l := p.sound.begin(sink, want)
	first := int(p.heard / (time.Duration(l.ticks()) * rtp.Tick))
	length := int((p.sound.Length() + rtp.Tick*time.Duration(l.ticks()) - 1) / (rtp.Tick * time.Duration(l.ticks())))
	l.frame = func(packet int) (int, bool) {
		frame := first + packet
		if frame >= length {
			return 0, false
		}
		p.mu.Lock()
		p.heard = time.Duration(frame+1) * time.Duration(l.ticks()) * rtp.Tick
		p.mu.Unlock()
		return frame, true
	}
	l.over = func(time.Time) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.current != now {
			return
		}
		p.end()
		p.follow(now, sink, want)
	}
	p.current = now
	now.seat = p.sound.player.metronome.Join(l.beat)
	return func() { p.stop(now) }
}

func (p *Play) end() {
	if !p.ended {
		p.ended = true
		close(p.done)
	}
}

// follow begins what is heard afterwards; the caller holds mu.
func (p *Play) follow(now *performance, sink rtp.Sink, want *rtp.Format) {
	p.current = now
	if p.then != nil {
		now.next = p.then.Listen(sink, want)
	}
}

func (p *Play) stop(now *performance) {
	p.mu.Lock()
	if p.current == now {
		p.current = nil // over may not begin anything any more
	}
	seat, next := now.seat, now.next
	now.next = nil
	p.mu.Unlock()
	if seat != nil {
		seat.Leave() // outside mu, which a beat takes
	}
	if next != nil {
		next()
	}
}
