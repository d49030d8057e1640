package bridge

import (
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/sip"
)

// Watcher is told of each leg as soon as it has a dialog, and of its end. It must not block.
type Watcher interface {
	LegBegan(LegNote)
	LegEnded(call.LegID)
}

// LegNote is what is known of a leg at its begin.
type LegNote struct {
	Call    call.ID
	Leg     call.LegID
	Party   call.Party
	Kind    string             // "trunk", "phone" or "browser"
	CallID  string             // of its dialog
	Session func() rtp.Session // its sound; nil until there is some
}

// began tells the watcher of a leg.
func (l *leg) began(d *sip.Dialog) {
	if w := l.bridge.Watcher; w != nil {
		w.LegBegan(LegNote{Call: l.call, Leg: l.id, Party: l.party, Kind: l.kind, CallID: d.CallID(), Session: l.sound})
	}
}

// over takes a leg out of the books.
func (l *leg) over() {
	l.bridge.legs.Dec()
	if w := l.bridge.Watcher; w != nil {
		w.LegEnded(l.id)
	}
}
