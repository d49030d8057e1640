package udp

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/sdes"
	"github.com/cordboard/cordboard/rtp/wire"
)

// Config is what a session needs. Ports and Metronome are required.
type Config struct {
	Name      string // of the leg, for logs and as SourceName
	Leg       string // kind of the leg, for the metrics: "trunk" or "phone"
	Ports     *Ports
	Metronome *rtp.Metronome
	Coders    rtp.Coders   // nil: nothing is transcoded
	Metrics   *rtp.Metrics // nil: nothing is counted
	Log       *zap.Logger  // nil: silent

	Codecs   []rtp.Codec   // in order of preference; none: PCMA, PCMU, G722, Opus
	Playback int           // see rtp.Terms
	Fill     time.Duration // see rtp.StreamConfig

	Protection sdes.Protection // the zero value: plain RTP alone
	Pauses     rtp.Pauses
	Tones      bool // see rtp.Terms

	// LatchWindow is how long after a negotiation the far side may turn out to send from another address than its SDP
	// says. 0: 10 s.
	LatchWindow time.Duration
	// Silence is how long the far side may send neither RTP nor RTCP, while it should, before the session is done.
	// During hold and in one-way media it does not count. 0: 60 s; negative: for ever.
	Silence time.Duration
	// Alive is asked by other means, when the far side has been silent for that long, whether it is there: one who is muted,
	// or pauses (DTX), may send nothing for minutes. True: it is asked again after as long a silence. With it, held parties and
	// those who only listen are watched as well. Nil: silence is enough. It must return soon after its context has ended.
	Alive func(context.Context) bool
	// Report is the mean time between our RTCP reports. 0: 5 s.
	Report time.Duration
}

// Defaults of Config.
const (
	defaultLatchWindow = 10 * time.Second
	defaultSilence     = 60 * time.Second
)

// Session is one party on plain RTP or, where keys are agreed, on SRTP; it implements rtp.Session.
type Session struct {
	*rtp.Core
	config      Config
	log         *zap.Logger
	ports       *pair
	negotiation *rtp.Negotiation // owned by the goroutine that negotiates
	latch       latch
	keys        keys
	to          atomic.Pointer[wire.Address] // where RTP goes; nil: nowhere
	sealed      []byte                       // guarded by the stream's lock; the newest packet as it is sent
	control     atomic.Pointer[controlPath]  // where RTCP goes; nil: nowhere
	agreed      atomic.Pointer[time.Time]    // when the last negotiation was; nil: none yet

	connected     chan struct{}
	connectedOnce sync.Once
	done          chan struct{}
	err           error // written before done is closed
	lost          sync.Once
	closeOnce     sync.Once
	reports       reports
	doubt         doubt
}

// The interface this package is for.
var _ rtp.Session = (*Session)(nil)

// Open takes a pair of ports and begins to listen. The error is ErrNoPort when there is none.
func Open(c Config) (*Session, error) {
	c.LatchWindow = cmp.Or(c.LatchWindow, defaultLatchWindow)
	c.Silence = cmp.Or(c.Silence, defaultSilence)
	c.Report = cmp.Or(c.Report, rtp.ControlInterval)
	ports, err := c.Ports.take()
	if err != nil {
		return nil, fmt.Errorf("open an RTP session: %w", err)
	}
	s := &Session{
		config: c, log: cmp.Or(c.Log, zap.NewNop()), ports: ports, latch: latch{window: c.LatchWindow}, keys: newKeys(c.Protection),
		connected: make(chan struct{}), done: make(chan struct{}),
	}
	s.doubt.ctx, s.doubt.stop = context.WithCancel(context.Background())
	s.Core = rtp.NewCore(rtp.CoreConfig{Name: c.Name, Leg: c.Leg, Metrics: c.Metrics, StreamConfig: rtp.StreamConfig{
		Write: s.send, Again: s.sendAgain, Spare: sdes.MaxOverhead, Metronome: c.Metronome, Coders: c.Coders, Fill: c.Fill,
	}})
	s.negotiation = rtp.NewNegotiation(rtp.Terms{Local: s.Local(), Codecs: c.Codecs, Playback: c.Playback, Pauses: c.Pauses, Tones: c.Tones, Keys: s.keys.terms(), Reaches: s.reaches})
	if err := errors.Join(ports.rtp.Read(s.take), ports.control.Read(s.takeControlPort)); err != nil {
		c.Ports.give(ports)
		s.doubt.stop()
		s.Core.Close()
		return nil, fmt.Errorf("open an RTP session: %w", err)
	}
	s.startReports()
	return s, nil
}

