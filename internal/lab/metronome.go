package lab

import (
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

const (
	packetTime = 20 * time.Millisecond
	slots      = int(packetTime / time.Millisecond)
)

// Metronome is the one clock of a lab: it ticks every millisecond, lets each mouth speak once in 20 ms (each in its own
// millisecond, so that the gateway sees an even flow) and reads all plain RTP sockets. It runs only while it has work.
type Metronome struct {
	// Precise locks the clock to a thread that sleeps in the kernel: for measurements, not for tests.
	Precise bool

	busy atomic.Int64 // nanoseconds not slept
	wg   sync.WaitGroup

	mu       sync.Mutex
	speakers [slots][]speaker   // guarded by mu; slices are replaced, never changed
	sockets  map[int32]*rtpPort // guarded by mu
	next     int                // guarded by mu; slot of the next speaker
	epoll    int                // guarded by mu; -1 when not running
	running  bool               // guarded by mu
	work     int                // guarded by mu; speakers and sockets
	lateness []time.Duration    // guarded by mu; of the ticks, while Measure is on
	measure  bool               // guarded by mu
}

// speaker is called every 20 ms.
type speaker interface{ speak() }

// NewMetronome makes a clock that several stations may share.
func NewMetronome() *Metronome {
	return &Metronome{sockets: map[int32]*rtpPort{}, epoll: -1}
}

// Wait returns when the clock has stopped: after the last mouth and socket are gone.
func (m *Metronome) Wait() { m.wg.Wait() }

// Busy is the time the clock has spent working since it was made.
func (m *Metronome) Busy() time.Duration { return time.Duration(m.busy.Load()) }

// Measure begins to note how late each tick is; Lateness ends that and returns the notes.
func (m *Metronome) Measure() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.measure, m.lateness = true, nil
}

// Lateness returns what was noted since Measure.
func (m *Metronome) Lateness() []time.Duration {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.measure = false
	return m.lateness
}

func (m *Metronome) add(s speaker) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.start(); err != nil {
		return err
	}
	m.next = (m.next + 7) % slots // 7 and 20 share no divisor: neighbours in time are spread evenly
	m.speakers[m.next] = append(slices.Clone(m.speakers[m.next]), s)
	m.work++
	return nil
}

func (m *Metronome) remove(s speaker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for i := range m.speakers {
		if j := slices.Index(m.speakers[i], s); j >= 0 {
			m.speakers[i] = slices.Delete(slices.Clone(m.speakers[i]), j, j+1)
			m.work--
		}
	}
}

func (m *Metronome) watch(p *rtpPort) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.work++
	if err := m.start(); err != nil {
		m.work--
		return err
	}
	m.sockets[int32(p.fd)] = p
	return unix.EpollCtl(m.epoll, unix.EPOLL_CTL_ADD, p.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.fd)})
}

// unwatch returns when no packet of the port is being handled; the caller may close it.
func (m *Metronome) unwatch(p *rtpPort) {
	m.mu.Lock()
	if m.sockets[int32(p.fd)] == p {
		delete(m.sockets, int32(p.fd))
		_ = unix.EpollCtl(m.epoll, unix.EPOLL_CTL_DEL, p.fd, nil)
		m.work--
	}
	m.mu.Unlock()
	p.reading.Lock() // wait for a packet that is being heard
	p.closed = true
	p.reading.Unlock()
}

// start is called under mu.
func (m *Metronome) start() error {
	if m.running {
		return nil
	}
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return err
	}
	m.epoll, m.running = fd, true
	m.wg.Go(m.run)
	return nil
}

func (m *Metronome) run() {
	if m.Precise {
		runtime.LockOSThread() // never unlocked: the thread and its priority end with the clock
		// So that frames leave in time on a machine that is full. Without the right to it, the lateness shows.
		_ = unix.SchedSetAttr(0, &unix.SchedAttr{Size: unix.SizeofSchedAttr, Policy: unix.SCHED_FIFO, Priority: 10}, 0)
	}
	reader := newReader()
	next := time.Now()
	for k := 0; ; k = (k + 1) % slots {
		next = next.Add(time.Millisecond)
		if d := time.Until(next); d > 0 {
			m.sleep(d)
		} else if d < -packetTime { // a whole round behind: go on from here instead of a burst
			next = time.Now()
		}
		began := time.Now()
		m.mu.Lock()
		if m.work == 0 {
			_ = unix.Close(m.epoll)
			m.epoll, m.running = -1, false
			m.mu.Unlock()
			return
		}
		if m.measure {
			m.lateness = append(m.lateness, max(0, began.Sub(next)))
		}
		round, epoll := m.speakers[k], m.epoll
		m.mu.Unlock()
		for _, s := range round {
			s.speak()
		}
		m.read(epoll, reader)
		m.busy.Add(int64(time.Since(began)))
	}
}

func (m *Metronome) sleep(d time.Duration) {
	if !m.Precise {
		time.Sleep(d)
		return
	}
	spec := unix.NsecToTimespec(int64(d))
	_ = unix.Nanosleep(&spec, nil) // woken early is as good
}

func (m *Metronome) read(epoll int, r *reader) {
	for range 16 { // a flood must not keep the mouths waiting
		n, _ := unix.EpollWait(epoll, r.ready[:], 0)
		if n <= 0 {
			return
		}
		for i := range n {
			m.mu.Lock()
			p := m.sockets[r.ready[i].Fd]
			m.mu.Unlock()
			if p != nil {
				p.take(r)
			}
		}
	}
}
