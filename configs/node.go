package configs

import "time"

// Node is this process.
type Node struct {
	// DataDir is the folder of the database. "temporary" is a new folder that is removed when the gateway stops.
	DataDir string `yaml:"data_dir"`
	// Drain is how long the first SIGTERM waits for calls to end by themselves before it ends them.
	Drain time.Duration `yaml:"drain_timeout"`
	// KeepCalls is how long the record of a call is kept after its end, for the history of agents. 0: for ever.
	KeepCalls time.Duration `yaml:"keep_calls"`
}

// TemporaryDir is the value of Node.DataDir that asks for a folder that does not outlive the process.
const TemporaryDir = "temporary"

// Temporary reports whether nothing is to be kept after the process.
func (n Node) Temporary() bool { return n.DataDir == TemporaryDir }

func defaultNode() Node { return Node{DataDir: "/var/lib/cordboard", Drain: 10 * time.Minute} }

// Log is what is written to standard error.
type Log struct {
	Level  string `yaml:"level"`  // debug, info, warn or error
	Format string `yaml:"format"` // json or console
}

func defaultLog() Log { return Log{Level: "info", Format: "json"} }

func (c *checker) checkNode() {
	n := &c.cfg.Node
	if n.DataDir == "" {
		c.bad("node.data_dir", "", `is empty; name a folder, or write "temporary" to keep nothing`)
	}
	if !n.Temporary() {
		n.DataDir = c.absolute(n.DataDir)
	}
	c.between("node.drain_timeout", n.Drain, 0, 24*time.Hour)
	if n.KeepCalls != 0 {
		c.between("node.keep_calls", n.KeepCalls, 24*time.Hour, 20*365*24*time.Hour)
	}
	oneOf(c, "log.level", c.cfg.Log.Level, "debug", "info", "warn", "error")
	oneOf(c, "log.format", c.cfg.Log.Format, "json", "console")
}
