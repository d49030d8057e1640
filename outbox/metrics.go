package outbox

import (
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// Metrics are the outbox's figures.
type Metrics struct {
	pending, parked atomic.Int64
	oldest          atomic.Int64 // Unix nanoseconds; 0: nothing waits
	delivered       *prometheus.CounterVec
	retried         *prometheus.CounterVec
	gaveUp          *prometheus.CounterVec
}

// NewMetrics registers the figures; a nil registerer registers nothing.
func NewMetrics(reg prometheus.Registerer) *Metrics {
	m := new(Metrics)
	f := promauto.With(reg)
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "cordboard_outbox_pending",
		Help: "Messages that wait for delivery or are under way."}, func() float64 { return float64(m.pending.Load()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "cordboard_outbox_parked",
		Help: "Messages that gave up and wait for an operator."}, func() float64 { return float64(m.parked.Load()) })
	f.NewGaugeFunc(prometheus.GaugeOpts{Name: "cordboard_outbox_oldest_seconds",
		Help: "Age of the oldest message that waits for delivery."}, m.age)
	m.delivered = f.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_outbox_delivered_total",
		Help: "Messages delivered."}, []string{"kind"})
	m.retried = f.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_outbox_retries_total",
		Help: "Deliveries that will be tried again."}, []string{"kind"})
	m.gaveUp = f.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_outbox_parked_total",
		Help: "Messages that were parked."}, []string{"kind"})
	return m
}

func (m *Metrics) age() float64 {
	oldest := m.oldest.Load()
	if oldest == 0 {
		return 0
	}
	return time.Since(time.Unix(0, oldest)).Seconds()
}

func (m *Metrics) observe(s Stats) {
	m.pending.Store(int64(s.Pending))
	m.parked.Store(int64(s.Parked))
	if s.Oldest.IsZero() {
		m.oldest.Store(0)
	} else {
		m.oldest.Store(s.Oldest.UnixNano())
	}
}

func (m *Metrics) count(kind string, settled []Settled) {
	for _, s := range settled {
		switch s.Outcome {
		case Delivered:
			m.delivered.WithLabelValues(kind).Inc()
		case Retry:
			m.retried.WithLabelValues(kind).Inc()
		case Park:
			m.gaveUp.WithLabelValues(kind).Inc()
		}
	}
}
