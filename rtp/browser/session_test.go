package browser

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/rtp"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// house is a network with a metronome, closed with the test.
func house(t testing.TB, timers Timers) *Network { return houseOf(t, Config{Timers: timers}) }

func houseOf(t testing.TB, c Config) *Network {
	t.Helper()
	metronome := rtp.NewMetronome(1)
	c.Listen, c.Metronome = "127.0.0.1:0", metronome
	n, err := Listen(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := n.Close(); err != nil {
			t.Error(err)
		}
		metronome.Close()
	})
	return n
}

func session(t testing.TB, n *Network, codecs ...rtp.Codec) *Session {
	t.Helper()
	s, err := n.Session(Policy{Name: t.Name(), Codecs: codecs})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func tab(t testing.TB, formats ...lab.Format) *lab.Tab {
	t.Helper()
	far, err := lab.NewTab(lab.TabOptions{Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(far.Close)
	return far
}

// weCall: our offer, the browser's answer.
func weCall(t testing.TB, s *Session, far *lab.Tab) {
	t.Helper()
	offer, err := s.Offer()
	if err != nil {
		t.Fatal(err)
	}
	answer, err := far.Answer(offer)
	if err != nil {
		t.Fatalf("the browser did not take our offer: %v\n%s", err, offer)
	}
	if err := s.Accept(answer); err != nil {
		t.Fatalf("%v\n%s", err, answer)
	}
}

// theyCall: the browser's offer, our answer. direction as in lab.Tab.Offer.
func theyCall(t testing.TB, s *Session, far *lab.Tab, direction string) (answer string) {
	t.Helper()
	offer, err := far.Offer(direction)
	if err != nil {
		t.Fatal(err)
	}
	a, err := s.Answer(offer)
	if err != nil {
		t.Fatalf("%v\n%s", err, offer)
	}
	if err := far.Accept(a); err != nil {
		t.Fatalf("the browser did not take our answer: %v\n%s", err, a)
	}
	return string(a)
}

func await(t testing.TB, what string, ch <-chan struct{}, within time.Duration) {
	t.Helper()
	select {
	case <-ch:
	case <-time.After(within):
		t.Fatalf("%s did not happen within %s", what, within)
	}
}

func TestATonePassesBothWaysInEveryCodecAndRole(t *testing.T) {
	event := func(f lab.Format) lab.Format { f.Event = 126; return f }
	for name, c := range map[string]struct {
		codec  rtp.Codec
		format lab.Format
	}{
		"PCMU": {rtp.PCMU, event(lab.PCMU())}, "PCMA": {rtp.PCMA, event(lab.PCMA())}, "opus": {rtp.Opus, lab.Opus()},
	} {
		for _, role := range []string{"we call", "they call"} {
			t.Run(name+", "+role, func(t *testing.T) {
				n := house(t, Timers{})
				one, two := session(t, n, c.codec), session(t, n, c.codec)
				left, right := tab(t, lab.Opus(), event(lab.PCMU()), event(lab.PCMA())), tab(t, c.format)
				if role == "we call" {
					weCall(t, one, left)
					weCall(t, two, right)
				} else {
					theyCall(t, one, left, "")
					theyCall(t, two, right, "")
				}
				await(t, "connection", one.Connected(), 5*time.Second)
				await(t, "connection", two.Connected(), 5*time.Second)
				one.Out().Hear(two)
				two.Out().Hear(one)
				left.Say(lab.Tone(440, -12))
				right.Say(lab.Tone(1000, -12))
				left.Ear().MustHear(t, 1000, 10*time.Second, 500*time.Millisecond)
				right.Ear().MustHear(t, 440, 10*time.Second, 500*time.Millisecond)
				if q := one.Quality(); q.Received < 20 || q.Sent < 20 || q.Lost != 0 || time.Since(q.LastHeard) > time.Second {
					t.Fatalf("quality %+v", q)
				}
				if err := left.Digits(t.Context(), "5"); err != nil {
					t.Fatal(err)
				}
				ctx, cancel := context.WithTimeout(t.Context(), 3*time.Second)
				defer cancel()
				if err := right.Ear().AwaitDigits(ctx, "5"); err != nil {
					t.Fatal(err)
				}
				right.Ear().MustHaveBeenWhole(t)
				if f := one.Out().Format(); f.Codec != c.codec {
					t.Fatalf("speaking %v", f)
				}
			})
		}
	}
}

func TestP1_TwentySwitchesLoseNothingBehindSRTPReplayProtection(t *testing.T) {
	n := house(t, Timers{})
	listener, first, second := session(t, n, rtp.PCMU), session(t, n, rtp.PCMU), session(t, n, rtp.PCMU)
	ear, one, two := tab(t), tab(t), tab(t)
	for s, far := range map[*Session]*lab.Tab{listener: ear, first: one, second: two} {
		weCall(t, s, far)
		await(t, "connection", s.Connected(), 5*time.Second)
	}
	one.Say(lab.Tone(440, -12))
	two.Say(lab.Tone(1000, -12))
	defer func() {
		if t.Failed() {
			t.Logf("listener %+v, first %+v, second %+v; they sent %d and %d",
				listener.Quality(), first.Quality(), second.Quality(), one.Sent(), two.Sent())
		}
	}()
	for i := range 20 {
		source, hz := first, 440.0
		if i%2 == 1 {
			source, hz = second, 1000
		}
		listener.Out().Hear(source)
		ear.Ear().MustHear(t, hz, 10*time.Second, 100*time.Millisecond)
	}
	listener.Out().Hear(nil)
	sent := listener.Quality().Sent
	r := ear.Ear().Report()
	if r.Lost != 0 || r.Duplicates != 0 || r.SSRCs != 1 {
		t.Fatalf("heard %s", r)
	}
	if uint64(r.Packets)+5 < sent {
		t.Fatalf("%d packets sent, %d heard: the replay protection dropped the others", sent, r.Packets)
	}
}

func TestP2_CloseMayFollowAnyEventAndWaitsForAllGoroutines(t *testing.T) {
	n := house(t, Timers{})
	rest(t)
	before := runtime.NumGoroutine()
	for i := range 12 {
		s, err := n.Session(Policy{Name: "closing"})
		if err != nil {
			t.Fatal(err)
		}
		far, err := lab.NewTab(lab.TabOptions{})
		if err != nil {
			t.Fatal(err)
		}
		if i%4 > 0 {
			theyCall(t, s, far, "")
		}
		if i%4 == 2 {
			await(t, "connection", s.Connected(), 5*time.Second)
		}
		if i%4 == 3 {
			far.Close()
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		if err := s.Close(); err != nil {
			t.Fatal("closing again:", err)
		}
		far.Close()
	}
	settle(t, before)
	if left := routes(n); left != 0 {
		t.Fatalf("%d routes are left", left)
	}
}

// routes is at how many addresses browsers are known, while the socket may be reading.
func routes(n *Network) int {
	n.socket.mu.RLock()
	defer n.socket.mu.RUnlock()
	return len(n.socket.routes)
}

// settle waits until there are no more goroutines than before: the libraries' own may take a moment to notice.
func settle(t testing.TB, before int) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); runtime.NumGoroutine() > before; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			buf := make([]byte, 1<<20)
			t.Fatalf("%d goroutines, %d before\n%s", runtime.NumGoroutine(), before, buf[:runtime.Stack(buf, true)])
		}
	}
}

