package udp

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

// far is a party on a plain socket, written without the package under test.
type far struct {
	t        *testing.T
	conn     *net.UDPConn
	to       netip.AddrPort
	ssrc     uint32
	sequence uint16
	time     uint32
}

func newFar(t *testing.T, s *Session) *far {
	t.Helper()
	conn, err := listen(netip.AddrPortFrom(loopback, 0))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &far{t: t, conn: conn, to: s.Local(), ssrc: 4242}
}

func (f *far) address() netip.AddrPort { return f.conn.LocalAddr().(*net.UDPAddr).AddrPort() }

// say sends one packet of 20 ms.
func (f *far) say(pt uint8, fill byte) {
	raw := make([]byte, 172)
	raw[0], raw[1] = 0x80, pt
	binary.BigEndian.PutUint16(raw[2:], f.sequence)
	binary.BigEndian.PutUint32(raw[4:], f.time)
	binary.BigEndian.PutUint32(raw[8:], f.ssrc)
	for i := range raw[12:] {
		raw[12+i] = fill
	}
	f.sequence++
	f.time += 160
	if _, err := f.conn.WriteToUDPAddrPort(raw, f.to); err != nil {
		f.t.Fatal(err)
	}
}

// heard reads the next packet; nil: none came in time.
func (f *far) heard(within time.Duration) []byte {
	buffer := make([]byte, 2048)
	if err := f.conn.SetReadDeadline(time.Now().Add(within)); err != nil {
		f.t.Fatal(err)
	}
	n, _, err := f.conn.ReadFromUDPAddrPort(buffer)
	if err != nil {
		return nil
	}
	return buffer[:n]
}

// offer is an SDP of PCMA with the address of f, or the one given.
func (f *far) offer(address netip.AddrPort, lines ...string) []byte {
	if !address.IsValid() {
		address = f.address()
	}
	head := "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 " + address.Addr().String() + "\r\nt=0 0\r\nm=audio " +
		addressPort(address) + " RTP/AVP 8 101\r\na=rtpmap:101 telephone-event/8000\r\n"
	if len(lines) > 0 {
		head += strings.Join(lines, "\r\n") + "\r\n"
	}
	return []byte(head)
}

func addressPort(a netip.AddrPort) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// fills collects the first payload byte of what a session hears.
func (e ear) fills(t *testing.T, n int) (got []byte) {
	t.Helper()
	for range n {
		got = append(got, e.next(t).Payload[0])
	}
	return got
}

func TestR2AThirdAddressIsNeitherHeardNorSentTo(t *testing.T) {
	s := newBench(t).open(Config{Name: "leg"})
	caller, intruder := newFar(t, s), newFar(t, s)
	if _, err := s.Answer(caller.offer(netip.AddrPort{})); err != nil {
		t.Fatal(err)
	}
	heard := make(ear, 100)
	defer s.Listen(heard, nil)()
	caller.say(8, 1)
	if got := heard.fills(t, 1); got[0] != 1 {
		t.Fatalf("heard %v", got)
	}
	intruder.ssrc = caller.ssrc // even knowing the SSRC
	intruder.sequence = 5000
	for range 10 {
		intruder.say(8, 66)
		caller.say(8, 2)
	}
	for _, fill := range heard.fills(t, 10) {
		if fill != 2 {
			t.Fatalf("the intruder was heard")
		}
	}
	if s.Remote() != caller.address() || s.Quality().Strangers != 10 {
		t.Errorf("we send to %v, the caller is at %v; %d strangers", s.Remote(), caller.address(), s.Quality().Strangers)
	}
	if caller.heard(time.Second) == nil {
		t.Error("the caller hears nothing")
	}
	if intruder.heard(50*time.Millisecond) != nil {
		t.Error("the intruder hears the call")
	}
}

func TestB10R2APhoneBehindANATIsHeardAndSentTo(t *testing.T) {
	s := newBench(t).open(Config{Name: "leg"})
	phone := newFar(t, s)
	unreachable := netip.MustParseAddrPort("127.0.0.1:9") // what the phone believes to be its address
	if _, err := s.Answer(phone.offer(unreachable)); err != nil {
		t.Fatal(err)
	}
	phone.say(8, 1)
	if phone.heard(2*time.Second) == nil {
		t.Error("the phone hears nothing")
	}
}

