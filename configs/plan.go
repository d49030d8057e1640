package configs

import "github.com/cordboard/cordboard/call"

// Plan is the dial plan: which number leads where.
type Plan struct {
	// Numbers are the numbers that a trunk delivers, E.164, and what each of them is.
	Numbers map[call.Number]Destination `yaml:"numbers"`
	// Direct are ranges of numbers that end in the extension of the agent they reach.
	Direct []Direct `yaml:"direct"`
	// Outbound are the ways out; the longest prefix of the dialled number (E.164) wins.
	Outbound []Outbound `yaml:"outbound"`
	// Extensions lets agents reach each other by extension.
	Extensions bool `yaml:"extensions"`
}

// Destination is where a number leads: exactly one of the three.
type Destination struct {
	Queue  string      `yaml:"queue"`  // name of a queue
	Agent  string      `yaml:"agent"`  // id of an agent
	Number call.Number `yaml:"number"` // outside, E.164
}

// Direct is a range of direct numbers: Prefix followed by an agent's extension of Digits digits. An empty prefix is a
// trunk that delivers bare extensions.
type Direct struct {
	Prefix string `yaml:"prefix"`
	Digits int    `yaml:"digits"`
}

// Outbound is a way out.
type Outbound struct {
	Prefix        string      `yaml:"prefix"`         // of the dialled number, E.164; "+" is every number
	Trunk         string      `yaml:"trunk"`          // name
	DisplayNumber call.Number `yaml:"display_number"` // shown when the agent chose none; empty: the trunk's default_number
}
