package browser

import (
	"bytes"
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/ice"
)

// Session is one browser's media. See rtp.Session for what its methods promise.
//
// Offer, Answer and Accept may be called from any goroutine, one at a time. In talk it has no goroutine of its own: it
// is moved by the packets that the socket dispatches to it, and by one timer.
type Session struct {
	*rtp.Core

	network *Network
	log     *zap.Logger
	born    time.Time
	number  uint32 // of the agent
	cipher  cipher

	negotiating sync.Mutex
	negotiation *rtp.Negotiation // guarded by negotiating
	local       dressing         // guarded by negotiating
	former      dressing         // guarded by negotiating; while restarting, what our open offer is to replace
	remote      transport        // guarded by negotiating; as last agreed on
	version     uint64           // guarded by negotiating
	said        []byte           // guarded by negotiating
	started     bool             // guarded by negotiating
	restarting  bool             // guarded by negotiating; our open offer carries new ICE credentials

	mu  sync.Mutex // taken with negotiating held, never the other way round
	way way        // guarded by mu

	target  atomic.Pointer[target] // nil: nowhere to send
	sounded atomic.Int64           // when sound last came from the target, in nanoseconds since born; 0: never
	secured atomic.Bool            // DTLS is done

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	connected chan struct{}
	turned    chan struct{} // capacity 1: the path was interrupted, or is back
	done      chan struct{}
	ending    sync.Once
	err       error // written before done is closed
	closing   sync.Once
	closed    error
}

var _ rtp.Session = (*Session)(nil)

func newSession(n *Network, p Policy) *Session {
	s := &Session{network: n, log: n.log.WithLazy(zap.String("session", p.Name)), born: time.Now(),
		connected: make(chan struct{}), turned: make(chan struct{}, 1), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.local = dressing{ufrag: secret(8), pwd: secret(24), fingerprint: n.fingerprint, addresses: n.addresses, bundle: true}
	s.negotiation = rtp.NewNegotiation(rtp.Terms{Local: n.addresses[0], Codecs: p.Codecs})
	s.Core = rtp.NewCore(rtp.CoreConfig{Name: p.Name, Leg: "browser", Metrics: n.config.Metrics,
		StreamConfig: rtp.StreamConfig{Write: s.write, Metronome: n.config.Metronome, Coders: n.config.Coders}})
	s.local.ssrc = s.Out().SSRC()
	s.cipher.inbox = make(chan []byte, inboxSize)
	s.number = n.socket.number(s, rand.Uint32)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.way.agent = ice.NewAgent(ice.Config{Ufrag: s.local.ufrag, Password: s.local.pwd, Number: s.number,
		Disconnected: n.config.Timers.Disconnected, Failed: n.config.Timers.Failed})
	s.way.control = s.born.Add(controlPause())
	s.way.timer = time.AfterFunc(time.Hour, s.tick)
	s.follow(s.born)
	s.arm(s.born)
	return s
}

// Offer makes an offer with all candidates. While the path has failed it asks for an ICE restart.
func (s *Session) Offer() ([]byte, error) {
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	plain, err := s.negotiation.Offer()
	if err != nil {
		return nil, err
	}
	if s.failed() && !s.restarting {
		s.former, s.restarting = s.local, true
		s.restart()
	}
	s.act(time.Now(), func(*ice.Outbox) { s.way.agent.Lead(true) })
	s.local.setup = "actpass"
	return s.describe(plain)
}

// Answer answers the browser's offer. One with a new ice-ufrag or ice-pwd is an ICE restart (RFC 8839 section 4.4.3).
func (s *Session) Answer(offer []byte) ([]byte, error) {
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	remote, plain, err := read(offer)
	if err != nil {
		return nil, err
	}
	if err := s.check(remote); err != nil {
		return nil, err
	}
	body, agreement, err := s.negotiation.Answer(plain)
	if err != nil {
		return nil, err
	}
	switch {
	case s.started && (remote.ufrag != s.remote.ufrag || remote.pwd != s.remote.pwd):
		s.restart()
	case s.restarting: // they have not taken up our restart, so it cannot be in an answer
		s.local.ufrag, s.local.pwd = s.former.ufrag, s.former.pwd
		s.act(time.Now(), func(*ice.Outbox) { s.way.agent.Abandon() })
	}
	s.restarting = false
	s.act(time.Now(), func(*ice.Outbox) { s.way.agent.Lead(false) })
	s.local.mids, s.local.bundle = remote.mids, remote.bundle
	s.local.setup = "passive"
	if s.active(remote) {
		s.local.setup = "active"
	}
	answer, err := s.describe(body)
	if err != nil {
		return nil, err
	}
	s.adopt(remote)
	s.SetFormats(agreement.Send, agreement.Receive, agreement.Direction)
	return answer, nil
}

// Accept takes the browser's answer to our last offer.
func (s *Session) Accept(answer []byte) error {
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	remote, plain, err := read(answer)
	if err != nil {
		return err
	}
	if err := s.check(remote); err != nil {
		return err
	}
	agreement, err := s.negotiation.Accept(plain)
	if err != nil {
		return err
	}
	s.restarting = false
	s.adopt(remote)
	s.SetFormats(agreement.Send, agreement.Receive, agreement.Direction)
	return nil
}

// check refuses what cannot change within a session: the browser's certificate.
func (s *Session) check(remote *transport) error {
	if s.started && remote.fingerprint != s.remote.fingerprint {
		return &rtp.Unacceptable{Why: "the DTLS certificate changed within the call"}
	}
	return nil
}

// active says which of us begins the DTLS handshake: the browser, unless it insists or it has been settled before
// (RFC 8842 section 5.3: the roles stay).
func (s *Session) active(remote *transport) bool {
	if s.started {
		return s.remote.setup == "passive"
	}
	return remote.setup == "passive"
}

// adopt lets the agent begin, or follow an ICE restart. DTLS begins as soon as there is a path.
func (s *Session) adopt(remote *transport) {
	if s.started {
		remote.setup = s.remote.setup
	} else {
		s.cipher.expect(remote.fingerprint, s.active(remote))
	}
	s.started, s.remote = true, *remote
	now := time.Now()
	s.act(now, func(out *ice.Outbox) {
		w := &s.way
		w.agent.Begin(ice.Remote{Ufrag: remote.ufrag, Password: remote.pwd, Lite: remote.lite, Once: remote.once,
			Candidates: s.network.reachable(remote.candidates)}, now, out)
		if !w.reachable() {
			w.restart, w.due = time.Time{}, now.Add(s.network.config.Timers.Connect)
		}
	})
}

// restart gives us new credentials; the path, the DTLS association and the keys stay.
func (s *Session) restart() {
	s.local.ufrag, s.local.pwd = secret(8), secret(24)
	s.act(time.Now(), func(*ice.Outbox) { s.way.agent.Restart(s.local.ufrag, s.local.pwd) })
}

func (s *Session) failed() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.way.state == ice.Failed
}

