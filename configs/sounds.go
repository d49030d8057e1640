package configs

import (
	"path/filepath"
	"strings"
)

// Sounds is what callers hear while they wait.
type Sounds struct {
	Dir   string `yaml:"dir"`   // folder of the WAV files that queues name; empty: the folder of this file
	Music string `yaml:"music"` // WAV file, or "ringback"; empty: the built-in music
	// Ringback is the country whose ringing tone is played: "FI" (ETSI, 425 Hz) or "US" (440 + 480 Hz).
	Ringback string `yaml:"ringback"`
}

func defaultSounds() Sounds { return Sounds{Ringback: "FI"} }

// Recording keeps what both sides said.
type Recording struct {
	Enabled bool `yaml:"enabled"`
}

// What can be named where a file could be.
const (
	BuiltinSound = "default"  // the sound that comes with the program
	RingingSound = "ringback" // for music: the ringing of the country of sounds.ringback
)

func (c *checker) checkSounds() {
	s := &c.cfg.Sounds
	oneOf(c, "sounds.ringback", s.Ringback, "FI", "US")
	c.sound("sounds.music", s.Music)
	if s.Dir == "" {
		s.Dir = "."
	}
	s.Dir = c.absolute(s.Dir)
	if c.cfg.Recording.Enabled {
		c.bad("recording.enabled", "true", "cannot be had in this version; write false")
	}
}

// sound checks that a WAV file is there; what is in it is checked when it is read.
func (c *checker) sound(path, file string) {
	if file == "" || file == BuiltinSound || file == RingingSound && strings.HasSuffix(path, ".music") {
		return
	}
	if !filepath.IsAbs(file) {
		dir := c.absolute(c.cfg.Sounds.Dir)
		if c.cfg.Sounds.Dir == "" {
			dir = c.dir
		}
		file = filepath.Join(dir, file)
	}
	c.file(path, file, "write the name of a WAV file (8 or 16 kHz, mono) in sounds.dir, or its whole path")
}
