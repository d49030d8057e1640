package door

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

// house is a door in an HTTP server.
type house struct {
	door   *Door
	addr   string
	stack  atomic.Pointer[func(*Socket, []byte)] // set by serveSIP
	opened chan *Socket
}

func newHouse(t *testing.T, cfg Config) *house {
	t.Helper()
	h := &house{opened: make(chan *Socket, 1000)}
	cfg.Opened = func(s *Socket) { h.opened <- s }
	cfg.Hear = func(s *Socket, m []byte) {
		if hear := h.stack.Load(); hear != nil {
			(*hear)(s, m)
		}
	}
	d := New(cfg)
	server := httptest.NewUnstartedServer(d)
	server.Config.ReadHeaderTimeout = time.Second
	server.Start()
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := d.Close(ctx); err != nil {
			t.Errorf("close: %v", err)
		}
		server.Close()
	})
	h.door, h.addr = d, server.Listener.Addr().String()
	return h
}

// serveSIP puts a stack behind the door that answers every message with 200 and passes its body on, and CR LF CR LF with
// CR LF.
func (h *house) serveSIP(t *testing.T) (bodies chan string) {
	t.Helper()
	bodies = make(chan string, 10_000)
	hear := func(s *Socket, m []byte) {
		head, body, _ := strings.Cut(string(m), "\r\n\r\n")
		if head == "" {
			_ = s.SendText([]byte("\r\n"))
			return
		}
		bodies <- body
		_ = s.Send(func(w io.StringWriter) {
			_, _ = w.WriteString("SIP/2.0 200 OK\r\n")
			for _, line := range strings.Split(head, "\r\n")[1:] {
				if name, _, _ := strings.Cut(line, ":"); strings.Contains(" Via From To Call-ID CSeq ", " "+name+" ") {
					_, _ = w.WriteString(line + "\r\n")
				}
			}
			_, _ = w.WriteString("Content-Length: 0\r\n\r\n")
		})
	}
	h.stack.Store(&hear)
	return bodies
}

// accept is the next browser that came in.
func (h *house) accept(t *testing.T) *Socket {
	t.Helper()
	return receive(t, h.opened)
}

// browser is a WebSocket client that can also misbehave.
type browser struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

// request is a correct upgrade request.
func (h *house) request() *http.Request {
	r, _ := http.NewRequest(http.MethodGet, "http://"+h.addr+"/sip", nil)
	r.Header = http.Header{
		"Upgrade": {"websocket"}, "Connection": {"keep-alive, Upgrade"}, "Sec-Websocket-Version": {"13"},
		"Sec-Websocket-Key": {"dGhlIHNhbXBsZSBub25jZQ=="}, "Sec-Websocket-Protocol": {"sip"},
		"Origin": {"http://" + h.addr},
	}
	return r
}

// knock sends a request and returns the answer.
func (h *house) knock(t *testing.T, r *http.Request) (*browser, *http.Response) {
	t.Helper()
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(patience))
	if err := r.Write(c); err != nil {
		t.Fatal(err)
	}
	b := &browser{t, c, bufio.NewReader(c)}
	resp, err := http.ReadResponse(b.r, r)
	if err != nil {
		t.Fatal(err)
	}
	return b, resp
}

// open opens a socket or fails.
func (h *house) open(t *testing.T) *browser {
	t.Helper()
	b, resp := h.knock(t, h.request())
	if resp.StatusCode != http.StatusSwitchingProtocols {
		t.Fatalf("status %d, want 101", resp.StatusCode)
	}
	return b
}

func (b *browser) name() netip.AddrPort { return netip.MustParseAddrPort(b.LocalAddr().String()) }

// frame builds a masked frame; fin and op are the first byte.
func frame(first byte, payload string) []byte {
	mask := [4]byte{1, 2, 3, 250}
	out := appendHeader(nil, 0, len(payload), 0x80)
	out[0] = first
	out = append(out, mask[:]...)
	body := []byte(payload)
	unmask(body, mask)
	return append(out, body...)
}

func (b *browser) send(first byte, payload string) {
	b.t.Helper()
	if _, err := b.Write(frame(first, payload)); err != nil {
		b.t.Fatal(err)
	}
}

// next reads one frame from the server.
func (b *browser) next() (op byte, payload string, err error) {
	var two [2]byte
	if _, err := io.ReadFull(b.r, two[:]); err != nil {
		return 0, "", err
	}
	if two[1]&0x80 != 0 || two[0]&0xF0 != 0x80 {
		return 0, "", fmt.Errorf("server frame begins with % x", two)
	}
	n := uint64(two[1])
	if n == 126 {
		var ext [2]byte
		if _, err := io.ReadFull(b.r, ext[:]); err != nil {
			return 0, "", err
		}
		n = uint64(binary.BigEndian.Uint16(ext[:]))
	}
	body := make([]byte, n)
	_, err = io.ReadFull(b.r, body)
	return two[0] & 0xF, string(body), err
}

// wantClosed expects a close frame with this code, and then the end.
func (b *browser) wantClosed(code int) {
	b.t.Helper()
	op, payload, err := b.next()
	if err != nil || op != opClose || len(payload) != 2 || int(binary.BigEndian.Uint16([]byte(payload))) != code {
		b.t.Fatalf("got op %x %x %v, want close %d", op, payload, err, code)
	}
	if _, _, err := b.next(); err == nil {
		b.t.Fatal("the socket is still open after its close frame")
	}
}

var messages int

// sipMessage is a MESSAGE with this body.
func (b *browser) sipMessage(body string) string {
	messages++
	return strings.ReplaceAll(fmt.Sprintf(`MESSAGE sip:cordboard SIP/2.0
Via: SIP/2.0/WS abc.invalid;branch=z9hG4bK%d
From: <sip:anna@cordboard>;tag=a
To: <sip:cordboard>
Call-ID: %d@browser
CSeq: 1 MESSAGE
Max-Forwards: 70
Content-Type: text/plain
Content-Length: %d

`, messages, messages, len(body)), "\n", "\r\n") + body
}

// wantOK sends a MESSAGE and expects its 200.
func (b *browser) wantOK(body string) {
	b.t.Helper()
	b.send(0x80|opText, b.sipMessage(body))
	op, answer, err := b.next()
	if err != nil || op != opText || !strings.HasPrefix(answer, "SIP/2.0 200 ") {
		b.t.Fatalf("op %x %.60q %v, want a 200", op, answer, err)
	}
}

func receive[T any](t *testing.T, c <-chan T) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(patience):
		t.Fatal("nothing came")
		panic("unreachable")
	}
}