func TestR2APacketOfAnotherPayloadTypeDoesNotLatch(t *testing.T) {
	s := newBench(t).open(Config{Name: "leg"})
	phone, other := newFar(t, s), newFar(t, s)
	if _, err := s.Answer(phone.offer(netip.AddrPort{})); err != nil {
		t.Fatal(err)
	}
	heard := make(ear, 10)
	defer s.Listen(heard, nil)()
	other.say(0, 66)
	phone.say(8, 1)
	heard.fills(t, 1)
	if s.Remote() != phone.address() {
		t.Errorf("we send to %v", s.Remote())
	}
}

func TestR3SilenceOfTheFarSideEndsTheSessionOnlyWhileItShouldSpeak(t *testing.T) {
	b := newBench(t)
	config := Config{Name: "leg", Silence: 150 * time.Millisecond, Report: 20 * time.Millisecond}
	for _, c := range []struct {
		direction string
		ends      bool
	}{{"a=sendrecv", true}, {"a=sendonly", false}, {"a=inactive", false}, {"a=recvonly", false}} {
		s := b.open(config)
		caller := newFar(t, s)
		if _, err := s.Answer(caller.offer(netip.AddrPort{}, c.direction)); err != nil {
			t.Fatal(err)
		}
		select {
		case <-s.Done():
			if !c.ends || !errors.Is(s.Err(), ErrSilent) {
				t.Errorf("%s: done with %v", c.direction, s.Err())
			}
		case <-time.After(500 * time.Millisecond):
			if c.ends || s.Err() != nil {
				t.Errorf("%s: not done", c.direction)
			}
		}
	}
}

func TestR3RTCPAloneIsASignOfLife(t *testing.T) {
	b := newBench(t)
	// Both report; neither sends sound, since nothing fills and nobody is heard.
	quiet := Config{Silence: 300 * time.Millisecond, Report: 20 * time.Millisecond, Fill: -1}
	one, two := b.open(quiet), b.open(quiet)
	join(t, one, two)
	select {
	case <-one.Done():
		t.Error(one.Err())
	case <-two.Done():
		t.Error(two.Err())
	case <-time.After(time.Second):
	}
	if q := one.Quality(); q.Received != 0 || one.LastControl().IsZero() {
		t.Errorf("%+v", q)
	}
}

func TestR4ReNegotiationsStayOnOnePort(t *testing.T) {
	s := newBench(t).open(Config{Name: "leg"})
	caller := newFar(t, s)
	heard := make(ear, 100)
	defer s.Listen(heard, nil)()
	var first string
	for i, direction := range []string{"a=sendrecv", "a=sendonly", "a=sendrecv", "a=inactive", "a=sendrecv"} {
		answer, err := s.Answer(caller.offer(netip.AddrPort{}, direction))
		if err != nil {
			t.Fatal(err)
		}
		_, line, _ := strings.Cut(string(answer), "m=audio ")
		port, _, _ := strings.Cut(line, " ")
		if i == 0 {
			first = port
		}
		if port != first {
			t.Errorf("port %s after %s", port, first)
		}
		caller.say(8, byte(i))
		if direction == "a=inactive" { // it is received, and nobody hears it
			for s.Quality().Received != uint64(i+1) {
				time.Sleep(time.Millisecond)
			}
			continue
		}
		if got := heard.fills(t, 1); got[0] != byte(i) {
			t.Errorf("%s: heard %v", direction, got)
		}
	}
}

func TestRTCPTellsTheRoundTripAndMayShareThePort(t *testing.T) {
	b := newBench(t)
	for _, mux := range []bool{false, true} {
		one, two := b.open(Config{Name: "one", Report: 30 * time.Millisecond}), b.open(Config{Name: "two", Report: 30 * time.Millisecond})
		offer, err := one.Offer()
		if err != nil {
			t.Fatal(err)
		}
		if mux {
			offer = append(offer, "a=rtcp-mux\r\n"...)
		}
		answer, err := two.Answer(offer)
		if err != nil {
			t.Fatal(err)
		}
		if err := one.Accept(answer); err != nil {
			t.Fatal(err)
		}
		deadline := time.Now().Add(5 * time.Second)
		for two.Quality().RoundTrip == 0 {
			if time.Now().After(deadline) {
				t.Fatalf("mux %v: no round trip known: %+v", mux, two.Quality())
			}
			time.Sleep(5 * time.Millisecond)
		}
		if trip := two.Quality().RoundTrip; trip > time.Second {
			t.Errorf("mux %v: round trip %v", mux, trip)
		}
	}
}

