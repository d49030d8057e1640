package rtp

import (
	"net/netip"
	"runtime/debug"
	"slices"
	"testing"
)

// carrierOffer is what a carrier's INVITE brings.
const carrierOffer = "v=0\r\no=- 3920 3920 IN IP4 192.0.2.10\r\ns=call\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" +
	"m=audio 40000 RTP/AVP 8 0 18 101\r\na=rtpmap:8 PCMA/8000\r\na=rtpmap:0 PCMU/8000\r\na=rtpmap:18 G729/8000\r\n" +
	"a=fmtp:18 annexb=no\r\na=rtpmap:101 telephone-event/8000\r\na=fmtp:101 0-15\r\na=ptime:20\r\na=sendrecv\r\n"

// answering is one offer read and answered, as for each call that comes in.
func answering(tb testing.TB) func() {
	offer := []byte(carrierOffer)
	terms := Terms{Local: netip.MustParseAddrPort("192.0.2.1:16384"), Codecs: []Codec{PCMA, PCMU}}
	return func() {
		if _, _, err := NewNegotiation(terms).Answer(offer); err != nil {
			tb.Fatal(err)
		}
	}
}

// offering is our offer, and its answer read, as for each call that we place.
func offering(tb testing.TB) func() {
	terms := Terms{Local: netip.MustParseAddrPort("192.0.2.1:16384"), Codecs: []Codec{PCMA, PCMU}}
	answer := []byte(carrierOffer)
	return func() {
		n := NewNegotiation(terms)
		if _, err := n.Offer(); err != nil {
			tb.Fatal(err)
		}
		if _, err := n.Accept(answer); err != nil {
			tb.Fatal(err)
		}
	}
}

func BenchmarkAnswer(b *testing.B) {
	answer := answering(b)
	b.ReportAllocs()
	for b.Loop() {
		answer()
	}
}

func BenchmarkOfferAndAccept(b *testing.B) {
	offer := offering(b)
	b.ReportAllocs()
	for b.Loop() {
		offer()
	}
}

func TestOfferAndAnswerAllocateLittle(t *testing.T) {
	// A sixth above what is measured: descriptions of other carriers are longer, and another library version differs by one.
	extra := 0.0
	if instrumented() {
		extra = 11 // the race detector empties pools now and then
	}
	for _, c := range []struct {
		what  string
		do    func()
		bound float64
	}{{"answering", answering(t), 41}, {"offering", offering(t), 49}} {
		if n := testing.AllocsPerRun(200, c.do); n > c.bound+extra {
			t.Errorf("%s: %v allocations, more than %v", c.what, n, c.bound+extra)
		}
	}
}

// instrumented reports whether this is a build for the race detector.
func instrumented() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}
