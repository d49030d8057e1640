package wire

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience is how long a test waits for what takes microseconds.
const patience = 10 * time.Second

var (
	four = netip.MustParseAddrPort("127.0.0.1:0")
	six  = netip.MustParseAddrPort("[::1]:0")
)

func start(t testing.TB, c Config) *Loops {
	t.Helper()
	l, err := Start(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := l.Close(); err != nil {
			t.Error(err)
		}
	})
	return l
}

func socket(t testing.TB, l *Loops, c SocketConfig) *Socket {
	t.Helper()
	if !c.Address.IsValid() {
		c.Address = four
	}
	s, err := l.Open(c)
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

// heard is one datagram as a test keeps it.
type heard struct {
	text string
	from netip.AddrPort
	at   time.Time
}

func listen(t testing.TB, s *Socket) <-chan heard {
	t.Helper()
	all := make(chan heard, 10000)
	if err := s.Read(func(packet []byte, from netip.AddrPort, at time.Time) {
		all <- heard{string(packet), from, at}
	}); err != nil {
		t.Fatal(err)
	}
	return all
}

func next(t testing.TB, from <-chan heard) heard {
	t.Helper()
	select {
	case h := <-from:
		return h
	case <-time.After(patience):
		t.Fatal("nothing was heard")
		return heard{}
	}
}

func TestADatagramComesWithItsSenderAndItsTime(t *testing.T) {
	for _, address := range []netip.AddrPort{four, six} {
		for _, shared := range []bool{false, true} {
			l := start(t, Config{})
			a := socket(t, l, SocketConfig{Address: address, Shared: shared})
			b := socket(t, l, SocketConfig{Address: address, ReadBuffer: 1 << 16, WriteBuffer: 1 << 16})
			all := listen(t, a)
			before := time.Now()
			if err := b.Send([]byte("hello"), AddressOf(a.Local())); err != nil {
				t.Fatal(err)
			}
			h := next(t, all)
			if h.text != "hello" || h.from != b.Local() || h.at.Before(before) || time.Since(h.at) < 0 {
				t.Errorf("%v shared %v: heard %+v of %v", address, shared, h, b.Local())
			}
		}
	}
}

func TestManySocketsAreReadByOneThreadEachInItsOrder(t *testing.T) {
	const sockets, packets = 100, 50
	for _, hold := range []bool{false, true} {
		if hold {
			runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1)
		}
		l := start(t, Config{Threads: 1, Hold: hold})
		from := socket(t, l, SocketConfig{})
		var all sync.WaitGroup
		for range sockets {
			s := socket(t, l, SocketConfig{})
			heard := listen(t, s)
			to := AddressOf(s.Local())
			all.Go(func() {
				var b [4]byte
				for i := range uint32(packets) {
					binary.BigEndian.PutUint32(b[:], i)
					if err := from.Send(b[:], to); err != nil {
						t.Error(err)
					}
				}
				for i := range uint32(packets) {
					select {
					case h := <-heard:
						if got := binary.BigEndian.Uint32([]byte(h.text)); got != i {
							t.Errorf("heard %d instead of %d", got, i)
						}
					case <-time.After(patience):
						t.Errorf("packet %d was not heard", i)
						return
					}
				}
			})
		}
		all.Wait()
	}
}

func TestASharedSocketDeliversMoreThanABatch(t *testing.T) {
	l := start(t, Config{Threads: 1})
	s := socket(t, l, SocketConfig{Shared: true, ReadBuffer: 1 << 20})
	from := socket(t, l, SocketConfig{})
	to := AddressOf(s.Local())
	for i := range 3*maxBatch + 1 { // they wait in the kernel, as nobody reads yet
		if err := from.Send([]byte{byte(i)}, to); err != nil {
			t.Fatal(err)
		}
	}
	all := listen(t, s)
	for i := range 3*maxBatch + 1 {
		if h := next(t, all); h.text[0] != byte(i) {
			t.Fatalf("heard %d instead of %d", h.text[0], i)
		}
	}
}

func TestAPanicCostsOneDatagramAndIsTold(t *testing.T) {
	for _, shared := range []bool{false, true} {
		told := make(chan any, 10)
		l := start(t, Config{Threads: 1, Panicked: func(p any, stack []byte) {
			if len(stack) > 0 {
				told <- p
			}
		}})
		s := socket(t, l, SocketConfig{Shared: shared})
		from := socket(t, l, SocketConfig{})
		for i := range byte(3) {
			if err := from.Send([]byte{i}, AddressOf(s.Local())); err != nil {
				t.Fatal(err)
			}
		}
		rest := make(chan byte, 10)
		if err := s.Read(func(packet []byte, _ netip.AddrPort, _ time.Time) {
			if packet[0] == 1 {
				panic("a reader with a fault")
			}
			rest <- packet[0]
		}); err != nil {
			t.Fatal(err)
		}
		if a, b := <-rest, <-rest; a != 0 || b != 2 || <-told != "a reader with a fault" || l.Panics() != 1 {
			t.Errorf("shared %v: %d, %d, %d panics", shared, a, b, l.Panics())
		}
	}
}

func TestNoReaderRunsOnceStopHasReturned(t *testing.T) {
	l := start(t, Config{})
	from := socket(t, l, SocketConfig{})
	for range 200 {
		s := socket(t, l, SocketConfig{})
		var stopped, after atomic.Bool
		begun := make(chan struct{}, 100)
		if err := s.Read(func([]byte, netip.AddrPort, time.Time) {
			begun <- struct{}{}
			if stopped.Load() {
				after.Store(true)
			}
		}); err != nil {
			t.Fatal(err)
		}
		to := AddressOf(s.Local())
		for range 20 {
			if err := from.Send([]byte("x"), to); err != nil {
				t.Fatal(err)
			}
		}
		<-begun
		s.Stop()
		stopped.Store(true)
		if err := from.Send([]byte("too late"), to); err != nil {
			t.Fatal(err)
		}
		if !s.Drain() {
			t.Error("what comes after Stop does not wait in the kernel")
		}
		if after.Load() {
			t.Fatal("the reader ran after Stop")
		}
	}
}

