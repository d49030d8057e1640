package udp

import (
	"math/rand/v2"
	"net/netip"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp/wire"
)

// reports are our RTCP, and the watch over the far side's silence: on a timer, for as long as the session lives.
type reports struct {
	mu    sync.Mutex  // held while a report is made
	timer *time.Timer // guarded by mu; nil before the first and after the last
}

// controlPath is where RTCP goes.
type controlPath struct {
	to   netip.AddrPort
	mux  bool // to the port of the RTP (RFC 5761)
	wire *wire.Address
}

func newControlPath(to netip.AddrPort, mux bool) *controlPath {
	return &controlPath{to: to, mux: mux, wire: wire.AddressOf(to)}
}

// startReports spreads the reports of many sessions over time (RFC 3550 section 6.3.1).
func (s *Session) startReports() {
	s.reports.mu.Lock()
	defer s.reports.mu.Unlock()
	s.reports.timer = time.AfterFunc(s.untilReport(), s.report)
}

func (s *Session) untilReport() time.Duration {
	return s.config.Report/2 + rand.N(s.config.Report)
}

// report runs on the timer's own goroutine.
func (s *Session) report() {
	r := &s.reports
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.timer == nil {
		return
	}
	r.timer.Reset(s.untilReport())
	defer s.contain()
	now := time.Now()
	s.sendControl(s.Report(now))
	s.watch(now)
}

// contain ends a panic: a report is made of what the network has sent, which may not stop the process.
func (s *Session) contain() {
	if r := recover(); r != nil {
		s.log.Error("panic while reporting on rtp", zap.Any("panic", r), zap.Stack("stack"))
	}
}

// stopReports waits for the report that is being made.
func (s *Session) stopReports() {
	s.reports.mu.Lock()
	defer s.reports.mu.Unlock()
	s.reports.timer.Stop()
	s.reports.timer = nil
}

func (s *Session) sendControl(packet []byte) {
	path := s.control.Load()
	if path == nil {
		return
	}
	from := s.ports.control
	if path.mux {
		from = s.ports.rtp
	}
	sealed, err := s.keys.sealControl(packet)
	if err != nil {
		s.log.Debug("rtcp not protected", zap.Error(err))
		return
	}
	_ = from.Send(sealed, path.wire) // a report is not repeated; the next one tells the same
}
