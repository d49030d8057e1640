package udp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/rtp/wire"
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

// readBuffer of a socket in bytes: a second of sound, so that a pause of ours loses nothing.
const readBuffer = 256 << 10

// PortsConfig says where sessions receive.
type PortsConfig struct {
	Bind      netip.Addr // address of the sockets; required
	Advertise netip.Addr // what the far side is told; invalid: Bind
	Low, High uint16     // range; RTP takes even ports, RTCP the odd ones above; 0: the defaults
	// Rest is how long a port stays silent after its session before the next one gets it, so that nobody hears the last
	// caller; while packets still come it goes on resting, up to ten minutes. 0: 10 s.
	Rest time.Duration
	// Loops read the ports; nil: the pool starts a thread of its own, which ends with it.
	Loops    *wire.Loops
	Registry prometheus.Registerer // for cordboard_rtp_ports_in_use and cordboard_rtp_ports_resting; nil: not counted
}

// Ports is the pool of RTP ports of the process. All methods are safe for concurrent use.
type Ports struct {
	config PortsConfig
	loops  *wire.Loops

	mu      sync.Mutex
	cursor  int           // guarded by mu: the pair to try next
	inUse   map[int]bool  // guarded by mu: by number of the pair
	resting map[int]bool  // guarded by mu: likewise
	rests   []restingPort // guarded by mu: the one that has rested first comes first
	closed  bool          // guarded by mu
	wake    chan struct{} // capacity 1: something began to rest, or closed
	done    sync.WaitGroup
}

// restingPort still has its socket, to see whether packets come.
type restingPort struct {
	number       int
	socket       *wire.Socket
	until, limit time.Time
}

// pair is what a session holds: the sockets of RTP and RTCP.
type pair struct {
	number       int
	rtp, control *wire.Socket
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
	p := &Ports{config: c, loops: c.Loops, inUse: map[int]bool{}, resting: map[int]bool{}, wake: make(chan struct{}, 1)}
	p.cursor = rand.IntN(p.pairs())
	if err := p.register(); err != nil {
		return nil, err
	}
	if p.loops == nil {
		own, err := wire.Start(wire.Config{Threads: 1})
		if err != nil {
			return nil, err
		}
		p.loops = own
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

// Close ends the rest of all ports and waits for what the pool has running. Sessions keep theirs until they close.
func (p *Ports) Close() error {
	p.mu.Lock()
	p.closed = true
	for _, r := range p.rests {
		_ = r.socket.Close() // a socket that only drains; nothing can be lost
	}
	p.rests = nil
	clear(p.resting)
	p.mu.Unlock()
	p.ring()
	p.done.Wait()
	if p.config.Loops == nil {
		return p.loops.Close()
	}
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
		if !p.inUse[n] && !p.resting[n] {
			p.inUse[n] = true
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: %d in use and %d resting of %d in %d-%d", ErrNoPort,
		len(p.inUse), len(p.resting), p.pairs(), p.config.Low, p.config.High)
}

func (p *Ports) open(n int) (*pair, error) {
	port := p.config.Low + uint16(2*n)
	sound, err := p.listen(port)
	if err != nil {
		return nil, err
	}
	control, err := p.listen(port + 1)
	if err != nil {
		return nil, errors.Join(err, sound.Close())
	}
	return &pair{number: n, rtp: sound, control: control}, nil
}

func (p *Ports) listen(port uint16) (*wire.Socket, error) {
	return p.loops.Open(wire.SocketConfig{Address: netip.AddrPortFrom(p.config.Bind, port), ReadBuffer: readBuffer})
}

// give takes a pair back; nobody reads from it any more.
func (p *Ports) give(taken *pair) {
	_ = taken.control.Close() // nothing is lost: the session has said BYE
	taken.rtp.Stop()
	taken.rtp.Drain()
	p.mu.Lock()
	delete(p.inUse, taken.number)
	if p.closed {
		p.mu.Unlock()
		_ = taken.rtp.Close()
		return
	}
	now := time.Now()
	p.resting[taken.number] = true
	p.rests = append(p.rests, restingPort{number: taken.number, socket: taken.rtp, until: now.Add(p.config.Rest), limit: now.Add(longestRest)})
	first := len(p.rests) == 1
	p.mu.Unlock()
	if first { // else the timer is set for one that has rested earlier
		p.ring()
	}
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
	for len(p.rests) > 0 && !now.Before(p.rests[0].until) {
		r := p.rests[0]
		p.rests[0] = restingPort{}
		p.rests = p.rests[1:]
		if r.socket.Drain() && now.Before(r.limit) {
			r.until = now.Add(p.config.Rest) // all rest equally long, so the order stays
			p.rests = append(p.rests, r)
			continue
		}
		_ = r.socket.Close() // it only drained
		delete(p.resting, r.number)
	}
	if len(p.rests) == 0 {
		return time.Hour, !p.closed
	}
	return p.rests[0].until.Sub(now), !p.closed
}
