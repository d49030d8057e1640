package configs

import "fmt"

// Trace is what is kept of the last calls, for an operator who looks at one.
type Trace struct {
	// Calls is of how many calls SIP messages are kept; 0: of none, which costs nothing.
	Calls int `yaml:"calls"`
	// Memory bounds all of them together, in MiB.
	Memory int `yaml:"memory"`
	HEP    HEP `yaml:"hep"`
	// Sound lets administrators take what is said into a capture, not only the headers of its packets.
	Sound bool `yaml:"sound"`
}

// HEP is a Homer server that gets a copy of every SIP message and how the sound of each leg was (HEPv3).
type HEP struct {
	Server    string `yaml:"server"`    // host:port; empty: none
	Transport string `yaml:"transport"` // udp or tcp
	Node      int    `yaml:"node"`      // capture agent id
	Password  Secret `yaml:"password"`  // capture agent's key; empty: none
}

func defaultTrace() Trace {
	return Trace{Calls: 500, Memory: 16, HEP: HEP{Transport: "udp", Node: 1}}
}

func (c *checker) checkTrace() {
	const most = 100_000
	t := c.cfg.Trace
	c.number("trace.calls", t.Calls, 0, most)
	c.number("trace.memory", t.Memory, 1, 4096)
	if t.HEP.Server != "" {
		c.hostPort("trace.hep.server", t.HEP.Server, false)
	}
	oneOf(c, "trace.hep.transport", t.HEP.Transport, "udp", "tcp")
	if t.HEP.Node < 0 {
		c.bad("trace.hep.node", fmt.Sprint(t.HEP.Node), "is no capture agent; write a number from 0 to 4294967295")
	}
	if t.Sound {
		c.warn("trace.sound", "true", "lets administrators take what callers say; check that you may, and leave it out when nobody needs it")
	}
}
