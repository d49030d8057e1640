package sip

import (
	"github.com/prometheus/client_golang/prometheus"

	"github.com/cordboard/cordboard/sip/targets"
)

// metrics are what an operator watches of the signalling. Every label is from a closed set.
type metrics struct {
	dialogs    prometheus.Gauge              // dialogs that are not over
	devices    prometheus.Gauge              // live registrations
	goroutines prometheus.Gauge              // goroutines the endpoint owns
	requests   map[string]prometheus.Counter // by method; "other" for methods we do not know
	dropped    *prometheus.CounterVec        // by reason: messages thrown away before parsing
	panics     prometheus.Counter
	movedOn    *prometheus.CounterVec // by trunk and reason: calls that went to the next hop
	limited    *prometheus.CounterVec // by trunk, direction and why: calls that a limit refused
	dns        *prometheus.CounterVec // by what became of it: questions to DNS
}

func newMetrics(r prometheus.Registerer) *metrics {
	m := &metrics{
		dialogs: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cordboard_sip_dialogs", Help: "SIP dialogs that are not over."}),
		devices: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cordboard_sip_devices", Help: "Live registrations of browsers and desk phones."}),
		goroutines: prometheus.NewGauge(prometheus.GaugeOpts{
			Name: "cordboard_sip_goroutines", Help: "Goroutines owned by the SIP endpoint."}),
		requests: map[string]prometheus.Counter{},
		dropped: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "cordboard_sip_dropped_total", Help: "Messages dropped before parsing."}, []string{"reason"}),
		panics: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "cordboard_sip_panics_total", Help: "Panics contained while handling a message."}),
	}
	m.movedOn = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cordboard_trunk_moved_on_total", Help: "Calls that went to the next hop of their trunk, by why."}, []string{"trunk", "why"})
	m.limited = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cordboard_trunk_refused_total", Help: "Calls that a limit of their trunk refused."}, []string{"trunk", "direction", "why"})
	m.dns = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cordboard_sip_dns_total", Help: "Questions to DNS, by what became of them."}, []string{"answer"})
	requests := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "cordboard_sip_requests_total", Help: "SIP requests received, by method."}, []string{"method"})
	for _, method := range append(allMethods[:], "other") {
		m.requests[method] = requests.WithLabelValues(method)
	}
	r.MustRegister(m.dialogs, m.devices, m.goroutines, requests, m.dropped, m.panics, m.movedOn, m.limited, m.dns)
	return m
}

func (m *metrics) request(method string) {
	c, known := m.requests[method]
	if !known {
		c = m.requests["other"]
	}
	c.Inc()
}

func (m *metrics) resolved(_ string, a targets.Answer) { m.dns.WithLabelValues(string(a)).Inc() }