// describe dresses a plain description; its version grows when it says something new (RFC 3264 section 8).
func (s *Session) describe(plain []byte) ([]byte, error) {
	if s.said != nil {
		same, err := s.local.dress(plain, s.version)
		if err != nil || bytes.Equal(same, s.said) {
			return same, err
		}
	}
	said, err := s.local.dress(plain, s.version+1)
	if err != nil {
		return nil, err
	}
	s.version++
	s.said = said
	return said, nil
}

// Connected is closed when ICE and DTLS are done.
func (s *Session) Connected() <-chan struct{} { return s.connected }

// Turned tells whenever the path was interrupted or is back; several such moments may be told as one. It is never closed.
func (s *Session) Turned() <-chan struct{} { return s.turned }

// Interrupted reports whether the path was there and is not now: nothing has come from the browser for
// Timers.Disconnected.
func (s *Session) Interrupted() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.way.up && s.way.state != ice.Connected
}

// Done is closed when the path is lost for good; Err then says why.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err is nil while the path may still come, or come back.
func (s *Session) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close says goodbye to the browser and gives back everything before it returns. Closing twice is harmless.
func (s *Session) Close() error {
	s.closing.Do(func() {
		s.Core.Close()
		s.mu.Lock()
		s.way.finished = true
		s.way.timer.Stop()
		s.mu.Unlock()
		s.cancel()
		finished := make(chan struct{})
		go func() {
			defer close(finished)
			s.goodbye()
			s.wg.Wait()
		}()
		timer := time.NewTimer(s.network.config.Timers.Close)
		defer timer.Stop()
		select {
		case <-finished:
		case <-timer.C:
			s.closed = errors.New("the browser's media did not close in time")
		}
		s.leave()
		s.network.forget(s)
	})
	return s.closed
}

// leave takes back what the socket knows of the session.
func (s *Session) leave() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.network.socket.route(s, s.way.addresses, nil)
	s.network.socket.name(s, s.way.users, nil)
	s.network.socket.forget(s.number)
}

func (s *Session) end(why error) {
	s.ending.Do(func() {
		s.err = why
		close(s.done)
	})
}
