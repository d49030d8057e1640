package rtp

import "time"

// Core is the part that all sessions have in common: it takes received packets, keeps account of them, hands them to
// its sinks, and has the one outgoing Stream. A session embeds it and adds the negotiation and the way to the network.
type Core struct{ out *Stream }

// CoreConfig is what a session gives its Core.
type CoreConfig struct {
	Name string // SourceName: "leg 01h…"
	Leg  string // label of the metrics: "trunk", "phone", "browser"
	StreamConfig
}

// NewCore makes the common part of a session.
func NewCore(c CoreConfig) *Core { return &Core{out: NewStream(c.StreamConfig)} }

// SourceName is for logs and tests.
func (c *Core) SourceName() string { return "" }

// Out is the one outgoing stream.
func (c *Core) Out() *Stream { return c.out }

// Listen hands every received packet to sink until stop is called; no packet is delivered after stop returned. stop
// must not be called from within Sink.Packet.
func (c *Core) Listen(sink Sink, want *Format) (stop func()) { return func() {} }

// Receive takes one RTP packet from the network and hands it to the sinks before it returns; raw is not kept. It
// reports whether the packet was valid and of a negotiated payload type. One goroutine at a time may call it.
func (c *Core) Receive(raw []byte, at time.Time) bool { return false }

// SetFormats says what a negotiation has come to: what we send, what we understand (by payload type; a telephone-event
// type maps to the format of the audio it belongs to, whose Event names it), and the direction from our side.
func (c *Core) SetFormats(send *Format, receive map[uint8]*Format, d Direction) {}

// Direction is what the last negotiation left us.
func (c *Core) Direction() Direction { return Inactive }

// Quality is what has been received and reported so far.
func (c *Core) Quality() Quality { return Quality{} }

// Close ends the outgoing stream. Sinks get nothing more.
func (c *Core) Close() { c.out.Close() }
