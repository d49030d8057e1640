package door

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gobwas/ws"
)

func TestW3_PingsAndFragmentsAreDealtWithBeforeTheStackSeesThem(t *testing.T) {
	h := newHouse(t, Config{})
	bodies := h.serveSIP(t)
	b := h.open(t)
	wantNext := func(wantOp byte, want string) {
		t.Helper()
		op, payload, err := b.next()
		if err != nil || op != wantOp || !strings.HasPrefix(payload, want) {
			t.Fatalf("op %x %.40q %v, want op %x %q", op, payload, err, wantOp, want)
		}
	}
	wantBody := func(want string) {
		t.Helper()
		if got := receive(t, bodies); got != want {
			t.Fatalf("the stack got %q, want %q", got, want)
		}
		wantNext(opText, "SIP/2.0 200 ")
	}

	b.send(0x80|opPing, "are you there?") // sipgo alone would read its payload as the next frame
	wantNext(opPong, "are you there?")
	b.send(0x80|opText, b.sipMessage("after a ping"))
	wantBody("after a ping")

	b.send(0x80|opPong, "nobody asked")
	b.send(0x80|opBinary, b.sipMessage("in a binary frame"))
	wantBody("in a binary frame")

	m := b.sipMessage("in three fragments")
	b.send(opText, m[:10])
	b.send(opContinuation, m[10:50])
	b.send(0x80|opPing, "in between")
	b.send(0x80|opContinuation, m[50:])
	wantNext(opPong, "in between")
	wantBody("in three fragments")

	b.send(0x80|opText, "") // sipgo alone would sleep over it
	b.send(opText, "")
	b.send(0x80|opContinuation, "")
	long := strings.Repeat("x", 20_000)
	b.send(0x80|opText, b.sipMessage(long))
	wantBody(long)

	b.send(0x80|opText, "\r\n\r\n") // the stack's own answer to a keep-alive
	wantNext(opText, "\r\n")
}

func TestW3_WhatIsNoWebSocketIsShownOut(t *testing.T) {
	for name, c := range map[string]struct {
		bytes []byte
		code  int
	}{
		"not masked":                      {[]byte{0x81, 0x01, 'x'}, closeProtocol},
		"reserved bit":                    {frame(0xC1, "x"), closeProtocol},
		"reserved opcode":                 {frame(0x83, "x"), closeProtocol},
		"reserved control":                {frame(0x8B, "x"), closeProtocol},
		"a ping in fragments":             {frame(opPing, "x"), closeProtocol},
		"a ping too long":                 {frame(0x80|opPing, strings.Repeat("x", 126)), closeProtocol},
		"continuation of nothing":         {frame(0x80|opContinuation, "x"), closeProtocol},
		"a message in a message":          {append(frame(opText, "x"), frame(0x80|opText, "x")...), closeProtocol},
		"too long":                        {frame(0x80|opText, strings.Repeat("x", 32769)), closeTooBig},
		"too long in all":                 {append(frame(opText, strings.Repeat("x", 32768)), frame(opContinuation, "x")...), closeTooBig},
		"longer than there is memory":     {[]byte{0x81, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, closeTooBig},
		"longer than a length may be":     {[]byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, closeTooBig},
		"a close frame, which is correct": {frame(0x80|opClose, "\x03\xe8bye"), closeNormal},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, Config{})
			h.serveSIP(t)
			b := h.open(t)
			b.wantOK("still polite")
			if _, err := b.Write(c.bytes); err != nil {
				t.Fatal(err)
			}
			b.wantClosed(c.code)
		})
	}
}

