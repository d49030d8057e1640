// Package day is a working day in half a minute: agents with browsers and desk phones, and calls of every kind with them,
// many at once. Afterwards a gateway should look as it did before.
package day

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// Options say whose day it is.
type Options struct {
	SIP      string             // host:port of the gateway, UDP
	Web      string             // URL of its browsers' socket
	Domain   string             // of the agents' addresses
	Agents   int                // two of three have a browser
	User     func(i int) string // the i-th agent
	Password func(user string) string
	Number   func(i int) string      // what customers dial to reach her
	Waiters  string                  // number of a queue that nobody serves
	Outside  string                  // number that leads out to a trunk that answers
	Parallel int                     // calls at once; without Rests at most half of the agents
	Pace     float64                 // calls a second at most; 0: as fast as they are over
	Patience time.Duration           // for what takes milliseconds, 15 s when 0: a busy machine is no fault
	Rests    func(user string) error // waits until the gateway knows that she is free; nil: she rests until it is her turn
	Clock    *lab.Metronome          // of all peers
}

// Day is one in progress.
type Day struct {
	Options
	ctx     context.Context
	callers *lab.Trunk
	agents  []*seat
	free    chan *seat // who is not in a call, the longest rested first
	calls   atomic.Int64
}

// Open registers everybody. Close sends them home.
func Open(ctx context.Context, o Options) (*Day, error) {
	if o.Patience == 0 {
		o.Patience = 15 * time.Second
	}
	d := &Day{Options: o, ctx: ctx, free: make(chan *seat, o.Agents)}
	var err error
	if d.callers, err = NewTrunk("", o.Clock); err != nil {
		return nil, err
	}
	for i := range o.Agents {
		s, err := d.seat(i)
		if err != nil {
			return nil, errors.Join(fmt.Errorf("agent %s: %w", o.User(i), err), d.Close())
		}
		d.agents = append(d.agents, s)
		d.free <- s
	}
	return d, nil
}

// NewTrunk is a carrier that answers everything and forgets what is over.
func NewTrunk(bind string, clock *lab.Metronome) (*lab.Trunk, error) {
	t, err := lab.NewTrunk(lab.TrunkOptions{Bind: bind, Number: "+358400000003", Metronome: clock})
	if err != nil {
		return nil, err
	}
	t.Listen(func(c *lab.Call) {
		_ = c.Answer(context.Background()) // ends with the call or with the trunk
		<-c.Ended()
		t.Forget(c)
	})
	return t, nil
}

// Browsers is how many agents have one.
func (d *Day) Browsers() (n int) {
	for _, s := range d.agents {
		if s.browser != nil {
			n++
		}
	}
	return n
}

// Calls is how many customers' calls there were, each of which leaves one Task.
func (d *Day) Calls() int { return int(d.calls.Load()) }

// Close takes everybody's phone away.
func (d *Day) Close() error {
	err := d.callers.Close()
	for _, s := range d.agents {
		err = errors.Join(err, s.close())
	}
	return err
}

// Run tells n stories, of each kind in turn, and returns what went wrong.
func (d *Day) Run(n int) []error {
	var mu sync.Mutex
	var faults []error
	turn := make(chan int)
	var all sync.WaitGroup
	for range d.Parallel {
		all.Go(func() {
			for i := range turn {
				k := kinds()[i%len(kinds())]
				s := <-d.free
				if err := s.tell(k); err != nil {
					mu.Lock()
					faults = append(faults, fmt.Errorf("call %d, %s, agent %s: %w", i, k.name, s.user, err))
					mu.Unlock()
				}
				d.free <- s
			}
		})
	}
	began := time.Now()
	for i := range n {
		if d.Pace > 0 {
			time.Sleep(time.Until(began.Add(time.Duration(float64(i) / d.Pace * float64(time.Second)))))
		}
		if d.ctx.Err() != nil {
			break
		}
		turn <- i
	}
	close(turn)
	all.Wait()
	if err := d.ctx.Err(); err != nil {
		faults = append(faults, err)
	}
	return faults
}
