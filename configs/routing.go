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
	Interval   time.Duration `yaml:"interval"`    // between two looks at what is due
	RetryFirst time.Duration `yaml:"retry_first"` // after the first fault; doubles from there …
	RetryMax   time.Duration `yaml:"retry_max"`   // … up to this
	Lease      time.Duration `yaml:"lease"`       // how long a worker may hold a row before another takes it
}

func defaultOutbox() Outbox {
	return Outbox{
		Batch: 200, Interval: time.Second, RetryFirst: 2 * time.Second, RetryMax: 5 * time.Minute, Lease: 2 * time.Minute,
	}
}