func TestW4_FramesOfManyWritersStayWhole(t *testing.T) {
	const writers, each = 8, 500
	h := newHouse(t, Config{})
	b := h.open(t)
	conn := h.accept(t)
	var stack sync.Mutex // sipgo writes one frame at a time, each in two pieces
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for i := range each {
				if w%2 == 0 {
					if err := h.door.KeepAlive(b.name()); err != nil {
						t.Error(err)
					}
					continue
				}
				stack.Lock()
				err := ws.WriteFrame(conn, ws.NewTextFrame(fmt.Appendf(nil, "%d %d %s", w, i, strings.Repeat("y", i))))
				stack.Unlock()
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	next, keepAlives := make([]int, writers), 0
	for range writers * each {
		op, payload, err := b.next()
		if err != nil || op != opText {
			t.Fatalf("op %x %q %v", op, payload, err)
		}
		if payload == "\r\n\r\n" {
			keepAlives++
			continue
		}
		var w, i int
		var tail string
		_, _ = fmt.Sscan(payload, &w, &i, &tail)
		if i != next[w] || tail != strings.Repeat("y", i) {
			t.Fatalf("frame %q, want number %d of writer %d", payload, next[w], w)
		}
		next[w]++
	}
	wg.Wait()
	if keepAlives != writers/2*each {
		t.Errorf("%d keep-alives", keepAlives)
	}
}

func TestABrowserThatDoesNotReadBlocksNobodyForLong(t *testing.T) {
	h := newHouse(t, Config{WriteTimeout: 300 * time.Millisecond})
	gone := make(chan string, 10)
	h.door.OnClose(func(remote string) { gone <- remote })
	deaf := h.open(t)
	_ = deaf.Conn.(*net.TCPConn).SetReadBuffer(4096)
	conn := h.accept(t)
	other := h.open(t)
	otherConn := h.accept(t)

	failed := make(chan error, 2)
	for range 2 {
		go func() {
			big := ws.MustCompileFrame(ws.NewTextFrame(bytes.Repeat([]byte("z"), 60_000)))
			for {
				if _, err := conn.Write(big); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	if _, err := otherConn.Write(ws.MustCompileFrame(ws.NewTextFrame([]byte("hello")))); err != nil {
		t.Fatal(err)
	}
	if op, payload, err := other.next(); op != opText || payload != "hello" || err != nil {
		t.Fatalf("op %x %q %v", op, payload, err)
	}
	start := time.Now()
	receive(t, failed)
	receive(t, failed)
	if took := time.Since(start); took > 3*time.Second {
		t.Errorf("two writers were held for %v by one browser", took)
	}
	if who := receive(t, gone); who != deaf.name() {
		t.Errorf("told of %s, want %s", who, deaf.name())
	}
}

func TestCloseTellsEveryBrowserAndWaits(t *testing.T) {
	h := newHouse(t, Config{})
	h.serveSIP(t)
	gone := make(chan string, 10)
	h.door.OnClose(func(remote string) { gone <- remote })
	a, b := h.open(t), h.open(t)
	a.wantOK("a")
	b.wantOK("b")
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := h.door.Close(ctx); err != nil {
		t.Fatal(err)
	}
	if len(gone) != 2 {
		t.Errorf("%d told when Close returned, want 2", len(gone))
	}
	a.wantClosed(closeGoingAway)
	b.wantClosed(closeGoingAway)
	if _, resp := h.knock(t, h.request()); resp.StatusCode != 503 {
		t.Errorf("a closed door answers %d", resp.StatusCode)
	}
	if _, err := h.door.Listener().Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("accept: %v", err)
	}
}

func TestWhoIsToldOfAClosedSocketMayCallTheStack(t *testing.T) {
	h := newHouse(t, Config{})
	h.serveSIP(t)
	gone := make(chan bool, 1)
	h.door.OnClose(func(remote string) {
		_, err := h.stack.TransportLayer().GetConnection("ws", remote)
		gone <- err == nil
	})
	b := h.open(t)
	b.wantOK("hello")
	b.send(0x80|opText, "this is no SIP at all") // the stack closes on it, holding the lock of its pool
	receive(t, gone)
}

func TestTheStackCannotWriteNonsense(t *testing.T) {
	h := newHouse(t, Config{})
	h.open(t)
	conn := h.accept(t)
	var err error
	for range 20 {
		if _, err = conn.Write(append([]byte{0x81, 127, 0, 0, 0, 0, 0x40, 0, 0, 0}, make([]byte, 30_000)...)); err != nil {
			break
		}
	}
	if !errors.Is(err, errRunaway) {
		t.Errorf("got %v", err)
	}
}

// oneWay is a connection that reads from a fixed input and counts what is written.
type oneWay struct {
	net.Conn
	io.Reader
	written bytes.Buffer
}

func (c *oneWay) Read(b []byte) (int, error)       { return c.Reader.Read(b) }
func (c *oneWay) Write(b []byte) (int, error)      { return c.written.Write(b) }
func (c *oneWay) Close() error                     { return nil }
func (c *oneWay) SetReadDeadline(time.Time) error  { return nil }
func (c *oneWay) SetWriteDeadline(time.Time) error { return nil }

func FuzzFrames(f *testing.F) {
	f.Add(frame(0x81, "OPTIONS"))
	f.Add(append(frame(opText, "OPT"), append(frame(0x89, "ping"), frame(0x80, "IONS")...)...))
	f.Add(frame(0x88, "\x03\xe8"))
	f.Add([]byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0})
	f.Add([]byte{0x81, 0xFE, 0x00})
	f.Fuzz(func(t *testing.T, input []byte) {
		d := New(Config{MaxMessage: 1000})
		conn := &oneWay{Reader: bytes.NewReader(input)}
		s := &socket{door: d, remote: "192.0.2.1:5000"}
		if err := s.open(conn, bufio.NewReader(conn)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(s, make([]byte, len(upgrade))); err != nil {
			t.Fatal(err)
		}
		for {
			// What the stack reads must be whole masked text frames of bounded size, and nothing else.
			h, err := readHeader(s)
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil || !h.fin || h.op != opText || h.length == 0 || h.length > 1000 {
				t.Fatalf("the stack reads %+v, %v", h, err)
			}
			if _, err := io.ReadFull(s, make([]byte, h.length)); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func FuzzOutgoing(f *testing.F) {
	f.Add([]byte("SIP/2.0 200 OK\r\n\r\n"), []byte{1, 2, 3, 200})
	f.Add(bytes.Repeat([]byte("x"), 70_000), []byte{0, 255})
	f.Fuzz(func(t *testing.T, payload, cuts []byte) {
		if len(payload) > 100_000 {
			return
		}
		conn := &oneWay{}
		s := &socket{door: New(Config{}), conn: conn, remote: "192.0.2.1:5000"}
		want := appendFrame(appendFrame(nil, opText, payload), opPong, []byte("p"))
		rest := append([]byte("HTTP/1.1 101 x\r\na: b\r\n\r\n"), want...)
		for _, cut := range cuts {
			n := min(int(cut), len(rest))
			if _, err := s.Write(rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if _, err := s.Write(rest); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(conn.written.Bytes(), want) {
			t.Fatalf("sent %d bytes, want %d", conn.written.Len(), len(want))
		}
	})
}

// BenchmarkMessage is one message through the door, both ways.
func BenchmarkMessage(b *testing.B) {
	in := frame(0x81, strings.Repeat("x", 1500))
	out := appendFrame(nil, opText, make([]byte, 1500))
	conn := &oneWay{Reader: &repeat{b: in}}
	s := &socket{door: New(Config{}), remote: "192.0.2.1:5000"}
	_ = s.open(conn, bufio.NewReader(conn))
	_, _ = io.ReadFull(s, make([]byte, len(upgrade)))
	_, _ = s.Write([]byte("HTTP/1.1 101 x\r\n\r\n"))
	buf := make([]byte, 4096)
	b.ReportAllocs()
	for b.Loop() {
		if n, err := io.ReadFull(s, buf[:8+1500]); err != nil {
			b.Fatal(n, err)
		}
		_, _ = s.Write(out[:4])
		_, _ = s.Write(out[4:])
		conn.written.Reset()
	}
}

// repeat reads the same bytes again and again.
type repeat struct {
	b  []byte
	at int
}

func (r *repeat) Read(b []byte) (int, error) {
	n := copy(b, r.b[r.at:])
	r.at = (r.at + n) % len(r.b)
	return n, nil
}
