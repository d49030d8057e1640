package lab

import (
	"context"
	"fmt"
	"time"
)

// PhoneOptions say whose desk a Phone stands on.
type PhoneOptions struct {
	Server   string // host:port of the registrar and proxy
	User     string
	Password string
	Domain   string // of the address of record; the server when empty
	Bind     string // SIP address, "127.0.0.1:0" when empty
	TCP      bool
	Media    string   // IP of the RTP sockets
	Formats  []Format // PCMA before PCMU when nil
	Clock    *Metronome
	Trace    func(line string)
}

// Phone is a desk phone.
type Phone struct {
	*station
	server string
	domain string
	reg    registration
	callID string
}

// NewPhone opens the sockets; Register makes it reachable.
func NewPhone(o PhoneOptions) (*Phone, error) {
	if o.Domain == "" {
		o.Domain = o.Server
	}
	if o.Formats == nil {
		o.Formats = []Format{PCMA(), PCMU()}
	}
	s, err := newPlainStation(TrunkOptions{Bind: o.Bind, TCP: o.TCP, Media: o.Media, Number: o.User, Formats: o.Formats,
		Metronome: o.Clock, Trace: o.Trace})
	if err != nil {
		return nil, err
	}
	transport := ""
	if o.TCP {
		transport = ";transport=tcp"
	}
	return &Phone{station: s, server: o.Server, domain: o.Domain, callID: token(20) + "@lab", reg: registration{
		registrar: "sip:" + o.Domain, user: o.User, password: o.Password, dest: o.Server,
		contact: fmt.Sprintf("<sip:%s@%s%s>", o.User, s.wire.address(), transport)}}, nil
}

// Register makes the phone reachable for that long and returns the registrar's 200. It is not renewed by itself.
func (p *Phone) Register(ctx context.Context, expires time.Duration) (*Message, error) {
	return p.register(ctx, p.reg, p.callID, expires)
}

// Unregister takes the binding back.
func (p *Phone) Unregister(ctx context.Context) error {
	_, err := p.register(ctx, p.reg, p.callID, 0)
	return err
}

// Call dials a number, or a whole SIP URI, through the server.
func (p *Phone) Call(ctx context.Context, number string, o CallOptions) (*Call, error) {
	if o.User == "" {
		o.User, o.Password = p.reg.user, p.reg.password
	}
	return p.dial(ctx, numberURI(number, p.server), o)
}

func numberURI(number, host string) string {
	if scheme, _ := cutScheme(number); scheme == "sip" || scheme == "sips" {
		return number
	}
	return fmt.Sprintf("sip:%s@%s", number, host)
}
