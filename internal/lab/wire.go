package lab

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/textproto"
	"strconv"
	"sync"
	"time"

	"github.com/coder/websocket"
)

// flow is where a message came from: what answers to it travel on.
type flow interface {
	write(raw []byte) error
	remote() string // host:port
}

// wire is a station's connection to the world.
type wire interface {
	to(hostport string) (flow, error)
	sentBy() string // the Via value up to the parameters, "SIP/2.0/UDP 127.0.0.1:5060"
	address() string
	reliable() bool
	close() // returns when no more message will be delivered
}

type deliver func(raw []byte, from flow)

// udpWire is one datagram socket.
type udpWire struct {
	conn *net.UDPConn
	done chan struct{}
}

type udpFlow struct {
	conn *net.UDPConn
	addr *net.UDPAddr
}

func (f udpFlow) write(raw []byte) error { _, err := f.conn.WriteToUDP(raw, f.addr); return err }
func (f udpFlow) remote() string         { return f.addr.String() }

func listenUDP(bind string, onMessage deliver) (*udpWire, error) {
	addr, err := net.ResolveUDPAddr("udp", bind)
	if err != nil {
		return nil, err
	}
	conn, err := net.ListenUDP("udp", addr)
	if err != nil {
		return nil, err
	}
	_ = conn.SetReadBuffer(4 << 20) // a load run's burst; smaller is no harm
	w := &udpWire{conn: conn, done: make(chan struct{})}
	go func() {
		defer close(w.done)
		buf := make([]byte, 65535)
		for {
			n, from, err := conn.ReadFromUDP(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				onMessage(bytes.Clone(buf[:n]), udpFlow{conn, from})
			}
		}
	}()
	return w, nil
}

func (w *udpWire) to(hostport string) (flow, error) {
	addr, err := net.ResolveUDPAddr("udp", hostport)
	return udpFlow{w.conn, addr}, err
}
func (w *udpWire) sentBy() string  { return "SIP/2.0/UDP " + w.address() }
func (w *udpWire) address() string { return w.conn.LocalAddr().String() }
func (w *udpWire) reliable() bool  { return false }
func (w *udpWire) close()          { _ = w.conn.Close(); <-w.done }

// tcpWire listens, and dials where nobody has connected from.
type tcpWire struct {
	listener  net.Listener
	onMessage deliver
	wg        sync.WaitGroup

	mu     sync.Mutex
	conns  map[string]*tcpFlow // guarded by mu; by remote address
	closed bool                // guarded by mu
}

type tcpFlow struct {
	net.Conn
	mu sync.Mutex // one writer at a time
}

func (f *tcpFlow) write(raw []byte) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, err := f.Write(raw)
	return err
}
func (f *tcpFlow) remote() string { return f.RemoteAddr().String() }

func listenTCP(bind string, onMessage deliver) (*tcpWire, error) {
	l, err := net.Listen("tcp", bind)
	if err != nil {
		return nil, err
	}
	w := &tcpWire{listener: l, onMessage: onMessage, conns: map[string]*tcpFlow{}}
	w.wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			w.adopt(c)
		}
	})
	return w, nil
}

func (w *tcpWire) adopt(c net.Conn) *tcpFlow {
	f := &tcpFlow{Conn: c}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		_ = c.Close()
		return f
	}
	w.conns[f.remote()] = f
	w.wg.Go(func() {
		readStream(c, func(raw []byte) { w.onMessage(raw, f) })
		_ = c.Close()
		w.mu.Lock()
		delete(w.conns, f.remote())
		w.mu.Unlock()
	})
	return f
}

// readStream cuts a stream into messages by Content-Length (RFC 3261 section 18.3), and skips keep-alives.
func readStream(c net.Conn, onMessage func(raw []byte)) {
	r := bufio.NewReader(c)
	for {
		var raw []byte
		length := 0
		for {
			line, err := r.ReadBytes('\n')
			if err != nil || len(raw) > 1<<20 {
				return
			}
			if len(raw) == 0 && len(bytes.TrimSpace(line)) == 0 {
				continue
			}
			raw = append(raw, line...)
			if name, value, ok := bytes.Cut(line, []byte(":")); ok {
				if longName(textproto.TrimString(string(name))) == "content-length" {
					length, _ = strconv.Atoi(textproto.TrimString(string(value)))
				}
			}
			if len(bytes.TrimSpace(line)) == 0 {
				break
			}
		}
		if length < 0 || length > 1<<20 {
			return
		}
		body := make([]byte, length)
		if _, err := io.ReadFull(r, body); err != nil {
			return
		}
		onMessage(append(raw, body...))
	}
}

func (w *tcpWire) to(hostport string) (flow, error) {
	w.mu.Lock()
	f := w.conns[hostport]
	w.mu.Unlock()
	if f != nil {
		return f, nil
	}
	c, err := net.DialTimeout("tcp", hostport, 5*time.Second)
	if err != nil {
		return nil, err
	}
	return w.adopt(c), nil
}
func (w *tcpWire) sentBy() string  { return "SIP/2.0/TCP " + w.address() }
func (w *tcpWire) address() string { return w.listener.Addr().String() }
func (w *tcpWire) reliable() bool  { return true }

func (w *tcpWire) close() {
	_ = w.listener.Close()
	w.mu.Lock()
	w.closed = true
	for _, f := range w.conns {
		_ = f.Close()
	}
	w.mu.Unlock()
	w.wg.Wait()
}

// wsWire is a browser's one socket (RFC 7118).
type wsWire struct {
	conn   *websocket.Conn
	url    string
	host   string // the invented name of RFC 7118 section 5
	secure bool
	cancel context.CancelFunc
	ctx    context.Context
	done   chan struct{} // closed when the socket is gone
}

// dialWS opens the socket; from is the address to call from, nil for any.
func dialWS(ctx context.Context, url string, header http.Header, host string, from net.IP, onMessage deliver) (*wsWire, error) {
	dialer := net.Dialer{}
	if from != nil {
		dialer.LocalAddr = &net.TCPAddr{IP: from}
	}
	conn, response, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		Subprotocols: []string{"sip"}, HTTPHeader: header,
		HTTPClient: &http.Client{Transport: &http.Transport{DisableKeepAlives: true, DialContext: dialer.DialContext}},
	})
	if err != nil {
		if response != nil {
			_ = response.Body.Close()
			return nil, &Refused{Status: response.StatusCode, Reason: response.Status}
		}
		return nil, err
	}
	conn.SetReadLimit(1 << 20)
	w := &wsWire{conn: conn, url: url, host: host, done: make(chan struct{})}
	w.secure = len(url) > 4 && url[:4] == "wss:"
	w.ctx, w.cancel = context.WithCancel(context.Background())
	go func() {
		defer close(w.done)
		for {
			_, raw, err := conn.Read(w.ctx)
			if err != nil {
				return
			}
			onMessage(raw, w)
		}
	}()
	return w, nil
}

func (w *wsWire) write(raw []byte) error {
	ctx, cancel := context.WithTimeout(w.ctx, 5*time.Second)
	defer cancel()
	return w.conn.Write(ctx, websocket.MessageText, raw)
}
func (w *wsWire) remote() string { return w.url }
func (w *wsWire) sentBy() string {
	if w.secure {
		return "SIP/2.0/WSS " + w.host
	}
	return "SIP/2.0/WS " + w.host
}

// close drops the TCP connection without the closing handshake, as a tab does that is killed.
func (w *wsWire) close() {
	w.cancel()
	_ = w.conn.CloseNow()
	<-w.done
}
