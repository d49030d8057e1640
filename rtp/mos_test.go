package rtp

import (
	"math"
	"testing"
	"time"
)

// The first is G.107's own figure for its defaults; the others were computed from its formulae by hand.
func TestTheImpressionFollowsTheEModel(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		name      string
		codec     Codec
		path      Path
		r, lq, cq float64
	}{
		{"no fault", PCMA, Path{}, 93.2, 4.41, 4.41},
		{"a delay nobody notices", PCMU, Path{Delay: 100 * ms}, 93.2, 4.41, 4.41},
		{"across an ocean", PCMA, Path{Delay: 300 * ms}, 78.4, 4.41, 3.96},
		{"by satellite", PCMA, Path{Delay: 600 * ms}, 58.0, 4.41, 2.99},
		{"1 % lost", PCMA, Path{Lost: 0.01}, 89.6, 4.33, 4.33},
		{"5 % lost", PCMA, Path{Lost: 0.05}, 77.4, 3.93, 3.93},
		{"5 % lost in bursts", PCMA, Path{Lost: 0.05, Burst: 2}, 76.0, 3.87, 3.87},
		{"5 % lost of Opus", Opus, Path{Lost: 0.05}, 81.0, 4.06, 4.06},
		{"half lost", PCMA, Path{Lost: 0.5}, 29.95, 1.61, 1.61},
		{"all lost", PCMA, Path{Lost: 1, Delay: time.Hour}, 0, 1.18, 1},
		{"nonsense", PCMA, Path{Lost: math.NaN(), Burst: math.NaN(), Delay: -time.Hour}, 93.2, 4.41, 4.41},
	} {
		got := c.codec.Impress(c.path)
		if math.Abs(got.R-c.r) > 0.1 || math.Abs(got.LQ-c.lq) > 0.01 || math.Abs(got.CQ-c.cq) > 0.01 {
			t.Errorf("%s: %+v", c.name, got)
		}
	}
}

func TestTheImpressionOfWhatWasReceived(t *testing.T) {
	q := Quality{Received: 980, Lost: 20, Late: 30, RoundTrip: 400 * time.Millisecond}
	if got, want := q.Impression(PCMA, 100*time.Millisecond), PCMA.Impress(Path{Lost: 0.05, Delay: 300 * time.Millisecond}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	if got := (Quality{}).Impression(Opus, 0); got.LQ < 4.4 {
		t.Errorf("nothing received yet: %+v", got)
	}
}
