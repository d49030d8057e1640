package udp

import (
	"net/netip"
	"testing"
	"time"
)

var (
	toldAddress  = netip.MustParseAddrPort("192.0.2.1:4000")
	nat          = netip.MustParseAddrPort("198.51.100.7:61000")
	natMoved     = netip.MustParseAddrPort("198.51.100.7:61999")
	stranger     = netip.MustParseAddrPort("203.0.113.66:1234")
	latchStarted = time.Unix(1000, 0)
)

func after(seconds float64) time.Time {
	return latchStarted.Add(time.Duration(seconds * float64(time.Second)))
}

func newLatch() *latch {
	l := &latch{window: 10 * time.Second}
	l.negotiated(toldAddress, latchStarted)
	return l
}

// hears lets a valid packet come, and says whether it was admitted.
func (l *latch) hears(from netip.AddrPort, ssrc uint32, at time.Time) bool {
	if !l.admits(from, ssrc, at) {
		return false
	}
	l.confirm(from, ssrc, at)
	return true
}

func TestR2UntilSomethingComesWeSendToTheAddressOfTheSDP(t *testing.T) {
	if l := newLatch(); l.where() != toldAddress {
		t.Errorf("to %v", l.where())
	}
}

func TestR2TheFirstValidPacketSaysWhereAPhoneBehindANATIs(t *testing.T) {
	l := newLatch()
	if !l.hears(nat, 1, after(1)) || l.where() != nat {
		t.Fatalf("to %v", l.where())
	}
}

func TestR2AStrangerIsNotHeardAfterTheLatch(t *testing.T) {
	for _, c := range []struct {
		ssrc uint32
		at   float64
	}{{9, 1.02}, {1, 1.02}, {9, 3.1}, {9, 9}, {9, 100}} {
		l := newLatch()
		l.hears(nat, 1, after(1))
		l.negotiatedLongAgo()
		for at := 1.02; at < c.at; at += 0.02 {
			l.hears(nat, 1, after(at))
		}
		if l.hears(stranger, c.ssrc, after(c.at)) || l.where() != nat {
			t.Errorf("SSRC %d after %v s: heard, and we send to %v", c.ssrc, c.at, l.where())
		}
	}
}

// negotiatedLongAgo ends what is allowed only right after a negotiation.
func (l *latch) negotiatedLongAgo() { l.open, l.renewed = latchStarted, false }

func TestR2AStrangerDoesNotTakeOverASilentCall(t *testing.T) {
	l := newLatch()
	l.hears(nat, 1, after(1))
	if l.hears(stranger, 9, after(60)) { // on hold, say
		t.Error("heard")
	}
}

func TestR2AStrangerWhoWasQuickerGivesWayToTheAddressOfTheSDP(t *testing.T) {
	l := newLatch()
	l.hears(stranger, 9, after(0.1))
	if !l.hears(toldAddress, 1, after(0.2)) || l.where() != toldAddress {
		t.Errorf("to %v", l.where())
	}
	if l.hears(stranger, 9, after(0.3)) {
		t.Error("the stranger is still heard")
	}
}

func TestR2TheWindowForUnknownAddressesEnds(t *testing.T) {
	l := newLatch()
	if l.hears(stranger, 9, after(10.5)) {
		t.Error("a stranger was believed after the first seconds")
	}
	if !l.hears(netip.AddrPortFrom(toldAddress.Addr(), 4999), 1, after(30)) {
		t.Error("another port of the far side's host was not believed")
	}
}

func TestB13ANATThatGivesAnotherPortIsFollowedByItsSSRC(t *testing.T) {
	l := newLatch()
	l.hears(nat, 1, after(1))
	l.negotiatedLongAgo()
	if l.hears(natMoved, 1, after(1.02)) {
		t.Error("moved while the old address still sends")
	}
	if !l.hears(natMoved, 1, after(1.6)) || l.where() != natMoved {
		t.Errorf("to %v", l.where())
	}
	if !l.hears(nat, 77, after(4)) || l.where() != nat {
		t.Error("a device that began anew on the same host was not followed after two seconds")
	}
}

func TestR2AReNegotiationWithANewAddressStartsAfresh(t *testing.T) {
	l := newLatch()
	l.hears(nat, 1, after(1))
	moved := netip.MustParseAddrPort("192.0.2.200:5000")
	l.negotiated(moved, after(60))
	if l.where() != moved {
		t.Errorf("to %v", l.where())
	}
	if !l.hears(moved, 5, after(60.1)) {
		t.Error("the new address is not heard")
	}
}

func TestR2AHoldWithTheSameAddressKeepsTheLatch(t *testing.T) {
	l := newLatch()
	l.hears(nat, 1, after(1))
	l.negotiated(toldAddress, after(60))
	l.negotiated(netip.AddrPort{}, after(70)) // held with 0.0.0.0
	if l.where() != nat {
		t.Errorf("to %v", l.where())
	}
	l.hears(nat, 1, after(70.1))
	if l.hears(stranger, 9, after(70.2)) || l.hears(stranger, 9, after(70.4)) {
		t.Error("a stranger is heard while the far side sends")
	}
}