// reaches tells the addresses of the family that our sockets are of.
func (s *Session) reaches(ip netip.Addr) bool {
	return ip.Is4() == s.config.Ports.config.Bind.Unmap().Is4()
}

// Local is the address that the far side is told.
func (s *Session) Local() netip.AddrPort {
	port := s.config.Ports.config.Low + uint16(2*s.ports.number)
	return netip.AddrPortFrom(s.config.Ports.config.Advertise, port)
}

// Remote is where we send to; invalid before anything is known.
func (s *Session) Remote() netip.AddrPort { return s.latch.where() }

// Prefer changes the order of codecs for negotiations to come; a codec already agreed stays while it is offered.
func (s *Session) Prefer(codecs []rtp.Codec) { s.negotiation.Prefer(codecs) }

// Wish changes the direction we want from the next offer or answer on.
func (s *Session) Wish(d rtp.Direction) { s.negotiation.Wish(d) }

// Offer implements rtp.Session.
func (s *Session) Offer() ([]byte, error) { return s.negotiation.Offer() }

// Answer implements rtp.Session.
func (s *Session) Answer(offer []byte) ([]byte, error) {
	answer, agreement, err := s.negotiation.Answer(offer)
	if err != nil {
		return nil, err
	}
	if err := s.use(agreement); err != nil {
		return nil, err
	}
	return answer, nil
}

// Accept implements rtp.Session.
func (s *Session) Accept(answer []byte) error {
	agreement, err := s.negotiation.Accept(answer)
	if err != nil {
		return err
	}
	return s.use(agreement)
}

func (s *Session) use(a *rtp.Agreement) error {
	if err := s.keys.agree(); err != nil {
		return fmt.Errorf("protect the sound: %w", err)
	}
	now := time.Now()
	s.agreed.Store(&now)
	s.latch.negotiated(a.Remote, now)
	s.aim()
	if a.Control.IsValid() {
		s.control.Store(newControlPath(a.Control, a.Mux))
	}
	s.SetFormats(a.Send, a.Receive, a.Direction)
	s.connectedOnce.Do(func() { close(s.connected) })
	return nil
}

// Protected reports whether what is sent and heard now is SRTP.
func (s *Session) Protected() bool { return s.keys.now.Load() != nil }

// aim sends to where the far side is now known to be.
func (s *Session) aim() {
	if to := s.latch.where(); to.IsValid() {
		s.to.Store(wire.AddressOf(to))
	}
}

// Connected implements rtp.Session: plain RTP is connected once negotiated.
func (s *Session) Connected() <-chan struct{} { return s.connected }

// Done implements rtp.Session.
func (s *Session) Done() <-chan struct{} { return s.done }

// Err implements rtp.Session.
func (s *Session) Err() error {
	select {
	case <-s.done:
		return s.err
	default:
		return nil
	}
}

// Close ends the outgoing stream, says BYE, lets go of the sockets and lets the ports rest. Nothing of the session is
// running when it returns, so it must not be called from within a sink. Closing twice is harmless.
func (s *Session) Close() error {
	s.closeOnce.Do(func() {
		s.Out().Close()
		s.stopReports()
		s.doubt.settle()
		s.sendControl(s.Farewell(time.Now()))
		s.ports.rtp.Stop() // the socket itself rests with the pool
		s.ports.control.Stop()
		s.Core.Close()
		s.config.Ports.give(s.ports)
		q := s.Quality()
		s.log.Debug("rtp closed", zap.Uint64("received", q.Received), zap.Uint64("sent", q.Sent),
			zap.Uint64("lost", q.Lost), zap.Duration("jitter", q.Jitter), zap.Uint64("strangers", q.Strangers), zap.Uint64("forged", q.Forged))
	})
	return nil
}

var errNowhere = errors.New("no address to send to")

// send writes one RTP packet, which has room for a tag behind it.
func (s *Session) send(packet []byte) error {
	var err error
	if s.sealed, err = s.keys.seal(packet); err != nil {
		return err
	}
	return s.sendAgain()
}

// sendAgain sends the newest packet to where the far side is now.
func (s *Session) sendAgain() error {
	to := s.to.Load()
	if to == nil || len(s.sealed) == 0 {
		return errNowhere
	}
	return s.ports.rtp.Send(s.sealed, to)
}
