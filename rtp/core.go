package rtp

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// Core is the part that all sessions have in common: it takes received packets, keeps account of them, hands them to
// its sinks, and has the one outgoing Stream. A session embeds it and adds the negotiation and the way to the network.
type Core struct {
	name  string
	out   *Stream
	agree atomic.Pointer[agreement]

	packet Packet // owned by the goroutine in Receive
	header header // owned by the goroutine in Receive

	listening sync.Mutex // serialises Listen and stop
	listeners atomic.Pointer[[]*listener]

	mu        sync.Mutex
	reception reception // guarded by mu
	far       farReport // guarded by mu

	strangers, forged atomic.Uint64

	late  atomic.Uint64 // counted by the jitter buffers of those who listen
	leave func()        // takes the session out of the metrics
}

// CoreConfig is what a session gives its Core.
type CoreConfig struct {
	Name    string   // SourceName: "leg 01h…"
	Leg     string   // label of the metrics: "trunk", "phone", "browser"
	Metrics *Metrics // nil: not counted
	StreamConfig
}

// agreement is what the last negotiation came to; it is never changed, only replaced.
type agreement struct {
	receive   [128]*Format // by payload type
	send      *Format
	direction Direction
}

// listener is one sink with the right to stop.
type listener struct {
	mu   sync.Mutex // held while a packet is delivered
	sink Sink       // guarded by mu; nil: stopped
}

// NewCore makes the common part of a session.
func NewCore(c CoreConfig) *Core {
	core := &Core{name: c.Name, out: NewStream(c.StreamConfig)}
	core.agree.Store(&agreement{direction: Inactive})
	core.listeners.Store(&[]*listener{})
	core.leave = c.Metrics.join(c.Leg, core)
	return core
}

// SourceName is for logs and tests.
func (c *Core) SourceName() string { return c.name }

// Out is the one outgoing stream.
func (c *Core) Out() *Stream { return c.out }

// Listen hands every received packet to sink until stop is called; no packet is delivered after stop returned. stop
// must not be called from within Sink.Packet.
func (c *Core) Listen(sink Sink, _ *Format) (stop func()) {
	l := &listener{sink: sink}
	c.listening.Lock()
	defer c.listening.Unlock()
	list := append(slices.Clone(*c.listeners.Load()), l)
	c.listeners.Store(&list)
	return func() { c.unlisten(l) }
}

func (c *Core) unlisten(l *listener) {
	c.listening.Lock()
	list := slices.DeleteFunc(slices.Clone(*c.listeners.Load()), func(o *listener) bool { return o == l })
	c.listeners.Store(&list)
	c.listening.Unlock()
	l.mu.Lock()
	l.sink = nil
	l.mu.Unlock()
}

// Receive takes one RTP packet from the network and hands it to the sinks before it returns; raw is not kept. It
// reports whether the packet was valid and of a negotiated payload type. One goroutine at a time may call it.
func (c *Core) Receive(raw []byte, at time.Time) bool {
	h := &c.header
	if h.parse(raw) != nil {
		return false
	}
	a := c.agree.Load()
	format := a.receive[h.payload]
	if format == nil {
		return false
	}
	event := h.payload == format.Event && h.payload != format.Payload
	comfort := h.payload != format.Payload && !event
	c.mu.Lock()
	fresh := c.reception.accept(h, format.Codec.Clock, event || comfort, at)
	c.mu.Unlock()
	if !fresh || a.direction == SendOnly || a.direction == Inactive {
		return true
	}
	c.packet = Packet{
		SSRC: h.ssrc, Sequence: h.sequence, Timestamp: h.timestamp, Marker: h.marker,
		Event: event, Comfort: comfort, Payload: h.body, Format: format, Arrived: at, late: &c.late,
	}
	for _, l := range *c.listeners.Load() {
		l.deliver(&c.packet)
	}
	return true
}

func (l *listener) deliver(p *Packet) {
	l.mu.Lock()
	defer l.mu.Unlock() // by defer, so that a sink's panic leaves no lock behind
	if l.sink != nil {
		l.sink.Packet(p)
	}
}

// SetFormats says what a negotiation has come to: what we send, what we understand (by payload type; those of
// telephone-event and comfort noise map to the format of the audio they belong to, whose Event names the first), and the
// direction from our side. The formats may not be changed afterwards.
func (c *Core) SetFormats(send *Format, receive map[uint8]*Format, d Direction) {
	a := &agreement{send: send, direction: d}
	for pt, f := range receive {
		if pt < 128 {
			a.receive[pt] = f
			if f.Codec.Clock == Comfort.Clock && receive[comfortPayload] == nil {
				a.receive[comfortPayload] = f
			}
		}
	}
	c.agree.Store(a)
	c.out.SetFormat(send, d)
}

// CountStranger counts a packet from an address that was not believed to be the far side's.
func (c *Core) CountStranger() { c.strangers.Add(1) }

// CountForged counts a packet of a protected session that its far side has not protected, or that came again.
func (c *Core) CountForged() { c.forged.Add(1) }

// Direction is what the last negotiation left us; Inactive before the first one.
func (c *Core) Direction() Direction { return c.agree.Load().direction }

// Quality is what has been received and reported so far.
func (c *Core) Quality() Quality {
	sent, _ := c.out.sent()
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.reception
	return Quality{
		Received: r.formerReceived + r.received, Sent: sent,
		Lost: r.formerLost + r.lost(), Late: c.late.Load(), Jitter: r.jitterTime(),
		RoundTrip: c.far.roundTrip, FarLost: c.far.lost, Reported: c.far.reports > 0, Strangers: c.strangers.Load(), Forged: c.forged.Load(), LastHeard: r.last,
	}
}

// Close ends the outgoing stream and lets go of all sinks. Closing twice is harmless.
func (c *Core) Close() {
	c.out.Close()
	for _, l := range *c.listeners.Load() {
		c.unlisten(l)
	}
	c.leave()
}
