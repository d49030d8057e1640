package trace

import (
	"errors"
	"net/netip"
	"sync"
	"time"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
)

// Bounds of captures.
const (
	maxCaptures = 4                // kept at a time; the oldest that is over makes room
	maxFile     = 16 << 20         // bytes of one
	keptFor     = 15 * time.Minute // after its end
	// Longest is how long a capture may be asked to last.
	Longest = time.Hour
)

// What a capture is refused for.
var (
	ErrNoCall = errors.New("no such call goes on")
	ErrBusy   = errors.New("as many captures as may be are under way")
)

// Capture is the packets of one call: its SIP messages, secrets blotted out, those that were kept before it among them,
// and the RTP of all its legs, decrypted. What was said is zeros unless it was asked for.
type Capture struct {
	call  call.ID
	sound bool
	until time.Time

	timer *time.Timer // ends it

	mu      sync.Mutex
	began   time.Time
	file    []byte                   // guarded by mu
	packets int                      // guarded by mu
	full    bool                     // guarded by mu: something had no more room
	over    time.Time                // guarded by mu; zero: under way
	tapped  map[call.LegID]tappedLeg // guarded by mu
	scratch [rtpScratch]byte         // guarded by mu
}

type tappedLeg interface{ Tap(rtp.Tap) }

const rtpScratch = 2048

// CaptureState is how a capture stands.
type CaptureState struct {
	Call          call.ID
	Sound         bool
	Began, Until  time.Time
	Over          time.Time // zero: it goes on
	Packets, Size int
	Full          bool // more came than it may hold
}

// Capture begins to take the packets of a call that goes on, for d at most; one that is under way goes on as it is.
// sound: what is said as well. The error is ErrNoCall or ErrBusy.
func (b *Book) Capture(id call.ID, d time.Duration, sound bool) (CaptureState, error) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if c := b.captures[id]; c != nil && !c.ended() {
		return c.state(), nil
	}
	var live []*leg
	for _, l := range b.calls[id] {
		if l.ended.IsZero() {
			live = append(live, l)
		}
	}
	if len(live) == 0 {
		return CaptureState{}, ErrNoCall
	}
	if !b.roomForCapture(now) {
		return CaptureState{}, ErrBusy
	}
	c := &Capture{call: id, sound: sound, began: now, until: now.Add(min(d, Longest)), file: appendFile(nil), tapped: make(map[call.LegID]tappedLeg)}
	c.timer = time.AfterFunc(c.until.Sub(now), func() { c.end(time.Now()) })
	b.captures[id] = c
	for _, m := range b.ladder(id).Messages {
		c.add(m.At, m.In, m.Local, m.Remote, []byte(m.Text))
	}
	for _, l := range live {
		c.join(l, b.dialogs[l.CallID])
	}
	return c.state(), nil
}

// roomForCapture forgets captures that are too old, and the oldest that is over when there are too many. b.mu is held.
func (b *Book) roomForCapture(now time.Time) bool {
	var oldest *Capture
	for id, c := range b.captures {
		over := c.state().Over
		switch {
		case over.IsZero():
		case now.Sub(over) > keptFor:
			delete(b.captures, id)
		case oldest == nil || over.Before(oldest.state().Over):
			oldest = c
		}
	}
	if len(b.captures) < maxCaptures {
		return true
	}
	if oldest == nil {
		return false
	}
	delete(b.captures, oldest.call)
	return true
}

// Captured is the file so far, in the form of libpcap, and how the capture stands; false: there is none.
func (b *Book) Captured(id call.ID) (file []byte, s CaptureState, ok bool) {
	b.mu.Lock()
	c := b.captures[id]
	b.mu.Unlock()
	if c == nil {
		return nil, s, false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]byte(nil), c.file...), c.stateLocked(), true
}

// EndCapture ends a capture and throws it away; false: there is none.
func (b *Book) EndCapture(id call.ID) bool {
	b.mu.Lock()
	c := b.captures[id]
	delete(b.captures, id)
	b.mu.Unlock()
	if c == nil {
		return false
	}
	c.end(time.Now())
	return true
}

