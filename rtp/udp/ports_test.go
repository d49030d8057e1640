package udp

import (
	"errors"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

var loopback = netip.MustParseAddr("127.0.0.1")

// freeRange is a range of so many pairs that nobody uses at the moment.
func freeRange(t *testing.T, pairs int) (low, high uint16) {
	t.Helper()
	for low := uint16(20000); low < 32000; low += uint16(2 * pairs) {
		free := true
		for port := low; port < low+uint16(2*pairs) && free; port++ {
			conn, err := listen(netip.AddrPortFrom(loopback, port))
			if free = err == nil; free {
				free = conn.Close() == nil
			}
		}
		if free {
			return low, low + uint16(2*pairs) - 1
		}
	}
	t.Fatal("no free range of ports")
	return 0, 0
}

func newPorts(t *testing.T, c PortsConfig) *Ports {
	t.Helper()
	c.Bind = loopback
	p, err := NewPorts(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.Close(); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *pair) port() int { return int(p.rtp.Local().Port()) }

// listen opens a socket of somebody else.
func listen(at netip.AddrPort) (*net.UDPConn, error) {
	return net.ListenUDP("udp4", net.UDPAddrFromAddrPort(at))
}

func TestM6PortsAreEvenAndBelowTheEphemeralOnesWithRTCPAbove(t *testing.T) {
	p := newPorts(t, PortsConfig{Rest: time.Millisecond})
	seen := map[int]bool{}
	for range 50 {
		taken, err := p.take()
		if err != nil {
			t.Fatal(err)
		}
		port := taken.port()
		if port%2 != 0 || port < DefaultLow || port > DefaultHigh || port >= 32768 || seen[port] {
			t.Errorf("port %d", port)
		}
		if control := int(taken.control.Local().Port()); control != port+1 {
			t.Errorf("RTCP at %d beside %d", control, port)
		}
		seen[port] = true
		defer p.give(taken)
	}
}

func TestR1APortRestsAfterUseAndGoesOnRestingWhilePacketsCome(t *testing.T) {
	low, high := freeRange(t, 2)
	const rest = 150 * time.Millisecond
	p := newPorts(t, PortsConfig{Low: low, High: high, Rest: rest})
	first, err := p.take()
	if err != nil {
		t.Fatal(err)
	}
	port := first.port()
	p.give(first)
	given := time.Now()
	second, err := p.take() // the other pair
	if err != nil || second.port() == port {
		t.Fatalf("%v: port %d again after %v", err, port, time.Since(given))
	}
	defer p.give(second)
	if _, err := p.take(); !errors.Is(err, ErrNoPort) {
		t.Fatalf("a resting port was given out: %v", err)
	}
	// The last caller goes on talking for a while.
	caller, err := net.Dial("udp4", netip.AddrPortFrom(loopback, uint16(port)).String())
	if err != nil {
		t.Fatal(err)
	}
	talking := time.Now()
	for time.Since(talking) < 2*rest {
		if _, err := caller.Write([]byte("still here")); err != nil {
			t.Fatal(err)
		}
		time.Sleep(10 * time.Millisecond)
	}
	if err := caller.Close(); err != nil {
		t.Fatal(err)
	}
	quiet := time.Now()
	for {
		third, err := p.take()
		if err == nil {
			if third.port() != port || time.Since(quiet) < rest/2 {
				t.Errorf("port %d was given out %v after the last packet", third.port(), time.Since(quiet))
			}
			if third.rtp.Drain() {
				t.Error("the new session hears the last caller")
			}
			p.give(third)
			return
		}
		if time.Since(quiet) > 20*rest {
			t.Fatal("the port rests for ever")
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func TestB46ExhaustionIsAClearErrorAndEverythingComesBack(t *testing.T) {
	low, high := freeRange(t, 3)
	registry := prometheus.NewRegistry()
	p := newPorts(t, PortsConfig{Low: low, High: high, Rest: time.Millisecond, Registry: registry})
	gauge := func(want float64) {
		t.Helper()
		families, err := registry.Gather()
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			if f.GetName() == "cordboard_rtp_ports_in_use" {
				if got := f.GetMetric()[0].GetGauge().GetValue(); got != want {
					t.Errorf("the gauge says %v, want %v", got, want)
				}
				return
			}
		}
		t.Error("there is no gauge")
	}
	var taken []*pair
	for range 3 {
		one, err := p.take()
		if err != nil {
			t.Fatal(err)
		}
		taken = append(taken, one)
	}
	gauge(3)
	if _, err := p.take(); !errors.Is(err, ErrNoPort) || !strings.Contains(err.Error(), "3 in use") {
		t.Errorf("%v", err)
	}
	for _, one := range taken {
		p.give(one)
	}
	gauge(0)
	deadline := time.Now().Add(5 * time.Second)
	for n := 0; n < 3; {
		one, err := p.take()
		if err == nil {
			n++
			defer p.give(one)
		} else if time.Now().After(deadline) {
			t.Fatal(err)
		} else {
			time.Sleep(time.Millisecond)
		}
	}
}

func TestB46APortThatSomebodyElseHoldsIsPassedOver(t *testing.T) {
	low, high := freeRange(t, 2)
	other, err := listen(netip.AddrPortFrom(loopback, low+1))
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	p := newPorts(t, PortsConfig{Low: low, High: high})
	one, err := p.take()
	if err != nil || one.port() != int(low)+2 {
		t.Fatalf("%v", err)
	}
	if _, err := p.take(); !errors.Is(err, ErrNoPort) {
		t.Errorf("%v", err)
	}
	p.give(one)
	if n := p.InUse(); n != 0 {
		t.Errorf("%d in use", n)
	}
}

func TestPortsAreTakenByManyAtOnce(t *testing.T) {
	p := newPorts(t, PortsConfig{Rest: time.Millisecond})
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			for range 30 {
				one, err := p.take()
				if err != nil {
					t.Error(err)
					return
				}
				p.give(one)
			}
		})
	}
	all.Wait()
	if n := p.InUse(); n != 0 {
		t.Errorf("%d in use", n)
	}
}

func TestAPoolThatCannotWorkIsRefused(t *testing.T) {
	for _, c := range []PortsConfig{
		{}, {Bind: netip.MustParseAddr("0.0.0.0")}, {Bind: loopback, Low: 20000, High: 20000}, {Bind: loopback, Low: 30000, High: 20000},
	} {
		if p, err := NewPorts(c); err == nil {
			t.Errorf("%+v was accepted", c)
			_ = p.Close()
		}
	}
}
