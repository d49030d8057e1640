package configs

// Sounds is what callers hear while they wait.
type Sounds struct {
	Dir   string `yaml:"dir"`   // folder of the WAV files that queues name; empty: the folder of this file
	Music string `yaml:"music"` // WAV file; empty: the built-in music
	// Ringback is the country whose ringing and busy tones are played: "FI" (ETSI, 425 Hz) or "US" (440 + 480 Hz).
	Ringback string `yaml:"ringback"`
}

func defaultSounds() Sounds { return Sounds{Ringback: "FI"} }

// Recording keeps what both sides said.
type Recording struct {
	Enabled bool `yaml:"enabled"`
}
