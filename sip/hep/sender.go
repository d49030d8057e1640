package hep

import (
	"context"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// Config says where packets go. Server is required.
type Config struct {
	Server    string // host:port
	Transport string // "udp" (default) or "tcp"
	Log       *zap.Logger
	Metrics   prometheus.Registerer

	Waiting int           // packets that may wait, 1024 when zero; those beyond are dropped
	Retry   time.Duration // pause after a server could not be reached, 5 s when zero
}

// Sender sends packets to one server. Nobody waits for it: what the server does not take in time is dropped and counted.
// Its methods are safe for concurrent use.
type Sender struct {
	cfg  Config
	in   chan []byte
	stop context.CancelFunc
	life context.Context
	done sync.WaitGroup

	sent    prometheus.Counter
	dropped prometheus.Counter
}

// writeTimeout is how long a server may refuse a packet.
const writeTimeout = 2 * time.Second

// Start begins to send.
func Start(cfg Config) *Sender {
	if cfg.Transport == "" {
		cfg.Transport = "udp"
	}
	if cfg.Waiting == 0 {
		cfg.Waiting = 1024
	}
	if cfg.Retry == 0 {
		cfg.Retry = 5 * time.Second
	}
	if cfg.Log == nil {
		cfg.Log = zap.NewNop()
	}
	s := &Sender{cfg: cfg, in: make(chan []byte, cfg.Waiting),
		sent:    prometheus.NewCounter(prometheus.CounterOpts{Name: "cordboard_hep_sent_total", Help: "Packets sent to the Homer server."}),
		dropped: prometheus.NewCounter(prometheus.CounterOpts{Name: "cordboard_hep_dropped_total", Help: "Packets that the Homer server did not take in time, or that were too long."})}
	if cfg.Metrics != nil {
		cfg.Metrics.MustRegister(s.sent, s.dropped)
	}
	s.life, s.stop = context.WithCancel(context.Background()) // it ends with Close
	s.done.Go(s.run)
	return s
}

// Send copies a packet and returns at once.
func (s *Sender) Send(p *Packet) {
	b, err := Append(make([]byte, 0, 256+len(p.Payload)), p)
	if err != nil {
		s.dropped.Inc()
		return
	}
	select {
	case s.in <- b:
	default:
		s.dropped.Inc()
	}
}

// Close ends the sending; what waits is dropped.
func (s *Sender) Close() {
	s.stop()
	s.done.Wait()
}

// run connects, sends until the connection breaks, and connects again.
func (s *Sender) run() {
	told := false // an outage is one line in the log
	for s.life.Err() == nil {
		conn, err := (&net.Dialer{Timeout: writeTimeout}).DialContext(s.life, s.cfg.Transport, s.cfg.Server)
		if err == nil {
			told = false
			err = s.serve(conn)
		}
		if err == nil || s.life.Err() != nil {
			return
		}
		if !told {
			s.cfg.Log.Warn("the Homer server cannot be reached", zap.String("server", s.cfg.Server), zap.Error(err))
			told = true
		}
		s.pause()
	}
}

// serve sends over one connection until it breaks or the sender is closed.
func (s *Sender) serve(conn net.Conn) error {
	defer conn.Close()
	for {
		select {
		case b := <-s.in:
			_ = conn.SetWriteDeadline(time.Now().Add(writeTimeout)) // fails with the connection, as Write does
			if _, err := conn.Write(b); err != nil {
				s.dropped.Inc()
				if s.cfg.Transport == "udp" {
					continue // nobody listens there now; the next one may arrive
				}
				return err
			}
			s.sent.Inc()
		case <-s.life.Done():
			return nil
		}
	}
}

// pause waits before the next attempt, while what comes meanwhile is dropped when there is no more room for it.
func (s *Sender) pause() {
	t := time.NewTimer(s.cfg.Retry)
	defer t.Stop()
	select {
	case <-t.C:
	case <-s.life.Done():
	}
}