// Close ends all captures.
func (b *Book) Close() {
	b.mu.Lock()
	all := b.captures
	b.captures = make(map[call.ID]*Capture)
	b.mu.Unlock()
	for _, c := range all {
		c.end(time.Now())
	}
}

// join begins to take the packets of a leg, once it has sound.
func (c *Capture) join(l *leg, d *dialog) {
	if l.Session == nil || d == nil {
		return
	}
	s := l.Session()
	t, ok := s.(tappedLeg)
	if !ok {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.tapped[l.Leg]; known || !c.over.IsZero() {
		return
	}
	c.tapped[l.Leg] = t
	local, remote := d.local, d.remote // of its signalling, in the place of a browser's own path
	where := func() (netip.AddrPort, netip.AddrPort) { return local, remote }
	if p, ok := s.(interface {
		Local() netip.AddrPort
		Remote() netip.AddrPort
	}); ok {
		where = func() (netip.AddrPort, netip.AddrPort) { return p.Local(), p.Remote() }
	}
	t.Tap(func(in bool, packet []byte, at time.Time) { c.packet(in, packet, at, where) })
}

// packet takes one RTP packet.
func (c *Capture) packet(in bool, packet []byte, at time.Time, where func() (local, remote netip.AddrPort)) {
	local, remote := where()
	if !local.IsValid() || !remote.IsValid() {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.sound {
		n := copy(c.scratch[:], packet)
		head := min(headSize(packet), n)
		clear(c.scratch[head:n])
		packet = c.scratch[:n]
	}
	c.write(at, in, local, remote, packet)
}

// headSize is the size of an RTP header with its sources and extension (RFC 3550 section 5).
func headSize(p []byte) int {
	const fixed = 12
	if len(p) < fixed {
		return len(p)
	}
	n := fixed + 4*int(p[0]&0x0f)
	if p[0]&0x10 != 0 && len(p) >= n+4 {
		n += 4 + 4*(int(p[n+2])<<8|int(p[n+3]))
	}
	return min(n, len(p))
}

// add takes one SIP message.
func (c *Capture) add(at time.Time, in bool, local, remote netip.AddrPort, text []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.write(at, in, local, remote, text)
}

// write adds a frame. c.mu is held.
func (c *Capture) write(at time.Time, in bool, local, remote netip.AddrPort, payload []byte) {
	if !c.over.IsZero() {
		return
	}
	if len(c.file)+len(payload)+frameHeader+ip6Header+udpHeader > maxFile {
		c.full = true
		return
	}
	from, to := local, remote
	if in {
		from, to = to, from
	}
	c.file = appendFrame(c.file, at, from, to, payload)
	c.packets++
}

func (c *Capture) ended() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return !c.over.IsZero()
}

// lastWords is how long a capture goes on after the last leg: the answer to a BYE comes after it.
const lastWords = 2 * time.Second

// leave lets go of a leg that is over; last: it was the only one left.
func (c *Capture) leave(id call.LegID, last bool) {
	c.mu.Lock()
	t := c.tapped[id]
	delete(c.tapped, id)
	if last && c.over.IsZero() {
		c.timer.Reset(lastWords)
	}
	c.mu.Unlock()
	if t != nil {
		t.Tap(nil)
	}
}

// end lets go of all legs; the file stays.
func (c *Capture) end(now time.Time) {
	c.mu.Lock()
	legs := c.tapped
	c.tapped = nil
	if c.over.IsZero() {
		c.over = now
	}
	c.timer.Stop()
	c.mu.Unlock()
	for _, t := range legs {
		t.Tap(nil)
	}
}

func (c *Capture) state() CaptureState {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stateLocked()
}

func (c *Capture) stateLocked() CaptureState {
	return CaptureState{Call: c.call, Sound: c.sound, Began: c.began, Until: c.until, Over: c.over, Packets: c.packets, Size: len(c.file), Full: c.full}
}
