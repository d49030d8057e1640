package rtp

import "time"

// Tap is told of each RTP packet of a session, decrypted: of those received that are of a negotiated type, and of those
// sent. The packet is lent for the call. It is called on the path of the packets, so it must not block.
type Tap func(in bool, packet []byte, at time.Time)

// Tap names who is told of packets from now on; nil: nobody, which costs the look at a pointer for each packet.
func (c *Core) Tap(t Tap) {
	if t == nil {
		c.out.tap.Store(nil)
		return
	}
	c.out.tap.Store(&t)
}

func (c *Core) tapped(in bool, packet []byte, at time.Time) {
	if t := c.out.tap.Load(); t != nil {
		(*t)(in, packet, at)
	}
}
