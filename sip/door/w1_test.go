package door

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

func TestW1_ASilentClientDoesNotStopOthers(t *testing.T) {
	h := newHouse(t, Config{HandshakeTimeout: time.Minute})
	h.serveSIP(t)

	mute, err := net.Dial("tcp", h.addr) // connects and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()
	half, err := net.Dial("tcp", h.addr) // begins a request and stops
	if err != nil {
		t.Fatal(err)
	}
	defer half.Close()
	if _, err := half.Write([]byte("GET /sip HTTP/1.1\r\nHost: x\r\nUpgr")); err != nil {
		t.Fatal(err)
	}
	upgraded := h.open(t) // comes in and says nothing
	begun := h.open(t)    // comes in and stops in the middle of a frame
	if _, err := begun.Write(frame(0x80|opText, "REGISTER")[:5]); err != nil {
		t.Fatal(err)
	}

	start := time.Now()
	for range 20 {
		h.open(t).wantOK("hello")
	}
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("20 browsers beside four silent clients took %v", took)
	}
	upgraded.wantOK("late but welcome")
}

func TestW1_SlowHeadersAreCutOffByTheHTTPServer(t *testing.T) {
	h := newHouse(t, Config{})
	c, err := net.Dial("tcp", h.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(patience))
	// The server's ReadHeaderTimeout is a second; a byte now and then does not move it.
	gone := make(chan error, 1)
	go func() {
		_, err := c.Read(make([]byte, 100))
		gone <- err
	}()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for i := 0; ; i++ {
		select {
		case <-gone:
			return
		case <-tick.C:
			if _, err := fmt.Fprintf(c, "%c", "GET /sip HTTP/1.1\r\nX-Pad: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"[i]); err != nil {
				<-gone
				return
			}
		}
	}
}

func TestW1_SilentBrowsersAreDropped(t *testing.T) {
	t.Run("one that never spoke and has no session, after the handshake time-out", func(t *testing.T) {
		h := newHouse(t, Config{HandshakeTimeout: 100 * time.Millisecond, IdleTimeout: time.Hour})
		h.serveSIP(t)
		h.open(t).wantClosed(closePolicy)
	})
	t.Run("one with a session, after the idle time-out", func(t *testing.T) {
		h := newHouse(t, Config{HandshakeTimeout: 10 * time.Millisecond, IdleTimeout: 300 * time.Millisecond,
			Authenticate: func(*http.Request) (string, error) { return "anna", nil }})
		h.serveSIP(t)
		start := time.Now()
		h.open(t).wantClosed(closePolicy)
		if took := time.Since(start); took < 250*time.Millisecond {
			t.Errorf("dropped after %v, the handshake time-out should not apply", took)
		}
	})
	t.Run("one that spoke once, after the idle time-out", func(t *testing.T) {
		h := newHouse(t, Config{IdleTimeout: 200 * time.Millisecond})
		h.serveSIP(t)
		b := h.open(t)
		b.wantOK("hello")
		b.wantClosed(closePolicy)
	})
	t.Run("one that trickles a message, after the message time-out", func(t *testing.T) {
		h := newHouse(t, Config{MessageTimeout: 300 * time.Millisecond})
		h.serveSIP(t)
		b := h.open(t)
		stop := make(chan struct{})
		trickled := make(chan struct{})
		go func() {
			defer close(trickled)
			for _, c := range frame(0x80|opText, b.sipMessage("slow")) {
				select {
				case <-stop:
					return
				case <-time.After(20 * time.Millisecond):
					if _, err := b.Write([]byte{c}); err != nil {
						return
					}
				}
			}
		}()
		b.wantClosed(closePolicy)
		close(stop)
		<-trickled
	})
	t.Run("one that sends pings is not", func(t *testing.T) {
		h := newHouse(t, Config{IdleTimeout: 300 * time.Millisecond, HandshakeTimeout: 300 * time.Millisecond})
		h.serveSIP(t)
		b := h.open(t)
		for range 6 {
			b.send(0x80|opPing, "x")
			if op, _, err := b.next(); op != opPong || err != nil {
				t.Fatalf("op %x, %v", op, err)
			}
			<-time.After(100 * time.Millisecond)
		}
		b.wantOK("still here")
	})
}

func TestW1_ASilentTLSClientDoesNotStopOthers(t *testing.T) {
	h := newHouse(t, Config{})
	h.serveSIP(t)
	server := httptest.NewUnstartedServer(h.door)
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	mute, err := net.Dial("tcp", server.Listener.Addr().String()) // no ClientHello ever
	if err != nil {
		t.Fatal(err)
	}
	defer mute.Close()

	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	// A client nobody here wrote, which offers compression and sends pings.
	c, resp, err := websocket.Dial(ctx, "wss"+strings.TrimPrefix(server.URL, "https")+"/sip", &websocket.DialOptions{
		HTTPClient: server.Client(), Subprotocols: []string{"sip", "session.token"}, CompressionMode: websocket.CompressionContextTakeover})
	if err != nil {
		t.Fatalf("%v %v", resp, err)
	}
	defer func() { _ = c.CloseNow() }()
	if c.Subprotocol() != "sip" {
		t.Errorf("subprotocol %q", c.Subprotocol())
	}
	answers := make(chan string, 1)
	read := make(chan struct{})
	go func() {
		defer close(read)
		for {
			_, text, err := c.Read(ctx)
			if err != nil {
				return
			}
			answers <- string(text)
		}
	}()
	if err := c.Ping(ctx); err != nil {
		t.Fatalf("ping: %v", err)
	}
	if err := c.Write(ctx, websocket.MessageBinary, []byte((&browser{}).sipMessage("over TLS"))); err != nil {
		t.Fatal(err)
	}
	if got := receive(t, answers); !strings.HasPrefix(got, "SIP/2.0 200 ") {
		t.Errorf("answer %q", got)
	}
	if err := c.Close(websocket.StatusNormalClosure, ""); err != nil {
		t.Errorf("the closing handshake: %v", err)
	}
	<-read
}
