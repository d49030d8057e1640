package rtp

import "time"

// clock is the timestamp line of a stream: it runs by the wall, whether packets are sent or not (RFC 3550 section 5.1),
// and never jumps, because exchanges stop forwarding a stream whose timestamps jump.
type clock struct {
	rate  int
	last  uint32    // timestamp of the last packet
	span  uint32    // and how long it lasts, in the clock
	at    time.Time // when it was sent; zero: nothing was sent yet
	heard time.Time // when the source last said something
}

// setRate goes on at another rate from the timestamp reached.
func (c *clock) setRate(rate int) {
	if c.rate != 0 {
		c.span = uint32(uint64(c.span) * uint64(rate) / uint64(c.rate))
	}
	c.rate = rate
}

// elapsed is the time since the last packet in units of the clock.
func (c *clock) elapsed(at time.Time) int64 {
	return int64(at.Sub(c.at)) * int64(c.rate) / int64(time.Second)
}

// now is the timestamp that the wall clock asks for.
func (c *clock) now(at time.Time) uint32 {
	if c.at.IsZero() {
		return c.last
	}
	return c.last + uint32(c.elapsed(at))
}

// follow is the timestamp of a packet that has no other claim than to come next: on the grid of the last packet's
// length, as near as possible to the wall clock, and at least one packet on. (A few units off the grid and a browser's
// jitter buffer conceals what was never lost.)
func (c *clock) follow(at time.Time) uint32 {
	if c.at.IsZero() {
		return c.last
	}
	span := int64(max(c.span, 1))
	steps := max((c.elapsed(at)+span/2)/span, 1)
	return c.last + uint32(steps*span)
}

// mark notes what was sent.
func (c *clock) mark(timestamp, span uint32, at time.Time) {
	c.last, c.at = timestamp, at
	if span > 0 {
		c.span = span
	}
}
