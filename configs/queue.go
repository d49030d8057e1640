package configs

import (
	"fmt"
	"time"
)

// Queue is a service pool: callers wait in it for one of its members.
type Queue struct {
	Name         string        `yaml:"name"`
	Members      []string      `yaml:"members"`      // agents' ids
	RingTimeout  time.Duration `yaml:"ring_timeout"` // how long one agent is rung before the next
	MaxWait      time.Duration `yaml:"max_wait"`     // then the caller is told goodbye; 0: waits as long as it takes
	Priority     int           `yaml:"priority"`     // higher is served first, among callers of all queues
	Music        string        `yaml:"music"`        // WAV file, or "ringback"; empty: sounds.music
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

func (q *Queue) setDefaults() { *q = defaultQueue() }

func (c *checker) checkQueues() {
	names := make([]string, len(c.cfg.Queues))
	for i, q := range c.cfg.Queues {
		path := fmt.Sprintf("queues[%d]", i)
		names[i] = q.Name
		c.name(path+".name", q.Name)
		for j, m := range q.Members {
			c.agent(fmt.Sprintf("%s.members[%d]", path, j), m)
		}
		c.unique(q.Members, func(j int) string { return fmt.Sprintf("%s.members[%d]", path, j) })
		if !c.hasMembers(q) {
			c.warn(path+".members", q.Name, "has no members: its callers wait for nobody; name agents, or name the queue in an agent's queues")
		}
		c.between(path+".ring_timeout", q.RingTimeout, 3*time.Second, 5*time.Minute)
		if q.MaxWait != 0 {
			c.between(path+".max_wait", q.MaxWait, 5*time.Second, 24*time.Hour)
		}
		c.number(path+".priority", q.Priority, -100, 100)
		c.sound(path+".music", q.Music)
		c.sound(path+".welcome", q.Welcome)
		c.checkSmartRouting(path+".smart_routing", q.SmartRouting)
	}
	c.unique(names, func(i int) string { return fmt.Sprintf("queues[%d].name", i) })
}

func (c *checker) hasMembers(q Queue) bool {
	if len(q.Members) > 0 {
		return true
	}
	for _, a := range c.cfg.Agents {
		if listed(q.Name, a.Queues) {
			return true
		}
	}
	return false
}

func (c *checker) checkSmartRouting(path string, s SmartRouting) {
	if s.Flow != "" && !flowName.MatchString(s.Flow) {
		c.bad(path+".flow", s.Flow, "cannot be the API name of a Flow; write letters, digits and underscores, as Setup shows it")
	}
	if s.Budget != 0 {
		c.between(path+".budget", s.Budget, minBudget, maxBudget)
	}
	if s.On() && !c.cfg.Salesforce.On() {
		c.warn(path+".flow", s.Flow, "is never asked, since no Salesforce org is configured; set salesforce.login_url")
	}
}

// queueNames are the names of all queues, for suggestions.
func (c *checker) queueNames() []string {
	names := make([]string, len(c.cfg.Queues))
	for i, q := range c.cfg.Queues {
		names[i] = q.Name
	}
	return names
}

// queue checks that a name leads to a queue.
func (c *checker) queue(path, name string) {
	if !listed(name, c.queueNames()) {
		c.bad(path, name, "is the name of no queue; "+suggest(name, c.queueNames()))
	}
}