func TestADescriptorThatIsUsedAgainBelongsToItsNewSocket(t *testing.T) {
	l := start(t, Config{Threads: 1})
	from := socket(t, l, SocketConfig{})
	for i := range 300 { // the kernel gives the lowest free number, so the same one comes again and again
		s, err := l.Open(SocketConfig{Address: four})
		if err != nil {
			t.Fatal(err)
		}
		all := listen(t, s)
		if err := from.Send([]byte{byte(i)}, AddressOf(s.Local())); err != nil {
			t.Fatal(err)
		}
		if h := next(t, all); h.text[0] != byte(i) {
			t.Fatalf("heard %d instead of %d", h.text[0], byte(i))
		}
		if err := errors.Join(s.Close(), s.Close()); err != nil {
			t.Fatal(err)
		}
		if err := s.Send([]byte("x"), AddressOf(from.Local())); !errors.Is(err, net.ErrClosed) {
			t.Fatalf("sent on a closed socket: %v", err)
		}
	}
}

func TestTheWorldStopsForAThreadThatHoldsItsProcessor(t *testing.T) {
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 1)
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - 1)
	l := start(t, Config{Threads: 1, Hold: true})
	s, from := socket(t, l, SocketConfig{}), socket(t, l, SocketConfig{})
	all := listen(t, s)
	to := AddressOf(s.Local())
	for range 50 { // each collection stops the world, several times
		if err := from.Send([]byte("x"), to); err != nil {
			t.Fatal(err)
		}
		next(t, all)
		runtime.GC()
	}
}

func TestWhatCannotBeOpenedIsNamed(t *testing.T) {
	l := start(t, Config{})
	s := socket(t, l, SocketConfig{})
	for _, at := range []netip.AddrPort{s.Local(), netip.MustParseAddrPort("192.0.2.1:0")} {
		if _, err := l.Open(SocketConfig{Address: at}); err == nil || !errors.As(err, new(interface{ Timeout() bool })) {
			t.Errorf("%v: %v", at, err)
		}
	}
	one := socket(t, l, SocketConfig{ReusePort: true})
	if other, err := l.Open(SocketConfig{Address: one.Local(), ReusePort: true}); err != nil || other.Close() != nil {
		t.Error(err)
	}
	if err := s.Send([]byte("x"), AddressOf(netip.MustParseAddrPort("[2001:db8::1]:9"))); err == nil {
		t.Error("an IPv6 address was written to from an IPv4 socket")
	}
	if err := s.Send(nil, AddressOf(s.Local())); err != nil {
		t.Error(err)
	}
}

func TestSocketsOutliveTheThreads(t *testing.T) {
	l := start(t, Config{})
	s, other := socket(t, l, SocketConfig{}), socket(t, l, SocketConfig{})
	listen(t, s)
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Fatal(err)
	}
	if err := s.Send([]byte("x"), AddressOf(other.Local())); err != nil {
		t.Error(err)
	}
	if !other.Drain() {
		t.Error("nothing was sent")
	}
	if err := other.Read(func([]byte, netip.AddrPort, time.Time) {}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("reading began without a thread: %v", err)
	}
}

func TestAddressesComeBackAsTheyWent(t *testing.T) {
	for _, text := range []string{"127.0.0.1:1", "255.255.255.255:65535", "[::1]:5060", "[2001:db8::7]:256", "[fe80::1%1]:9"} {
		a := netip.MustParseAddrPort(text)
		if got := AddressOf(a).addrPort(); got != a {
			t.Errorf("%v became %v", a, got)
		}
	}
	if got := AddressOf(netip.MustParseAddrPort("[::ffff:10.0.0.1]:7")).addrPort(); got.String() != "10.0.0.1:7" {
		t.Errorf("a mapped address became %v", got)
	}
}

func TestForwardingADatagramAllocatesNothing(t *testing.T) {
	in, out := pass(t)
	packet := make([]byte, 172)
	to := AddressOf(in.Local())
	all := make(chan struct{}, 1)
	if err := out.Read(func([]byte, netip.AddrPort, time.Time) { all <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	from := socket(t, in.loop.loops, SocketConfig{})
	if n := testing.AllocsPerRun(500, func() {
		_ = from.Send(packet, to)
		<-all
	}); n >= 1 {
		t.Errorf("%v allocations a datagram", n)
	}
}

// pass makes two sockets: what the first one hears, it sends to the second.
func pass(t testing.TB) (in, out *Socket) {
	l := start(t, Config{Threads: 1})
	in, out = socket(t, l, SocketConfig{}), socket(t, l, SocketConfig{})
	to := AddressOf(out.Local())
	if err := in.Read(func(packet []byte, _ netip.AddrPort, _ time.Time) { _ = in.Send(packet, to) }); err != nil {
		t.Fatal(err)
	}
	return in, out
}

func BenchmarkForward(b *testing.B) {
	in, out := pass(b)
	packet := make([]byte, 172)
	to := AddressOf(in.Local())
	from := socket(b, in.loop.loops, SocketConfig{})
	all := make(chan struct{}, 1)
	if err := out.Read(func([]byte, netip.AddrPort, time.Time) { all <- struct{}{} }); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		_ = from.Send(packet, to)
		<-all
	}
}
