package lab

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// CrowdOptions describe a crowd: browsers that log in, register, and are then silent but for what keeps them alive.
type CrowdOptions struct {
	URL    string // WebSocket of the gateway
	Domain string // "gateway" when empty

	Browsers int
	Ramp     float64       // registrations a second, 200 when 0
	Window   time.Duration // at rest, 60 s when 0: keep-alives every 25 s come twice
	Expires  time.Duration // of the registrations, 10 min when 0; they are refreshed once, after the window

	User     func(i int) string       // the i-th agent, "10000" + i when nil
	Password func(user string) string // "secret-" + user when nil
	PIDs     []int                    // processes of the gateway; their children are counted too
	Metrics  string                   // URL of the gateway's metrics; empty: no goroutines and no heap in the report
	Told     func(what string)        // progress; nil: nobody is told
}

// perAddress is how many of a crowd call from one loopback address: a gateway bounds what comes from one place.
const perAddress = 90

// crowd is one run.
type crowd struct {
	CrowdOptions
	mu     sync.Mutex
	people []*idler // guarded by mu
	failed int      // guarded by mu
	first  error    // guarded by mu: of those that failed

	asked atomic.Int64 // OPTIONS answered
}

// idler is one of a crowd.
type idler struct {
	*station
	what   registration
	callID string
}

// Crowd lets a crowd in, looks at the gateway while it is silent, registers everybody once more, and lets it go. An
// error means that there is nothing to report.
func Crowd(ctx context.Context, o CrowdOptions) (*CrowdReport, error) {
	c := &crowd{CrowdOptions: o.withDefaults()}
	if err := raiseFiles(uint64(c.Browsers) + 200); err != nil {
		return nil, err
	}
	defer c.close()
	r := &CrowdReport{Wanted: c.Browsers, Window: c.Window.Seconds()}
	r.Before = c.look()
	c.Told("registering")
	if err := c.enter(ctx); err != nil {
		return nil, err
	}
	r.Registered, r.Failed = len(c.people), c.failed
	if c.first != nil {
		r.FirstError = c.first.Error()
	}
	if err := pause(ctx, 2*time.Second); err != nil { // until the gateway has put away what registering needed
		return nil, err
	}
	r.Entered = c.look()
	c.Told("at rest")
	before := c.asked.Load()
	if err := pause(ctx, c.Window); err != nil {
		return nil, err
	}
	r.Rested, r.KeptAlive = c.look(), int(c.asked.Load()-before)
	c.Told("registering again")
	again := processes(c.PIDs).cpu
	if err := c.each(ctx, c.Ramp, func(ctx context.Context, i int) error { return c.people[i].again(ctx, c.Expires) }, len(c.people)); err != nil {
		return nil, err
	}
	r.Refreshed = processes(c.PIDs).cpu - again
	return r, nil
}

func (o CrowdOptions) withDefaults() CrowdOptions {
	if o.Ramp == 0 {
		o.Ramp = 200
	}
	if o.Window == 0 {
		o.Window = time.Minute
	}
	if o.Expires == 0 {
		o.Expires = 10 * time.Minute
	}
	if o.Domain == "" {
		o.Domain = "gateway"
	}
	if o.User == nil {
		o.User = func(i int) string { return fmt.Sprint(10000 + i) }
	}
	if o.Password == nil {
		o.Password = func(user string) string { return "secret-" + user }
	}
	if o.Told == nil {
		o.Told = func(string) {}
	}
	return o
}

// enter lets everybody in.
func (c *crowd) enter(ctx context.Context) error {
	return c.each(ctx, c.Ramp, func(ctx context.Context, i int) error {
		p, err := c.come(ctx, i)
		c.mu.Lock()
		defer c.mu.Unlock()
		if err != nil {
			if c.failed++; c.first == nil {
				c.first = err
			}
			return nil
		}
		c.people = append(c.people, p)
		return nil
	}, c.Browsers)
}

// come opens one socket and registers.
func (c *crowd) come(ctx context.Context, i int) (*idler, error) {
	user := c.User(i)
	p := &idler{station: newStation(user, nil, nil), callID: token(22)}
	close(p.ready)
	p.domain = c.Domain
	host := token(12) + ".invalid"
	from := net.IPv4(127, 1, byte(i/perAddress>>8), byte(i/perAddress)+1)
	w, err := dialWS(ctx, c.URL, nil, host, from, func(raw []byte, f flow) {
		if len(raw) > 7 && string(raw[:7]) == "OPTIONS" {
			c.asked.Add(1)
		}
		p.receive(raw, f)
	})
	if err != nil {
		p.cancel()
		return nil, fmt.Errorf("browser of %s: %w", user, err)
	}
	p.wire = crowdWire{w}
	p.what = registration{registrar: "sip:" + c.Domain, user: user, password: c.Password(user),
		contact: fmt.Sprintf(`<sip:%s@%s;transport=ws>;reg-id=1;+sip.instance="<urn:uuid:%s>"`, token(8), host, token(32))}
	if err := p.again(ctx, c.Expires); err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// crowdWire is a page's socket that nobody opens again.
type crowdWire struct{ *wsWire }

func (w crowdWire) to(string) (flow, error) { return w.wsWire, nil }
func (w crowdWire) address() string         { return w.host }
func (w crowdWire) reliable() bool          { return true }

func (p *idler) again(ctx context.Context, expires time.Duration) error {
	_, err := p.register(ctx, p.what, p.callID, expires)
	return err
}

// each does something n times, so many a second, a few at once.
func (c *crowd) each(ctx context.Context, rate float64, do func(ctx context.Context, i int) error, n int) error {
	tick := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer tick.Stop()
	var work sync.WaitGroup
	defer work.Wait()
	few := make(chan struct{}, 64)
	failed := make(chan error, 1)
	for i := range n {
		select {
		case <-tick.C:
		case err := <-failed:
			return err
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		few <- struct{}{}
		work.Go(func() {
			defer func() { <-few }()
			if err := do(ctx, i); err != nil {
				select {
				case failed <- err:
				default:
				}
			}
		})
	}
	work.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

func (c *crowd) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, p := range c.people {
		_ = p.Close()
	}
}

// raiseFiles makes room for n open files.
func raiseFiles(n uint64) error {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("limit of open files: %w", err)
	}
	if limit.Cur >= n {
		return nil
	}
	limit.Cur, limit.Max = n, max(n, limit.Max)
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("raise the limit of open files to %d: %w", n, err)
	}
	return nil
}

// look is what the gateway has used so far.
func (c *crowd) look() Glance {
	u := processes(c.PIDs)
	_, slept := tasks(c.PIDs)
	g := Glance{CPU: u.cpu, RSS: u.rss, Switches: slept}
	if c.Metrics != "" {
		figures := scrape(c.Metrics)
		g.Goroutines = int64(figures["go_goroutines"])
		g.Heap = int64(figures["go_memstats_heap_alloc_bytes"])
		g.Stacks = int64(figures["go_memstats_stack_inuse_bytes"])
	}
	return g
}
