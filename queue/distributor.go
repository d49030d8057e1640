package queue

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// Desk is what a Distributor needs to know of the agents: package agent's Desk.
type Desk interface {
	All() []agent.Status
	Reserve(id string, c call.ID, k agent.Kind) (*agent.Reservation, bool)
}

// Distributor pairs the callers of all queues with the agents. One goroutine decides, whenever a caller or an agent
// changed; call Changed when an agent did.
type Distributor struct {
	desk   Desk
	queues atomic.Pointer[map[string]Settings] // replaced as a whole; the map never changes
	wake   chan struct{}                       // buffered for one: something changed
	stop   chan struct{}
	done   chan struct{}

	mu      sync.Mutex
	waiting []*wait                          // guarded by mu; in order of entering
	missed  map[*Ticket]map[string]time.Time // guarded by mu: kept while a ticket may come back
	rests   map[string]time.Time             // guarded by mu: agent → left alone until
}

// New starts a distributor for these queues.
func New(desk Desk, queues []Settings) *Distributor {
	d := &Distributor{
		desk: desk,
		wake: make(chan struct{}, 1), stop: make(chan struct{}), done: make(chan struct{}),
		missed: make(map[*Ticket]map[string]time.Time), rests: make(map[string]time.Time),
	}
	all := byName(queues)
	d.queues.Store(&all)
	go d.run()
	return d
}

func byName(queues []Settings) map[string]Settings {
	all := make(map[string]Settings, len(queues))
	for _, q := range queues {
		all[q.Name] = q
	}
	return all
}

// Replace has these queues from now on, and of the others those that somebody waits in, as they were, until the next
// Replace: nobody is left alone in a queue without members.
func (d *Distributor) Replace(queues []Settings) {
	all := byName(queues)
	d.mu.Lock()
	for t := range d.missed {
		if _, stays := all[t.Queue]; !stays {
			all[t.Queue] = d.settings(t.Queue)
		}
	}
	d.queues.Store(&all)
	d.mu.Unlock()
	d.Changed()
}

// Settings returns a queue's settings.
func (d *Distributor) Settings(name string) (Settings, bool) {
	s, ok := (*d.queues.Load())[name]
	return s, ok
}

func (d *Distributor) settings(name string) Settings { return (*d.queues.Load())[name] }

