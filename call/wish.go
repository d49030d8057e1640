package call

// Wish is what a party asks for during a call. A re-INVITE, a REFER, an API call and a button all become the same wish,
// read by the one goroutine that tells the call's story. The set is closed.
type Wish interface{ wish() }

type (
	// Hold asks that the other party be put on hold (RFC 3264 section 8.4: an offer of sendonly or inactive).
	Hold struct{}
	// Resume ends a hold.
	Resume struct{}
	// Consult asks for a second party while the first one waits.
	Consult struct{ To string }
	// Complete joins the consulted party with the one who waits, and leaves.
	Complete struct{}
	// Abandon drops the consulted party and goes back to the one who waits.
	Abandon struct{}
	// Transfer hands the other party on.
	Transfer struct {
		To string // whom to call, as it would be dialled
		// Instead is another leg of the same agent: whoever talks to her there is joined with the other party, and nobody
		// is called. Nil: To is called without asking first.
		Instead Leg
		// Told is called with what becomes of it: the zero Ending while it rings, any number of times, and once how it
		// went; Transferred is success. It must not block. Nil: nobody asks.
		Told func(Ending)
	}
	// Digits are keys pressed and told us by signalling (INFO, an API call). Keys pressed in the sound itself
	// (RFC 4733) are relayed with the sound.
	Digits struct{ Tones string }
	// Gone is no wish of hers: nothing is heard of the party any more, though the leg has not ended. It may come back.
	Gone struct{}
	// Back ends that: the party is heard again on the same leg.
	Back struct{}
)

func (Hold) wish()     {}
func (Resume) wish()   {}
func (Consult) wish()  {}
func (Complete) wish() {}
func (Abandon) wish()  {}
func (Transfer) wish() {}
func (Digits) wish()   {}
func (Gone) wish()     {}
func (Back) wish()     {}
