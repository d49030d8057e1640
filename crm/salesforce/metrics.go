package salesforce

import (
	"context"
	"errors"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
)

// metrics are the client's figures. op is one of a handful of names; outcome is a class of APIError, "ok", "timeout" or
// "unreachable".
type metrics struct {
	factory  promauto.Factory
	requests *prometheus.CounterVec
	seconds  *prometheus.HistogramVec
	degraded prometheus.Counter
}

func newMetrics(reg prometheus.Registerer) *metrics {
	f := promauto.With(reg)
	return &metrics{
		factory: f,
		requests: f.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_salesforce_requests_total",
			Help: "Requests to the org, by what was asked and how it went."}, []string{"op", "outcome"}),
		seconds: f.NewHistogramVec(prometheus.HistogramOpts{Name: "cordboard_salesforce_seconds",
			Help: "How long the org took.", Buckets: []float64{.02, .05, .1, .2, .5, 1, 1.5, 2, 5, 10, 30}}, []string{"op"}),
		degraded: f.NewCounter(prometheus.CounterOpts{Name: "cordboard_salesforce_links_dropped_total",
			Help: "Tasks written without an owner, person or record that the org refused."}),
	}
}

func (m *metrics) watch(u *usage) {
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "cordboard_salesforce_api_calls_used",
		Help: "API calls of the last 24 hours, of all integrations, as the org counts them."}, func() float64 { return float64(u.used.Load()) })
	m.factory.NewGaugeFunc(prometheus.GaugeOpts{Name: "cordboard_salesforce_api_calls_limit",
		Help: "API calls that the org allows in 24 hours."}, func() float64 { return float64(u.limit.Load()) })
}

func (m *metrics) did(op string, err error, took time.Duration) {
	m.seconds.WithLabelValues(op).Observe(took.Seconds())
	m.requests.WithLabelValues(op, outcome(err)).Inc()
}

func outcome(err error) string {
	var e *APIError
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.Class().String()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return "timeout"
	}
	return "unreachable"
}

// String is the class as a label.
func (c Class) String() string {
	switch c {
	case Permanent:
		return "refused"
	case Temporary:
		return "temporary"
	case Doubtful:
		return "doubtful"
	case Limit:
		return "limit"
	case Duplicate:
		return "duplicate"
	case Login:
		return "login"
	}
	return "unknown"
}
