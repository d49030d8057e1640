package rtp

import "time"

// Beat does what the metronome does, at a moment that the test chooses.
func (s *Stream) Beat(at time.Time) { s.beat(at) }
