package switchboard

import "github.com/cordboard/cordboard/call"

// mostSounds is how many legs of a call are remembered with how they sounded: a call may be handed on all day.
const mostSounds = 20

// noteSounds notes how the legs of the story have sounded, when its conversation is over: those that an agent has handed
// on to others, too, but not one that goes on in another story.
func (c *story) noteSounds() {
	c.mu.Lock()
	legs := append([]call.Leg{c.teller}, c.others...)
	c.mu.Unlock()
	c.sounded(legs...)
}

// sounded notes how legs have sounded. A leg that talks again later counts from its beginning, and is noted once.
func (c *story) sounded(legs ...call.Leg) {
	for _, l := range legs {
		teller, ok := l.(call.Sounding)
		if !ok {
			continue
		}
		s, any := teller.Sound()
		if !any {
			continue
		}
		c.update(func(r *call.Record) {
			for i := range r.Sounds {
				if r.Sounds[i].Leg == s.Leg {
					r.Sounds[i] = s
					return
				}
			}
			if len(r.Sounds) == mostSounds {
				r.Sounds = append(r.Sounds[:1], r.Sounds[2:]...) // the first is the one whose call it is
			}
			r.Sounds = append(r.Sounds, s)
		})
	}
}
