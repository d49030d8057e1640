package lab

import (
	"errors"
	"net/netip"
	"sync"
	"time"
)

// media is the sound of one call.
type media interface {
	// offer describes us; direction "" leaves it as it is.
	offer(direction string) (string, error)
	answer(offer string) (string, error)
	// accept takes an answer; the far side may change its mind until a final one.
	accept(answer string, final bool) error
	mouth() *Mouth
	ear() *Ear
	// close returns when nothing more is sent or heard.
	close()
}

var errNoCommonCodec = errors.New("no common codec")

// line is plain RTP, the sound of a trunk or a desk phone.
type line struct {
	metronome *Metronome
	ip        netip.Addr
	formats   []Format
	lips      *Mouth
	hearing   *Ear

	mu        sync.Mutex
	port      *rtpPort         // guarded by mu
	remote    netip.AddrPort   // guarded by mu
	from      []netip.AddrPort // guarded by mu; the addresses that packets came from, in order
	version   int              // guarded by mu
	direction string           // guarded by mu; ours
	last      []Format         // guarded by mu; what our last answer said
	closed    bool             // guarded by mu
}

func newLine(m *Metronome, ip netip.Addr, formats []Format) (*line, error) {
	l := &line{metronome: m, ip: ip, formats: formats, hearing: newEar(), direction: "sendrecv"}
	l.lips = newMouth(randomSSRC())
	l.hearing.understand(formats)
	if err := l.open(); err != nil {
		return nil, err
	}
	if err := m.add(l.lips); err != nil {
		l.close()
		return nil, err
	}
	return l, nil
}

func (l *line) open() error {
	p, err := openPort(l.ip, l.heard)
	if err != nil {
		return err
	}
	if err := l.metronome.watch(p); err != nil {
		p.close()
		return err
	}
	l.mu.Lock()
	l.port = p
	l.mu.Unlock()
	return nil
}

func (l *line) heard(packet []byte, from netip.AddrPort, at time.Time) {
	l.mu.Lock()
	if n := len(l.from); n == 0 || l.from[n-1] != from {
		l.from = append(l.from, from)
	}
	l.mu.Unlock()
	l.hearing.hear(packet, at)
}

// move changes to another port.
func (l *line) move() error {
	l.mu.Lock()
	old := l.port
	l.mu.Unlock()
	if err := l.open(); err != nil {
		return err
	}
	l.lips.shut()
	l.metronome.unwatch(old)
	old.close()
	return l.speak()
}

func (l *line) offer(direction string) (string, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if direction != "" {
		l.direction = direction
	}
	l.version++
	return writeSDP(l.port.addr, l.version, l.formats, l.direction), nil
}

func (l *line) answer(offer string) (string, error) {
	d, err := readSDP(offer)
	if err != nil {
		return "", err
	}
	both := common(l.formats, d.formats)
	if len(both) == 0 {
		return "", errNoCommonCodec
	}
	if err := l.adopt(d, both); err != nil {
		return "", err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.version++
	direction := reverse(d.direction)
	if l.direction == "inactive" || l.direction == "sendonly" && direction == "recvonly" {
		direction = "inactive" // both hold
	}
	return writeSDP(l.port.addr, l.version, both[:1], direction), nil
}

func (l *line) accept(answer string, _ bool) error {
	d, err := readSDP(answer)
	if err != nil {
		return err
	}
	both := common(d.formats, l.formats) // the answerer's order counts now
	if len(both) == 0 {
		return errNoCommonCodec
	}
	for i := range both { // an answer keeps the offer's numbers, so theirs are ours
		both[i].Event = eventOf(d.formats, both[i])
	}
	return l.adopt(d, both)
}

func eventOf(theirs []Format, f Format) uint8 {
	for _, t := range theirs {
		if t.Payload == f.Payload {
			return t.Event
		}
	}
	return 0
}

func (l *line) adopt(d description, both []Format) error {
	l.hearing.understand(both)
	l.mu.Lock()
	l.remote, l.last = d.addr, both
	if d.direction == "sendonly" || d.direction == "inactive" { // we are held
		l.remote = netip.AddrPortFrom(l.remote.Addr(), 0)
	}
	l.mu.Unlock()
	return l.speak()
}

// speak lets the mouth send where the last description said.
func (l *line) speak() error {
	l.mu.Lock()
	port, remote, last, closed := l.port, l.remote, l.last, l.closed
	mute := l.direction == "recvonly" || l.direction == "inactive"
	l.mu.Unlock()
	if closed || mute || remote.Port() == 0 || len(last) == 0 || remote.Addr().IsUnspecified() {
		l.lips.shut()
		return nil
	}
	return l.lips.speakTo(last[0], func(packet []byte) error { return port.send(packet, remote) })
}

func (l *line) mouth() *Mouth { return l.lips }
func (l *line) ear() *Ear     { return l.hearing }

func (l *line) close() {
	l.mu.Lock()
	already, port := l.closed, l.port
	l.closed = true
	l.mu.Unlock()
	if already {
		return
	}
	l.metronome.remove(l.lips)
	l.lips.shut()
	l.metronome.unwatch(port)
	port.close()
}
