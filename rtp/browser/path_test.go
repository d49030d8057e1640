package browser

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/ice"
)

// Browsers send checks and their DTLS hello before their answer has reached us.
func TestWhatABrowserSendsBeforeItsAnswerIsNotLost(t *testing.T) {
	n := house(t, Timers{})
	s := session(t, n, rtp.PCMU)
	offer, err := s.Offer()
	if err != nil {
		t.Fatal(err)
	}
	h := newHand(t, n, false)
	h.knows(offer)
	eventually(t, "our answer to its check", func() bool { h.mu.Lock(); defer h.mu.Unlock(); _, ok := h.agent.Path(); return ok })
	done := h.handshake()
	eventually(t, "its hello", func() bool { return len(s.cipher.inbox) > 0 })
	began := time.Now()
	if err := s.Accept(h.describes("active")); err != nil {
		t.Fatal(err)
	}
	await(t, "connection", s.Connected(), 2*time.Second)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	t.Log("connected", time.Since(began), "after the answer")
}

func TestABrowserThatOnlyAnswersChecksIsReached(t *testing.T) {
	n := house(t, Timers{})
	s := session(t, n, rtp.PCMU)
	h := newHand(t, n, false)
	// It does not even know us. Of the candidates in its offers only the last one is of use.
	for _, useless := range []string{"1 1 tcp 2105458943 127.0.0.1 9 typ host tcptype active", "2 1 udp 2122260223 3f2504e0.local 5000 typ host",
		"3 2 udp 2122260222 127.0.0.1 4 typ host", "4 1 udp 2122260223 192.0.2.1 77777 typ host", "5 1 udp", "6 1 udp x 127.0.0.1 5 typ host"} {
		if _, err := s.Answer(append(h.describes("actpass", "a=ice-lite\r\n"), []byte("a=candidate:"+useless+"\r\n")...)); err != nil {
			t.Fatal(useless, err)
		}
	}
	if _, err := s.Answer(append(h.describes("actpass", "a=ice-lite\r\n"),
		[]byte("a=candidate:7 1 UDP 2122260223 "+strings.Replace(h.address(), ":", " ", 1)+" typ host generation 0\r\na=end-of-candidates\r\n")...)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "a way to it", func() bool { return s.target.Load() != nil })
	done := h.handshake()
	await(t, "connection", s.Connected(), 2*time.Second)
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestWhenABrowserMovesToAnotherNetworkTheSoundFollows(t *testing.T) {
	for _, offers := range []string{"we", "they"} {
		t.Run(offers+" offer", func(t *testing.T) {
			n := house(t, Timers{})
			s := session(t, n, rtp.PCMU)
			h := newHand(t, n, offers == "they")
			if offers == "we" {
				offer, err := s.Offer()
				if err != nil {
					t.Fatal(err)
				}
				h.knows(offer)
				if err := s.Accept(h.describes("active")); err != nil {
					t.Fatal(err)
				}
			} else {
				answer, err := s.Answer(h.describes("actpass"))
				if err != nil {
					t.Fatal(err)
				}
				h.knows(answer)
			}
			if err := <-h.handshake(); err != nil {
				t.Fatal(err)
			}
			await(t, "connection", s.Connected(), 2*time.Second)
			say := h.voice()
			from := func(where string) func() bool {
				return func() bool { say(); to := s.target.Load(); return to != nil && to.address.String() == where }
			}
			eventually(t, "sound to where it is", from(h.address()))
			h.move()
			h.mu.Lock()
			h.agent.Restart(h.ufrag, h.pwd) // its checks begin again, from there
			h.mu.Unlock()
			h.knows([]byte("a=ice-ufrag:" + s.local.ufrag + "\r\na=ice-pwd:" + s.local.pwd + "\r\n"))
			eventually(t, "sound to where it went", from(h.address()))
			before := s.Quality().Received
			say()
			eventually(t, "sound from there", func() bool { return s.Quality().Received > before })
			if s.Err() != nil {
				t.Fatal(s.Err())
			}
		})
	}
}

func TestAnICERestartThatWeOfferedAndTheyIgnoredIsForgotten(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	ufrag := s.local.ufrag
	s.mu.Lock()
	s.way.state = ice.Failed // as if the path had failed just now
	s.mu.Unlock()
	offer, err := s.Offer()
	if err != nil || bytes.Contains(offer, []byte(ufrag)) {
		t.Fatal("no restart was offered", err)
	}
	if answer := theyCall(t, s, far, ""); !strings.Contains(answer, ufrag) {
		t.Fatal("their offer, which is no restart, was answered with one")
	}
	far.Say(lab.Tone(440, -12))
	s.Out().Hear(s)
	far.Ear().MustHear(t, 440, 10*time.Second, 300*time.Millisecond)
}

func TestDamagedDTLSDoesNotEndTheCall(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	from := s.target.Load().address
	for _, raw := range [][]byte{{20}, {21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 3, 1, 2, 3}, {22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 9},
		{23, 254, 253, 0, 1, 0, 0, 0, 0, 0, 8, 0, 30}, bytes.Repeat([]byte{63}, 100), {21, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 2, 1, 0}} {
		for range 2 * inboxSize {
			n.socket.dispatch(bytes.Clone(raw), from, time.Now())
		}
	}
	far.Say(lab.Tone(440, -12))
	s.Out().Hear(s)
	far.Ear().MustHear(t, 440, 10*time.Second, 300*time.Millisecond)
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

// asleep brings a session to talk, and waits until its DTLS connection is at rest.
func asleep(t *testing.T) (*Session, *lab.Tab) {
	t.Helper()
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	weCall(t, s, far)
	await(t, "connection", s.Connected(), 5*time.Second)
	far.Say(lab.Tone(440, -12))
	eventually(t, "the sleep", s.cipher.asleep.Load)
	return s, far
}

func TestASleepingSessionNoticesTheBrowsersGoodbye(t *testing.T) {
	s, far := asleep(t)
	far.Close()
	await(t, "the end", s.Done(), 2*time.Second)
	if !errors.Is(s.Err(), ErrHungUp) {
		t.Fatal(s.Err())
	}
}

func TestASleepingSessionSaysGoodbye(t *testing.T) {
	s, far := asleep(t)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	await(t, "the browser's notice of our goodbye", closedPeer(far), 2*time.Second)
}

func TestASleepingSessionThatIsWokenForNothingSleepsAgain(t *testing.T) {
	s, far := asleep(t)
	for range 2 {
		s.network.socket.dispatch([]byte{21, 254, 253, 0, 1, 0, 0, 0, 0, 0, 9, 0, 3, 1, 2, 3}, s.target.Load().address, time.Now())
		eventually(t, "the waking", func() bool { return len(s.cipher.inbox) == 0 })
		eventually(t, "the sleep", s.cipher.asleep.Load)
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	far.Close()
	await(t, "the end", s.Done(), 2*time.Second)
}

func TestStrangersChecksAreCountedAndNotAnswered(t *testing.T) {
	n := house(t, Timers{})
	s := session(t, n)
	h := newHand(t, n, true)
	h.knows([]byte("a=ice-ufrag:" + s.local.ufrag + "\r\na=ice-pwd:" + secret(24) + "\r\n"))
	eventually(t, "the count", func() bool { return counted(t, n) >= 2 })
	if routes(n) != 0 {
		t.Fatal("its address is known")
	}
}

func TestAnAddressThatOneSessionHasProvedIsNotTakenByAnother(t *testing.T) {
	n := house(t, Timers{})
	first, second := session(t, n), session(t, n)
	at := netip.MustParseAddrPort("192.0.2.9:9")
	n.socket.route(first, nil, []address{{at, true}})
	n.socket.route(second, nil, []address{{at, false}})
	if n.socket.owner(at) != first {
		t.Fatal("taken by who only claims it")
	}
	n.socket.route(second, []address{{at, false}}, []address{{at, true}})
	if n.socket.owner(at) != second {
		t.Fatal("not given to who has it now")
	}
	n.socket.route(first, []address{{at, true}}, nil)
	if n.socket.owner(at) != second {
		t.Fatal("taken away with its former owner")
	}
	n.socket.route(second, []address{{at, true}}, nil)
}

// A fault of ours costs what brought it about, never the other browsers nor the way out.
func TestAFaultLeavesNoLockBehindAndEndsOnlyItsOwnSession(t *testing.T) {
	n := house(t, Timers{})
	s, other := session(t, n), session(t, n)
	s.mu.Lock()
	s.way.agent = nil // whatever is done next panics
	s.mu.Unlock()
	func() {
		defer func() { _ = recover() }() // as those do who read the socket
		s.stun([]byte{0, 1}, n.Addr(), time.Now())
		t.Error("no fault")
	}()
	s.tick()
	await(t, "the end", s.Done(), time.Second)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	theyCall(t, other, tab(t), "")
	await(t, "the other's connection", other.Connected(), 5*time.Second)
}

// eventually waits for what no channel tells.
func eventually(t *testing.T, what string, so func() bool) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !so(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s did not come", what)
		}
	}
}

// Every browser asks for consent every few seconds for as long as its call lasts.
func TestAnsweringACheckAllocatesNothingFromTheSocketToTheSocket(t *testing.T) {
	n := house(t, Timers{})
	s := session(t, n)
	browser := ice.NewAgent(ice.Config{Ufrag: "they", Password: secret(22), Number: 1, Disconnected: time.Minute, Failed: time.Minute})
	browser.Lead(true)
	var out ice.Outbox
	browser.Begin(ice.Remote{Ufrag: s.local.ufrag, Password: s.local.pwd,
		Candidates: []ice.Candidate{{Address: n.Addr(), Priority: 1}}}, time.Now(), &out)
	check, _ := out.At(0)
	c, err := net.ListenUDP("udp4", &net.UDPAddr{IP: net.IPv4(127, 0, 0, 1)})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	from := c.LocalAddr().(*net.UDPAddr).AddrPort()
	n.socket.dispatch(check, from, time.Now())
	allocations := testing.AllocsPerRun(500, func() { n.socket.dispatch(check, from, time.Now()) })
	buf := make([]byte, 200)
	_ = c.SetReadDeadline(time.Now().Add(time.Second))
	if got, _, err := c.ReadFromUDP(buf); err != nil || buf[0] != 1 || buf[1] != 1 {
		t.Fatalf("not answered: %x %v", buf[:got], err)
	}
	most := 1.0 // the pool may be emptied in between
	if instrumented() {
		most = 3 // the race detector empties it more often, and lets the addresses of system calls escape
	}
	if allocations >= most {
		t.Fatalf("%v allocations", allocations)
	}
}

// instrumented reports whether this is a build for the race detector.
func instrumented() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
