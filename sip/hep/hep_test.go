package hep

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const patience = 10 * time.Second

func packet(from, to string) *Packet {
	return &Packet{At: time.Date(2026, 11, 25, 9, 30, 0, 123456789, time.UTC), From: netip.MustParseAddrPort(from), To: netip.MustParseAddrPort(to),
		Protocol: UDP, Kind: SIP, Node: 2001, Key: "secret", Correlation: "call-id@host",
		Payload: []byte("OPTIONS sip:x@y SIP/2.0\r\nVia: SIP/2.0/UDP a;branch=z9hG4bKx\r\nFrom: <sip:a@b>;tag=1\r\nTo: <sip:x@y>\r\nCall-ID: call-id@host\r\nCSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n")}
}

// decode is what a reader of HEPv3 makes of a packet: its chunks by type. It is the other half of Append, for the tests.
func decode(b []byte) (map[uint16][]byte, error) {
	if len(b) < header || string(b[:4]) != "HEP3" || int(binary.BigEndian.Uint16(b[4:])) != len(b) {
		return nil, errors.New("no HEPv3 packet")
	}
	chunks := map[uint16][]byte{}
	for b = b[header:]; len(b) > 0; {
		if len(b) < chunk {
			return nil, errors.New("half a chunk")
		}
		size := int(binary.BigEndian.Uint16(b[4:]))
		if binary.BigEndian.Uint16(b) != 0 || size < chunk || size > len(b) {
			return nil, errors.New("a chunk of no possible length")
		}
		chunks[binary.BigEndian.Uint16(b[2:])] = b[chunk:size]
		b = b[size:]
	}
	return chunks, nil
}

