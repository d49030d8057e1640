package routing

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/cordboard/cordboard/call"
)

// Decision is where a call goes. The set is closed.
type Decision interface {
	decision()
	// String says it in words, for the call record.
	String() string
}

type (
	// ToQueue lets the caller wait for an agent.
	ToQueue struct {
		Queue     string
		Priority  int           // on top of the queue's own
		Preferred string        // agent id; empty: anyone
		HoldFor   time.Duration // wait this long for the preferred agent
		Language  string
		Early     bool // he hears it before the answer, and is answered when an agent is there
	}
	// ToAgent rings one agent.
	ToAgent struct{ Agent string }
	// ToNumber calls out by a trunk.
	ToNumber struct {
		Trunk  string
		Number call.Number
		Shown  call.Number // display number; empty: withheld
	}
	// Refuse ends the call.
	Refuse struct {
		Ending call.Ending
		Why    string
	}
)

func (ToQueue) decision()  {}
func (ToAgent) decision()  {}
func (ToNumber) decision() {}
func (Refuse) decision()   {}

func (d ToQueue) String() string {
	s := fmt.Sprintf("queue %q", d.Queue)
	if d.Priority != 0 {
		s += fmt.Sprintf(" with priority %+d", d.Priority)
	}
	if d.Preferred != "" {
		s += fmt.Sprintf(", agent %s for the first %s", d.Preferred, d.HoldFor)
	}
	if d.Early {
		s += ", before the answer"
	}
	return s
}
func (d ToAgent) String() string  { return "agent " + d.Agent }
func (d ToNumber) String() string { return fmt.Sprintf("number %s by trunk %q", d.Number, d.Trunk) }
func (d Refuse) String() string   { return fmt.Sprintf("refused (%s): %s", d.Ending.Reason, d.Why) }

// Entry is what the dial plan says of one number that is called.
type Entry struct {
	To     Decision      // ToQueue, ToAgent or ToNumber
	Flow   string        // smart routing: the Flow that is asked; empty: nobody
	Budget time.Duration // how long its answer is waited for; 0: the router's
}

// Exit says by which trunk numbers outside are called.
type Exit struct {
	Prefix string // of the E.164 number: "+358", "+"; the longest that fits is taken
	Trunk  string
	Shown  call.Number // the display number of who has none of her own
}

// Plan is the dial plan.
type Plan struct {
	Region  string                // ISO country whose national numbers are dialled without a prefix: "FI"
	Numbers map[call.Number]Entry // E.164, extension or SIP user → entry
	Exits   []Exit
}

// Normal brings a number as dialled into E.164 where that is possible; extensions, short codes and SIP user names stay
// as they are. Separators people type are dropped.
func (p Plan) Normal(dialled string) call.Number {
	digits := strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -./()\u00a0", r) {
			return -1
		}
		return r
	}, strings.ToValidUTF8(dialled, ""))
	const longest = 64 // longer than any number or user name that leads anywhere here
	if len(digits) > longest {
		return call.Number(strings.ToValidUTF8(digits[:longest], ""))
	}
	if _, ok := p.Numbers[call.Number(digits)]; ok {
		return call.Number(digits)
	}
	switch {
	case strings.Trim(digits, "+0123456789") != "":
		return call.Number(digits)
	case strings.HasPrefix(digits, "+"):
		return call.Number(digits) // E.164 already; a library that knows all numbering plans would still drop zeros
	}
	n, err := phonenumbers.Parse(digits, p.Region)
	if err != nil || !phonenumbers.IsPossibleNumber(n) || phonenumbers.IsPossibleShortNumberForRegion(n, p.Region) {
		return call.Number(digits)
	}
	return call.Number(phonenumbers.Format(n, phonenumbers.E164))
}

// Look finds the entry for a number that is called.
func (p Plan) Look(called call.Number) (Entry, bool) {
	if e, ok := p.Numbers[called]; ok {
		return e, true
	}
	e, ok := p.Numbers[p.Normal(string(called))]
	return e, ok
}

// Exit finds the way out for a number outside.
func (p Plan) Exit(n call.Number) (Exit, bool) {
	fits := slices.DeleteFunc(slices.Clone(p.Exits), func(e Exit) bool { return !strings.HasPrefix(string(n), e.Prefix) })
	if len(fits) == 0 {
		return Exit{}, false
	}
	longest := slices.MaxFunc(fits, func(a, b Exit) int { return cmp.Compare(len(a.Prefix), len(b.Prefix)) })
	return longest, true
}
