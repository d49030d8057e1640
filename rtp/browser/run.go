package browser

import (
	"crypto/rand"
	"errors"
	mathrand "math/rand/v2"
	"net/netip"
	"time"

	"github.com/pion/ice/v4"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
)

// What a lost path is called, in words that an agent can read.
var (
	ErrUnreachable = errors.New("the browser's sound never reached us: UDP to the media port may be blocked")
	ErrUnsecured   = errors.New("the browser reached us, but the DTLS handshake did not finish")
	ErrLost        = errors.New("the connection to the browser was lost")
	ErrHungUp      = errors.New("the browser closed its media connection")
	ErrStranger    = errors.New("the browser's DTLS certificate is not the one of its description")
)

// run is the session's owner: it alone acts on what the libraries have reported.
func (s *Session) run() {
	o := owner{Session: s, due: stopped(), restart: stopped(), control: time.NewTimer(controlPause())}
	defer o.due.Stop()
	defer o.restart.Stop()
	defer o.control.Stop()
	for {
		select {
		case <-s.ctx.Done():
			return
		case <-s.wake:
			o.look()
		case <-o.due.C:
			if s.secured.Load() || o.state != ice.ConnectionStateConnected {
				s.end(o.unreachable())
			} else {
				s.end(ErrUnsecured)
			}
		case <-o.restart.C:
			s.end(ErrLost)
		case <-o.control.C:
			_ = s.writeControl(s.Report(time.Now())) // the next one will do
			o.control.Reset(controlPause())
		}
	}
}

// controlPause is drawn anew for every report, so that the reports of many sessions do not come at once (RFC 3550
// section 6.3.1).
func controlPause() time.Duration {
	return rtp.ControlInterval/2 + mathrand.N(rtp.ControlInterval)
}

// owner is what run remembers.
type owner struct {
	*Session
	state   ice.ConnectionState
	route   netip.AddrPort
	up      bool        // Connected is closed
	due     *time.Timer // until the path must be there
	restart *time.Timer // until a failed path must have been negotiated again
	control *time.Timer // until the next RTCP report
}

func stopped() *time.Timer {
	t := time.NewTimer(time.Hour)
	t.Stop()
	return t
}

func (o *owner) unreachable() error {
	if o.up {
		return ErrLost
	}
	return ErrUnreachable
}

// look compares what was reported with what is known.
func (o *owner) look() {
	s, timers := o.Session, o.network.config.Timers
	if selected := s.selected.Load(); selected != nil && *selected != o.route {
		to := sockaddrOf(*selected)
		s.target.Store(&to)
		s.network.socket.route(s, o.route, *selected)
		o.route = *selected
		o.log.Debug("browser media path", zap.Stringer("remote", o.route))
	}
	state := ice.ConnectionState(s.state.Load())
	if state != o.state {
		o.changed(state)
	}
	if s.awaited.Swap(false) && !o.reachable() {
		o.restart.Stop()
		o.due.Reset(timers.Connect)
	}
	if o.reachable() && s.secured.Load() {
		o.due.Stop()
		if !o.up {
			o.up = true
			close(s.connected)
		}
	}
}

// reachable: Disconnected comes and goes on a wireless network; it is no reason to do anything but wait.
func (o *owner) reachable() bool {
	return o.state == ice.ConnectionStateConnected || o.state == ice.ConnectionStateCompleted ||
		o.state == ice.ConnectionStateDisconnected
}

func (o *owner) changed(state ice.ConnectionState) {
	o.state = state
	switch state {
	case ice.ConnectionStateDisconnected:
		o.log.Info("browser media interrupted")
	case ice.ConnectionStateFailed:
		if o.up {
			o.log.Info("browser media failed, waiting for an ICE restart")
			o.restart.Reset(o.network.config.Timers.Restart)
		}
	case ice.ConnectionStateConnected, ice.ConnectionStateCompleted:
		o.restart.Stop()
		if o.up {
			o.log.Info("browser media is back")
		}
	case ice.ConnectionStateUnknown, ice.ConnectionStateNew, ice.ConnectionStateChecking, ice.ConnectionStateClosed:
	}
}

// secret is n characters of the alphabet of RFC 8839 section 5.4, six random bits each.
func secret(n int) string {
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	for i := range b {
		b[i] = alphabet[b[i]&63]
	}
	return string(b)
}
