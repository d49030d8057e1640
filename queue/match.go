package queue

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// state is all that a decision may depend on.
type state struct {
	now     time.Time
	callers []caller
	agents  []candidate
	present map[string]bool // who could take a queue call sooner or later: at work, with a phone
}

// caller is somebody who waits, as match sees him.
type caller struct {
	ticket  *Ticket
	members map[string]int       // the queue's members and their level
	ageing  time.Duration        // waiting this long is worth one step of priority; 0: never
	missed  map[string]time.Time // who did not take this caller, and when
}

// candidate is an agent who could take a queue call now.
type candidate struct {
	id        string
	idleSince time.Time
	resting   time.Time // let her be until then: she has just missed a call
}

// pair is a decision, with its reason in words for the call record.
type pair struct {
	ticket *Ticket
	agent  string
	why    string
}

// match pairs callers with agents. Callers choose, those first who have been served before, in the order of their priority, which grows with waiting, then of
// their arrival; each takes the agent he prefers if she is free, else the member of his queue who has missed him least
// often, has the highest level, and has been idle longest. No agent is given twice.
func match(s state) []pair {
	callers := slices.Clone(s.callers)
	slices.SortStableFunc(callers, func(a, b caller) int {
		return cmp.Or(first(a.ticket.Front, b.ticket.Front), cmp.Compare(b.priority(s.now), a.priority(s.now)), a.ticket.Entered.Compare(b.ticket.Entered), cmp.Compare(a.ticket.Call, b.ticket.Call))
	})
	taken := make(map[string]bool)
	var pairs []pair
	for _, c := range callers {
		best, why, ok := c.choose(s, taken)
		if !ok {
			continue
		}
		taken[best.id] = true
		pairs = append(pairs, pair{ticket: c.ticket, agent: best.id, why: why})
	}
	return pairs
}

// first orders those of whom it is true before the others.
func first(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return -1
	}
	return 1
}

func (c caller) priority(now time.Time) int {
	p := c.ticket.Priority
	if c.ageing > 0 {
		p += int(now.Sub(c.ticket.Entered) / c.ageing)
	}
	return p
}

func (c caller) choose(s state, taken map[string]bool) (best candidate, why string, ok bool) {
	if c.ticket.Preferred != "" {
		for _, a := range s.agents {
			if a.id == c.ticket.Preferred && !taken[a.id] && c.missed[a.id].IsZero() {
				return a, "preferred: asked for by name", true
			}
		}
		if s.present[c.ticket.Preferred] && c.holdsFor(s.now) {
			return candidate{}, "", false
		}
	}
	for _, a := range s.agents {
		_, member := c.members[a.id]
		if !member || taken[a.id] || a.resting.After(s.now) {
			continue
		}
		if !ok || c.before(a, best) {
			best, ok = a, true
		}
	}
	if !ok {
		return best, "", false
	}
	return best, fmt.Sprintf("level %d, idle longest (%s)", c.members[best.id], s.now.Sub(best.idleSince).Round(time.Second)), true
}

// holdsFor reports whether the caller still waits for the one he prefers, if she is there. Once she missed him he does not.
func (c caller) holdsFor(now time.Time) bool {
	return c.missed[c.ticket.Preferred].IsZero() && now.Before(c.ticket.Entered.Add(c.ticket.HoldFor))
}

// before reports whether a should be asked before b.
func (c caller) before(a, b candidate) bool {
	am, bm := c.missed[a.id], c.missed[b.id]
	switch {
	case am.IsZero() != bm.IsZero():
		return am.IsZero()
	case !am.Equal(bm):
		return am.Before(bm) // whoever missed him longer ago
	case c.members[a.id] != c.members[b.id]:
		return c.members[a.id] > c.members[b.id]
	case !a.idleSince.Equal(b.idleSince):
		return a.idleSince.Before(b.idleSince)
	}
	return a.id < b.id
}
