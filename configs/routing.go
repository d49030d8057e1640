package configs

import "time"

// Routing is how long a caller's ringing may wait for advice, and when advice is no longer asked for.
type Routing struct {
	Budget        time.Duration `yaml:"budget"`         // then the dial plan stands
	BreakerFaults int           `yaml:"breaker_faults"` // so many faults in a row …
	BreakerPause  time.Duration `yaml:"breaker_pause"`  // … and nobody is asked for so long
}

func defaultRouting() Routing {
	return Routing{Budget: 1500 * time.Millisecond, BreakerFaults: 5, BreakerPause: 30 * time.Second}
}

// Outbox is how fast and how stubbornly records go to Salesforce.
type Outbox struct {
	Batch      int           `yaml:"batch"`       // most records in one request, up to 200
	Interval   time.Duration `yaml:"interval"`    // between two looks at what nobody told us of
	RetryFirst time.Duration `yaml:"retry_first"` // after the first fault; doubles from there …
	RetryMax   time.Duration `yaml:"retry_max"`   // … up to this
}

func defaultOutbox() Outbox {
	return Outbox{
		Batch: 200, Interval: 30 * time.Second, RetryFirst: 2 * time.Second, RetryMax: 5 * time.Minute,
	}
}

// A caller hears ringing for so long at least and at most while Salesforce is asked.
const (
	minBudget = 100 * time.Millisecond
	maxBudget = 10 * time.Second
)

func (c *checker) checkRouting() {
	r := c.cfg.Routing
	c.between("routing.budget", r.Budget, minBudget, maxBudget)
	c.number("routing.breaker_faults", r.BreakerFaults, 1, 1000)
	c.between("routing.breaker_pause", r.BreakerPause, time.Second, time.Hour)
}

func (c *checker) checkOutbox() {
	o := c.cfg.Outbox
	c.number("outbox.batch", o.Batch, 1, 200) // a collection of the REST API holds no more
	c.between("outbox.interval", o.Interval, 50*time.Millisecond, time.Minute)
	c.between("outbox.retry_first", o.RetryFirst, 100*time.Millisecond, time.Hour)
	c.between("outbox.retry_max", o.RetryMax, max(o.RetryFirst, time.Second), 24*time.Hour)
	// A row that is being sent must not be taken by another worker.
}
