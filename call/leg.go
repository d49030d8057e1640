package call

import "context"

// Leg is one party's connection to us: its signalling and its sound together. All methods are safe for concurrent use.
//
// A leg that we dialled is handed out when it has been answered; Ring and Answer are for legs that called us.
type Leg interface {
	ID() LegID
	// Party is who is there.
	Party() Party
	// Ring tells the caller that somebody is being alerted (180). A leg that is past ringing ignores it.
	Ring(ctx context.Context) error
	// Early lets a caller hear what his Audio is told to, before the answer (183 with a session description). Doing so
	// twice is harmless.
	Early(ctx context.Context) error
	// Answer accepts the call (200) and returns when the caller confirmed it, or with the reason why there is no call.
	// Answering twice is harmless.
	Answer(ctx context.Context) error
	// Hangup ends the leg by whatever its state asks for: a final response, CANCEL or BYE. It returns at once, may be
	// called any number of times, and the first ending stands.
	Hangup(Ending)
	// Audio is what the party says and hears.
	Audio() Audio
	// Wishes is what the party asks for after the answer. It is never closed; wait on Context as well.
	Wishes() <-chan Wish
	// Context ends with the leg; EndingOf(Context()) then says who ended it and why.
	Context() context.Context
}

// Source is something that can be heard: a leg's Audio, music, a prompt, a tone. The media floors know what is behind.
type Source interface {
	// SourceName is for logs and tests: "leg 01h…", "music", "ringback".
	SourceName() string
}

// Audio is the sound of one leg: itself a source (what the party says), and the party's ear.
type Audio interface {
	Source
	// Hear switches, between two packets, what the party hears. Nil is silence. The outgoing stream keeps its SSRC,
	// sequence and clock, so no switch is ever audible as a gap or negotiated with the far side.
	Hear(Source)
	// Digits plays DTMF tones (0-9 * # A-D) to the party, after those already queued.
	Digits(tones string)
}
