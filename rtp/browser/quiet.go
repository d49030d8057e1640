package browser

import (
	"fmt"

	"github.com/pion/logging"
	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// quiet lets the libraries speak to our log, at Debug: what of theirs an operator must know, a session says itself.
type quiet struct{ log *zap.Logger }

// NewLogger implements logging.LoggerFactory.
func (q quiet) NewLogger(scope string) logging.LeveledLogger {
	return quietLogger{q.log.With(zap.String("scope", scope))}
}

type quietLogger struct{ log *zap.Logger }

func (quietLogger) Trace(string)          {}
func (quietLogger) Tracef(string, ...any) {}
func (quietLogger) Debug(string)          {}
func (quietLogger) Debugf(string, ...any) {}
func (quietLogger) Info(string)           {}
func (quietLogger) Infof(string, ...any)  {}

func (l quietLogger) Warn(msg string) { l.say(msg) }
func (l quietLogger) Warnf(format string, args ...any) {
	l.sayf(format, args)
}
func (l quietLogger) Error(msg string) { l.say(msg) }
func (l quietLogger) Errorf(format string, args ...any) {
	l.sayf(format, args)
}

func (l quietLogger) say(msg string) { l.log.Debug("webrtc library", zap.String("said", msg)) }

func (l quietLogger) sayf(format string, args []any) {
	if l.log.Core().Enabled(zap.DebugLevel) {
		l.say(fmt.Sprintf(format, args...))
	}
}

// gauges count what can leak and what is thrown away.
type gauges struct {
	sessions  prometheus.Gauge
	dropped   prometheus.Counter
	forged    prometheus.Counter
	strangers prometheus.Counter
}

func newGauges(r prometheus.Registerer) (*gauges, error) {
	g := &gauges{
		sessions:  prometheus.NewGauge(prometheus.GaugeOpts{Name: "cordboard_browser_media_sessions", Help: "Browser media sessions that are open."}),
		dropped:   prometheus.NewCounter(prometheus.CounterOpts{Name: "cordboard_browser_media_unsent_total", Help: "Packets to browsers thrown away because the socket's buffer was full."}),
		forged:    prometheus.NewCounter(prometheus.CounterOpts{Name: "cordboard_browser_media_refused_total", Help: "SRTP packets that were forged, repeated or damaged."}),
		strangers: prometheus.NewCounter(prometheus.CounterOpts{Name: "cordboard_browser_media_strangers_total", Help: "STUN packets for no session, or without its password; they are not answered."}),
	}
	if r == nil {
		return g, nil
	}
	for _, c := range []prometheus.Collector{g.sessions, g.dropped, g.forged, g.strangers} {
		if err := r.Register(c); err != nil {
			return nil, err
		}
	}
	return g, nil
}
