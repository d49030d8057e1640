package wire

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/prometheus/client_golang/prometheus"
	"golang.org/x/sys/unix"
)

// Config says how sockets are read.
type Config struct {
	// Threads that read. 0: one for every two CPUs, at least one: a thread that is awake finds more to do.
	Threads int
	// Hold keeps the Go processor of a thread while it waits for a busy socket, instead of giving it up and asking for it
	// again for every datagram. Whoever sets it has raised GOMAXPROCS by Threads.
	Hold bool
	// Panicked is told of a Reader that panicked; it costs that datagram. nil: nobody is told.
	Panicked func(panicked any, stack []byte)
	Registry prometheus.Registerer // for cordboard_media_panics_total; nil: not counted
}

// Loops are the threads that read. All methods are safe for concurrent use.
type Loops struct {
	config  Config
	loops   []*loop
	next    atomic.Uint32
	threads sync.WaitGroup
	panics  atomic.Uint64
	closing sync.Once
	closed  error
}

// loop is one thread with the sockets that it reads.
type loop struct {
	loops *Loops
	epoll int
	bell  int // an eventfd that ends the waiting
	ended atomic.Bool

	mu    sync.Mutex                               // serialises changes of the table
	table atomic.Pointer[[]atomic.Pointer[Socket]] // by descriptor

	events [maxEvents]unix.EpollEvent // owned by run
	batch  *batch                     // owned by run
}

// maxEvents is how many sockets one waiting may find ready. The rest is found by the next.
const maxEvents = 128

// Start begins to read.
func Start(c Config) (*Loops, error) {
	if c.Threads <= 0 {
		c.Threads = max(runtime.NumCPU()/2, 1)
	}
	l := &Loops{config: c}
	if err := l.register(); err != nil {
		return nil, err
	}
	for range c.Threads {
		one, err := newLoop(l)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("start a thread that reads sockets: %w", err), l.Close())
		}
		l.loops = append(l.loops, one)
		l.threads.Go(one.run)
	}
	return l, nil
}

func (l *Loops) register() error {
	if l.config.Registry == nil {
		return nil
	}
	return l.config.Registry.Register(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: "cordboard_media_panics_total",
		Help: "Datagrams of sound whose handling panicked."}, func() float64 { return float64(l.Panics()) }))
}

// Threads is how many threads read.
func (l *Loops) Threads() int { return len(l.loops) }

// Panics is how many datagrams made their Reader panic.
func (l *Loops) Panics() uint64 { return l.panics.Load() }

// Close ends all reading and waits for the threads. The sockets stay open, and can still be written to and closed.
func (l *Loops) Close() error {
	l.closing.Do(func() {
		for _, one := range l.loops {
			one.ended.Store(true)
			one.ring()
		}
		l.threads.Wait()
		for _, one := range l.loops {
			one.mu.Lock() // no socket is being added or removed
			l.closed = errors.Join(l.closed, os.NewSyscallError("close", unix.Close(one.epoll)), os.NewSyscallError("close", unix.Close(one.bell)))
			one.epoll = -1
			one.mu.Unlock()
		}
	})
	return l.closed
}

func newLoop(l *Loops) (*loop, error) {
	epoll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("epoll_create1", err)
	}
	bell, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		return nil, errors.Join(os.NewSyscallError("eventfd", err), unix.Close(epoll))
	}
	one := &loop{loops: l, epoll: epoll, bell: bell, batch: newBatch()}
	one.table.Store(&[]atomic.Pointer[Socket]{})
	if err := unix.EpollCtl(epoll, unix.EPOLL_CTL_ADD, bell, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(bell)}); err != nil {
		return nil, errors.Join(os.NewSyscallError("epoll_ctl", err), unix.Close(bell), unix.Close(epoll))
	}
	return one, nil
}

func (l *loop) ring() {
	one := [8]byte{1}
	_, _ = unix.Write(l.bell, one[:]) // it can only be full, and then it rings already
}

// run reads until the loop is closed.
func (l *loop) run() {
	// It is not locked to its thread: the scheduler interrupts it every 10 ms, and to come back to one certain thread would
	// then take two wake-ups, with sound waiting for both.
	for !l.ended.Load() {
		n := 0
		if l.loops.config.Hold {
			n = l.waitHolding()
		}
		if n == 0 {
			n = l.wait()
		}
		at := time.Now()
		for i := range n {
			if s := l.find(int(l.events[i].Fd)); s != nil {
				l.serve(s, at)
			}
		}
	}
}

// idleAfter is how long a thread keeps its processor while nothing comes, in milliseconds: as long as one call leaves
// between its packets.
const idleAfter = 10

// waitHolding waits on a thread that the scheduler believes to be running. Where it has to stop the world it interrupts
// the waiting by a signal. 0: nothing has come for a while.
func (l *loop) waitHolding() int {
	n, _, errno := unix.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(l.epoll), uintptr(unsafe.Pointer(&l.events)), maxEvents, idleAfter, 0, 0)
	if errno != 0 { // interrupted
		return 0
	}
	return int(n)
}

// wait waits for as long as it takes.
func (l *loop) wait() int {
	n, err := unix.EpollWait(l.epoll, l.events[:], -1)
	if err != nil { // interrupted
		return 0
	}
	return n
}

// serve reads what has come to one socket.
func (l *loop) serve(s *Socket, at time.Time) {
	s.reading.Lock()
	defer s.reading.Unlock()
	switch {
	case s.reader == nil:
	case s.shared:
		l.batch.receiveMany(s, at)
	default:
		l.batch.receiveOne(s, at)
	}
}

// deliver hands a datagram to the reader, and survives what that does with it.
func (s *Socket) deliver(packet []byte, from netip.AddrPort, at time.Time) {
	defer s.loop.loops.contain()
	s.reader(packet, from, at)
}

// contain ends a panic of a Reader: what comes from the network may not stop the process.
func (l *Loops) contain() {
	r := recover()
	if r == nil {
		return
	}
	l.panics.Add(1)
	if l.config.Panicked != nil {
		l.config.Panicked(r, debug.Stack())
	}
}

func (l *loop) find(fd int) *Socket {
	table := *l.table.Load()
	if fd >= len(table) {
		return nil
	}
	return table[fd].Load()
}

// add begins to wait for a socket's datagrams.
func (l *loop) add(s *Socket) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.ended.Load() {
		return net.ErrClosed
	}
	table := *l.table.Load()
	if s.fd >= len(table) {
		larger := make([]atomic.Pointer[Socket], max(2*len(table), s.fd+1, 64))
		for i := range table {
			larger[i].Store(table[i].Load())
		}
		table = larger
		l.table.Store(&larger)
	}
	table[s.fd].Store(s)
	// A stale event under the number of a descriptor that was closed finds an empty socket, which is harmless.
	err := unix.EpollCtl(l.epoll, unix.EPOLL_CTL_ADD, s.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(s.fd)})
	if err != nil {
		table[s.fd].Store(nil)
		return os.NewSyscallError("epoll_ctl", err)
	}
	return nil
}

func (l *loop) remove(s *Socket) {
	l.mu.Lock()
	defer l.mu.Unlock()
	table := *l.table.Load()
	if s.fd < len(table) && table[s.fd].Load() == s {
		table[s.fd].Store(nil)
		if l.epoll >= 0 {
			_ = unix.EpollCtl(l.epoll, unix.EPOLL_CTL_DEL, s.fd, nil) // fails only for what is not there
		}
	}
}