func TestCloseIsFinalAndGivesThePortBack(t *testing.T) {
	b := newBench(t)
	s := b.open(Config{Name: "leg"})
	caller := newFar(t, s)
	if _, err := s.Answer(caller.offer(netip.AddrPort{})); err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := b.ports.InUse(); n != 0 {
		t.Errorf("%d ports in use", n)
	}
	for caller.heard(30*time.Millisecond) != nil { // what was on its way
	}
	if caller.heard(100*time.Millisecond) != nil {
		t.Error("something was sent after Close")
	}
	s.Out().Hear(nil)
	s.Out().Digits("1")
}

func TestAPanicInASinkCostsOnePacket(t *testing.T) {
	s := newBench(t).open(Config{Name: "leg"})
	caller := newFar(t, s)
	if _, err := s.Answer(caller.offer(netip.AddrPort{})); err != nil {
		t.Fatal(err)
	}
	heard := make(ear, 10)
	defer s.Listen(heard, nil)()
	defer s.Listen(touchy{}, nil)()
	for i := range byte(3) {
		caller.say(8, i)
	}
	if got := heard.fills(t, 3); got[2] != 2 {
		t.Errorf("heard %v", got)
	}
}

// touchy panics at every packet.
type touchy struct{}

func (touchy) Packet(*rtp.Packet) { panic("a sink with a fault") }

// B20: a re-INVITE, and a far side that begins anew under another SSRC, are followed: its sound goes on to whoever hears
// it, in one stream.
func TestB20SoundGoesOnAfterAReINVITEAndANewSSRC(t *testing.T) {
	b := newBench(t)
	in, out := b.open(Config{Name: "in"}), b.open(Config{Name: "out"})
	caller, callee := newFar(t, in), newFar(t, out)
	for s, f := range map[*Session]*far{in: caller, out: callee} {
		if _, err := s.Answer(f.offer(netip.AddrPort{})); err != nil {
			t.Fatal(err)
		}
	}
	out.Out().Hear(in)
	arrives := func(fill byte) {
		t.Helper()
		for range 100 {
			caller.say(8, fill)
			if p := callee.heard(time.Second); p != nil && p[12] == fill {
				if ssrc := binary.BigEndian.Uint32(p[8:]); ssrc != out.Out().SSRC() {
					t.Errorf("SSRC %x in place of %x", ssrc, out.Out().SSRC())
				}
				return
			}
		}
		t.Fatalf("%d never arrived", fill)
	}
	arrives(1)
	for i, direction := range []string{"a=sendonly", "a=sendrecv"} {
		if _, err := in.Answer(caller.offer(netip.AddrPort{}, direction)); err != nil {
			t.Fatal(err)
		}
		arrives(byte(2 + i))
	}
	caller.ssrc, caller.sequence, caller.time = 77, 9, 12345
	arrives(4)
	if _, err := out.Answer(callee.offer(netip.AddrPort{}, "a=sendrecv")); err != nil {
		t.Fatal(err)
	}
	arrives(5)
}

// An address of the other family is refused at once: nothing could ever be sent there.
func TestAnAddressThatCannotBeReachedIsRefused(t *testing.T) {
	s := newBench(t).open(Config{Name: "leg"})
	offer := strings.ReplaceAll(string(newFar(t, s).offer(netip.AddrPort{})), "IN IP4 127.0.0.1", "IN IP6 2001:db8::1")
	_, err := s.Answer([]byte(offer))
	var unacceptable *rtp.Unacceptable
	if !errors.As(err, &unacceptable) || !strings.Contains(unacceptable.Why, "2001:db8::1, cannot be reached") {
		t.Error(err)
	}
}
