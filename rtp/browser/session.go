package browser

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"go.uber.org/zap"
	"golang.org/x/sys/unix"

	"github.com/cordboard/cordboard/rtp"
)

// Session is one browser's media. See rtp.Session for what its methods promise.
//
// Offer, Answer and Accept may be called from any goroutine, one at a time. What the libraries report is only noted by
// their callbacks; run, the session's owner, acts on it.
type Session struct {
	*rtp.Core

	network *Network
	log     *zap.Logger
	agent   *ice.Agent
	cipher  cipher

	negotiating sync.Mutex
	negotiation *rtp.Negotiation // guarded by negotiating
	local       dressing         // guarded by negotiating
	remote      transport        // guarded by negotiating; as last agreed on
	version     uint64           // guarded by negotiating
	said        []byte           // guarded by negotiating
	started     bool             // guarded by negotiating
	restarting  bool             // guarded by negotiating; our open offer carries new ICE credentials

	wake     chan struct{} // capacity 1: something below is new
	state    atomic.Int32  // ice.ConnectionState
	selected atomic.Pointer[netip.AddrPort]
	awaited  atomic.Bool // a negotiation has just ended: the path is due
	secured  atomic.Bool // DTLS is done
	target   atomic.Pointer[unix.Sockaddr]

	ctx       context.Context // ends with Close
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	connected chan struct{}
	done      chan struct{}
	ending    sync.Once
	err       error // written before done is closed
	closing   sync.Once
	closed    error
}

var _ rtp.Session = (*Session)(nil)

