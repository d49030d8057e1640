package configs

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
)

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
	// Away is what becomes of a call whose agent's phone is gone.
	Away Away `yaml:"away"`
}

// Away is what becomes of a call when the connection to its agent is lost in talk: her page is loaded anew, her browser
// has crashed, her network is down.
type Away struct {
	// Grace is how long the customer hears music and she is rung on every phone of hers that registers. 30 s: a page is
	// back in one, a browser that has to be started and logged in to in twenty; later than that he has hung up.
	Grace time.Duration `yaml:"grace"`
	// Then is what follows when she is not back.
	Then AwayThen `yaml:"then"`
}

// AwayThen is what follows when an agent is not back after the time of grace.
type AwayThen string

// What may follow.
const (
	AwayQueue AwayThen = "queue" // a call from a queue is the next one to be served there; any other ends
	AwayEnd   AwayThen = "end"
)

// Destination is where a number leads: exactly one of queue, agent and number.
type Destination struct {
	Queue  string      `yaml:"queue"`  // name of a queue
	Early  bool        `yaml:"early"`  // he who waits in the queue hears it before he is answered, and pays nothing meanwhile
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

func defaultPlan() Plan { return Plan{Away: Away{Grace: 30 * time.Second, Then: AwayQueue}} }

func (c *checker) checkPlan() {
	direct := map[call.Number]int{}
	for i, a := range c.cfg.Agents {
		if a.DirectNumber != "" {
			direct[a.DirectNumber] = i
		}
	}
	for _, n := range slices.Sorted(maps.Keys(c.cfg.Plan.Numbers)) {
		path := fmt.Sprintf("plan.numbers[%q]", string(n))
		e164(c, path, n)
		if i, taken := direct[n]; taken {
			c.bad(path, string(n), fmt.Sprintf("is the direct number of agents[%d] already; a number leads to one place", i))
		}
		c.destination(path, c.cfg.Plan.Numbers[n])
	}
	for i, d := range c.cfg.Plan.Direct {
		c.checkDirect(fmt.Sprintf("plan.direct[%d]", i), d)
	}
	c.checkOutbound()
	c.between("plan.away.grace", c.cfg.Plan.Away.Grace, 0, 10*time.Minute)
	oneOf(c, "plan.away.then", c.cfg.Plan.Away.Then, AwayQueue, AwayEnd)
}

func (c *checker) destination(path string, d Destination) {
	ways := 0
	if d.Queue != "" {
		ways++
		c.queue(path+".queue", d.Queue)
	}
	if d.Early && d.Queue == "" {
		c.bad(path+".early", "true", "is for a number that leads to a queue; leave it out, or name a queue")
	}
	if d.Agent != "" {
		ways++
		c.agent(path+".agent", d.Agent)
	}
	if d.Number != "" {
		ways++
		if e164(c, path+".number", d.Number) && !c.leadsOut(d.Number) {
			c.bad(path+".number", string(d.Number), "has no way out; add a prefix of it to plan.outbound")
		}
	}
	if ways != 1 {
		c.bad(path, "", "leads to "+strconv.Itoa(ways)+" places; write exactly one of queue, agent and number")
	}
}

func (c *checker) leadsOut(n call.Number) bool {
	return slices.ContainsFunc(c.cfg.Plan.Outbound, func(o Outbound) bool { return strings.HasPrefix(string(n), o.Prefix) })
}

func (c *checker) checkDirect(path string, d Direct) {
	if d.Prefix != "" && !prefix.MatchString(d.Prefix) {
		c.bad(path+".prefix", d.Prefix, `is no beginning of an E.164 number; write plus and digits in quotes, such as "+35829300", or "" for bare extensions`)
	}
	c.number(path+".digits", d.Digits, 2, 8)
	if digits := len(strings.TrimPrefix(d.Prefix, "+")) + d.Digits; d.Prefix != "" && digits > 15 {
		c.bad(path+".digits", strconv.Itoa(d.Digits), "makes numbers longer than the 15 digits of E.164; write fewer")
	}
	for _, a := range c.cfg.Everyone() {
		if len(a.Extension) == d.Digits {
			return
		}
	}
	c.warn(path+".digits", strconv.Itoa(d.Digits), "is the length of no agent's extension, so these numbers reach nobody")
}

func (c *checker) checkOutbound() {
	var prefixes []string
	for i, o := range c.cfg.Plan.Outbound {
		path := fmt.Sprintf("plan.outbound[%d]", i)
		prefixes = append(prefixes, o.Prefix)
		if o.Prefix != "+" && !prefix.MatchString(o.Prefix) {
			c.bad(path+".prefix", o.Prefix, `is no beginning of an E.164 number; write plus and digits in quotes, such as "+358", or "+" for every number`)
		}
		c.trunk(path+".trunk", o.Trunk)
		if o.DisplayNumber != "" {
			e164(c, path+".display_number", o.DisplayNumber)
		}
	}
	c.unique(prefixes, func(i int) string { return fmt.Sprintf("plan.outbound[%d].prefix", i) })
}

// trunk checks that a name leads to a trunk that calls can go out by.
func (c *checker) trunk(path, name string) {
	var names []string
	for _, t := range c.cfg.Trunks {
		if t.Name == name {
			if t.Target == "" {
				c.bad(path, name, "is a trunk without a target, so no call can go out by it; give it one")
			}
			return
		}
		names = append(names, t.Name)
	}
	c.bad(path, name, "is the name of no trunk; "+suggest(name, names))
}
