package rtp

import (
	"sync"
	"sync/atomic"
	"time"
)

// Moments of the metronome.
const (
	// phases is how many moments there are in a tick, 2 ms apart.
	phases = 10
	// crowd is how many seats come together at one moment before another one is opened, and how many of a moment's seats
	// one goroutine serves while there are others to help: transcoding, some 1.5 ms of work.
	crowd = 16
	// longRest is a rest, in ticks, after which a seat is looked after together with all others that rest, every so many ticks.
	longRest = 5
	// slack is how far a late metronome catches up beat by beat; a longer stall (a suspended machine) is skipped.
	slack = 5 * Tick
	// turns is how many looks after the resting seats the wheel holds; who rests longer stays for another round.
	turns = 16
)

// opening is the order in which phases are opened, so that the first ones lie far apart.
func opening() [phases]int { return [phases]int{0, 5, 2, 7, 4, 9, 1, 6, 3, 8} }

// conductor knows who is to be called when. All of it belongs to the goroutine of Metronome.run, but for what the
// helpers are handed.
type conductor struct {
	started time.Time
	seats   [phases][]*Seat   // who beats
	due     [phases]time.Time // the next nominal moment of each phase
	wheel   [turns][]*Seat    // who rests, by the turn at which the rest is over
	turn    int64             // the last look after the resting, counted from started
	struck  []*Seat           // whose rest is over now

	helpers int
	share   share
}

// share is a moment's work that several goroutines do together.
type share struct {
	offer chan struct{} // one for each helper that is asked
	seats []*Seat
	at    time.Time
	next  atomic.Int32 // of seats, not yet taken
	busy  sync.WaitGroup
}

// seating is where the conductor has put a seat.
type seating struct {
	where where
	asked int   // what the beat said: ticks
	turn  int64 // resting: when the rest is over
	index int   // resting: in the wheel
}

type where uint8

const (
	atDoor  where = iota // not seen by the conductor yet
	inPhase              // beats
	inWheel              // rests
	outside              // the seat is free
)

func (m *Metronome) run() {
	defer close(m.share.offer)
	defer m.alarm.close()
	for m.admit() {
		phase, at, any := m.earliest()
		if !any {
			m.alarm.wait(-1)
			continue
		}
		if wait := time.Until(at); wait > 0 {
			m.alarm.wait(wait)
			continue
		} else if wait < -slack {
			m.skip(phase)
			continue
		}
		if phase == resting {
			m.lookAfter(at)
		} else {
			m.beat(phase, at)
		}
	}
}

// resting stands for the seats at rest among the phases.
const resting = -1

// earliest is what comes next.
func (c *conductor) earliest() (phase int, at time.Time, any bool) {
	for i := range c.seats {
		if len(c.seats[i]) > 0 && (!any || c.due[i].Before(at)) {
			phase, at, any = i, c.due[i], true
		}
	}
	for turn := c.turn + 1; turn <= c.turn+turns; turn++ {
		if len(c.wheel[turn%turns]) == 0 {
			continue
		}
		if look := c.lookAt(turn); !any || look.Before(at) {
			return resting, look, true
		}
		break
	}
	return phase, at, any
}

// lookAt is the nominal moment of a look after the resting.
func (c *conductor) lookAt(turn int64) time.Time {
	return c.started.Add(time.Duration(turn) * longRest * Tick)
}

// skip leaves out what a stall has made late.
func (c *conductor) skip(phase int) {
	if phase != resting {
		c.due[phase] = c.nextMoment(phase)
		return
	}
	// Everybody whose rest was over meanwhile is looked after at the next turn.
	now := int64(time.Since(c.started) / (longRest * Tick))
	for turn := c.turn + 1; turn <= min(now, c.turn+turns); turn++ {
		for _, s := range c.takeDue(turn, now) {
			c.lay(s, now+1)
		}
	}
	c.turn = max(c.turn, now)
}

// nextMoment is the first moment of a phase that is not in the past.
func (c *conductor) nextMoment(phase int) time.Time {
	offset := time.Duration(phase) * Tick / phases
	since := time.Since(c.started) - offset
	return c.started.Add(offset + (since+Tick-1)/Tick*Tick)
}

// admit seats those who joined or were called. False: the metronome has been closed.
func (m *Metronome) admit() bool {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i, s := range m.called {
		switch s.where {
		case atDoor:
			m.seat(s)
		case inWheel:
			m.lift(s)
			m.seat(s)
		case inPhase, outside: // it has been struck since it was called
		}
		m.called[i] = nil
	}
	m.called = m.called[:0]
	return !m.closed
}