func newSession(n *Network, p Policy) (*Session, error) {
	s := &Session{network: n, log: n.log.With(zap.String("session", p.Name)),
		wake: make(chan struct{}, 1), connected: make(chan struct{}), done: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.local = dressing{ufrag: secret(8), pwd: secret(24), fingerprint: n.fingerprint, addresses: n.addresses, bundle: true}
	s.negotiation = rtp.NewNegotiation(rtp.Terms{Local: n.addresses[0], Codecs: p.Codecs})
	if err := s.openAgent(); err != nil {
		return nil, err
	}
	s.Core = rtp.NewCore(rtp.CoreConfig{Name: p.Name, Leg: "browser", Metrics: n.config.Metrics,
		StreamConfig: rtp.StreamConfig{Write: s.write, Metronome: n.config.Metronome, Coders: n.config.Coders}})
	s.local.ssrc = s.Out().SSRC()
	s.wg.Go(s.run)
	return s, nil
}

// openAgent makes the ICE agent. It is lite (RFC 8445 section 2.5): the browser does all the checking, we are where we
// say we are. Gathering means registering our user fragment with the mux; no packet is sent.
func (s *Session) openAgent() error {
	n, t := s.network, s.network.config.Timers
	options := []ice.AgentOption{
		ice.WithICELite(true), ice.WithUDPMux(n.mux), ice.WithNet(n.net),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithNetworkTypes([]ice.NetworkType{n.family}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithDisconnectedTimeout(t.Disconnected), ice.WithFailedTimeout(t.Failed),
		ice.WithLocalCredentials(s.local.ufrag, s.local.pwd),
		ice.WithLoggerFactory(n.quiet),
	}
	if n.loopback {
		options = append(options, ice.WithIncludeLoopback())
	}
	agent, err := ice.NewAgentWithOptions(options...)
	if err != nil {
		return err
	}
	s.agent = agent
	err = errors.Join(
		agent.OnCandidate(func(ice.Candidate) {}), // what we say of ourselves does not depend on it
		agent.OnConnectionStateChange(func(state ice.ConnectionState) {
			s.state.Store(int32(state))
			s.nudge()
		}),
		agent.OnSelectedCandidatePairChange(func(_, remote ice.Candidate) {
			if ip, err := netip.ParseAddr(remote.Address()); err == nil {
				address := netip.AddrPortFrom(ip.Unmap(), uint16(remote.Port()))
				s.selected.Store(&address)
				s.nudge()
			}
		}),
		agent.GatherCandidates(),
	)
	if err != nil {
		_ = agent.GracefulClose()
	}
	return err
}

// Offer makes an offer with all candidates. While the path has failed it asks for an ICE restart.
func (s *Session) Offer() ([]byte, error) {
	s.negotiating.Lock()
	defer s.negotiating.Unlock()
	plain, err := s.negotiation.Offer()
	if err != nil {
		return nil, err
	}
	if ice.ConnectionState(s.state.Load()) == ice.ConnectionStateFailed && !s.restarting {
		if err := s.restart(); err != nil {
			return nil, fmt.Errorf("ICE restart: %w", err)
		}
		s.restarting = true
	}
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
	if s.started && (remote.ufrag != s.remote.ufrag || remote.pwd != s.remote.pwd) {
		if err := s.restart(); err != nil {
			return nil, fmt.Errorf("ICE restart: %w", err)
		}
	}
	s.local.mids, s.local.bundle = remote.mids, remote.bundle
	s.local.setup = "passive"
	if s.active(remote) {
		s.local.setup = "active"
	}
	answer, err := s.describe(body)
	if err != nil {
		return nil, err
	}
	if err := s.adopt(remote); err != nil {
		return nil, err
	}
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
	if err := s.adopt(remote); err != nil {
		return err
	}
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

// adopt lets the agent and DTLS begin, or follow an ICE restart.
func (s *Session) adopt(remote *transport) error {
	defer func() {
		s.awaited.Store(true)
		s.nudge()
	}()
	if s.started {
		remote.setup = s.remote.setup
		if remote.ufrag != s.remote.ufrag || remote.pwd != s.remote.pwd {
			if err := s.agent.SetRemoteCredentials(remote.ufrag, remote.pwd); err != nil {
				return fmt.Errorf("ICE: %w", err)
			}
		}
		s.remote = *remote
		return nil
	}
	conn, err := s.agent.StartAccept(remote.ufrag, remote.pwd)
	if err != nil {
		return fmt.Errorf("ICE: %w", err)
	}
	s.started, s.remote = true, *remote
	fingerprint, active := remote.fingerprint, s.active(remote)
	s.wg.Go(func() { s.secure(conn, fingerprint, active) })
	return nil
}

// restart gives us new credentials; the DTLS association and the keys stay.
func (s *Session) restart() error {
	s.local.ufrag, s.local.pwd = secret(8), secret(24)
	if err := s.agent.Restart(s.local.ufrag, s.local.pwd); err != nil {
		return err
	}
	return s.agent.GatherCandidates()
}

// describe dresses a plain description; its version grows when it says something new (RFC 3264 section 8).
func (s *Session) describe(plain []byte) ([]byte, error) {
	same, err := s.local.dress(plain, s.version)
	if err != nil || string(same) == string(s.said) {
		return same, err
	}
	s.version++
	s.said, err = s.local.dress(plain, s.version)
	return s.said, err
}

// Connected is closed when ICE and DTLS are done.
func (s *Session) Connected() <-chan struct{} { return s.connected }

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
		s.cancel()
		s.cipher.goodbye()
		finished := make(chan struct{})
		var closed error
		go func() {
			defer close(finished)
			closed = s.agent.GracefulClose() // never from a callback, which it would wait for
			s.wg.Wait()
		}()
		timer := time.NewTimer(s.network.config.Timers.Close)
		defer timer.Stop()
		select {
		case <-finished:
			s.closed = closed
		case <-timer.C:
			s.closed = errors.New("the browser's media did not close in time")
		}
		if former := s.selected.Load(); former != nil {
			s.network.socket.route(s, *former, netip.AddrPort{})
		}
		s.network.forget(s)
	})
	return s.closed
}

func (s *Session) end(why error) {
	s.ending.Do(func() {
		s.err = why
		close(s.done)
	})
}

// nudge wakes the owner.
func (s *Session) nudge() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}
