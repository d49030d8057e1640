package targets

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// SRV is one record (RFC 2782). Host "." says that the service is decidedly not there.
type SRV struct {
	Host             string
	Port             uint16
	Priority, Weight uint16
}

// DNS answers questions. Each answer says how long it is good; an empty one without an error means that there is
// nothing of that kind.
type DNS interface {
	SRV(ctx context.Context, name string) (records []SRV, good time.Duration, err error)
	Addrs(ctx context.Context, host string) (addrs []netip.Addr, good time.Duration, err error)
}

// System is the resolver of this machine: its name servers, search list and hosts file. The zero value is ready.
type System struct {
	// Dial reaches a name server; nil: those of /etc/resolv.conf.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Assumed is how long an answer is good that did not come from a name server (the hosts file). 1 minute when zero.
	Assumed time.Duration
}

// SRV asks for the records of a name such as _sip._udp.example.com.
func (s System) SRV(ctx context.Context, name string) ([]SRV, time.Duration, error) {
	resolver, life := s.listening()
	_, found, err := resolver.LookupSRV(ctx, "", "", name)
	if len(found) == 0 && err != nil {
		return nil, life.shortest(s.assumed()), unlessNone(err)
	}
	records := make([]SRV, 0, len(found)) // an error beside records is about those that could not be read
	for _, r := range found {
		records = append(records, SRV{Host: r.Target, Port: r.Port, Priority: r.Priority, Weight: r.Weight})
	}
	return records, life.shortest(s.assumed()), nil
}

// Addrs asks for the A and AAAA records of a host, in the order in which this machine would try them (RFC 6724).
func (s System) Addrs(ctx context.Context, host string) ([]netip.Addr, time.Duration, error) {
	resolver, life := s.listening()
	found, err := resolver.LookupNetIP(ctx, "ip", host)
	if err != nil {
		return nil, life.shortest(s.assumed()), unlessNone(err)
	}
	for i, a := range found {
		found[i] = a.Unmap()
	}
	return found, life.shortest(s.assumed()), nil
}

func (s System) assumed() time.Duration {
	if s.Assumed == 0 {
		return time.Minute
	}
	return s.Assumed
}

// unlessNone makes no error of the answer that there is nothing.
func unlessNone(err error) error {
	var d *net.DNSError
	if errors.As(err, &d) && d.IsNotFound {
		return nil
	}
	return err
}

// listening is a resolver of the standard library, which tells no lifetimes, and what overhears them on its way.
func (s System) listening() (*net.Resolver, *lifetime) {
	dial := s.Dial
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	life := &lifetime{}
	return &net.Resolver{
		PreferGo: true, // the other one is the C library's, which asks where we cannot listen
		Dial: func(ctx context.Context, network, address string) (net.Conn, error) {
			c, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			if packets, ok := c.(net.PacketConn); ok {
				return &overheardPackets{overheard{c, life}, packets}, nil
			}
			return &overheard{c, life}, nil
		},
	}, life
}

// lifetime is the shortest that any answer to one question named.
type lifetime struct {
	mu       sync.Mutex // A and AAAA are asked at once
	seconds  uint32     // guarded by mu
	anything bool       // guarded by mu
}

func (l *lifetime) shortest(otherwise time.Duration) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.anything {
		return otherwise
	}
	return time.Duration(l.seconds) * time.Second
}

// hear reads one answer. What is not one is the resolver's to complain about.
func (l *lifetime) hear(message []byte) {
	var p dnsmessage.Parser
	if _, err := p.Start(message); err != nil || p.SkipAllQuestions() != nil {
		return
	}
	for {
		h, err := p.AnswerHeader()
		if err != nil || p.SkipAnswer() != nil {
			break
		}
		l.note(h.TTL)
	}
	for {
		h, err := p.AuthorityHeader()
		if err != nil {
			return
		}
		if h.Type != dnsmessage.TypeSOA { // RFC 2308 section 5: how long nothing is known to be there
			if p.SkipAuthority() != nil {
				return
			}
			continue
		}
		soa, err := p.SOAResource()
		if err != nil {
			return
		}
		l.note(min(h.TTL, soa.MinTTL))
	}
}

func (l *lifetime) note(seconds uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.anything || seconds < l.seconds {
		l.seconds, l.anything = seconds, true
	}
}

// overheard is a stream to a name server. The library reads two bytes of length and then the message.
type overheard struct {
	net.Conn
	life *lifetime
}

func (c *overheard) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	c.life.hear(b[:n])
	return n, err
}

// overheardPackets is a datagram socket to a name server; being a PacketConn is how the library knows.
type overheardPackets struct {
	overheard
	packets net.PacketConn
}

func (c *overheardPackets) ReadFrom(b []byte) (int, net.Addr, error) { return c.packets.ReadFrom(b) }
func (c *overheardPackets) WriteTo(b []byte, a net.Addr) (int, error) {
	return c.packets.WriteTo(b, a)
}
