package sip

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/digest"
	"github.com/cordboard/cordboard/sip/door"
	"github.com/cordboard/cordboard/sip/location"
	"github.com/cordboard/cordboard/sip/targets"
)

// Calls is whom the endpoint tells of calls that come in.
type Calls interface {
	// Inbound tells the story of one call, in the goroutine that was started for its INVITE. When it returns the call
	// is over: without a final response it is refused with 500, with the call still up it is hung up. A panic is
	// contained. ctx is d.Context().
	Inbound(ctx context.Context, d *Dialog)
}

// Endpoint is our end of the signalling. All methods are safe for concurrent use.
type Endpoint struct {
	cfg     Config
	log     *zap.Logger
	calls   Calls
	metrics *metrics
	sources *sources

	transport    *sip.TransportLayer
	transactions *sip.TransactionLayer
	listeners    []listener // set by Open
	door         *door.Door
	line         *line
	devices      *location.Table
	verifier     *digest.Verifier
	puzzled      *puzzled
	keeper       *keeper
	resolver     *targets.Resolver
	reloading    sync.Mutex // held by Reload and ReloadCertificates
	keys         atomic.Pointer[certificates]
	feed         *feed
	lifelines    lifelines

	lines         context.Context // ends before the endpoint, when trunks are to be let go
	letGo         context.CancelFunc
	registrations sync.WaitGroup // that run

	invites *invites
	dialogs *dialogs

	base    context.Context // ends with the endpoint
	stop    context.CancelCauseFunc
	drain   atomic.Int64 // Retry-After in seconds while draining; 0: open
	closing sync.Once
	done    chan struct{}

	mu      sync.Mutex
	running int           // guarded by mu: goroutines owned
	closed  bool          // guarded by mu: no new goroutine
	idle    chan struct{} // guarded by mu: closed when running is 0 and closed is set
	err     error         // guarded by mu
	shift   *shift        // guarded by mu
}

// Open opens every listener and serves them until Close. An address that cannot be had is an error, and nothing is left
// open then.
func Open(cfg Config, calls Calls) (*Endpoint, error) {
	cfg = cfg.withDefaults()
	setLibraryGlobals()
	e := &Endpoint{
		cfg: cfg, log: cfg.Log, calls: calls, sources: newSources(), metrics: newMetrics(cfg.Metrics),
		devices: location.New(location.Limits{}), invites: newInvites(), puzzled: newPuzzled(),
		done: make(chan struct{}), idle: make(chan struct{}),
	}
	e.dialogs = newDialogs(e.metrics.dialogs)
	e.verifier = &digest.Verifier{Realm: cfg.Realm, Secret: []byte(rand.Text())}
	for _, a := range cfg.Algorithms {
		e.verifier.Algorithms = append(e.verifier.Algorithms, digest.Algorithm(a))
	}
	// The endpoint is the root of its own contexts: a dialog outlives whatever asked for it.
	e.base, e.stop = context.WithCancelCause(context.Background())
	e.lines, e.letGo = context.WithCancel(e.base)
	e.shift = newShift(e.base)
	e.keeper, e.line, e.feed = newKeeper(e), newLine(), newFeed()
	e.buildLayers()
	if err := e.listen(); err != nil {
		e.abandon()
		return nil, err
	}
	if err := e.openTrunks(); err != nil {
		e.abandon()
		return nil, err
	}
	e.door = door.New(door.Config{
		Log: cfg.Log.Named("door"), Hear: e.line.hear, Opened: e.browserCame, Origins: cfg.Door.Origins, Path: cfg.Door.Path,
		MaxSockets: cfg.Door.MaxSockets, PerAddress: cfg.Door.PerAddress,
		HandshakeTimeout: cfg.Door.HandshakeTimeout, IdleTimeout: cfg.Timeouts.SocketIdle,
		Authenticate: cfg.Door.Authenticate, Metrics: cfg.Metrics, TrustedProxies: cfg.Door.TrustedProxies,
	})
	e.door.OnClose(e.browserLeft)
	e.serveListeners()
	e.awaitSockets()
	e.run(e.keeper.run)
	e.run(e.sweep)
	e.run(e.watchCertificates)
	for _, t := range e.sources.configured.Load().trunks {
		t.run()
	}
	return e, nil
}

// buildLayers stacks the library's transport and transaction layers under us. Our ear is first in the transport's list,
// so that it hears every message in the order of arrival, before the layer above spreads them over goroutines (W5).
func (e *Endpoint) buildLayers() {
	log := slog.New(libraryLog{e.log.Named("sipgo")})
	e.transport = sip.NewTransportLayer(net.DefaultResolver, newParser(), nil,
		sip.WithTransportLayerLogger(log),
		sip.WithTransportLayerReadFilter(e.filter),
		sip.WithTransportLayerTransports(e.streamTransports()))
	e.transport.OnMessage(e.arrived)
	e.transactions = sip.NewTransactionLayer(e.transport,
		sip.WithTransactionLayerLogger(log),
		sip.WithTransactionLayerUnhandledResponseHandler(e.strayResponse),
		// Without it a transaction on a socket that is gone waits for its timers, 32 s (W8).
		sip.WithTransactionLayerTerminateOnConnClose())
	e.transactions.OnRequest(e.serve)
}

