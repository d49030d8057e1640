package door

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
)

// ErrNoSocket says that no browser is connected from that address (any more).
var ErrNoSocket = errors.New("no browser socket from that address")

// Config is what a door needs to know. The zero value of every field but Hear works.
type Config struct {
	Log *zap.Logger

	// Hear is told of each SIP message of a browser, one at a time and in the order in which they came. The message is lent
	// until Hear returns; the browser's next one waits for that.
	Hear func(from *Socket, message []byte)
	// Opened is told of each browser that came in, before its first message. Nil: nobody is.
	Opened func(*Socket)

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
	MaxMessage int // bytes of one SIP message, 32,768 when zero

	// HandshakeTimeout bounds each step of coming in: the 101 written and, for a socket without a session, its first
	// message. 10 s when zero.
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

// Door is an http.Handler that turns requests into sockets. All methods are safe for concurrent use.
type Door struct {
	cfg     Config
	metrics *metrics
	buffers sync.Pool     // of *[]byte, for what is being read
	frames  sync.Pool     // of *bytes.Buffer, for what is being sent
	empty   chan struct{} // closed when the last one is gone and nobody may come in any more

	mu        sync.Mutex
	sockets   map[netip.AddrPort]*Socket // by remote address; guarded by mu
	byAddress map[netip.Addr]int         // open sockets of one client; guarded by mu
	onClose   []func(*Socket)            // guarded by mu
	shut      bool                       // guarded by mu
}

// New makes a door.
func New(cfg Config) *Door {
	return newDoor(cfg)
}

// ServeHTTP lets a browser in, or says what is wrong with its request: 404, 405, 403 (origin), 426 (no WebSocket), 400 (no
// "sip" subprotocol), 401 (bad session), 429 (too many from there), 503 (too many in all, or closing).
func (d *Door) ServeHTTP(w http.ResponseWriter, r *http.Request) { d.serve(w, r) }

// Session says for whom the browser at this remote address presented a session. ok is false when no such socket is open;
// aor is "" when it came without a session.
func (d *Door) Session(remote netip.AddrPort) (aor string, ok bool) {
	s := d.socketOf(remote)
	if s == nil {
		return "", false
	}
	return s.aor, true
}

// Open reports whether a browser is connected from that address.
func (d *Door) Open(remote netip.AddrPort) bool { return d.socketOf(remote) != nil }

// OnClose registers f to be called once for every socket that is gone. Until f returns no other socket can come in from
// that address, and Close waits for it; f may call the SIP stack.
func (d *Door) OnClose(f func(*Socket)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.onClose = append(d.onClose, f)
}

// KeepAlive sends the browser at this address one text frame CR LF CR LF (RFC 5626 section 3.5.1), which JsSIP answers
// with CR LF. It returns ErrNoSocket when there is no such socket, or the error that ended it.
func (d *Door) KeepAlive(remote netip.AddrPort) error {
	s := d.socketOf(remote)
	if s == nil {
		return ErrNoSocket
	}
	return s.SendText([]byte("\r\n\r\n"))
}

// Drop closes the socket from this address (close code 1008), as one does when its session has been revoked. Nothing
// happens when there is none.
func (d *Door) Drop(remote netip.AddrPort) {
	if s := d.socketOf(remote); s != nil {
		s.goAway(closePolicy)
	}
}

// Close lets nobody in any more, tells every browser that we go away (close code 1001) and closes its socket. It returns
// when all are closed, or with the context's cause.
func (d *Door) Close(ctx context.Context) error { return d.close(ctx) }

// socketOf is the open socket from this address, or nil.
func (d *Door) socketOf(remote netip.AddrPort) *Socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	if s := d.sockets[remote]; s != nil && !s.lost && s.opened.Load() {
		return s
	}
	return nil
}
