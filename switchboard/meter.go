package switchboard

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/call"
)

// meter counts calls.
type meter struct {
	active prometheus.Gauge
	total  *prometheus.CounterVec
	toRing prometheus.Histogram
	handed *prometheus.CounterVec
	away   prometheus.Gauge
	gone   *prometheus.CounterVec
}

// What became of a call whose agent was away.
const (
	returned = "returned"
	requeued = "requeued"
	ended    = "ended"
)

func newMeter(r prometheus.Registerer) meter {
	m := meter{
		active: prometheus.NewGauge(prometheus.GaugeOpts{Name: "cordboard_calls_active", Help: "Calls that go on."}),
		total:  prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_calls_total", Help: "Calls that are over, by direction and by the reason they ended."}, []string{"direction", "ending"}),
		toRing: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "cordboard_invite_to_ring_seconds", Help: "From the INVITE to the first ring at an agent, or at who was called.", Buckets: []float64{.002, .005, .01, .025, .05, .1, .25, .5, 1, 2, 5, 15, 60, 300}}),
		handed: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_transfers_total", Help: "Transfers, by kind (blind, attended) and by what came of them; transferred is success."}, []string{"kind", "ending"}),
	}
	m.away = prometheus.NewGauge(prometheus.GaugeOpts{Name: "cordboard_calls_away", Help: "Calls whose customer hears music because the connection to the agent was lost."})
	m.gone = prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_calls_away_total", Help: "Times that the connection to an agent was lost in talk, by what became of it."}, []string{"outcome"})
	r.MustRegister(m.active, m.total, m.toRing, m.handed, m.away, m.gone)
	return m
}

func (m meter) began() { m.active.Inc() }

func (m meter) ended(r call.Record) {
	m.active.Dec()
	m.total.WithLabelValues(string(r.Direction), string(r.Ending.Reason)).Inc()
}

func (m meter) rang(r call.Record) { m.toRing.Observe(r.Presented.Sub(r.Started).Seconds()) }

// back counts what became of a call whose agent was away.
func (m meter) back(outcome string) {
	m.away.Dec()
	m.gone.WithLabelValues(outcome).Inc()
}
