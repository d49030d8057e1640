package sdes

import (
	"encoding/binary"
	"testing"
)

// A packet in passing costs no memory, in any suite and either direction.
func TestNoPacketIsAllocatedFor(t *testing.T) {
	if raced {
		t.Skip("the race detector allocates")
	}
	eachSuite(t, func(t *testing.T, s Suite) {
		both := newBoth(t, s)
		if n := testing.AllocsPerRun(1000, both.rtp); n != 0 {
			t.Errorf("%v allocations an RTP packet", n)
		}
		if n := testing.AllocsPerRun(1000, both.rtcp); n != 0 {
			t.Errorf("%v allocations an RTCP packet", n)
		}
	})
}

// both is a sender and its receiver.
type both struct {
	tb             testing.TB
	s              Sender
	r              Receiver
	n              int
	packet, report []byte
}

func newBoth(tb testing.TB, s Suite) *both {
	c := Crypto{Suite: s, Keys: []Key{NewKey(s)}}
	b := &both{tb: tb, packet: sound(one, 0), report: report(one, 0)}
	if err := b.s.Use(c); err != nil {
		tb.Fatal(err)
	}
	if err := b.r.Use(c); err != nil {
		tb.Fatal(err)
	}
	return b
}

func (b *both) seal() []byte {
	b.n++
	binary.BigEndian.PutUint16(b.packet[2:], uint16(b.n))
	sealed, err := b.s.Protect(b.packet)
	if err != nil {
		b.tb.Fatal(err)
	}
	return sealed
}

func (b *both) rtp() {
	if _, err := b.r.Unprotect(b.seal()); err != nil {
		b.tb.Fatal(err)
	}
}

func (b *both) rtcp() {
	sealed, err := b.s.ProtectControl(b.report)
	if err != nil {
		b.tb.Fatal(err)
	}
	if _, err := b.r.UnprotectControl(sealed); err != nil {
		b.tb.Fatal(err)
	}
}

func BenchmarkProtect(b *testing.B) {
	for _, s := range Suites() {
		b.Run(s.String(), func(b *testing.B) {
			both := newBoth(b, s)
			b.ReportAllocs()
			for b.Loop() {
				both.seal()
			}
		})
	}
}

// Of both directions; what Protect costs is to be subtracted.
func BenchmarkUnprotect(b *testing.B) {
	for _, s := range Suites() {
		b.Run(s.String(), func(b *testing.B) {
			both := newBoth(b, s)
			b.ReportAllocs()
			for b.Loop() {
				both.rtp()
			}
		})
	}
}
