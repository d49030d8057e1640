package lab

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// LoadOptions describe a load on a gateway: calls from a trunk to agents, all of them up at the same time.
type LoadOptions struct {
	Target string // host:port of the gateway's SIP over UDP
	URL    string // WebSocket of its browsers; empty: the agents are desk phones at Target
	Domain string // of the agents' addresses, "gateway" when empty

	Calls  int
	Ramp   float64       // calls a second, 20 when 0
	Settle time.Duration // between the last answer and the window, 2 s when 0
	Window time.Duration // of measurement, 10 s when 0

	Trunk, Agent Format // PCMU when empty; the same codec: frames are marked, and latency is measured

	User     func(i int) string          // the i-th agent, "1000" + i when nil
	Password func(user string) string    // "secret-" + user when nil
	Dial     func(user string) string    // Request-URI; "sip:user@Target" when nil
	PIDs     []int                       // processes of the gateway; their children are counted too
	Label    string                      // for the report
	Told     func(what string, i, n int) // progress; nil: nobody is told
}

// load is one run.
type load struct {
	LoadOptions
	clock   *Metronome
	trunk   *Trunk
	agents  []agent
	calls   []*measuredCall
	window  measuring
	voices  map[string][][]byte // payloads by codec
	report  *LoadReport
	errorMu sync.Mutex
}

// agent is a Browser or a Phone.
type agent interface {
	Close() error
	Listen(func(*Call))
}

// measuredCall is one call with both of its streams.
type measuredCall struct {
	call             *Call
	began            time.Time
	trunk, agent     media // agent: once it answered
	mu               sync.Mutex
	agentTook        time.Duration
	trunkEar, farEar *lean
}

// Load runs a load and returns what was measured. Calls that fail are part of the report; an error means that there is
// nothing to report.
func Load(ctx context.Context, o LoadOptions) (*LoadReport, error) {
	l := &load{LoadOptions: o.withDefaults(), clock: NewMetronome(), voices: map[string][][]byte{}}
	l.clock.Precise = true
	l.report = newLoadReport(l.LoadOptions)
	for _, f := range []Format{l.Trunk, l.Agent} {
		payloads, err := encodeAll(f, Speech(1, 6*time.Second))
		if err != nil {
			return nil, fmt.Errorf("voice in %s: %w", f.Codec, err)
		}
		l.voices[f.Codec] = payloads
	}
	var err error
	l.trunk, err = NewTrunk(TrunkOptions{Formats: []Format{l.Trunk}, Metronome: l.clock})
	if err != nil {
		return nil, err
	}
	defer l.close()
	l.report.Memory.Idle = processes(l.PIDs).rss
	if err := l.openAgents(ctx); err != nil {
		return nil, err
	}
	l.report.Memory.Registered = processes(l.PIDs).rss
	ramp := processes(l.PIDs)
	if err := l.ramp(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, l.Settle); err != nil {
		return nil, err
	}
	l.report.RampCPU = (processes(l.PIDs).cpu - ramp.cpu).Seconds() * 1000 / float64(max(l.Calls, 1))
	if err := l.measure(ctx); err != nil {
		return nil, err
	}
	l.hangUp(ctx)
	l.report.Memory.After = processes(l.PIDs).rss
	return l.report, nil
}

