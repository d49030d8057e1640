package lab

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"net/netip"
)

// TrunkOptions say who a Trunk is. The zero value is UDP on a free port of 127.0.0.1, PCMA before PCMU.
type TrunkOptions struct {
	Bind      string     // SIP address, "127.0.0.1:0" when empty
	TCP       bool       // SIP over TCP instead of UDP
	Media     string     // IP of the RTP sockets, 127.0.0.1 when empty
	Number    string     // user part of From and Contact, "+358400000001" when empty
	Formats   []Format   // in order of preference
	Metronome *Metronome // shared clock; one of its own when nil
	// Accounts are users with their passwords. Where there are some, REGISTER and INVITE are challenged.
	Accounts map[string]string
	Trace    func(line string)
}

// Trunk is a telephone company's end of a SIP trunk: it calls, and it answers what is sent out to it.
type Trunk struct{ *station }

// NewTrunk opens the sockets. Close gives them back.
func NewTrunk(o TrunkOptions) (*Trunk, error) {
	if o.Number == "" {
		o.Number = "+358400000001"
	}
	if o.Formats == nil {
		o.Formats = []Format{PCMA(), PCMU()}
	}
	s, err := newPlainStation(o)
	if err != nil {
		return nil, err
	}
	return &Trunk{s}, nil
}

func newPlainStation(o TrunkOptions) (*station, error) {
	if o.Bind == "" {
		o.Bind = "127.0.0.1:0"
	}
	if o.Media == "" {
		o.Media = "127.0.0.1"
	}
	ip, err := netip.ParseAddr(o.Media)
	if err != nil {
		return nil, err
	}
	s := newStation(o.Number, o.Formats, o.Trace)
	if s.metronome = o.Metronome; s.metronome == nil {
		s.metronome = NewMetronome()
	}
	if o.Accounts != nil {
		s.guard = &guard{accounts: o.Accounts, realm: "lab", nonce: token(16), contacts: map[string]string{}}
	}
	s.newMedia = func(formats []Format) (media, error) { return newLine(s.metronome, ip, formats) }
	if o.TCP {
		s.wire, err = openWire(listenTCP, o.Bind, s)
	} else {
		s.wire, err = openWire(listenUDP, o.Bind, s)
	}
	if err != nil {
		return nil, err
	}
	close(s.ready)
	return s, nil
}

func openWire[W wire](listen func(string, deliver) (W, error), bind string, s *station) (wire, error) {
	w, err := listen(bind, func(raw []byte, from flow) {
		<-s.ready // the first message may come before listen has returned
		s.receive(raw, from)
	})
	if err != nil {
		return nil, err
	}
	return w, nil
}

// Call places a call to "sip:number@host:port" and returns at once; the Call tells what becomes of it. When ctx ends
// before the answer, the call is cancelled.
func (t *Trunk) Call(ctx context.Context, uri string, o CallOptions) (*Call, error) {
	return t.dial(ctx, uri, o)
}

func randomSSRC() uint32 {
	var b [4]byte
	_, _ = rand.Read(b[:]) // never fails, see crypto/rand
	return binary.BigEndian.Uint32(b[:])
}
