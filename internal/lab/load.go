package lab

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// LoadOptions describe a load on a gateway: calls from a trunk to agents, all of them up at the same time; or, with Rate,
// calls one after another that are only signalled.
type LoadOptions struct {
	Target string // host:port of the gateway's SIP over UDP
	URL    string // WebSocket of its browsers; empty: the agents are desk phones at Target
	Domain string // of the agents' addresses, "gateway" when empty

	Calls  int           // with Rate: the number of agents who take turns
	Ramp   float64       // calls a second, 20 when 0
	Settle time.Duration // between the last answer and the window, 2 s when 0
	Window time.Duration // of measurement, 10 s when 0
	Rate   float64       // calls a second that are answered with a description nobody is at, and ended at once

	Trunk, Agent Format // PCMU when empty; the same codec: frames are marked, and latency is measured
	SRTP         string // what browsers insist on: "aescm", "gcm", or "" for what the gateway prefers

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
	clock       *Metronome
	headsets    *headsets
	trunk       *Trunk
	figureheads *figureheads // with Rate
	agents      []agent
	calls       []*measuredCall
	answered    sync.Map // how long the agent took to answer, by caller; with Rate
	window      measuring
	voices      map[string][][]byte // payloads by codec
	report      *LoadReport
	errorMu     sync.Mutex
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
	l, err := openLoad(o.withDefaults())
	if err != nil {
		return nil, err
	}
	defer l.close()
	idle := processes(l.PIDs)
	if err := l.openAgents(ctx); err != nil {
		return nil, err
	}
	registered := processes(l.PIDs)
	l.report.Memory.Idle, l.report.Memory.Registered = idle.rss, registered.rss
	l.report.registeredPSS = registered.pss
	if l.Rate > 0 {
		return l.report, l.signal(ctx)
	}
	ramp := processes(l.PIDs)
	if err := l.ramp(ctx); err != nil {
		return nil, err
	}
	if err := pause(ctx, l.Settle); err != nil {
		return nil, err
	}
	flowed := l.flowed(time.Now())
	l.report.RampCPU = (processes(l.PIDs).cpu - ramp.cpu).Seconds() * 1000 / float64(max(l.Calls, 1))
	if err := l.measure(ctx); err != nil {
		return nil, err
	}
	if l.report.CPU.PerCall > 0 { // what the sound cost meanwhile is not part of setting up
		l.report.SetUpCPU = l.report.RampCPU - l.report.CPU.PerCall*flowed.Seconds()/float64(max(l.Calls, 1))
	}
	l.hangUp(ctx)
	l.report.Memory.After = processes(l.PIDs).rss
	return l.report, nil
}

func openLoad(o LoadOptions) (*load, error) {
	l := &load{LoadOptions: o, clock: NewMetronome(), voices: map[string][][]byte{}, report: newLoadReport(o)}
	l.clock.Precise = true
	var err error
	if l.headsets, err = newHeadsets(l.clock, l.SRTP); err != nil {
		return nil, err
	}
	for _, f := range []Format{l.Trunk, l.Agent} {
		if l.voices[f.Codec], err = encodeAll(f, Speech(1, 6*time.Second)); err != nil {
			return nil, fmt.Errorf("voice in %s: %w", f.Codec, err)
		}
	}
	if l.trunk, err = NewTrunk(TrunkOptions{Formats: []Format{l.Trunk}, Metronome: l.clock}); err != nil {
		return nil, err
	}
	if l.Rate > 0 {
		if l.figureheads, err = openFigureheads(l.headsets.fingerprint); err != nil {
			_ = l.trunk.Close()
			return nil, err
		}
		l.trunk.newMedia = l.figureheads.open
	}
	return l, nil
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

// ramp places the calls at an even pace and waits until each is answered or over.
func (l *load) ramp(ctx context.Context) error {
	began := time.Now()
	for i, c := range l.calls {
		due := began.Add(time.Duration(float64(i) / l.Ramp * float64(time.Second)))
		if err := pause(ctx, time.Until(due)); err != nil {
			return err
		}
		c.began = time.Now()
		call, err := l.trunk.Call(ctx, l.Dial(l.User(i)), CallOptions{From: caller(i), prepare: func(m media) {
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

// flowed is for how long, all together, calls have had sound until now.
func (l *load) flowed(now time.Time) (sum time.Duration) {
	for _, c := range l.calls {
		if ok := accepted(c.call); ok != nil {
			sum += now.Sub(ok.At)
		}
	}
	return sum
}

// measure is the steady window.
func (l *load) measure(ctx context.Context) error {
	r := l.report
	l.clock.Measure()
	resting, _ := machine()
	before, ours, busy, began := processes(l.PIDs), self(), l.clock.Busy(), time.Now()
	l.window.begin()
	if err := pause(ctx, l.Window); err != nil {
		return err
	}
	l.window.end()
	after, took := processes(l.PIDs), time.Since(began)
	rested, cpus := machine()
	r.Window = took.Seconds()
	r.Generator.Cores = (self() - ours).Seconds() / took.Seconds()
	r.Generator.Clock = (l.clock.Busy() - busy).Seconds() / took.Seconds()
	r.Generator.Machine = float64(cpus) - (rested-resting).Seconds()/took.Seconds()
	late := l.clock.Lateness()
	// Frames sent at the end of the window are still on their way.
	if err := pause(ctx, 400*time.Millisecond); err != nil {
		return err
	}
	r.collect(l, before, after, took, late)
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
			l.failed("BYE: " + err.Error())
		}
	})
}

func (l *load) failed(what string) {
	l.errorMu.Lock()
	defer l.errorMu.Unlock()
	l.report.fail(what)
}

func (l *load) close() {
	for _, a := range l.agents {
		if a != nil {
			_ = a.Close()
		}
	}
	_ = l.trunk.Close()
	if l.figureheads != nil {
		l.figureheads.close()
	}
	l.clock.Wait()
}

func inParallel(n, workers int, do func(i int)) {
	var wg sync.WaitGroup
	var next atomic.Int64
	for range min(n, workers) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n; i = int(next.Add(1)) - 1 {
				do(i)
			}
		})
	}
	wg.Wait()
}
