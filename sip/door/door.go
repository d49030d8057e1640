package door

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// ErrNoSocket says that no browser is connected from that address (any more).
var ErrNoSocket = errors.New("no browser socket from that address")

// Config is what a door needs to know. The zero value of every field but Log works.
type Config struct {
	Log *zap.Logger

	// Addr is what Listener().Addr() says; the SIP stack takes its port for its own bookkeeping. Nil: 127.0.0.1:0.
	Addr net.Addr
	// Path is the only path that is served, "/sip" when empty.
	Path string
	// Origins lists the web origins ("https://phone.example.com") that may open sockets besides the host that serves
	// the socket itself, which always may. "*" lets every page in. A client that sends no Origin is no browser, cannot be
	// abused by a foreign page, and is let in.
	Origins []string
	// TrustedProxies are the reverse proxies whose X-Forwarded-For names the client for the log and for PerAddress.
	TrustedProxies []netip.Prefix

	MaxSockets int // open sockets in all, 10,000 when zero
	PerAddress int // open sockets from one client address, 100 when zero (an office behind one NAT)
	MaxMessage int // bytes of one SIP message, 32,768 when zero: what the SIP stack reads at once, more it would cut off

	// HandshakeTimeout bounds each step of coming in: the 101 written, the socket taken over by the SIP stack, and, for a
	// socket without a session, its first message. 10 s when zero.
	HandshakeTimeout time.Duration
	// IdleTimeout drops a socket from which nothing has come, not even a pong or CRLF. 75 s when zero: three keep-alives
	// of 25 s (pitfall M3).
	IdleTimeout time.Duration
	// MessageTimeout is how long a message that has begun may take until its last byte. 15 s when zero.
	MessageTimeout time.Duration
	// WriteTimeout is how long the browser's kernel may refuse one of our frames before its socket is dropped. 5 s when
	// zero.
	WriteTimeout time.Duration

	// Authenticate says whose session an upgrade request carries: the agent's address of record, "" when it carries none
	// (then its REGISTER must pass digest), or an error when what it carries is not valid (answered 401). Nil: nobody has
	// one.
	Authenticate func(*http.Request) (aor string, err error)

	Metrics prometheus.Registerer
}

// Door is an http.Handler on one side and a net.Listener on the other. All methods are safe for concurrent use.
type Door struct {
	cfg     Config
	metrics *metrics
	queue   chan net.Conn // finished connections on their way to the SIP stack
	closed  chan struct{} // closed when nobody may come in any more
	empty   chan struct{} // closed when, after that, the last one is gone

	mu        sync.Mutex
	sockets   map[string]*socket // by remote address; guarded by mu
	byAddress map[netip.Addr]int // open sockets of one client; guarded by mu
	onClose   []func(string)     // guarded by mu
	shut      bool               // guarded by mu
}

// New makes a door. It lets nobody in before something accepts from its Listener.
func New(cfg Config) *Door {
	return newDoor(cfg)
}

// ServeHTTP lets a browser in, or says what is wrong with its request: 404, 405, 403 (origin), 426 (no WebSocket), 400 (no
// "sip" subprotocol), 401 (bad session), 429 (too many from there), 503 (too many in all, or closing).
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.serve(w, r) }

// Listener is where the SIP stack accepts browsers. Closing it makes the door refuse newcomers; open sockets stay.
func (d *Door) Listener() net.Listener { return listener{d} }

// Session says for whom the browser at this remote address ("ip:port", as the SIP stack names the source of a message)
// presented a session. ok is false when no such socket is open; aor is "" when it came without a session.
func (d *Door) Session(remoteAddr string) (aor string, ok bool) {
	s := d.socketOf(remoteAddr)
	if s == nil {
		return "", false
	}
	return s.aor, true
}

// OnClose registers f to be called once for every socket that is gone, with its remote address. Until f returns no other
// socket can come in from that address, and Close waits for it; f may call the SIP stack.
func (d *Door) OnClose(f func(remoteAddr string)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onClose = append(d.onClose, f)
}

// KeepAlive sends the browser at this address one text frame CR LF CR LF (RFC 5626 section 3.5.1), which JsSIP answers
// with CR LF. It returns ErrNoSocket when there is no such socket, or the error that ended it.
func (d *Door) KeepAlive(remoteAddr string) error {
	s := d.socketOf(remoteAddr)
	if s == nil {
		return ErrNoSocket
	}
	return s.sendText([]byte("\r\n\r\n"))
}

// Drop closes the socket from this address (close code 1008), as one does when its session has been revoked. Nothing
// happens when there is none.
func (d *Door) Drop(remoteAddr string) {
	if s := d.socketOf(remoteAddr); s != nil {
		s.goAway(closePolicy)
	}
}

// Close lets nobody in any more, ends the Listener, tells every browser that we go away (close code 1001) and closes its
// socket. It returns when all are closed, or with the context's cause.
func (d *Door) Close(ctx context.Context) error { return d.close(ctx) }

// socketOf is the open socket from this address, or nil.
func (d *Door) socketOf(remoteAddr string) *socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sockets[remoteAddr]; s != nil && !s.lost && s.opened.Load() {
		return s
	}
	return nil
}
