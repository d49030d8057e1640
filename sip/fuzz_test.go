package sip

import (
	"context"
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// nowhere is a connection that takes every message.
type nowhere struct{ t *testing.T }

func (n nowhere) LocalAddr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 5060} }
func (n nowhere) WriteMsg(m sip.Message) error {
	m.StringWrite(io.Discard.(io.StringWriter))
	if res, ok := m.(*sip.Response); ok && (res.SipVersion != "SIP/2.0" || res.StatusCode < 100 || res.StatusCode > 699) {
		n.t.Errorf("answered %s", res.StartLine())
	}
	return nil
}
func (n nowhere) Ref(int) int            { return 1 }
func (n nowhere) TryClose() (int, error) { return 1, nil }
func (n nowhere) Close() error           { return nil }

// FuzzMessage is the way of every message: filter, parser, ear, dispatch, in one goroutine.
func FuzzMessage(f *testing.F) {
	for _, m := range torture(f) {
		f.Add(m)
	}
	e := open(f, callsFunc(func(_ context.Context, d *Dialog) {
		_, _, _, _, _ = d.From(), d.To(), d.Called(), d.Header("P-Asserted-Identity"), d.Origin()
		_ = d.Progress(180, nil)
		d.Hangup(486, "")
	}), func(c *Config) { c.Log = nil })
	l := newPhone(f, e).newLeg("1234")
	for _, seed := range []string{
		l.text("INVITE", newBranch(), 1, someSDP, "Record-Route: <sip:a;lr>, <sip:b>"),
		l.text("INVITE", newBranch(), 1, "--b\r\nContent-Type: application/sdp\r\n\r\nv=0\r\n--b--", "Content-Type: multipart/mixed;boundary=b"),
		l.text("REGISTER", newBranch(), 1, "", `Contact: "a,b" <sip:x@y;z>;+sip.instance="<urn:x>";expires=60, *`),
		l.text("REGISTER", newBranch(), 1, "", `Authorization: Digest username="anna", realm="cordboard", nonce="x", uri="sip:x", response="y"`),
		l.text("CANCEL", newBranch(), 1, ""), l.text("ACK", newBranch(), 1, ""), l.text("OPTIONS", newBranch(), 1, ""),
		strings.Replace(l.text("BYE", newBranch(), 1, ""), "\r\nCall-ID", ";tag=x\r\nCall-ID", 1),
		"\r\n\r\n", "SIP/2.0 200 OK\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	from := sip.TransportReadProps{
		Transport: "WS", LocalAddr: nowhere{}.LocalAddr(), RemoteAddr: &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000},
	}
	parser, log := newParser(), slog.New(slog.DiscardHandler)
	f.Fuzz(func(t *testing.T, data []byte) {
		pass, err := e.filter(from, data)
		if err != nil {
			t.Fatal("an error of the filter closes the listener")
		}
		if len(pass) == 0 || keepAlive(pass) {
			return
		}
		m, err := parser.ParseSIP(pass)
		if err != nil {
			return
		}
		m.SetTransport("WS")
		m.SetSource(from.RemoteAddr.String())
		e.arrived(m)
		if req, ok := m.(*sip.Request); ok {
			if key, err := sip.ServerTxKeyMake(req); err == nil {
				tx := sip.NewServerTx(key, req, nowhere{t}, log)
				_ = tx.Init()
				e.serve(req, tx)
			}
		} else {
			e.strayResponse(m.(*sip.Response))
		}
		later := time.Now().Add(time.Hour)
		e.invites.sweep(later)
		e.dialogs.sweep(later)
		if n := counted(t, e.metrics.panics); n != 0 {
			t.Fatalf("%v panics", n)
		}
	})
}

// FuzzRawResponse answers what cannot be parsed.
func FuzzRawResponse(f *testing.F) {
	for _, m := range torture(f) {
		f.Add(m)
	}
	source := addrPortOf(&net.UDPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 40000})
	f.Fuzz(func(t *testing.T, data []byte) {
		reply, port := rawResponse(data, source, &fault{400, "why"})
		if reply == nil {
			return
		}
		if port == 0 || !strings.HasPrefix(string(reply), "SIP/2.0 400 Bad Request\r\n") || !strings.HasSuffix(string(reply), "\r\n\r\n") {
			t.Fatalf("port %d, %q", port, reply)
		}
		if strings.Count(string(reply), "\r\n\r\n") != 1 {
			t.Fatalf("an empty line inside the header: %q", reply)
		}
	})
}
