package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/bridge"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
)

// line is a session of which nothing is known but its packets and its addresses.
type line struct {
	rtp.Session   // of which the rest is never asked
	local, remote netip.AddrPort
	tapped        atomic.Pointer[rtp.Tap]
}

func (l *line) Tap(t rtp.Tap) {
	if t == nil {
		l.tapped.Store(nil)
		return
	}
	l.tapped.Store(&t)
}

// tap tells who has tapped the line of a packet.
func (l *line) tap(in bool, packet []byte, at time.Time) { (*l.tapped.Load())(in, packet, at) }

func (l *line) Local() netip.AddrPort  { return l.local }
func (l *line) Remote() netip.AddrPort { return l.remote }
func (l *line) Out() *rtp.Stream       { return rtp.NewStream(rtp.StreamConfig{}) }
func (l *line) Quality() rtp.Quality   { return rtp.Quality{} }

// packet is RTP with a source, an extension, and four bytes of sound.
func packet() []byte {
	return append([]byte{0x91, 8, 0, 1, 0, 0, 0, 160, 1, 2, 3, 4, 9, 9, 9, 9, 0xbe, 0xde, 0, 1, 7, 7, 7, 7}, "said"...)
}

// captured is a book with a call whose one leg is that line.
func captured(t *testing.T, b *Book, c call.ID, l *line) {
	t.Helper()
	n := note(c, call.LegID(c), "trunk", "")
	n.Session = func() rtp.Session { return l }
	b.Passed(passage(n.CallID, true, 0, "INVITE sip:x SIP/2.0\r\n\r\n"))
	b.LegBegan(n)
}

func aLine() *line {
	return &line{local: netip.MustParseAddrPort("[2001:db8::1]:20000"), remote: netip.MustParseAddrPort("[2001:db8::2]:30000")}
}

func TestWhatIsSaidIsZerosInACaptureUnlessItWasAskedFor(t *testing.T) {
	for _, sound := range []bool{false, true} {
		b := NewBook(Limits{Calls: 10})
		l := aLine()
		captured(t, b, "call", l)
		if _, err := b.Capture("call", time.Minute, sound); err != nil {
			t.Fatal(err)
		}
		raw := packet()
		l.tap(true, raw, start)
		file, s, _ := b.Captured("call")
		if s.Packets != 2 || s.Size != len(file) || strings.Contains(string(file), "said") != sound {
			t.Errorf("sound %t: %+v", sound, s)
		}
		if string(raw) != string(packet()) {
			t.Error("the packet itself was changed")
		}
		if !strings.Contains(string(file), "\x07\x07\x07\x07") {
			t.Error("the extension of the header is missing")
		}
		if b.EndCapture("call"); l.tapped.Load() != nil {
			t.Error("the line is still tapped")
		}
	}
}

func TestACaptureOfIPv6IsReadByWireshark(t *testing.T) {
	if testing.Short() {
		t.Skip("needs tshark")
	}
	b := NewBook(Limits{Calls: 10})
	l := aLine()
	captured(t, b, "call", l)
	defer b.Close()
	if _, err := b.Capture("call", time.Minute, true); err != nil {
		t.Fatal(err)
	}
	l.tap(true, packet(), start)
	l.tap(false, packet()[:27], start) // an odd length
	file, _, _ := b.Captured("call")
	path := filepath.Join(t.TempDir(), "call.pcap")
	if err := os.WriteFile(path, file, 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.CommandContext(t.Context(), "tshark", "-r", path, "-d", "udp.port==20000,rtp", "-o", "udp.check_checksum:TRUE", "-T", "fields", "-E", "separator=|",
		"-e", "ipv6.src", "-e", "udp.srcport", "-e", "udp.checksum.status", "-e", "rtp.seq", "-e", "rtp.payload", "-Y", "rtp").Output()
	if err != nil {
		t.Fatal(err)
	}
	want := "2001:db8::2|30000|1|1|73616964\n2001:db8::1|20000|1|1|736169\n"
	if string(out) != want {
		t.Errorf("tshark reads\n%s\nwant\n%s", out, want)
	}
}

func TestACaptureEndsWithItsCallAndWithItsTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := NewBook(Limits{Calls: 10})
		first, second := aLine(), aLine()
		captured(t, b, "first", first)
		captured(t, b, "second", second)
		for _, id := range []call.ID{"first", "second"} {
			if _, err := b.Capture(id, time.Minute, false); err != nil {
				t.Fatal(err)
			}
		}
		b.LegEnded("first")
		if first.tapped.Load() != nil {
			t.Error("a leg that is over is tapped")
		}
		time.Sleep(lastWords + time.Second)
		if _, s, _ := b.Captured("first"); s.Over.IsZero() {
			t.Error("it goes on without a call")
		}
		if _, s, _ := b.Captured("second"); !s.Over.IsZero() {
			t.Error("it ended before its time")
		}
		time.Sleep(time.Minute)
		if _, s, _ := b.Captured("second"); s.Over.IsZero() || second.tapped.Load() != nil {
			t.Error("it goes on after its time")
		}
	})
}

func TestCapturesAreFewAndBounded(t *testing.T) {
	b := NewBook(Limits{Calls: 100})
	defer b.Close()
	if _, err := b.Capture("nobody", time.Minute, false); !errors.Is(err, ErrNoCall) {
		t.Errorf("of a call that is not: %v", err)
	}
	var lines []*line
	for i := range maxCaptures + 1 {
		lines = append(lines, aLine())
		captured(t, b, call.ID(fmt.Sprint(i)), lines[i])
		_, err := b.Capture(call.ID(fmt.Sprint(i)), time.Minute, true)
		if full := i == maxCaptures; errors.Is(err, ErrBusy) != full {
			t.Errorf("capture %d: %v", i, err)
		}
	}
	long := make([]byte, 1400)
	for range maxFile/1400 + 10 {
		lines[0].tap(true, long, start)
	}
	if _, s, _ := b.Captured("0"); !s.Full || s.Size > maxFile {
		t.Errorf("%+v", s)
	}
	b.EndCapture("0")
	if _, err := b.Capture(call.ID(fmt.Sprint(maxCaptures)), time.Minute, false); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

func FuzzHeadSize(f *testing.F) {
	f.Add(packet())
	f.Add([]byte{0x9f})
	f.Fuzz(func(t *testing.T, p []byte) {
		if n := headSize(p); n < 0 || n > len(p) {
			t.Errorf("a head of %d of %d bytes", n, len(p))
		}
	})
}

var _ bridge.Watcher = (*Book)(nil)
