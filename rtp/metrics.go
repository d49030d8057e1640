package rtp

import (
	"sync"

	"github.com/prometheus/client_golang/prometheus"
)

// Metrics counts the packets of all sessions by the kind of their leg. The numbers are read from the sessions when they
// are asked for; a packet on its way touches no counter that is shared.
type Metrics struct {
	packets, lost, refused *prometheus.Desc

	mu     sync.Mutex
	alive  map[*Core]string         // guarded by mu: the sessions, with their leg label
	closed map[string]*packetTotals // guarded by mu: what closed sessions have left
}

type packetTotals struct{ in, out, lost, strange, forged uint64 }

// NewMetrics registers cordboard_media_packets_total{leg,direction}, cordboard_media_lost_total{leg} and
// cordboard_media_refused_total{leg,why}.
func NewMetrics(registry prometheus.Registerer) (*Metrics, error) {
	m := &Metrics{
		packets: prometheus.NewDesc("cordboard_media_packets_total", "RTP packets, by the kind of leg and direction (in, out).", []string{"leg", "direction"}, nil),
		lost:    prometheus.NewDesc("cordboard_media_lost_total", "RTP packets missing in what was received, by the kind of leg.", []string{"leg"}, nil),
		refused: prometheus.NewDesc("cordboard_media_refused_total", "Packets that were not heard, by the kind of leg and why: stranger (from another address), forged (not protected by the far side's key, or a second time).", []string{"leg", "why"}, nil),
		alive:   map[*Core]string{},
		closed:  map[string]*packetTotals{},
	}
	return m, registry.Register(m)
}

// join counts a session in; leave keeps what it has counted.
func (m *Metrics) join(leg string, c *Core) (leave func()) {
	if m == nil {
		return func() {}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.alive[c] = leg
	return func() {
		m.mu.Lock()
		defer m.mu.Unlock()
		if _, here := m.alive[c]; !here {
			return
		}
		delete(m.alive, c)
		if m.closed[leg] == nil {
			m.closed[leg] = &packetTotals{}
		}
		m.closed[leg].add(c)
	}
}

func (t *packetTotals) add(c *Core) {
	q := c.Quality()
	t.in += q.Received
	t.out += q.Sent
	t.lost += q.Lost
	t.strange += q.Strangers
	t.forged += q.Forged
}

// Describe implements prometheus.Collector.
func (m *Metrics) Describe(to chan<- *prometheus.Desc) {
	to <- m.packets
	to <- m.lost
	to <- m.refused
}

// Collect implements prometheus.Collector.
func (m *Metrics) Collect(to chan<- prometheus.Metric) {
	for leg, t := range m.totals() {
		to <- prometheus.MustNewConstMetric(m.packets, prometheus.CounterValue, float64(t.in), leg, "in")
		to <- prometheus.MustNewConstMetric(m.packets, prometheus.CounterValue, float64(t.out), leg, "out")
		to <- prometheus.MustNewConstMetric(m.lost, prometheus.CounterValue, float64(t.lost), leg)
		to <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(t.strange), leg, "stranger")
		to <- prometheus.MustNewConstMetric(m.refused, prometheus.CounterValue, float64(t.forged), leg, "forged")
	}
}

func (m *Metrics) totals() map[string]packetTotals {
	m.mu.Lock()
	defer m.mu.Unlock()
	all := map[string]packetTotals{}
	for leg, t := range m.closed {
		all[leg] = *t
	}
	for c, leg := range m.alive {
		t := all[leg]
		t.add(c)
		all[leg] = t
	}
	return all
}
