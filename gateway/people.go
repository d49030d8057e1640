package gateway

import (
	"context"
	"crypto/rand"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/trace"
)

const (
	// ageing: a minute of waiting weighs as much as one step of priority, so that nobody starves behind the important.
	ageing = time.Minute
	// restAfterMiss: who has just missed a call is probably away from her desk; the next caller is spared that.
	restAfterMiss = 10 * time.Second
)

// openPeople seats the agents and opens the queues.
func (g *Gateway) openPeople(ctx context.Context) error {
	g.desk = agent.NewDesk(profilesOf(g.config()))
	g.opened("desk", func(context.Context) error { g.desk.Close(); return nil })
	g.queues = queue.New(g.desk, queuesOf(g.config()))
	g.opened("queues", func(context.Context) error { g.queues.Close(); return nil })
	g.metrics.MustRegister(figures{g.desk, g.queues})
	if err := g.openGuard(ctx); err != nil {
		return err
	}
	g.book = trace.NewBook(trace.Limits{Calls: g.config().Trace.Calls, Memory: g.config().Trace.Memory << 20})
	g.api = api.New(api.Config{Guard: g.guard, Desk: g.desk, Calls: past{g}, Queues: pools{g.queues}, Operations: operations{g}, Traces: traces{g.book}, Domain: g.config().SIP.Realm,
		FrameAncestors: g.config().HTTP.FrameAncestors, Origins: g.config().HTTP.Origins, TrustedProxies: g.config().HTTP.TrustedProxies, Log: g.log})
	g.desk.Watch(func(s agent.Status) {
		g.queues.Changed()
		g.api.AgentChanged(s)
	})
	return nil
}

// openGuard knows who may log in and who may register. Its secret is in the store, so that sessions outlive a restart.
func (g *Gateway) openGuard(ctx context.Context) error {
	const size = 32
	secret, err := g.store.Secret(ctx, "access", func() []byte {
		s := make([]byte, size)
		_, _ = rand.Read(s) // never fails, says its documentation
		return s
	})
	if err != nil {
		return fmt.Errorf("access secret: %w", err)
	}
	if g.guard, err = access.New(access.Config{Users: usersOf(g.config()), Secret: secret, Log: g.log, Metrics: g.metrics}); err != nil {
		return fmt.Errorf("agents: %w", err)
	}
	return nil
}

// figures are the live numbers of people and queues, read when somebody scrapes them.
type figures struct {
	desk   *agent.Desk
	queues *queue.Distributor
}

func (f figures) Describe(to chan<- *prometheus.Desc) { prometheus.DescribeByCollect(f, to) }

func (f figures) Collect(to chan<- prometheus.Metric) {
	gauge := func(name, help string, v float64, label, value string) {
		to <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, []string{label}, nil), prometheus.GaugeValue, v, value)
	}
	for _, q := range f.queues.Figures() {
		gauge("cordboard_queue_waiting", "Callers who wait.", float64(q.Waiting), "queue", q.Queue)
		gauge("cordboard_queue_oldest_wait_seconds", "How long the caller at the front has waited.", q.Oldest.Seconds(), "queue", q.Queue)
	}
	states := map[agent.Work]int{agent.Idle: 0, agent.Reserved: 0, agent.Ringing: 0, agent.Connected: 0, agent.WrapUp: 0, agent.Unreachable: 0}
	for _, s := range f.desk.All() {
		states[s.Work]++
	}
	for state, n := range states {
		gauge("cordboard_agents", "Agents, by what they are doing.", float64(n), "state", string(state))
	}
}