// seat gives a seat that beats its phase: the first that is open and not crowded, else the emptiest.
func (c *conductor) seat(s *Seat) {
	phase := opening()[0]
	for _, p := range opening() {
		if len(c.seats[p]) < crowd {
			phase = p
			break
		}
		if len(c.seats[p]) < len(c.seats[phase]) {
			phase = p
		}
	}
	if len(c.seats[phase]) == 0 {
		c.due[phase] = c.nextMoment(phase)
	}
	c.seats[phase] = append(c.seats[phase], s)
	s.where = inPhase
}

// lay puts a seat to rest until a turn.
func (c *conductor) lay(s *Seat, turn int64) {
	slot := &c.wheel[turn%turns]
	s.where, s.turn, s.index = inWheel, turn, len(*slot)
	*slot = append(*slot, s)
}

// lift ends a rest.
func (c *conductor) lift(s *Seat) {
	slot := &c.wheel[s.turn%turns]
	last := len(*slot) - 1
	(*slot)[s.index] = (*slot)[last]
	(*slot)[s.index].index = s.index
	(*slot)[last] = nil
	*slot = (*slot)[:last]
}

// beat calls the seats of a phase, and lets go of those who rest or have left.
func (m *Metronome) beat(phase int, at time.Time) {
	m.due[phase] = at.Add(Tick)
	seats := m.seats[phase]
	m.strike(seats, at)
	stay := seats[:0]
	for _, s := range seats {
		switch {
		case s.asked <= 0:
			s.where = outside
		case s.asked >= longRest:
			m.sendToRest(s, at)
		default:
			stay = append(stay, s)
		}
	}
	clear(seats[len(stay):])
	m.seats[phase] = stay
}

// sendToRest finds the turn at which a rest that begins now is over.
func (c *conductor) sendToRest(s *Seat, at time.Time) {
	over := at.Add(time.Duration(s.asked) * Tick).Sub(c.started)
	c.lay(s, max(int64((over+longRest*Tick-1)/(longRest*Tick)), c.turn+1))
}

// lookAfter calls the seats whose rest is over.
func (m *Metronome) lookAfter(at time.Time) {
	m.turn = int64(at.Sub(m.started) / (longRest * Tick))
	due := m.takeDue(m.turn, m.turn)
	for _, s := range due {
		s.rest.CompareAndSwap(int32(min(s.asked, 1<<20)), 0)
	}
	m.strike(due, at)
	for _, s := range due {
		switch {
		case s.asked <= 0:
			s.where = outside
		case s.asked >= longRest:
			m.sendToRest(s, at)
		default:
			m.seat(s)
		}
	}
	clear(due)
}

// takeDue takes those out of a turn's place on the wheel whose rest is over at the turn now. The list is lent until the
// next call.
func (c *conductor) takeDue(turn, now int64) []*Seat {
	due := c.struck[:0]
	slot := &c.wheel[turn%turns]
	for i := 0; i < len(*slot); {
		s := (*slot)[i]
		if s.turn > now {
			i++
			continue
		}
		c.lift(s)
		due = append(due, s)
	}
	c.struck = due
	return due
}

// strike calls the beats of some seats, with the help of others when they are many or late.
func (m *Metronome) strike(seats []*Seat, at time.Time) {
	helpers := min((len(seats)-1)/crowd, m.helpers)
	if helpers == 0 && m.helpers > 0 && len(seats) > 1 && time.Since(at) > Tick/phases {
		helpers = 1
	}
	if helpers <= 0 {
		for _, s := range seats {
			s.asked = s.strike(at)
		}
		return
	}
	w := &m.share
	w.seats, w.at = seats, at
	w.next.Store(0)
	w.busy.Add(helpers)
	for range helpers {
		w.offer <- struct{}{}
	}
	w.work()
	w.busy.Wait()
	w.seats = nil
}

func (m *Metronome) help() {
	for range m.share.offer {
		m.share.work()
		m.share.busy.Done()
	}
}

// work strikes seats until none is left to be taken.
func (w *share) work() {
	for {
		i := int(w.next.Add(1)) - 1
		if i >= len(w.seats) {
			return
		}
		w.seats[i].asked = w.seats[i].strike(w.at)
	}
}
