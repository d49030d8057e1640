package rtp

import "time"

// farReport is what the far side's RTCP told of our stream.
type farReport struct {
	lost      float64
	roundTrip time.Duration
}