// Names lists the queues, sorted.
func (d *Distributor) Names() []string {
	queues := *d.queues.Load()
	names := make([]string, 0, len(queues))
	for name := range queues {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Changed tells that an agent became free, came or left. It never blocks.
func (d *Distributor) Changed() {
	select {
	case d.wake <- struct{}{}:
	default: // a decision is due anyway
	}
}

// Close ends the deciding and waits for it. Waiting callers are ended by their own contexts.
func (d *Distributor) Close() {
	close(d.stop)
	<-d.done
}

func (d *Distributor) run() {
	defer close(d.done)
	alarm := time.NewTimer(0) // time alone changes decisions too: an agent has rested, a preference has run out
	defer alarm.Stop()
	for {
		select {
		case <-d.wake:
		case <-alarm.C:
		case <-d.stop:
			return
		}
		next, ok := d.decide()
		alarm.Stop()
		if ok {
			alarm.Reset(time.Until(next))
		}
	}
}

func (d *Distributor) enter(t *Ticket) (*wait, error) {
	if _, ok := d.Settings(t.Queue); !ok {
		return nil, fmt.Errorf("queue %q: %w", t.Queue, &call.Ended{Ending: call.Ending{By: call.ByUs, Reason: call.NotFound}})
	}
	d.mu.Lock()
	if t.Entered.IsZero() {
		t.Entered = time.Now()
	}
	if d.missed[t] == nil {
		d.missed[t] = make(map[string]time.Time)
	}
	w := &wait{ticket: t, turn: make(chan *Turn, 1), missed: d.missed[t]}
	d.waiting = append(d.waiting, w)
	d.mu.Unlock()
	d.Changed()
	return w, nil
}

// leave takes a caller out for good and returns the turn he was given meanwhile, if he was.
func (d *Distributor) leave(w *wait) *Turn {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.waiting = slices.DeleteFunc(d.waiting, func(o *wait) bool { return o == w })
	delete(d.missed, w.ticket)
	select {
	case turn := <-w.turn:
		return turn
	default:
		return nil
	}
}

// forget drops what is remembered of a ticket that will not come back. A story that gives up between two Waits calls
// Leave, which does the same.
func (d *Distributor) forget(t *Ticket) {
	d.mu.Lock()
	delete(d.missed, t)
	d.mu.Unlock()
}

// Leave tells that the caller will not wait again.
func (d *Distributor) Leave(t *Ticket) { d.forget(t) }

func (d *Distributor) miss(t *Ticket, agent string) {
	now := time.Now()
	d.mu.Lock()
	if m := d.missed[t]; m != nil {
		m[agent] = now
	}
	d.rests[agent] = now.Add(d.settings(t.Queue).Rest)
	d.mu.Unlock()
}

func (d *Distributor) wrapUp(queue string) time.Duration { return d.settings(queue).WrapUp }

// decide hands out turns until no decision is left, and says when to look again.
func (d *Distributor) decide() (next time.Time, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for d.handOut() {
	}
	return d.nextChange()
}

// handOut carries out one round of decisions; true if somebody else was quicker with an agent and another round may
// find a different one.
func (d *Distributor) handOut() (again bool) {
	if len(d.waiting) == 0 {
		return false
	}
	for _, p := range match(d.state()) {
		held, ok := d.desk.Reserve(p.agent, p.ticket.Call, agent.QueueCall)
		if !ok {
			again = true
			continue
		}
		i := slices.IndexFunc(d.waiting, func(w *wait) bool { return w.ticket == p.ticket })
		w := d.waiting[i]
		d.waiting = slices.Delete(d.waiting, i, i+1)
		w.turn <- &Turn{Agent: p.agent, Why: p.why, distributor: d, ticket: p.ticket, held: held}
	}
	return again
}

func (d *Distributor) state() state {
	s := state{now: time.Now(), present: make(map[string]bool)}
	for _, w := range d.waiting {
		q := d.settings(w.ticket.Queue)
		s.callers = append(s.callers, caller{ticket: w.ticket, members: q.Members, ageing: q.Ageing, missed: w.missed})
	}
	for _, a := range d.desk.All() {
		s.present[a.ID] = a.Work != agent.Unreachable && a.Availability.Type.Takes(agent.QueueCall)
		if a.Free(agent.QueueCall) {
			s.agents = append(s.agents, candidate{id: a.ID, idleSince: a.IdleSince, resting: d.rests[a.ID]})
		}
	}
	return s
}

// nextChange is the moment when time alone may change a decision, if there is one.
func (d *Distributor) nextChange() (next time.Time, ok bool) {
	now := time.Now()
	earlier := func(t time.Time) {
		if t.After(now) && (!ok || t.Before(next)) {
			next, ok = t, true
		}
	}
	for a, t := range d.rests {
		if !t.After(now) {
			delete(d.rests, a)
		}
		earlier(t)
	}
	for _, w := range d.waiting {
		if w.ticket.Preferred != "" {
			earlier(w.ticket.Entered.Add(w.ticket.HoldFor))
		}
	}
	return next, ok
}

// Figures are one queue's numbers as they stand.
type Figures struct {
	Queue   string
	Waiting int
	Oldest  time.Duration // how long the caller at the front has waited; 0: nobody waits
	Serving int           // members whose availability takes queue calls and who can be reached
	Free    int           // of these, those without a call
}

// Figures returns the live figures of every queue, by name.
func (d *Distributor) Figures() []Figures {
	agents := d.desk.All()
	now := time.Now()
	d.mu.Lock()
	defer d.mu.Unlock()
	queues := *d.queues.Load()
	all := make([]Figures, 0, len(queues))
	for name, q := range queues {
		f := Figures{Queue: name}
		for _, w := range d.waiting {
			if w.ticket.Queue == name {
				f.Waiting++
				f.Oldest = max(f.Oldest, now.Sub(w.ticket.Entered))
			}
		}
		for _, a := range agents {
			if _, member := q.Members[a.ID]; !member || a.Work == agent.Unreachable || !a.Availability.Type.Takes(agent.QueueCall) {
				continue
			}
			f.Serving++
			if a.Work == agent.Idle {
				f.Free++
			}
		}
		all = append(all, f)
	}
	slices.SortFunc(all, func(a, b Figures) int { return cmp.Compare(a.Queue, b.Queue) })
	return all
}
