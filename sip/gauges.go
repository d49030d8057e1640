package sip

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/sip/registration"
	"github.com/cordboard/cordboard/sip/targets"
)

// gauges tell how the trunks stand, when they are asked.
type gauges struct {
	e                       *Endpoint
	calls, hops, registered *prometheus.Desc
}

func newGauges(e *Endpoint) *gauges {
	return &gauges{
		e:          e,
		calls:      prometheus.NewDesc("cordboard_trunk_calls", "Calls of a trunk that are up or ringing, both directions.", []string{"trunk"}, nil),
		hops:       prometheus.NewDesc("cordboard_trunk_hops", "Addresses of a trunk, by health.", []string{"trunk", "health"}, nil),
		registered: prometheus.NewDesc("cordboard_trunk_registered", "1 while a trunk that registers is registered.", []string{"trunk"}, nil),
	}
}

// Describe names the gauges.
func (g *gauges) Describe(to chan<- *prometheus.Desc) {
	to <- g.calls
	to <- g.hops
	to <- g.registered
}

// Collect reads them.
func (g *gauges) Collect(to chan<- prometheus.Metric) {
	for _, t := range g.e.Trunks() {
		to <- prometheus.MustNewConstMetric(g.calls, prometheus.GaugeValue, float64(t.Calls), t.Name)
		health := map[targets.Health]int{targets.Up: 0, targets.Down: 0, targets.Trial: 0}
		for _, h := range t.Hops {
			health[h.Health]++
		}
		for h, n := range health {
			to <- prometheus.MustNewConstMetric(g.hops, prometheus.GaugeValue, float64(n), t.Name, string(h))
		}
		if t.Registration != nil {
			is := 0.0
			if t.Registration.State == registration.Registered {
				is = 1
			}
			to <- prometheus.MustNewConstMetric(g.registered, prometheus.GaugeValue, is, t.Name)
		}
	}
}
