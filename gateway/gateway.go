// Package gateway puts the house together: it builds every part from the configuration, starts them from the ground up, and
// takes them down in the opposite order.
package gateway

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/configs"
)

// CloseTimeout is how long Close may take before what is left is left: BYEs, the last rows to Salesforce, the database.
const CloseTimeout = 20 * time.Second

// Gateway is one running gateway.
type Gateway struct {
	cfg     atomic.Pointer[configs.Config] // replaced as a whole by Reload; the configuration never changes
	log     *zap.Logger
	level   *zap.AtomicLevel // of log; nil: it cannot be changed
	metrics *prometheus.Registry
	parts

	closers   []closer // what has been opened, in that order
	reloads   *prometheus.CounterVec
	reloading sync.Mutex // held while the configuration is replaced
	stop      context.CancelFunc
	life      context.Context // ends when Close begins; of everything that runs beside the calls
	work      sync.WaitGroup  // what runs under life

	dying sync.Once
	done  chan struct{}
	err   error // written before done is closed
}

// closer gives back one thing that was opened.
type closer struct {
	what  string
	close func(context.Context) error
}

// Option changes how a gateway is started.
type Option func(*Gateway)

// WithLevel names the level of the logger, so that Reload can change it.
func WithLevel(l zap.AtomicLevel) Option { return func(g *Gateway) { g.level = &l } }

// Start builds a gateway and opens its doors. What cannot be opened is the error, and nothing stays open then.
func Start(ctx context.Context, cfg *configs.Config, log *zap.Logger, options ...Option) (*Gateway, error) {
	g := &Gateway{log: log, metrics: prometheus.NewRegistry(), done: make(chan struct{})}
	g.cfg.Store(cfg)
	for _, o := range options {
		o(g)
	}
	g.life, g.stop = context.WithCancel(context.WithoutCancel(ctx))
	g.opened("goroutines", func(context.Context) error { g.stop(); g.work.Wait(); return nil })
	g.reloads = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_reloads_total", Help: "Readings of the configuration while running: done, or refused because something in it was wrong."}, []string{"result"})
	g.metrics.MustRegister(g.reloads, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	for _, open := range []func(context.Context) error{
		g.openStore, g.openHTTP, g.openCRM, g.openPeople, g.openSound, g.openCalls, g.openSignalling, g.openDoors,
	} {
		if err := open(ctx); err != nil {
			closing, cancel := context.WithTimeout(context.WithoutCancel(ctx), CloseTimeout)
			defer cancel()
			return nil, errors.Join(err, g.Close(closing))
		}
	}
	return g, nil
}

// config is the configuration that counts now.
func (g *Gateway) config() *configs.Config { return g.cfg.Load() }

// DrainTimeout is how long calls are let end by themselves (node.drain_timeout).
func (g *Gateway) DrainTimeout() time.Duration { return g.config().Node.Drain }

// Done is closed when a part died without which there are no calls; Err then says which. Close the gateway then.
func (g *Gateway) Done() <-chan struct{} { return g.done }

// Err is nil until Done is closed.
func (g *Gateway) Err() error {
	select {
	case <-g.done:
		return g.err
	default:
		return nil
	}
}

// die notes that a part died.
func (g *Gateway) die(what string, err error) {
	g.dying.Do(func() {
		g.err = fmt.Errorf("%s: %w", what, err)
		g.log.Error("a part died", zap.String("part", what), zap.Error(err))
		close(g.done)
	})
}

// Close ends what calls are left and gives everything back, in the opposite order of opening.
func (g *Gateway) Close(ctx context.Context) error {
	var errs []error
	g.drain.end(g)
	if g.board != nil {
		stopping, cancel := context.WithTimeout(ctx, CloseTimeout/4)
		errs = append(errs, g.board.Stop(stopping, call.Stopped))
		cancel()
	}
	closers := g.closers
	g.closers = nil
	for i := len(closers) - 1; i >= 0; i-- {
		if err := inTime(ctx, closers[i].close); err != nil {
			errs = append(errs, fmt.Errorf("close %s: %w", closers[i].what, err))
		}
	}
	return errors.Join(errs...)
}

// inTime closes one part. One that does not end keeps nobody from closing what comes after it: the last rows must reach
// the disk whatever hangs above.
func inTime(ctx context.Context, close func(context.Context) error) error {
	done := make(chan error, 1)
	go func() { done <- close(ctx) }()
	timer := time.NewTimer(CloseTimeout / 2)
	defer timer.Stop()
	select {
	case err := <-done:
		return err
	case <-timer.C:
		return errors.New("it does not end; left as it is")
	}
}

// opened notes how to give something back.
func (g *Gateway) opened(what string, close func(context.Context) error) {
	g.closers = append(g.closers, closer{what, close})
}

// background runs f until the gateway closes.
func (g *Gateway) background(f func(ctx context.Context)) {
	g.work.Go(func() { f(g.life) })
}

// dataDir is where the database is; a temporary one is removed with the gateway.
func (g *Gateway) dataDir() (string, error) {
	if !g.config().Node.Temporary() {
		return g.config().Node.DataDir, nil
	}
	dir, err := os.MkdirTemp("", "cordboard-")
	if err != nil {
		return "", err
	}
	g.opened("temporary folder", func(context.Context) error { return os.RemoveAll(dir) })
	return dir, nil
}
