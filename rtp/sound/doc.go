// Package sound plays what nobody says: music, prompts, tones and silence. A Sound is encoded once for each codec, on
// demand, and all its listeners share the encoding.
//
//	Player ── Load, Read, Tones ──► Sound ── Shared  every listener hears the same place (music)
//	                                      ── Loop    every listener from its beginning (ringback)
//	                                      ── Play    once, to one listener, with an end to wait for (prompts)
package sound

import (
	"embed"
	"fmt"
)

//go:embed assets/*.wav
var assets embed.FS

// Builtin names a sound that comes with the program.
type Builtin string

// The built-in sounds.
const (
	Music   Builtin = "music"   // 38 s, made to be looped
	Welcome Builtin = "welcome" // "Welcome to Cordboard. Please hold the line, an agent will be with you shortly."
	Sorry   Builtin = "sorry"   // "We are sorry, nobody can take your call at the moment. Please try again later. Goodbye."
)

// Builtin gives a sound that comes with the program.
func (p *Player) Builtin(b Builtin) (*Sound, error) {
	wav, err := assets.ReadFile("assets/" + string(b) + ".wav")
	if err != nil {
		return nil, fmt.Errorf("there is no built-in sound %q", b)
	}
	return p.Read(string(b), wav)
}
