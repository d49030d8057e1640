package gateway

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/api"
)

// retryAfter is when whoever is refused may come again: a carrier then finds the next node, or us with a new version.
const retryAfter = 30 * time.Second

// drain says whether new calls are refused.
type drain struct {
	mu     sync.Mutex
	since  time.Time // guarded by mu; zero: calls are taken
	ending bool      // guarded by mu: and never will be again
}

func (d *drain) standing() (draining bool, since time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.ending || !d.since.IsZero(), d.since
}

// end refuses calls for good.
func (d *drain) end(g *Gateway) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.ending = true
	if g.endpoint != nil {
		g.endpoint.Drain(retryAfter)
	}
}

// Drain refuses new calls and waits until those that are up have ended, or ctx is over. Whoever waits in a queue is still
// served. Nobody can reopen the gateway after that.
func (g *Gateway) Drain(ctx context.Context) error {
	g.refuseCalls()
	g.drain.end(g)
	return g.board.Wait(ctx)
}

// refuseCalls begins to drain.
func (g *Gateway) refuseCalls() {
	g.drain.mu.Lock()
	begun := g.drain.since.IsZero()
	if begun {
		g.drain.since = time.Now()
		g.endpoint.Drain(retryAfter)
	}
	g.drain.mu.Unlock()
	if begun {
		g.log.Info("draining", zap.Int("calls", len(g.board.Active())))
		g.api.GatewayChanged(true)
	}
}

var errEnding = errors.New("the gateway is ending and cannot take calls any more; start it again")

// takeCalls ends a drain.
func (g *Gateway) takeCalls() error {
	g.drain.mu.Lock()
	if g.drain.ending {
		g.drain.mu.Unlock()
		return errEnding
	}
	ended := !g.drain.since.IsZero()
	g.drain.since = time.Time{}
	g.endpoint.Reopen()
	g.drain.mu.Unlock()
	if ended {
		g.log.Info("taking calls again")
		g.api.GatewayChanged(false)
	}
	return nil
}

// operations are what the API may do to the gateway.
type operations struct{ g *Gateway }

func (o operations) Standing() api.Standing {
	draining, since := o.g.drain.standing()
	return api.Standing{Draining: draining, DrainingSince: since, Calls: len(o.g.board.Active()), RetryAfter: retryAfter}
}

func (o operations) Drain() { o.g.refuseCalls() }

func (o operations) Reopen() error { return o.g.takeCalls() }
