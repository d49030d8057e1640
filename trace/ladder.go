package trace

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
)

// Leg is one leg of a call and how its sound is, or was.
type Leg struct {
	ID            call.LegID
	Call          call.ID
	Kind          string         // "trunk", "phone" or "browser"
	Agent         string         // empty: the world outside
	CallID        string         // of its dialog
	Local, Remote netip.AddrPort // of its signalling
	Began, Ended  time.Time
	Codec         string // that we send; empty: no sound was agreed
	Quality       Quality
	Cut           int // messages of its dialog that were not kept
}

// Quality is how the sound of a leg is: what came from the far side, and what that says of ours.
type Quality struct {
	Received, Sent    uint64 // packets
	Lost, Late        uint64 // packets missing in what came, and those too late to be played
	Loss, FarLoss     float64
	Jitter, RoundTrip time.Duration
	MOS               float64 // how it is to talk over it, 1 to 4.5 (ITU-T G.107, MOS-CQ); 0: nothing came
}

// buffered is what the estimate of a call's delay adds to the network's: a packet and a jitter buffer of the usual size.
const buffered = 60 * time.Millisecond

// Ladder is what was said and heard in one call.
type Ladder struct {
	Call     call.ID
	Legs     []Leg
	Messages []Message // in the order of their passing
}

// Ladder is that of one call; false: nothing is known of it (any more).
func (b *Book) Ladder(id call.ID) (Ladder, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	legs := b.calls[id]
	if len(legs) == 0 {
		return Ladder{}, false
	}
	all := Ladder{Call: id}
	for _, l := range legs {
		d := b.dialogs[l.CallID]
		v := l.view(d)
		if d != nil {
			for _, m := range d.messages {
				m.Leg = l.Leg
				all.Messages = append(all.Messages, m)
			}
		}
		all.Legs = append(all.Legs, v)
	}
	slices.SortStableFunc(all.Messages, func(x, y Message) int { return x.At.Compare(y.At) })
	return all, true
}

// view is a leg as it stands, with its dialog, if that is still known.
func (l *leg) view(d *dialog) Leg {
	q, codec := l.last, l.codec
	if l.Session != nil {
		q, codec = soundOf(l.Session())
	}
	v := Leg{ID: l.Leg, Call: l.Call, Kind: l.Kind, Agent: l.Party.Agent, CallID: l.CallID, Began: l.began, Ended: l.ended, Codec: codec.Name,
		Quality: Quality{Received: q.Received, Sent: q.Sent, Lost: q.Lost, Late: q.Late, FarLoss: q.FarLost, Jitter: q.Jitter, RoundTrip: q.RoundTrip}}
	if d != nil {
		v.Cut, v.Local, v.Remote = d.cut, d.local, d.remote
	}
	if due := q.Received + q.Lost; due > 0 {
		v.Quality.Loss = float64(q.Lost) / float64(due)
		v.Quality.MOS = q.Impression(codec, buffered).CQ
	}
	return v
}

// Summary is the first thing to know of a message: "INVITE", "180 Ringing", with "SDP" when it carries one.
func (m Message) Summary() string {
	first, _, _ := strings.Cut(m.Text, "\r\n")
	sdp := ""
	if strings.Contains(m.Text, "\r\n\r\nv=0") {
		sdp = " SDP"
	}
	if status, ok := strings.CutPrefix(first, "SIP/2.0 "); ok {
		return status + sdp
	}
	method, _, _ := strings.Cut(first, " ")
	return method + sdp
}

// name is what a leg is called in a picture.
func (l Leg) name() string { return cmp.Or(l.Agent, l.Kind) }

// Mermaid is the ladder as a sequence diagram of mermaid.
func (l Ladder) Mermaid() string {
	var b strings.Builder
	b.WriteString("sequenceDiagram\n")
	column := map[call.LegID]string{}
	for i, leg := range l.Legs {
		column[leg.ID] = fmt.Sprintf("L%d", i)
		fmt.Fprintf(&b, "  participant L%d as %s\n", i, plain(leg.name()+", "+leg.Kind))
		if i == 0 {
			b.WriteString("  participant G as cordboard\n")
		}
	}
	for _, m := range l.Messages {
		from, to := "G", column[m.Leg]
		if m.In {
			from, to = to, from
		}
		fmt.Fprintf(&b, "  %s->>%s: %s %s\n", from, to, clock(m.At), plain(m.Summary()))
	}
	return b.String()
}

// plain takes out what ends a line or a statement of mermaid.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == ';' || r == '#' {
			return ' '
		}
		return r
	}, s)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }
