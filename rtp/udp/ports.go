package udp

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// ErrNoPort says that every pair of ports in the range is in use, resting or taken by others.
var ErrNoPort = errors.New("no free pair of RTP ports")

// Defaults of PortsConfig. The range stays below the ephemeral ports of the kernel (32768 on), which other sockets take.
const (
	DefaultLow  = 16384
	DefaultHigh = 32767
	DefaultRest = 10 * time.Second
	longestRest = 10 * time.Minute
)

// Buffers of a socket in bytes: a second of sound, so that a pause of ours loses nothing.
const (
	readBuffer  = 256 << 10
	writeBuffer = 128 << 10
)

// PortsConfig says where sessions receive.
type PortsConfig struct {
	Bind      netip.Addr // address of the sockets; required
	Advertise netip.Addr // what the far side is told; invalid: Bind
	Low, High uint16     // range; RTP takes even ports, RTCP the odd ones above; 0: the defaults
	// Rest is how long a port stays silent after its session before the next one gets it, so that nobody hears the last
	// caller; while packets still come it goes on resting, up to ten minutes. 0: 10 s.
	Rest     time.Duration
	Registry prometheus.Registerer // for cordboard_rtp_ports_in_use and cordboard_rtp_ports_resting; nil: not counted
}

// Ports is the pool of RTP ports of the process. All methods are safe for concurrent use.
type Ports struct {
	config PortsConfig

	mu      sync.Mutex
	cursor  int                  // guarded by mu: the pair to try next
	inUse   map[int]bool         // guarded by mu: by number of the pair
	resting map[int]*restingPort // guarded by mu
	closed  bool                 // guarded by mu
	wake    chan struct{}        // capacity 1: something began to rest, or closed
	done    sync.WaitGroup
}

// restingPort still has its socket, to see whether packets come.
type restingPort struct {
	conn         *net.UDPConn
	until, limit time.Time
}

// pair is what a session holds: the sockets of RTP and RTCP.
type pair struct {
	number       int
	rtp, control *net.UDPConn
}

// NewPorts checks the configuration and opens the pool.
func NewPorts(c PortsConfig) (*Ports, error) {
	if c.Low == 0 {
		c.Low = DefaultLow
	}
	if c.High == 0 {
		c.High = DefaultHigh
	}
	if c.Rest == 0 {
		c.Rest = DefaultRest
	}
	if !c.Bind.IsValid() {
		return nil, errors.New("rtp ports: no address to bind to")
	}
	if !c.Advertise.IsValid() {
		c.Advertise = c.Bind
	}
	if c.Advertise.IsUnspecified() {
		return nil, fmt.Errorf("rtp ports: %s cannot be told to the far side; name the address to advertise", c.Advertise)
	}
	c.Low += c.Low % 2
	if int(c.High)-int(c.Low) < 1 {
		return nil, fmt.Errorf("rtp ports: the range %d-%d holds no pair", c.Low, c.High)
	}
	p := &Ports{config: c, inUse: map[int]bool{}, resting: map[int]*restingPort{}, wake: make(chan struct{}, 1)}
	p.cursor = rand.IntN(p.pairs())
	if err := p.register(); err != nil {
		return nil, err
	}
	p.done.Go(p.wakeRested)
	return p, nil
}

// InUse says how many sessions hold ports.
func (p *Ports) InUse() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.inUse)
}

// Close ends the rest of all ports and waits for the pool's goroutine. Sessions keep theirs until they close.
func (p *Ports) Close() error {
	p.mu.Lock()
	p.closed = true
	for n, r := range p.resting {
		_ = r.conn.Close() // a socket that only drains; nothing can be lost
		delete(p.resting, n)
	}
	p.mu.Unlock()
	p.ring()
	p.done.Wait()
	return nil
}

func (p *Ports) pairs() int { return (int(p.config.High) - int(p.config.Low) + 1) / 2 }

func (p *Ports) register() error {
	if p.config.Registry == nil {
		return nil
	}
	gauge := func(name, help string, count func() int) prometheus.Collector {
		return prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			p.mu.Lock()
			defer p.mu.Unlock()
			return float64(count())
		})
	}
	return errors.Join(
		p.config.Registry.Register(gauge("cordboard_rtp_ports_in_use", "Pairs of RTP ports held by sessions.", func() int { return len(p.inUse) })),
		p.config.Registry.Register(gauge("cordboard_rtp_ports_resting", "Pairs of RTP ports that wait after use.", func() int { return len(p.resting) })),
	)
}

