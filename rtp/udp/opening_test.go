package udp

import (
	"bytes"
	"net/netip"
	"testing"
	"time"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/sdes"
)

// customer is a source whose packets the test sends.
type customer struct{ sink rtp.Sink }

func (c *customer) SourceName() string { return "customer" }
func (c *customer) Listen(s rtp.Sink, _ *rtp.Format) (stop func()) {
	c.sink = s
	return func() {}
}

// A phone behind a NAT is found by its first packet. What the customer said last went to where the phone believed to be;
// it is sent again, and no further packet of his is needed for that.
func TestAPhoneBehindANATHearsWhatWasSaidBeforeItWasFound(t *testing.T) {
	b := newBench(t)
	for range 5 { // where the machine stalls, the time of what was said is over
		s := b.open(Config{Name: "leg", Fill: -1})
		phone, nowhere := newFar(t, s), newFar(t, s)
		if _, err := s.Answer(phone.offer(nowhere.address())); err != nil {
			t.Fatal(err)
		}
		c := &customer{}
		s.Out().Hear(c)
		hello := make([]byte, 1280) // 160 ms
		hello[0] = 77
		c.sink.Packet(&rtp.Packet{SSRC: 1, Sequence: 1, Payload: hello, Format: &rtp.Format{Codec: rtp.PCMA}, Arrived: time.Now()})
		phone.say(8, 1)
		if got := phone.heard(500 * time.Millisecond); got != nil {
			if got[12] != 77 {
				t.Fatalf("heard %v", got[12])
			}
			phone.say(8, 1)
			if phone.heard(50*time.Millisecond) != nil {
				t.Error("what was said is heard twice")
			}
			return
		}
	}
	t.Error("the phone hears nothing of what was said last")
}

// A phone that sends from where it said hears nothing twice.
func TestAPhoneThatIsWhereItSaidHearsEachPacketOnce(t *testing.T) {
	s := newBench(t).open(Config{Name: "leg", Fill: -1})
	phone := newFar(t, s)
	if _, err := s.Answer(phone.offer(netip.AddrPort{})); err != nil {
		t.Fatal(err)
	}
	c := &customer{}
	s.Out().Hear(c)
	c.sink.Packet(&rtp.Packet{SSRC: 1, Sequence: 1, Payload: make([]byte, 1280), Format: &rtp.Format{Codec: rtp.PCMA}, Arrived: time.Now()})
	phone.say(8, 1)
	if phone.heard(time.Second) == nil || phone.heard(50*time.Millisecond) != nil {
		t.Error("not heard exactly once")
	}
}

// On a protected line, what was said last is sent again as it was sealed.
func TestWhatWasSaidLastIsUnderstoodOnAProtectedLineToo(t *testing.T) {
	b := newBench(t)
	for range 5 { // where the machine stalls, the time of what was said is over
		ours := protected(sdes.Required)
		ours.Fill = -1
		s, phone := b.open(ours), b.open(protected(sdes.Required))
		offer, err := phone.Offer()
		if err != nil {
			t.Fatal(err)
		}
		nowhere := newFar(t, s)
		offer = bytes.ReplaceAll(offer, []byte(addressPort(phone.Local())), []byte(addressPort(nowhere.address())))
		answer, err := s.Answer(offer)
		if err != nil {
			t.Fatalf("%v\n%s", err, offer)
		}
		heard := make(ear, 10)
		defer phone.Listen(heard, nil)()
		c := &customer{}
		s.Out().Hear(c)
		hello := make([]byte, 1280) // 160 ms
		hello[0] = 77
		c.sink.Packet(&rtp.Packet{SSRC: 1, Sequence: 1, Payload: hello, Format: s.Out().Format(), Arrived: time.Now()})
		if err := phone.Accept(answer); err != nil { // its silence shows where it is
			t.Fatal(err)
		}
		select {
		case p := <-heard:
			if p.Payload[0] != 77 || len(p.Payload) != len(hello) {
				t.Fatalf("heard %d bytes, %d", len(p.Payload), p.Payload[0])
			}
			return
		case <-time.After(500 * time.Millisecond):
		}
	}
	t.Error("the phone hears nothing of what was said last")
}
