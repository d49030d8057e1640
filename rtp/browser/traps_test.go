package browser

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/rtp"
)

func TestP5_ClosedSessionsLeaveNothingInTheSharedPort(t *testing.T) {
	n := house(t, Timers{})
	keep, far := session(t, n), tab(t)
	theyCall(t, keep, far, "")
	await(t, "connection", keep.Connected(), 5*time.Second)
	far.Say(lab.Tone(440, -12))
	keep.Out().Hear(keep)
	far.Ear().MustHear(t, 440, 10*time.Second, 300*time.Millisecond)
	rest(t)
	before := runtime.NumGoroutine()
	for range 20 {
		s, err := n.Session(Policy{Name: "passing"})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := s.Offer(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	settle(t, before)
	n.mu.Lock()
	left := len(n.sessions)
	n.mu.Unlock()
	if left != 1 {
		t.Fatalf("%d sessions are known", left)
	}
	far.Ear().MustHear(t, 440, 10*time.Second, 300*time.Millisecond)
}

func TestP5_AFullSocketLosesAPacketAndBlocksNobody(t *testing.T) {
	n := houseOf(t, Config{writeBuffer: 1}) // the kernel makes that a few kilobytes
	s, far := session(t, n), tab(t)
	theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	packet := append([]byte{0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, make([]byte, 1200)...)
	began := time.Now()
	for i := range 20000 {
		packet[2], packet[3] = byte(i>>8), byte(i)
		_ = s.write(packet)
	}
	if took := time.Since(began); took > 5*time.Second {
		t.Fatalf("20000 writes took %s", took)
	}
}

func TestP6_CandidatesAreOursOrTheAdvertisedOnesAndNeverNames(t *testing.T) {
	metronome := rtp.NewMetronome(1)
	defer metronome.Close()
	for name, advertise := range map[string][]netip.Addr{
		"own": nil, "public": {netip.MustParseAddr("203.0.113.7")},
		"two": {netip.MustParseAddr("203.0.113.7"), netip.MustParseAddr("2001:db8::7")},
	} {
		t.Run(name, func(t *testing.T) {
			n, err := Listen(Config{Listen: "127.0.0.1:0", Advertise: advertise, Metronome: metronome})
			if err != nil {
				t.Fatal(err)
			}
			defer n.Close()
			s := session(t, n)
			offer, err := s.Offer()
			if err != nil {
				t.Fatal(err)
			}
			want := advertise
			if want == nil {
				want = []netip.Addr{netip.MustParseAddr("127.0.0.1")}
			}
			if got := strings.Count(string(offer), "a=candidate:"); got != len(want) {
				t.Fatalf("%d candidates:\n%s", got, offer)
			}
			for _, a := range want {
				if !strings.Contains(string(offer), fmt.Sprintf(" %s %d typ host", a, n.Addr().Port())) {
					t.Fatalf("no candidate for %s:\n%s", a, offer)
				}
			}
			if strings.Contains(string(offer), ".local") {
				t.Fatalf("a name in place of an address:\n%s", offer)
			}
		})
	}
}

func TestP6_SpeaksIPv6WhenToldTo(t *testing.T) {
	metronome := rtp.NewMetronome(1)
	defer metronome.Close()
	n, err := Listen(Config{Listen: "[::1]:0", Metronome: metronome})
	if err != nil {
		t.Skip("no IPv6 here:", err)
	}
	defer n.Close()
	s := session(t, n)
	offer, err := s.Offer()
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(string(offer), "c=IN IP6 ::1") || !strings.Contains(string(offer), " ::1 ") {
		t.Fatalf("not IPv6:\n%s", offer)
	}
}

func TestP7_TheOffersNumbersAreAnsweredByNameAndClock(t *testing.T) {
	n := house(t, Timers{})
	for name, c := range map[string]struct {
		formats      []lab.Format
		codecs       []rtp.Codec
		codec        rtp.Codec
		audio, event uint8
	}{
		"odd numbers": {[]lab.Format{{Codec: "opus", Payload: 100, Event: 102, Fmtp: "useinbandfec=1"}}, nil, rtp.Opus, 100, 102},
		"our order counts": {[]lab.Format{lab.Opus(), {Codec: "PCMU", Payload: 0, Event: 126}},
			[]rtp.Codec{rtp.PCMU, rtp.Opus}, rtp.PCMU, 0, 126},
		"opus preferred": {[]lab.Format{{Codec: "PCMU", Payload: 0, Event: 126}, lab.Opus()},
			[]rtp.Codec{rtp.Opus, rtp.PCMU}, rtp.Opus, 111, 110},
	} {
		t.Run(name, func(t *testing.T) {
			s, far := session(t, n, c.codecs...), tab(t, c.formats...)
			answer := theyCall(t, s, far, "")
			f := s.Out().Format()
			if f.Codec != c.codec || f.Payload != c.audio || f.Event != c.event {
				t.Fatalf("agreed on %+v:\n%s", f, answer)
			}
			if want := fmt.Sprintf("UDP/TLS/RTP/SAVPF %d %d\r\n", c.audio, c.event); !strings.Contains(answer, want) {
				t.Fatalf("not %q in\n%s", want, answer)
			}
			again := theyCall(t, s, far, "")
			if f := s.Out().Format(); f.Codec != c.codec || f.Payload != c.audio {
				t.Fatalf("changed to %+v:\n%s", f, again)
			}
		})
	}
}

func TestP8_ARepeatedOfferKeepsConnectionRoleAndFingerprint(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	first := theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	far.Say(lab.Tone(440, -12))
	s.Out().Hear(s)
	far.Ear().MustHear(t, 440, 10*time.Second, 200*time.Millisecond)
	ssrc := s.Out().SSRC()
	for _, c := range []struct {
		offered string
		answer  rtp.Direction
	}{
		{"sendonly", rtp.RecvOnly}, {"inactive", rtp.Inactive}, {"recvonly", rtp.SendOnly}, {"sendrecv", rtp.SendRecv},
	} {
		answer := theyCallAs(t, s, far, c.offered)
		if s.Direction() != c.answer || !strings.Contains(answer, "a="+c.answer.String()+"\r\n") {
			t.Fatalf("%s was answered with %s:\n%s", c.offered, s.Direction(), answer)
		}
		for _, kept := range []string{"a=fingerprint:", "a=setup:", "a=ice-ufrag:", "a=mid:", "a=ssrc:"} {
			if lineOf(first, kept) != lineOf(answer, kept) {
				t.Fatalf("%s changed from %q to %q", kept, lineOf(first, kept), lineOf(answer, kept))
			}
		}
	}
	far.Ear().MustHear(t, 440, 10*time.Second, 200*time.Millisecond)
	weCall(t, s, far) // and the other way round
	far.Ear().MustHear(t, 440, 10*time.Second, 200*time.Millisecond)
	if s.Out().SSRC() != ssrc || far.Ear().Report().SSRCs != 1 {
		t.Fatalf("the stream changed: %s", far.Ear().Report())
	}
	if got := far.Peer().GetTransceivers(); len(got) != 1 {
		t.Fatalf("the browser has %d transceivers", len(got))
	}
}

// theyCallAs writes the direction into the browser's offer, as JsSIP does, and leaves the browser as it is.
func theyCallAs(t *testing.T, s *Session, far *lab.Tab, direction string) string {
	t.Helper()
	offer, err := far.Offer("")
	if err != nil {
		t.Fatal(err)
	}
	answer, err := s.Answer(bytes.Replace(offer, []byte("a=sendrecv"), []byte("a="+direction), 1))
	if err != nil {
		t.Fatal(err)
	}
	lively := strings.NewReplacer("a=recvonly", "a=sendrecv", "a=inactive", "a=sendrecv", "a=sendonly", "a=sendrecv")
	if err := far.Accept([]byte(lively.Replace(string(answer)))); err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func lineOf(sdp, prefix string) string {
	for line := range strings.Lines(sdp) {
		if strings.HasPrefix(line, prefix) {
			return strings.TrimSpace(line)
		}
	}
	return ""
}

func TestP9_NegotiationsFromManyGoroutinesTakeTurns(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	offer, err := far.Offer("")
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 20 {
				if _, err := s.Answer(offer); err != nil {
					t.Error(err)
				}
				if _, err := s.Offer(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

func TestP10_NoPathWithinTheDeadlineIsSaidInWords(t *testing.T) {
	n := house(t, Timers{Connect: 300 * time.Millisecond})
	s, far := session(t, n), tab(t)
	far.Dark(true)
	theyCall(t, s, far, "")
	await(t, "the end", s.Done(), 3*time.Second)
	if !errors.Is(s.Err(), ErrUnreachable) {
		t.Fatal(s.Err())
	}
	select {
	case <-s.Connected():
		t.Fatal("connected without a path")
	default:
	}
}

func TestP10_AnUnansweredOfferHasNoDeadline(t *testing.T) {
	n := house(t, Timers{Connect: 50 * time.Millisecond})
	s := session(t, n)
	if _, err := s.Offer(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-s.Done():
		t.Fatal("a phone may ring longer than that:", s.Err())
	case <-time.After(200 * time.Millisecond):
	}
}

func TestM1_TelephoneEventHasTheClockOfItsCodec(t *testing.T) {
	n := house(t, Timers{})
	s := session(t, n, rtp.Opus, rtp.PCMU)
	offer, err := s.Offer()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"telephone-event/48000", "telephone-event/8000", "opus/48000/2", "PCMU/8000"} {
		if !strings.Contains(string(offer), want) {
			t.Fatalf("no %s in the offer:\n%s", want, offer)
		}
	}
	chrome := []lab.Format{lab.Opus(), {Codec: "PCMU", Payload: 0, Event: 126}}
	for codec, clock := range map[rtp.Codec]string{rtp.Opus: "telephone-event/48000", rtp.PCMU: "telephone-event/8000"} {
		s := session(t, n, codec)
		answer := theyCall(t, s, tab(t, chrome...), "")
		if strings.Count(answer, "telephone-event/") != 1 || !strings.Contains(answer, clock) {
			t.Fatalf("not only %s beside %s:\n%s", clock, codec.Name, answer)
		}
	}
}

// What a session in talk may cost. A peer connection of the library costs 20 goroutines and 140 kB.
const mostHeap = 16 << 10

func TestM9_ASessionInTalkHasNoGoroutineAndLittleHeap(t *testing.T) {
	n := house(t, Timers{})
	const some = 10
	var sessions []*Session
	for range some {
		s, far := session(t, n), tab(t)
		theyCall(t, s, far, "")
		await(t, "connection", s.Connected(), 5*time.Second)
		far.Say(lab.Tone(440, -12))
		sessions = append(sessions, s)
		t.Cleanup(func() { far.Dark(true) })
	}
	for _, s := range sessions {
		eventually(t, "the sleep", s.cipher.asleep.Load)
	}
	rest(t)
	goroutines, heap := runtime.NumGoroutine(), heapNow()
	for _, s := range sessions {
		s.cipher.mu.Lock()
		s.cipher.state = nil // so that the browsers do not notice: only what is ours shall be given back
		s.cipher.mu.Unlock()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	clear(sessions)
	rest(t)
	bytes := (int64(heap) - int64(heapNow())) / some
	t.Logf("a session costs %d bytes of heap", bytes)
	if now := runtime.NumGoroutine(); now < goroutines {
		t.Fatalf("%d goroutines belonged to %d sessions", goroutines-now, some)
	}
	if bytes > mostHeap {
		t.Fatalf("%d bytes of heap a session, more than %d", bytes, mostHeap)
	}
}

// rest waits until the number of goroutines has not changed for a while.
func rest(t *testing.T) {
	t.Helper()
	last, same := runtime.NumGoroutine(), 0
	for end := time.Now().Add(5 * time.Second); same < 10; time.Sleep(20 * time.Millisecond) {
		if now := runtime.NumGoroutine(); now != last {
			last, same = now, 0
		} else {
			same++
		}
		if time.Now().After(end) {
			t.Fatal("the goroutines never came to rest")
		}
	}
}

// heapNow is the live heap: the least of some looks, since the far sides go on talking and leave their garbage meanwhile.
func heapNow() uint64 {
	least := uint64(math.MaxUint64)
	for range 5 {
		runtime.GC()
		runtime.GC() // what pools held goes with the second
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		least = min(least, m.HeapAlloc)
	}
	return least
}

func TestS10_OurDescriptionIsCompleteAtOnce(t *testing.T) {
	n := house(t, Timers{})
	s := session(t, n)
	began := time.Now()
	offer, err := s.Offer()
	if err != nil {
		t.Fatal(err)
	}
	answered := session(t, n)
	far := tab(t)
	theirs, err := far.Offer("")
	if err != nil {
		t.Fatal(err)
	}
	half := time.Now()
	answer, err := answered.Answer(theirs)
	if err != nil {
		t.Fatal(err)
	}
	if took := time.Since(half) + half.Sub(began); took > time.Second {
		t.Fatalf("it took %s", took)
	}
	for _, sdp := range [][]byte{offer, answer} {
		for _, want := range []string{"a=candidate:1 1 udp 2130706431 127.0.0.1", "a=end-of-candidates", "a=fingerprint:sha-256 ", "a=rtcp-mux", "a=group:BUNDLE 0", "a=mid:0"} {
			if !bytes.Contains(sdp, []byte(want)) {
				t.Fatalf("no %s in\n%s", want, sdp)
			}
		}
		if bytes.Contains(sdp, []byte("trickle")) {
			t.Fatalf("a promise of more:\n%s", sdp)
		}
	}
	if !bytes.Contains(offer, []byte("a=setup:actpass")) || !bytes.Contains(answer, []byte("a=setup:passive")) {
		t.Fatalf("DTLS roles:\n%s\n%s", offer, answer)
	}
}