// take opens the next free pair of sockets.
func (p *Ports) take() (*pair, error) {
	for range p.pairs() {
		n, err := p.reserve()
		if err != nil {
			return nil, err
		}
		taken, err := p.open(n)
		if err == nil {
			return taken, nil
		}
		p.mu.Lock() // somebody else's socket is there: the next pair
		delete(p.inUse, n)
		p.mu.Unlock()
	}
	return nil, fmt.Errorf("%w: those in %d-%d that we do not use are taken by others", ErrNoPort, p.config.Low, p.config.High)
}

// reserve marks the next pair that neither is in use nor rests.
func (p *Ports) reserve() (n int, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return 0, net.ErrClosed
	}
	for range p.pairs() {
		n := p.cursor
		p.cursor = (p.cursor + 1) % p.pairs()
		if !p.inUse[n] && p.resting[n] == nil {
			p.inUse[n] = true
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: %d in use and %d resting of %d in %d-%d", ErrNoPort,
		len(p.inUse), len(p.resting), p.pairs(), p.config.Low, p.config.High)
}

func (p *Ports) open(n int) (*pair, error) {
	port := p.config.Low + uint16(2*n)
	conn, err := listen(netip.AddrPortFrom(p.config.Bind, port))
	if err != nil {
		return nil, err
	}
	control, err := listen(netip.AddrPortFrom(p.config.Bind, port+1))
	if err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return &pair{number: n, rtp: conn, control: control}, nil
}

func listen(at netip.AddrPort) (*net.UDPConn, error) {
	network := "udp4"
	if at.Addr().Is6() {
		network = "udp6"
	}
	conn, err := new(net.ListenConfig).ListenPacket(context.Background(), network, at.String())
	if err != nil {
		return nil, err
	}
	udp := conn.(*net.UDPConn)
	// The kernel may grant less; a small buffer is no reason to refuse a call.
	_ = udp.SetReadBuffer(readBuffer)
	_ = udp.SetWriteBuffer(writeBuffer)
	return udp, nil
}

// give takes a pair back; nobody reads from it any more.
func (p *Ports) give(taken *pair) {
	_ = taken.control.Close() // nothing is lost: the session has said BYE
	drain(taken.rtp)
	p.mu.Lock()
	delete(p.inUse, taken.number)
	if p.closed {
		p.mu.Unlock()
		_ = taken.rtp.Close()
		return
	}
	now := time.Now()
	p.resting[taken.number] = &restingPort{conn: taken.rtp, until: now.Add(p.config.Rest), limit: now.Add(longestRest)}
	p.mu.Unlock()
	p.ring()
}

func (p *Ports) ring() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// wakeRested closes the sockets of ports that have rested, until the pool is closed.
func (p *Ports) wakeRested() {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		next, open := p.endRests(time.Now())
		if !open {
			return
		}
		timer.Reset(next)
		select {
		case <-timer.C:
		case <-p.wake:
		}
	}
}

// endRests says how long until the next port has rested; open is false when the pool is closed.
func (p *Ports) endRests(now time.Time) (next time.Duration, open bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	next = time.Hour
	for n, r := range p.resting {
		if now.Before(r.until) {
			next = min(next, r.until.Sub(now))
			continue
		}
		if drain(r.conn) && now.Before(r.limit) {
			r.until = now.Add(p.config.Rest)
			next = min(next, p.config.Rest)
			continue
		}
		_ = r.conn.Close() // it only drained
		delete(p.resting, n)
	}
	return next, !p.closed
}

// drain throws away what has come to a socket, without waiting, and reports whether there was anything.
func drain(conn *net.UDPConn) (any bool) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return false
	}
	var one [1]byte
	err = raw.Control(func(fd uintptr) {
		for range 10000 {
			if _, _, err := syscall.Recvfrom(int(fd), one[:], syscall.MSG_DONTWAIT); err != nil {
				return
			}
			any = true
		}
	})
	return any && err == nil
}
