package switchboard

import "github.com/cordboard/cordboard/call"

// mostSounds is how many legs of a call are remembered with how they sounded: a call may be handed on all day.
const mostSounds = 20

// sounded notes how legs have sounded when their conversation is over. A leg that talks again later counts from its
// beginning, and is noted once.
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