// Done is closed when the endpoint has stopped: by Close, or because a listener died; Err then says why.
func (e *Endpoint) Done() <-chan struct{} { return e.done }

// Err is nil until Done is closed, and after a Close.
func (e *Endpoint) Err() error {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.err
}

// Close refuses new calls, hangs up those that are up and gives their BYEs Timeouts.Goodbye (or ctx, if shorter) to go
// out, then closes the transports and returns when every goroutine has ended.
func (e *Endpoint) Close(ctx context.Context) error {
	e.closing.Do(func() { e.shut(ctx) })
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("close the SIP endpoint: %w", context.Cause(ctx))
	}
}

func (e *Endpoint) shut(ctx context.Context) {
	e.drain.CompareAndSwap(0, 1)
	e.letGo()
	e.sayGoodbye(ctx)
	e.registrations.Wait() // each bounded by Timeouts.Goodbye
	e.stop(&Ended{Why: Stopped})
	closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), e.cfg.Timeouts.Goodbye)
	defer cancel()
	if e.door != nil {
		if err := e.door.Close(closing); err != nil {
			e.log.Debug("door closed late", zap.Error(err))
		}
	}
	e.transactions.Close()
	time.Sleep(settle)
	e.closeListeners()
	e.closeTransport()
	e.devices.Close()
	e.mu.Lock()
	e.closed = true
	if e.running == 0 {
		close(e.idle)
	}
	e.mu.Unlock()
	<-e.idle
	e.resolver.Close()
	e.closeTransport()
	close(e.done)
}

// settle is what the library's goroutines get, after we have become deaf to new messages, to finish with those they hold.
// One that looks for its socket after the pool was emptied would open another, which nobody closes.
const settle = 20 * time.Millisecond

func (e *Endpoint) closeTransport() {
	if err := e.transport.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
		e.log.Debug("transport closed", zap.Error(err))
	}
}

// sayGoodbye hangs up every dialog and waits until their last words are said, at most Timeouts.Goodbye.
func (e *Endpoint) sayGoodbye(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, e.cfg.Timeouts.Goodbye)
	defer cancel()
	live := e.dialogs.live()
	for _, d := range live {
		d.leave(&Ended{Why: Stopped}, 503, "Service Unavailable")
	}
	for _, d := range live {
		select {
		case <-d.gone:
		case <-ctx.Done():
			return
		}
	}
}

// abandon undoes a half-done Open.
func (e *Endpoint) abandon() {
	if e.resolver != nil {
		e.resolver.Close()
	}
	e.stop(&Ended{Why: Stopped})
	e.closeListeners()
	e.devices.Close()
	e.transactions.Close()
}

// fail ends the endpoint because a part of it died that everything depends on (G2).
func (e *Endpoint) fail(err error) {
	e.mu.Lock()
	if e.err == nil && e.base.Err() == nil {
		e.err = err
	}
	e.mu.Unlock()
	// In a goroutine of its own: closing waits for all the others, this one's caller among them.
	go e.closing.Do(func() { e.shut(e.base) })
}

// run starts a goroutine that the endpoint owns: Close waits for it. After Close fn is not run and run says false.
func (e *Endpoint) run(fn func()) bool {
	if !e.enter() {
		return false
	}
	go func() {
		defer e.leave()
		defer e.guard("goroutine", nil)
		fn()
	}()
	return true
}

// enter counts a goroutine in that was started by somebody else, the library's for a request.
func (e *Endpoint) enter() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.closed {
		return false
	}
	e.running++
	e.metrics.goroutines.Inc()
	return true
}

func (e *Endpoint) leave() {
	e.metrics.goroutines.Dec()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.running--; e.running == 0 && e.closed {
		close(e.idle)
	}
}

// Drain refuses new calls with 503 and Retry-After (rounded up to seconds), answers OPTIONS with 503 and takes our
// registrations back, so that trunks go elsewhere. Calls that are up go on, and our own devices may still be rung for those who wait.
func (e *Endpoint) Drain(retryAfter time.Duration) {
	e.drain.Store(max(1, int64(math.Ceil(retryAfter.Seconds()))))
	e.deregister()
}

// Reopen takes new calls again after a Drain. After Close it does nothing.
func (e *Endpoint) Reopen() {
	if e.base.Err() == nil {
		e.drain.Store(0)
		e.registerAgain()
	}
}

// draining is the Retry-After header while the endpoint refuses new calls.
func (e *Endpoint) draining() (Header, bool) {
	s := e.drain.Load()
	return Header{"Retry-After", strconv.FormatInt(s, 10)}, s > 0
}

// Door is where browsers upgrade to SIP over WebSocket (RFC 7118).
func (e *Endpoint) Door() http.Handler { return e.door }

// sweep forgets, each second, what was kept for late messages only.
func (e *Endpoint) sweep() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			e.invites.sweep(now)
			e.dialogs.sweep(now)
			e.puzzled.sweep(now)
			e.metrics.devices.Set(float64(e.devices.Len()))
		case <-e.base.Done():
			return
		}
	}
}
