package gateway

import (
	"time"

	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/trace"
)

// traces are the book of the last calls as the API sees it.
type traces struct{ book *trace.Book }

func (t traces) Ladder(id call.ID) (api.Ladder, bool) {
	l, ok := t.book.Ladder(id)
	if !ok {
		return api.Ladder{}, false
	}
	shown := api.Ladder{Call: string(id), Legs: []api.Leg{}, Messages: []api.Message{}}
	for _, leg := range l.Legs {
		shown.Legs = append(shown.Legs, legOf(leg))
	}
	for _, m := range l.Messages {
		direction := "out"
		if m.In {
			direction = "in"
		}
		shown.Messages = append(shown.Messages, api.Message{At: m.At.UTC(), Leg: string(m.Leg), Direction: direction, Transport: m.Network,
			Local: m.Local.String(), Remote: m.Remote.String(), Summary: m.Summary(), Text: m.Text})
	}
	return shown, true
}

func legOf(l trace.Leg) api.Leg {
	shown := api.Leg{ID: string(l.ID), Kind: l.Kind, Agent: l.Agent, CallID: l.CallID, Began: l.Began.UTC(), Cut: l.Cut}
	if !l.Ended.IsZero() {
		ended := l.Ended.UTC()
		shown.Ended = &ended
	}
	if q := l.Quality; l.Codec != "" {
		shown.Quality = &api.Quality{Codec: l.Codec, Received: q.Received, Sent: q.Sent, Lost: q.Lost, Late: q.Late, LossPercent: 100 * q.Loss,
			FarLoss: 100 * q.FarLoss, JitterMS: milliseconds(q.Jitter), RoundTripMS: milliseconds(q.RoundTrip), MOS: q.MOS}
	}
	return shown
}

func milliseconds(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

func (t traces) Drawn(id call.ID, form string) (string, bool) {
	l, ok := t.book.Ladder(id)
	if form == "mermaid" {
		return l.Mermaid(), ok
	}
	return l.Text(), ok
}
