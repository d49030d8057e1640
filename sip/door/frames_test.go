package door

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"
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
				err := conn.Send(func(to io.StringWriter) {
					_, _ = to.WriteString(fmt.Sprintf("%d %d ", w, i)) // a message is written in pieces
					_, _ = to.WriteString(strings.Repeat("y", i))
				})
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
	gone := make(chan netip.AddrPort, 10)
	h.door.OnClose(func(s *Socket) { gone <- s.Remote() })
	deaf := h.open(t)
	_ = deaf.Conn.(*net.TCPConn).SetReadBuffer(4096)
	conn := h.accept(t)
	other := h.open(t)
	otherConn := h.accept(t)

	failed := make(chan error, 2)
	for range 2 {
		go func() {
			big := bytes.Repeat([]byte("z"), 60_000)
			for {
				if err := conn.SendText(big); err != nil {
					failed <- err
					return
				}
			}
		}()
	}
	if err := otherConn.SendText([]byte("hello")); err != nil {
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
	gone := make(chan netip.AddrPort, 10)
	h.door.OnClose(func(s *Socket) { gone <- s.Remote() })
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
}

func TestWhoIsToldOfAClosedSocketMayCallTheDoor(t *testing.T) {
	h := newHouse(t, Config{})
	h.serveSIP(t)
	gone := make(chan bool, 1)
	h.door.OnClose(func(s *Socket) {
		h.door.Drop(s.Remote())
		gone <- !h.door.Open(s.Remote()) && s.SendText([]byte("too late")) != nil
	})
	b := h.open(t)
	b.wantOK("hello")
	b.send(0x80|opClose, "\x03\xe8")
	if !receive(t, gone) {
		t.Error("a socket that is gone is still open")
	}
}

func TestASilentBrowserHoldsNoBuffer(t *testing.T) {
	h := newHouse(t, Config{})
	h.serveSIP(t)
	b := h.open(t)
	s := h.accept(t)
	b.wantOK("hello")
	b.send(0x80|opPing, "")
	if op, _, err := b.next(); op != opPong || err != nil {
		t.Fatalf("op %x, %v", op, err)
	}
	_ = b.Close()
	s.reading.Wait()
	if s.input.raw == nil || s.input.buffer != nil {
		t.Error("it waited with a buffer in its hand")
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

var somewhere = netip.MustParseAddrPort("192.0.2.1:5000")

func FuzzFrames(f *testing.F) {
	f.Add(frame(0x81, "OPTIONS"), 3)
	f.Add(append(frame(opText, "OPT"), append(frame(0x89, "ping"), frame(0x80, "IONS")...)...), 1)
	f.Add(frame(0x88, "\x03\xe8"), 100)
	f.Add([]byte{0x81, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0}, 0)
	f.Add([]byte{0x81, 0xFE, 0x00}, 0)
	f.Fuzz(func(t *testing.T, input []byte, ahead int) {
		d := New(Config{MaxMessage: 1000, Hear: func(_ *Socket, m []byte) {
			if len(m) == 0 || len(m) > 1000 {
				t.Errorf("heard %d bytes", len(m))
			}
		}})
		conn := &oneWay{Reader: iotest.OneByteReader(bytes.NewReader(input))}
		s := &Socket{door: d, remote: somewhere}
		read := bufio.NewReader(conn) // by the HTTP server
		_, _ = read.Peek(max(0, min(ahead, len(input), 100)))
		if err := s.open(conn, read); err != nil {
			t.Fatal(err)
		}
		s.listen()
		if s.input.buffer != nil && s.input.raw != nil {
			t.Error("a buffer was kept")
		}
	})
}

func FuzzOutgoing(f *testing.F) {
	f.Add("SIP/2.0 200 OK\r\n\r\n")
	f.Add(strings.Repeat("x", 125))
	f.Add(strings.Repeat("x", 126))
	f.Add(strings.Repeat("x", 70_000))
	f.Fuzz(func(t *testing.T, payload string) {
		conn := &oneWay{}
		s := &Socket{door: New(Config{}), conn: conn, remote: somewhere}
		if err := s.Send(func(w io.StringWriter) { _, _ = w.WriteString(payload) }); err != nil {
			t.Fatal(err)
		}
		if want := appendFrame(nil, opText, []byte(payload)); !bytes.Equal(conn.written.Bytes(), want) {
			t.Fatalf("sent %d bytes, want %d", conn.written.Len(), len(want))
		}
	})
}

// passage is one message of 1,500 bytes through the door, both ways.
func passage(tb testing.TB) func() {
	text := strings.Repeat("x", 1500)
	conn := &oneWay{Reader: &repeat{b: frame(0x81, text)}}
	s := &Socket{door: New(Config{}), remote: somewhere}
	if err := s.open(conn, bufio.NewReader(conn)); err != nil {
		tb.Fatal(err)
	}
	compose := func(w io.StringWriter) { _, _ = w.WriteString(text) }
	return func() {
		if err := s.awaitFrame(); err != nil {
			tb.Fatal(err)
		}
		if err := s.hear(); err != nil {
			tb.Fatal(err)
		}
		if err := s.Send(compose); err != nil {
			tb.Fatal(err)
		}
		conn.written.Reset()
	}
}

func BenchmarkMessage(b *testing.B) {
	pass := passage(b)
	b.ReportAllocs()
	for b.Loop() {
		pass()
	}
}

func TestAMessageThroughTheDoorAllocatesNothing(t *testing.T) {
	// Header and payload are read into buffers of the pool, and written from one. A pool may be emptied meanwhile, and under
	// the race detector it forgets a quarter of what it is given: that is one, on average. A buffer for each would be two.
	if n := testing.AllocsPerRun(1000, passage(t)); n >= 2 {
		t.Errorf("%v allocations a message both ways", n)
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
