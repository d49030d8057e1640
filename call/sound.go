package call

import "time"

// Sound is how one leg of a call sounded, as far as its packets and the reports of the far side tell.
type Sound struct {
	Leg       LegID   `json:"leg"`
	Agent     string  `json:"agent,omitempty"` // whose leg; empty: that of somebody outside
	Codec     string  `json:"codec,omitempty"` // that we send
	Protected bool    `json:"protected,omitempty"`
	Received  uint64  `json:"received"` // packets
	Lost      uint64  `json:"lost"`     // packets missing in what was received
	Late      uint64  `json:"late"`     // packets that came too late to be heard
	Sent      uint64  `json:"sent"`     // packets
	FarLost   float64 `json:"far_lost"` // fraction of ours that the far side reported lost last, 0 to 1
	// Jitter is that of RFC 3550 of what is received, RoundTrip that of the reports, 0 unknown; nanoseconds in JSON.
	Jitter    time.Duration `json:"jitter"`
	RoundTrip time.Duration `json:"round_trip"`
	// MOS estimates how it is to talk over the line as we hear it, 1 to 4.5, by the E-model (ITU-T G.107); 0: nothing was
	// heard. FarMOS is the same of what they hear of us; 0: they have not reported.
	MOS    float64 `json:"mos"`
	FarMOS float64 `json:"far_mos,omitempty"`
}

// Sounding is a Leg that can tell how it sounds. False: it has no sound yet.
type Sounding interface {
	Sound() (Sound, bool)
}