func TestAPacketHasTheChunksOfHEPv3(t *testing.T) {
	b, err := Append(nil, packet("192.0.2.1:5060", "198.51.100.7:5070"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(b)
	if err != nil {
		t.Fatal(err)
	}
	for kind, want := range map[uint16][]byte{
		chunkFamily: {2}, chunkProtocol: {17}, chunkFrom4: {192, 0, 2, 1}, chunkTo4: {198, 51, 100, 7}, chunkFromPort: {0x13, 0xc4}, chunkToPort: {0x13, 0xce},
		chunkMicros: {0, 1, 0xe2, 0x40}, chunkKind: {1}, chunkNode: {0, 0, 7, 0xd1}, chunkKey: []byte("secret"), chunkCorrelation: []byte("call-id@host"),
	} {
		if !bytes.Equal(got[kind], want) {
			t.Errorf("chunk %d is %x, want %x", kind, got[kind], want)
		}
	}
	if at := time.Unix(int64(binary.BigEndian.Uint32(got[chunkSeconds])), 0).UTC(); at.Format(time.DateTime) != "2026-11-25 09:30:00" {
		t.Errorf("sent at %v", at)
	}
}

func TestAPacketOfIPv6HasAddressesOf16Bytes(t *testing.T) {
	b, err := Append(nil, packet("[2001:db8::1]:5060", "[2001:db8::2]:5060"))
	if err != nil {
		t.Fatal(err)
	}
	got, err := decode(b)
	if err != nil || len(got[chunkFrom6]) != 16 || len(got[chunkTo6]) != 16 || got[chunkFamily][0] != 10 || got[chunkFrom4] != nil {
		t.Errorf("chunks %x: %v", got, err)
	}
}

func TestAMessageThatDoesNotFitIsRefused(t *testing.T) {
	p := packet("192.0.2.1:5060", "198.51.100.7:5070")
	p.Payload = make([]byte, 65536)
	if b, err := Append([]byte("before"), p); !errors.Is(err, ErrTooLong) || string(b) != "before" {
		t.Errorf("%q, %v", b[:min(len(b), 10)], err)
	}
}

func FuzzAPacketCanBeRead(f *testing.F) {
	f.Add([]byte("INVITE"), "key", "correlation", uint16(5060), true)
	f.Add([]byte{}, "", "", uint16(0), false)
	f.Fuzz(func(t *testing.T, payload []byte, key, correlation string, port uint16, six bool) {
		p := packet("192.0.2.1:1", "192.0.2.2:2")
		if six {
			p.From = netip.AddrPortFrom(netip.MustParseAddr("2001:db8::1"), port)
		}
		p.Payload, p.Key, p.Correlation = payload, key, correlation
		b, err := Append(nil, p)
		if err != nil {
			return
		}
		got, err := decode(b)
		if err != nil || !bytes.Equal(got[chunkPayload], payload) || string(got[chunkKey]) != key || string(got[chunkCorrelation]) != correlation {
			t.Errorf("%x: %v", b, err)
		}
	})
}

// A real decoder reads what we write: sngrep, which listens as a Homer server does and writes the messages to a file (with
// IPv4 addresses only).
func TestSngrepReadsWhatWeSend(t *testing.T) {
	if testing.Short() {
		t.Skip("needs sngrep and tshark")
	}
	server := freePort(t)
	file := filepath.Join(t.TempDir(), "heard.pcap")
	cmd := exec.CommandContext(t.Context(), "sngrep", "-N", "-L", "udp:"+server, "-O", file)
	cmd.Env = append(os.Environ(), "TERM=dumb")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s := Start(Config{Server: server})
	defer s.Close()
	heard := make(chan error, 1)
	go func() { heard <- until(out, "Dialog count: 2") }()
	for sent := false; !sent; { // sngrep does not say when it listens
		for i, p := range []*Packet{packet("192.0.2.1:5060", "198.51.100.7:5070"), packet("[2001:db8::1]:5060", "[2001:db8::2]:5061")} {
			p.Payload = bytes.ReplaceAll(p.Payload, []byte("call-id"), fmt.Appendf(nil, "call-%d", i))
			s.Send(p)
		}
		select {
		case err := <-heard:
			if err != nil {
				t.Fatal(err)
			}
			sent = true
		case <-time.After(100 * time.Millisecond):
		}
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	read, err := exec.CommandContext(t.Context(), "tshark", "-r", file, "-T", "fields", "-E", "separator=|", "-e", "ip.src", "-e", "udp.srcport", "-e", "udp.dstport", "-e", "sip.Method", "-e", "sip.Call-ID").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"192.0.2.1|5060|5070|OPTIONS|call-0@host", "|5060|5061|OPTIONS|call-1@host"} {
		if !strings.Contains(string(read), line) {
			t.Errorf("sngrep has not heard %s but\n%s", line, read)
		}
	}
}

// until reads until a text comes.
func until(r io.Reader, text string) error {
	var all []byte
	b := make([]byte, 4096)
	for !bytes.Contains(all, []byte(text)) {
		n, err := r.Read(b)
		if err != nil {
			return fmt.Errorf("%w after %q", err, all)
		}
		all = append(all, b[:n]...)
	}
	return nil
}

func freePort(t *testing.T) string {
	t.Helper()
	c, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	return c.LocalAddr().String()
}

func TestPacketsGoToTheServerByUDP(t *testing.T) {
	server, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := Start(Config{Server: server.LocalAddr().String()})
	defer s.Close()
	s.Send(packet("192.0.2.1:5060", "198.51.100.7:5070"))
	b := make([]byte, 65536)
	_ = server.SetReadDeadline(time.Now().Add(patience))
	n, _, err := server.ReadFrom(b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := decode(b[:n]); err != nil {
		t.Error(err)
	}
}

func TestATCPServerThatComesBackGetsPacketsAgain(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	s := Start(Config{Server: server.Addr().String(), Transport: "tcp", Retry: 10 * time.Millisecond})
	defer s.Close()
	stop, done := make(chan struct{}), make(chan struct{})
	go func() { // again and again: what is written into a connection that is closing is lost
		defer close(done)
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				s.Send(packet("192.0.2.1:5060", "198.51.100.7:5070"))
			case <-stop:
				return
			}
		}
	}()
	for round := range 2 {
		c, err := server.Accept()
		if err != nil {
			t.Fatal(err)
		}
		b := make([]byte, header)
		_ = c.SetReadDeadline(time.Now().Add(patience))
		if _, err := io.ReadFull(c, b); err != nil || string(b[:4]) != "HEP3" {
			t.Errorf("round %d: %q, %v", round, b, err)
		}
		_ = c.(*net.TCPConn).SetLinger(0)
		c.Close()
	}
	close(stop)
	<-done
}

func TestNobodyWaitsForAServerThatDoesNotTake(t *testing.T) {
	server, err := net.Listen("tcp", "127.0.0.1:0") // never accepts: the kernel takes some, and then no more
	if err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	registry := prometheus.NewRegistry()
	s := Start(Config{Server: server.Addr().String(), Transport: "tcp", Waiting: 8, Metrics: registry})
	p := packet("192.0.2.1:5060", "198.51.100.7:5070")
	p.Payload = make([]byte, 60_000)
	began := time.Now()
	for range 500 {
		s.Send(p)
	}
	if took := time.Since(began); took > patience/2 {
		t.Errorf("500 packets held their sender for %v", took)
	}
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range families {
		if f.GetName() == "cordboard_hep_dropped_total" && f.GetMetric()[0].GetCounter().GetValue() == 0 {
			t.Error("none was dropped")
		}
	}
	s.Close()
}
