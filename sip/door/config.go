package door

import (
	"bytes"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promauto"
	"go.uber.org/zap"
)

// orDefault is v, or def when v is the zero value.
func orDefault[T comparable](v, def T) T {
	var zero T
	if v == zero {
		return def
	}
	return v
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Hear == nil {
		c.Hear = func(*Socket, []byte) {}
	}
	if c.Opened == nil {
		c.Opened = func(*Socket) {}
	}
	c.Path = orDefault(c.Path, "/sip")
	c.MaxSockets = orDefault(c.MaxSockets, 10_000)
	c.PerAddress = orDefault(c.PerAddress, 100)
	c.MaxMessage = orDefault(c.MaxMessage, 32<<10)
	c.HandshakeTimeout = orDefault(c.HandshakeTimeout, 10*time.Second)
	c.IdleTimeout = orDefault(c.IdleTimeout, 75*time.Second)
	c.MessageTimeout = orDefault(c.MessageTimeout, 15*time.Second)
	c.WriteTimeout = orDefault(c.WriteTimeout, 5*time.Second)
	return c
}

func newDoor(cfg Config) *Door {
	return &Door{
		cfg:       cfg.withDefaults(),
		metrics:   newMetrics(cfg.Metrics),
		empty:     make(chan struct{}),
		sockets:   make(map[netip.AddrPort]*Socket),
		byAddress: make(map[netip.Addr]int),
		buffers:   sync.Pool{New: func() any { b := make([]byte, bufferSize); return &b }},
		frames:    sync.Pool{New: func() any { return new(bytes.Buffer) }},
	}
}

// bufferSize holds what browsers send but the longest offers: an INVITE of Chromium with its SDP is 3 KiB.
const bufferSize = 4 << 10

// metrics of the door. Registered with nil they count for nobody.
type metrics struct {
	sockets prometheus.Gauge
	refused *prometheus.CounterVec // by reason, a closed set: see refusal
}

func newMetrics(reg prometheus.Registerer) *metrics {
	with := promauto.With(reg)
	return &metrics{
		sockets: with.NewGauge(prometheus.GaugeOpts{
			Name: "cordboard_browser_sockets", Help: "Open SIP WebSockets.",
		}),
		refused: with.NewCounterVec(prometheus.CounterOpts{
			Name: "cordboard_browser_refused_total", Help: "Requests for a SIP WebSocket that were refused, by reason.",
		}, []string{"reason"}),
	}
}