func (o LoadOptions) withDefaults() LoadOptions {
	if o.Ramp == 0 {
		o.Ramp = 20
	}
	if o.Settle == 0 {
		o.Settle = 2 * time.Second
	}
	if o.Window == 0 {
		o.Window = 10 * time.Second
	}
	if o.Domain == "" {
		o.Domain = "gateway"
	}
	if o.Trunk.Codec == "" {
		o.Trunk = PCMU()
	}
	if o.Agent.Codec == "" {
		o.Agent = PCMU()
	}
	if o.User == nil {
		o.User = func(i int) string { return fmt.Sprint(1000 + i) }
	}
	if o.Password == nil {
		o.Password = func(user string) string { return "secret-" + user }
	}
	if o.Dial == nil {
		o.Dial = func(user string) string { return fmt.Sprintf("sip:%s@%s", user, o.Target) }
	}
	if o.Told == nil {
		o.Told = func(string, int, int) {}
	}
	return o
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// marked: nobody decodes between two sides of the same codec, so that frames may carry marks.
func (l *load) marked() bool { return strings.EqualFold(l.Trunk.Codec, l.Agent.Codec) }

// instrument gives a media measured frames to say, and an ear that measures.
func (l *load) instrument(m media, f Format, says, hears uint32) *lean {
	skip := 0
	if f.clock() == 48000 {
		skip = 1 // Opus' table of contents byte
	}
	ear := &lean{window: &l.window, stream: hears, skip: skip}
	m.ear().mu.Lock()
	m.ear().lean = ear
	m.ear().mu.Unlock()
	lips := m.mouth()
	lips.mu.Lock()
	lips.frames = &frames{payloads: l.voices[f.Codec], stream: says, marked: l.marked(), skip: skip, window: &l.window.open}
	lips.mu.Unlock()
	return ear
}

// openAgents registers as many agents as there will be calls.
func (l *load) openAgents(ctx context.Context) error {
	l.agents = make([]agent, l.Calls)
	l.calls = make([]*measuredCall, l.Calls)
	for i := range l.calls {
		l.calls[i] = &measuredCall{}
	}
	errs := make([]error, l.Calls)
	inParallel(l.Calls, 16, func(i int) { errs[i] = l.openAgent(ctx, i) })
	if err := errors.Join(errs...); err != nil {
		return fmt.Errorf("agents: %w", errs[firstError(errs)])
	}
	l.Told("registered", l.Calls, l.Calls)
	return nil
}

func firstError(errs []error) int {
	for i, err := range errs {
		if err != nil {
			return i
		}
	}
	return 0
}

func (l *load) openAgent(ctx context.Context, i int) error {
	user := l.User(i)
	var s *station
	var register func() error
	if l.URL != "" {
		b, err := NewBrowser(BrowserOptions{URL: l.URL, User: user, Password: l.Password(user), Domain: l.Domain,
			Formats: []Format{l.Agent}, Clock: l.clock, Lean: true})
		if err != nil {
			return err
		}
		l.agents[i], s, register = b, b.station, func() error { return b.Open(ctx) }
	} else {
		p, err := NewPhone(PhoneOptions{Server: l.Target, User: user, Password: l.Password(user), Domain: l.Domain,
			Formats: []Format{l.Agent}, Clock: l.clock})
		if err != nil {
			return err
		}
		l.agents[i], s, register = p, p.station, func() error { _, err := p.Register(ctx, time.Hour); return err }
	}
	open, c := s.newMedia, l.calls[i]
	s.newMedia = func(formats []Format) (media, error) {
		m, err := open(formats)
		if err == nil {
			c.mu.Lock()
			c.agent, c.farEar = m, l.instrument(m, l.Agent, uint32(2*i+1), uint32(2*i))
			c.mu.Unlock()
		}
		return m, err
	}
	s.Listen(func(in *Call) {
		began := time.Now()
		_ = in.answerTimed(ctx, func() {
			c.mu.Lock()
			c.agentTook = time.Since(began)
			c.mu.Unlock()
		})
	})
	if err := register(); err != nil {
		return fmt.Errorf("agent %s: %w", user, err)
	}
	return nil
}

// ramp places the calls at an even pace and waits until each is answered or over.
func (l *load) ramp(ctx context.Context) error {
	began := time.Now()
	for i, c := range l.calls {
		due := began.Add(time.Duration(float64(i) / l.Ramp * float64(time.Second)))
		if err := pause(ctx, time.Until(due)); err != nil {
			return err
		}
		c.began = time.Now()
		call, err := l.trunk.Call(ctx, l.Dial(l.User(i)), CallOptions{From: fmt.Sprintf("+4930%07d", i), prepare: func(m media) {
			c.trunk, c.trunkEar = m, l.instrument(m, l.Trunk, uint32(2*i), uint32(2*i+1))
		}})
		if err != nil {
			return fmt.Errorf("call %d: %w", i, err)
		}
		c.call = call
		l.Told("calling", i+1, l.Calls)
	}
	limit := time.NewTimer(20 * time.Second)
	defer limit.Stop()
	for _, c := range l.calls {
		select {
		case <-c.call.Answered():
		case <-c.call.Ended():
		case <-limit.C:
			return nil // what is not answered by now is reported as failed
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// measure is the steady window.
func (l *load) measure(ctx context.Context) error {
	r := l.report
	l.clock.Measure()
	before, ours, busy, began := processes(l.PIDs), self(), l.clock.Busy(), time.Now()
	l.window.begin()
	if err := pause(ctx, l.Window); err != nil {
		return err
	}
	l.window.end()
	after, took := processes(l.PIDs), time.Since(began)
	r.Window = took.Seconds()
	r.Generator.Cores = (self() - ours).Seconds() / took.Seconds()
	r.Generator.Clock = (l.clock.Busy() - busy).Seconds() / took.Seconds()
	r.Memory.Steady = after.rss
	late := l.clock.Lateness()
	// Frames sent at the end of the window are still on their way.
	if err := pause(ctx, 400*time.Millisecond); err != nil {
		return err
	}
	r.collect(l, after.cpu-before.cpu, took, late)
	return nil
}

func (l *load) hangUp(ctx context.Context) {
	inParallel(len(l.calls), 16, func(i int) {
		select {
		case <-l.calls[i].call.Answered():
		default:
			l.calls[i].call.Cancel()
			return
		}
		patience, cancel := context.WithTimeout(ctx, 8*time.Second)
		defer cancel()
		if err := l.calls[i].call.Bye(patience); err != nil {
			l.errorMu.Lock()
			defer l.errorMu.Unlock()
			l.report.fail("BYE: " + err.Error())
		}
	})
}

func (l *load) close() {
	for _, a := range l.agents {
		if a != nil {
			_ = a.Close()
		}
	}
	_ = l.trunk.Close()
	l.clock.Wait()
}

func inParallel(n, workers int, do func(i int)) {
	var wg sync.WaitGroup
	next := make(chan int)
	for range min(n, workers) {
		wg.Go(func() {
			for i := range next {
				do(i)
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	wg.Wait()
}