func TestP3_NothingIsReadAnyMoreAfterClose(t *testing.T) {
	n := house(t, Timers{})
	s, far := session(t, n), tab(t)
	theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	packets := make(chan struct{}, 1000)
	s.Listen(sink(func(*rtp.Packet) { packets <- struct{}{} }), nil)
	far.Say(lab.Tone(440, -12))
	await(t, "packet", packets, 3*time.Second)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for len(packets) > 0 {
		<-packets
	}
	select {
	case <-packets:
		t.Fatal("a packet was delivered after Close")
	case <-time.After(100 * time.Millisecond):
	}
	await(t, "the browser's notice of our goodbye", closedPeer(far), 3*time.Second)
}

type sink func(*rtp.Packet)

func (f sink) Packet(p *rtp.Packet) { f(p) }

func closedPeer(far *lab.Tab) <-chan struct{} {
	gone := make(chan struct{})
	go func() {
		for far.Peer().ConnectionState().String() != "closed" {
			time.Sleep(10 * time.Millisecond)
		}
		close(gone)
	}()
	return gone
}

func TestP4_DisconnectedIsWaitedForAndComesBack(t *testing.T) {
	n := house(t, Timers{Disconnected: 2500 * time.Millisecond, Failed: 5 * time.Second, Restart: time.Second})
	s, far := session(t, n), tab(t)
	theyCall(t, s, far, "")
	await(t, "connection", s.Connected(), 5*time.Second)
	far.Say(lab.Tone(440, -12))
	s.Out().Hear(s)
	far.Ear().MustHear(t, 440, 10*time.Second, 200*time.Millisecond)
	far.Dark(true)
	awaitState(t, s, "disconnected", 6*time.Second)
	far.Dark(false)
	awaitState(t, s, "connected", 6*time.Second)
	far.Ear().MustHear(t, 440, 10*time.Second, 200*time.Millisecond)
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
}

func TestP4_FailedEndsAfterGraceUnlessAnICERestartComes(t *testing.T) {
	timers := Timers{Disconnected: 2500 * time.Millisecond, Failed: 500 * time.Millisecond, Restart: 1500 * time.Millisecond, Connect: 5 * time.Second}
	n := house(t, timers)
	for _, who := range []string{"nobody", "browser"} {
		t.Run(who+" restarts", func(t *testing.T) {
			s, far := session(t, n), tab(t)
			theyCall(t, s, far, "")
			await(t, "connection", s.Connected(), 5*time.Second)
			far.Say(lab.Tone(440, -12))
			s.Out().Hear(s)
			far.Ear().MustHear(t, 440, 10*time.Second, 200*time.Millisecond)
			far.Dark(true)
			awaitState(t, s, "failed", 8*time.Second)
			if who == "nobody" {
				await(t, "the end", s.Done(), 3*time.Second)
				if !errors.Is(s.Err(), ErrLost) {
					t.Fatal(s.Err())
				}
				return
			}
			far.Dark(false)
			answer := theyCall(t, s, far, "restart")
			if !strings.Contains(answer, "a=ice-ufrag:"+s.local.ufrag) {
				t.Fatalf("the answer does not carry the new ufrag:\n%s", answer)
			}
			far.Ear().MustHear(t, 440, 10*time.Second, 500*time.Millisecond)
			if s.Err() != nil {
				t.Fatal(s.Err())
			}
			eventually(t, "a single route, the new one,", func() bool { return routes(n) == 1 })
		})
	}
}

func awaitState(t testing.TB, s *Session, want string, within time.Duration) {
	t.Helper()
	for end := time.Now().Add(within); !strings.EqualFold(stateOf(s), want); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("ICE is %s, not %s", stateOf(s), want)
		}
	}
}
