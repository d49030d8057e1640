package targets

import (
	"context"
	"encoding/binary"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// server is a name server on loopback, over UDP and TCP.
type server struct {
	t      *testing.T
	udp    net.PacketConn
	tcp    net.Listener
	work   sync.WaitGroup
	answer func(q dnsmessage.Question, b *dnsmessage.Builder) // adds resources
	big    bool                                               // truncates over UDP
}

func serveDNS(t *testing.T, answer func(q dnsmessage.Question, b *dnsmessage.Builder), big bool) *server {
	s := &server{t: t, answer: answer, big: big}
	var err error
	if s.udp, err = net.ListenPacket("udp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	if s.tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	s.work.Go(s.packets)
	s.work.Go(s.streams)
	t.Cleanup(func() {
		s.udp.Close()
		s.tcp.Close()
		s.work.Wait()
	})
	return s
}

func (s *server) dial(ctx context.Context, network, _ string) (net.Conn, error) {
	if strings.HasPrefix(network, "udp") {
		return new(net.Dialer).DialContext(ctx, "udp", s.udp.LocalAddr().String())
	}
	return new(net.Dialer).DialContext(ctx, "tcp", s.tcp.Addr().String())
}

func (s *server) packets() {
	b := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFrom(b)
		if err != nil {
			return
		}
		_, _ = s.udp.WriteTo(s.reply(b[:n], s.big), from)
	}
}

func (s *server) streams() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		var size [2]byte
		if _, err := io.ReadFull(c, size[:]); err == nil {
			b := make([]byte, binary.BigEndian.Uint16(size[:]))
			_, _ = io.ReadFull(c, b)
			out := s.reply(b, false)
			_, _ = c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(out))), out...))
		}
		c.Close()
	}
}

func (s *server) reply(query []byte, truncated bool) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(query)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: h.ID, Response: true, Authoritative: true, RecursionAvailable: true, Truncated: truncated})
	_ = b.StartQuestions()
	_ = b.Question(q)
	if !truncated {
		_ = b.StartAnswers()
		s.answer(q, &b)
	}
	out, err := b.Finish()
	if err != nil {
		s.t.Error(err)
	}
	return out
}

func head(name string, ttl uint32) dnsmessage.ResourceHeader {
	return dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name), Class: dnsmessage.ClassINET, TTL: ttl}
}

// answers is a small zone as a name server tells it.
func answers(q dnsmessage.Question, b *dnsmessage.Builder) {
	switch name := q.Name.String(); {
	case q.Type == dnsmessage.TypeSRV && name == "_sip._udp.carrier.test.":
		_ = b.SRVResource(head(name, 300), dnsmessage.SRVResource{Priority: 10, Weight: 5, Port: 5070, Target: dnsmessage.MustNewName("a.carrier.test.")})
		_ = b.SRVResource(head(name, 120), dnsmessage.SRVResource{Priority: 20, Port: 5060, Target: dnsmessage.MustNewName("b.carrier.test.")})
	case q.Type == dnsmessage.TypeA && name == "a.carrier.test.":
		_ = b.AResource(head(name, 77), dnsmessage.AResource{A: [4]byte{127, 0, 0, 9}})
	case q.Type == dnsmessage.TypeAAAA && name == "a.carrier.test.":
		_ = b.AAAAResource(head(name, 33), dnsmessage.AAAAResource{AAAA: netip.MustParseAddr("::1").As16()})
	case q.Type == dnsmessage.TypeA && name == "b.carrier.test.":
		_ = b.AResource(head(name, 60), dnsmessage.AResource{A: [4]byte{127, 0, 0, 10}})
	default:
		_ = b.StartAuthorities()
		_ = b.SOAResource(head("test.", 900), dnsmessage.SOAResource{NS: dnsmessage.MustNewName("ns.test."), MBox: dnsmessage.MustNewName("h.test."), MinTTL: 45})
	}
}

func TestARealNameServersAnswersComeWithTheirLifetimes(t *testing.T) {
	for _, big := range []bool{false, true} { // a big answer comes by TCP
		s := serveDNS(t, answers, big)
		dns := System{Dial: s.dial}
		records, good, err := dns.SRV(t.Context(), "_sip._udp.carrier.test.")
		if len(records) != 2 || good != 120*time.Second || err != nil {
			t.Errorf("SRV: %v %s %v", records, good, err)
		}
		addrs, good, err := dns.Addrs(t.Context(), "a.carrier.test.")
		if len(addrs) != 2 || good != 33*time.Second || err != nil {
			t.Errorf("A and AAAA: %v %s %v", addrs, good, err)
		}
		records, good, err = dns.SRV(t.Context(), "_sip._tcp.carrier.test.")
		if len(records) != 0 || good != 45*time.Second || err != nil {
			t.Errorf("no SRV: %v %s %v", records, good, err)
		}
	}
}

func TestTheHostsFileAnswersToo(t *testing.T) {
	addrs, good, err := System{Assumed: time.Second}.Addrs(t.Context(), "localhost")
	if len(addrs) == 0 || good != time.Second || err != nil {
		t.Errorf("%v %s %v", addrs, good, err)
	}
}

func TestANameServerThatIsNotThereIsAnErrorAndNoEmptyAnswer(t *testing.T) {
	s := serveDNS(t, answers, false)
	s.udp.Close()
	ctx, cancel := context.WithTimeout(t.Context(), 300*time.Millisecond)
	defer cancel()
	if records, _, err := (System{Dial: s.dial}).SRV(ctx, "_sip._udp.carrier.test."); err == nil {
		t.Errorf("%v", records)
	}
}

func TestATargetIsFoundThroughARealNameServer(t *testing.T) {
	s := serveDNS(t, answers, false)
	r := NewResolver(ResolverConfig{DNS: System{Dial: s.dial}})
	defer r.Close()
	hops, err := r.Resolve(t.Context(), Target{Host: "carrier.test"})
	got := words(hops)
	if err != nil || !strings.Contains(got, "udp:127.0.0.9:5070") || !strings.Contains(got, "udp:[::1]:5070") || !strings.HasSuffix(got, "udp:127.0.0.10:5060") {
		t.Errorf("%s %v", got, err)
	}
	if len(hops) != 3 {
		t.Errorf("%s", got)
	}
}

func FuzzLifetime(f *testing.F) {
	s := &server{answer: answers}
	for _, name := range []string{"_sip._udp.carrier.test.", "none.test."} {
		b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: 1})
		_ = b.StartQuestions()
		_ = b.Question(dnsmessage.Question{Name: dnsmessage.MustNewName(name), Type: dnsmessage.TypeSRV, Class: dnsmessage.ClassINET})
		query, _ := b.Finish()
		f.Add(s.reply(query, false))
	}
	f.Fuzz(func(t *testing.T, message []byte) {
		var l lifetime
		l.hear(message)
		if d := l.shortest(time.Minute); d < 0 {
			t.Errorf("%s", d)
		}
	})
}

func FuzzTarget(f *testing.F) {
	for _, s := range []string{"sip:h:1;transport=tcp", "[::1]:5060", "sips:h;maddr=x", "2001:db8::1"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		target, err := Parse(s)
		if err != nil {
			return
		}
		if again, err := Parse(target.String()); err != nil || again != target {
			t.Errorf("%q is %q, which is %+v %v", s, target, again, err)
		}
	})
}
