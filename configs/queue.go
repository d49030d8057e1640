package configs

import "time"

// Queue is a service pool: callers wait in it for one of its members.
type Queue struct {
	Name         string        `yaml:"name"`
	Members      []string      `yaml:"members"`      // agents' ids
	RingTimeout  time.Duration `yaml:"ring_timeout"` // how long one agent is rung before the next
	MaxWait      time.Duration `yaml:"max_wait"`     // then the caller is told goodbye; 0: waits as long as it takes
	Priority     int           `yaml:"priority"`     // higher is served first, among callers of all queues
	Music        string        `yaml:"music"`        // WAV file; empty: sounds.music
	Welcome      string        `yaml:"welcome"`      // WAV file played before the music; "default": the built-in one; empty: none
	SmartRouting SmartRouting  `yaml:"smart_routing"`
}

// SmartRouting asks a Salesforce Flow where a queue's call should go, while the caller hears ringing.
type SmartRouting struct {
	Flow   string        `yaml:"flow"`   // API name of an autolaunched Flow; empty: off
	Budget time.Duration `yaml:"budget"` // 0: routing.budget
}

// On reports whether the Flow is asked.
func (s SmartRouting) On() bool { return s.Flow != "" }

func defaultQueue() Queue { return Queue{RingTimeout: 20 * time.Second} }
