package trace

import (
	"fmt"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
)

// apart is how far two columns of a ladder are from each other, in characters.
const apart = 28

// Text is the ladder in letters, with the first leg to the left of us and the others to the right:
//
//	              trunk                       cordboard                   anna
//	15:04:05.123  |------- INVITE SDP ------->|                           |
//	15:04:05.124  |                           |------- INVITE SDP ------->|
func (l Ladder) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "call %s\n", l.Call)
	for _, leg := range l.Legs {
		leg.describe(&b)
	}
	columns := []string{"", "cordboard"}
	place := map[call.LegID]int{}
	for i, leg := range l.Legs {
		if i == 0 {
			columns[0] = leg.name()
			continue
		}
		place[leg.ID] = len(columns)
		columns = append(columns, leg.name())
	}
	names := strings.Repeat(" ", len(clock(time.Time{}))+2)
	for _, c := range columns {
		names += fmt.Sprintf("%-*.*s", apart, apart-1, c)
	}
	b.WriteString("\n" + strings.TrimRight(names, " ") + "\n")
	for _, m := range l.Messages {
		b.WriteString(clock(m.At) + "  " + rung(m, place[m.Leg], len(columns)) + "\n")
	}
	return b.String()
}

// describe says in words what a leg is and how its sound is.
func (l Leg) describe(b *strings.Builder) {
	fmt.Fprintf(b, "%s, %s, Call-ID %s\n", l.name(), l.Kind, l.CallID)
	if q := l.Quality; l.Codec != "" {
		fmt.Fprintf(b, "    %s: received %d, lost %d (%.1f %%), late %d, jitter %s; sent %d, of which the far side lost %.1f %%; round trip %s, MOS %.1f\n", l.Codec,
			q.Received, q.Lost, 100*q.Loss, q.Late, tenths(q.Jitter), q.Sent, 100*q.FarLoss, tenths(q.RoundTrip), q.MOS)
	}
	if l.Cut > 0 {
		fmt.Fprintf(b, "    %d more messages were not kept\n", l.Cut)
	}
}

func tenths(d time.Duration) string { return d.Round(100 * time.Microsecond).String() }

// rung is one message between us, in column 1, and a leg in column place.
func rung(m Message, place, columns int) string {
	left, right := min(place, 1), max(place, 1)
	span := apart*(right-left) - 1
	label := []rune(" " + m.Summary() + " ")
	if most := span - 4; len(label) > most {
		label = append(label[:most-1], ' ')
	}
	dashes := span - len(label) - 1
	line := strings.Repeat("-", dashes/2) + string(label) + strings.Repeat("-", dashes-dashes/2)
	if toTheRight := m.In == (place == 0); toTheRight {
		line += ">"
	} else {
		line = "<" + line
	}
	row := ""
	for c := range columns {
		row += "|"
		switch {
		case c == left:
			row += line
		case c > left && c < right: // under the arrow
			row = row[:len(row)-1]
		default:
			row += strings.Repeat(" ", apart-1)
		}
	}
	return strings.TrimRight(row, " ")
}
