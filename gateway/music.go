package gateway

import (
	"fmt"
	"path/filepath"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/sound"
)

// music is what callers hear besides people, by queue; "" is the house's own.
type music struct {
	player  *sound.Player
	playing map[string]rtp.Source
	ringing rtp.Source
	welcome map[string]*sound.Sound
}

// openMusic reads every sound the configuration names, so that a missing file is found at the start and not by a caller.
func (g *Gateway) openMusic(m *rtp.Metronome, coders sound.Coders) (*music, error) {
	return g.readMusic(g.config(), sound.NewPlayer(coders, m, g.log))
}

func (g *Gateway) readMusic(c *configs.Config, p *sound.Player) (*music, error) {
	all := &music{player: p, playing: make(map[string]rtp.Source), welcome: make(map[string]*sound.Sound)}
	from := shelf{c.Sounds, p}
	own, err := from.playing("sounds.music", c.Sounds.Music)
	if err != nil {
		return nil, err
	}
	all.playing[""] = own
	if all.ringing, err = from.playing("", configs.RingingSound); err != nil {
		return nil, err
	}
	for i, q := range c.Queues {
		if q.Music != "" {
			s, err := from.playing(fmt.Sprintf("queues[%d].music", i), q.Music)
			if err != nil {
				return nil, err
			}
			all.playing[q.Name] = s
		}
		if q.Welcome != "" {
			s, err := from.load(fmt.Sprintf("queues[%d].welcome", i), q.Welcome, sound.Welcome)
			if err != nil {
				return nil, err
			}
			all.welcome[q.Name] = s
		}
	}
	return all, nil
}

// shelf is where sounds are taken from.
type shelf struct {
	settings configs.Sounds
	player   *sound.Player
}

// playing is what is heard for as long as it takes: the ringing of the country for "ringback", else music.
func (h shelf) playing(key, file string) (rtp.Source, error) {
	if file == configs.RingingSound {
		region := sound.Finland
		if h.settings.Ringback == "US" {
			region = sound.US
		}
		return h.player.Tone("ringback", region.Ringback()).Loop(), nil
	}
	s, err := h.load(key, file, sound.Music)
	if err != nil {
		return nil, err
	}
	return s.Shared(), nil
}

// load reads one file, or gives the built-in sound where none or "default" is named.
func (h shelf) load(key, file string, builtin sound.Builtin) (*sound.Sound, error) {
	var s *sound.Sound
	var err error
	if file == "" || file == configs.BuiltinSound {
		s, err = h.player.Builtin(builtin)
	} else {
		if !filepath.IsAbs(file) {
			file = filepath.Join(h.settings.Dir, file)
		}
		s, err = h.player.Load(file)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", key, err)
	}
	return s, nil
}

// Music is what a caller of that queue hears while he waits or is on hold.
func (s *sounds) Music(queue string) call.Source { return s.music.Load().of(queue) }

// Ringback is what a caller hears in the place of a callee's ringing.
func (s *sounds) Ringback() call.Source { return s.music.Load().ringing }

// Arrival is what a caller hears when he enters the queue: its welcome, if it has one, then its music.
func (s *sounds) Arrival(queue string) call.Source {
	if w := s.music.Load().welcome[queue]; w != nil {
		return w.PlayThen(s.music.Load().of(queue))
	}
	return s.music.Load().of(queue)
}

func (m *music) of(queue string) rtp.Source {
	if s, ok := m.playing[queue]; ok {
		return s
	}
	return m.playing[""]
}
