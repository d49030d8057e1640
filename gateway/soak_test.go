package gateway

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
)

// soak is a day of calls in half a minute: every kind at once, and afterwards nothing of them is left but their Tasks.
type soak struct {
	*house
	t        *testing.T
	outside  *lab.Trunk      // where calls out go
	callers  *lab.Trunk      // who calls in
	browsers []*lab.Browser  // by agent; nil: she has a desk phone
	desks    []*lab.Phone    // by agent
	seats    chan int        // agents who are not in a call of this test
	clock    *lab.Metronome  // of all peers
	ctx      context.Context // everybody's patience
}

const (
	soakAgents   = 20 // two of three with a browser
	soakParallel = 20
	waiters      = "+358293000199" // a queue nobody serves
)

func TestManyCallsOfAllKindsLeaveNothingBehind(t *testing.T) {
	calls := 150
	if testing.Short() {
		calls = 30
	}
	s := openSoak(t)
	s.run(2 * soakParallel) // caches fill, pools grow, connections to the org open
	s.settled(2 * soakParallel)
	before := s.goroutines(0)
	s.run(calls)
	s.settled(calls + 2*soakParallel)
	const some = 4 // a timer of the moment, a connection to the org
	if after := s.goroutines(before + some); after > before+some {
		t.Errorf("%d goroutines, %d before\n%s", after, before, stacks())
	}
}

// goroutines is the least of many looks, until it is so few; those of the peers do not count. Transactions live on for
// five seconds after their calls (RFC 3261, timers I and K).
func (s *soak) goroutines(few int) int {
	least := ours()
	for deadline := time.Now().Add(8 * time.Second); least > few && time.Now().Before(deadline); {
		time.Sleep(200 * time.Millisecond)
		least = min(least, ours())
	}
	return least
}

func ours() (n int) {
	for g := range strings.SplitSeq(stacks(), "\n\n") {
		if !strings.Contains(g, "internal/lab.") {
			n++
		}
	}
	return n
}

func stacks() string {
	buf := make([]byte, 4<<20)
	return string(buf[:runtime.Stack(buf, true)])
}

func openSoak(t *testing.T) *soak {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 100*time.Second)
	t.Cleanup(cancel)
	s := &soak{t: t, ctx: ctx, clock: lab.NewMetronome(), seats: make(chan int, soakAgents)}
	s.outside = s.trunk()
	c := demoHouse(s.outside.Address())
	c.Log.Level = "error"
	for i := range soakAgents {
		id := fmt.Sprintf("soak%d", i)
		c.Agents = append(c.Agents, configs.Agent{ID: id, Name: id, Extension: fmt.Sprint(2000 + i), Password: configs.Secret("demo-" + id), SIPPassword: configs.Secret("demo-" + id), Availability: configs.Available})
	}
	c.Queues = append(c.Queues, configs.Queue{Name: "Nobody", RingTimeout: 20 * time.Second})
	c.Plan.Numbers[call.Number(waiters)] = configs.Destination{Queue: "Nobody"}
	s.house = openHouse(t, c)
	s.callers = s.trunk()
	for i := range soakAgents {
		id := fmt.Sprintf("soak%d", i)
		s.seats <- i
		s.browsers, s.desks = append(s.browsers, nil), append(s.desks, nil)
		if i%3 == 2 {
			p, err := lab.NewPhone(lab.PhoneOptions{Server: s.sip(), Domain: "cordboard", User: id, Password: "demo-" + id, Clock: s.clock})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { p.Close() })
			p.Listen(func(*lab.Call) {})
			if _, err := p.Register(ctx, time.Hour); err != nil {
				t.Fatal(err)
			}
			s.desks[i] = p
			continue
		}
		b, err := lab.NewBrowser(lab.BrowserOptions{URL: "ws://" + s.web.Addr().String() + "/sip", User: id, Password: "demo-" + id, Domain: "cordboard", Formats: []lab.Format{lab.PCMA()}, Clock: s.clock})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { b.Close() })
		b.Listen(func(*lab.Call) {})
		if err := b.Open(ctx); err != nil {
			t.Fatal(err)
		}
		s.browsers[i] = b
	}
	return s
}

func (s *soak) trunk() *lab.Trunk {
	s.t.Helper()
	t, err := lab.NewTrunk(lab.TrunkOptions{Number: nobody, Metronome: s.clock})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { t.Close() })
	t.Listen(func(c *lab.Call) { _ = c.Answer(s.ctx) })
	return t
}

// run tells n calls, so many at once as there may be.
func (s *soak) run(n int) {
	s.t.Helper()
	kinds := []func(*seat) error{(*seat).answers, (*seat).holds, (*seat).isCancelled, (*seat).declines, (*seat).isAbandoned, (*seat).callsOut, (*seat).vanishes, (*seat).givesUp}
	turn := make(chan int)
	var all sync.WaitGroup
	for range soakParallel {
		all.Go(func() {
			for i := range turn {
				who := <-s.seats
				if err := kinds[i%len(kinds)](&seat{s, who}); err != nil {
					s.t.Errorf("call %d (kind %d, agent %d): %v", i, i%len(kinds), who, err)
				}
				s.rests(who)
				s.seats <- who
			}
		})
	}
	for i := range n {
		turn <- i
	}
	close(turn)
	all.Wait()
}

// rests waits until the gateway knows, too, that she is free: both ends of a call hear of its end a little earlier.
func (s *soak) rests(who int) {
	id := fmt.Sprintf("soak%d", who)
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if st, _ := s.desk.Status(id); st.Work == agent.Idle {
			return
		}
	}
	st, _ := s.desk.Status(id)
	s.t.Errorf("%s is still %s for %s", id, st.Work, st.Call)
}

// settled waits until every gauge is back, and each call has its Task.
func (s *soak) settled(tasks int) {
	s.t.Helper()
	s.quiet()
	sockets := 0
	for _, b := range s.browsers {
		if b != nil {
			sockets++
		}
	}
	s.until("each browser has one socket", func() bool { return s.gauge("cordboard_browser_sockets") == float64(sockets) })
	s.until("the dialogs are forgotten", func() bool { return s.gauge("cordboard_sip_dialogs") == 0 })
	if n := len(s.tasks(tasks)); n != tasks {
		s.t.Errorf("%d Tasks of %d calls", n, tasks)
	}
}

// seat is an agent whom one worker has to himself.
type seat struct {
	*soak
	who int
}

func (a *seat) number() string { return fmt.Sprintf("+35829300%d", 2000+a.who) }

// called places a call to her and returns both ends of it, ringing.
func (a *seat) called() (customer, rung *lab.Call, err error) {
	var phone peer = a.desks[a.who]
	var before int
	if b := a.browsers[a.who]; b != nil {
		phone, before = b, incoming(b.Calls())
	} else {
		before = incoming(a.desks[a.who].Calls())
	}
	if customer, err = a.callers.Call(context.WithoutCancel(a.ctx), "sip:"+a.number()+"@"+a.sip(), lab.CallOptions{Sound: lab.Silence()}); err != nil {
		return nil, nil, err
	}
	ctx, cancel := context.WithTimeout(a.ctx, patience)
	defer cancel()
	rung, err = phone.NextCall(ctx, before)
	if err != nil {
		err = fmt.Errorf("%w; the caller: %v", err, customer.End())
	}
	return customer, rung, err
}

func incoming(calls []*lab.Call) (n int) {
	for _, c := range calls {
		if c.Incoming {
			n++
		}
	}
	return n
}

// over waits until both ends know that the call has ended.
func (a *seat) over(calls ...*lab.Call) error {
	for _, c := range calls {
		select {
		case <-c.Ended():
		case <-time.After(patience):
			return fmt.Errorf("call %s (incoming %v) goes on", c.ID, c.Incoming)
		}
	}
	return nil
}

func (a *seat) talks() (customer, rung *lab.Call, err error) {
	if customer, rung, err = a.called(); err != nil {
		return nil, nil, err
	}
	if err = rung.Answer(a.ctx); err != nil {
		return nil, nil, err
	}
	select {
	case <-customer.Answered():
	case <-time.After(patience):
		return nil, nil, fmt.Errorf("the caller is not answered: %v", customer.End())
	}
	if rung.Connected() != nil {
		select {
		case <-rung.Connected():
		case <-time.After(patience):
			return nil, nil, fmt.Errorf("no path")
		}
	}
	return customer, rung, nil
}

func (a *seat) answers() error {
	customer, rung, err := a.talks()
	if err != nil {
		return err
	}
	if a.who%2 == 0 {
		customer, rung = rung, customer
	}
	if err := customer.Bye(a.ctx); err != nil {
		return err
	}
	return a.over(customer, rung)
}

func (a *seat) holds() error {
	customer, rung, err := a.talks()
	if err != nil {
		return err
	}
	if err := rung.Hold(a.ctx); err != nil {
		return err
	}
	if err := rung.Resume(a.ctx); err != nil {
		return err
	}
	if err := customer.Bye(a.ctx); err != nil {
		return err
	}
	return a.over(customer, rung)
}

func (a *seat) isCancelled() error {
	customer, rung, err := a.called()
	if err != nil {
		return err
	}
	rung.Ring()
	customer.Cancel()
	return a.over(customer, rung)
}

func (a *seat) declines() error {
	customer, rung, err := a.called()
	if err != nil {
		return err
	}
	rung.Decline(603, "Decline")
	return a.over(customer, rung)
}

func (a *seat) isAbandoned() error {
	customer, err := a.callers.Call(a.ctx, "sip:"+waiters+"@"+a.sip(), lab.CallOptions{})
	if err != nil {
		return err
	}
	select {
	case <-customer.Answered():
	case <-time.After(patience):
		return fmt.Errorf("not answered: %v", customer.End())
	}
	return customer.Bye(a.ctx)
}

func (a *seat) dials() (*lab.Call, error) {
	const number = "+358400000003"
	if b := a.browsers[a.who]; b != nil {
		return b.Call(a.ctx, number, lab.CallOptions{})
	}
	return a.desks[a.who].Call(a.ctx, number, lab.CallOptions{})
}

func (a *seat) callsOut() error {
	out, err := a.dials()
	if err != nil {
		return err
	}
	select {
	case <-out.Answered():
	case <-time.After(patience):
		return fmt.Errorf("not answered: %v", out.End())
	}
	return out.Bye(a.ctx)
}

func (a *seat) givesUp() error {
	out, err := a.dials()
	if err != nil {
		return err
	}
	select {
	case <-out.Trying():
	case <-time.After(patience):
		return fmt.Errorf("not even tried: %v", out.End())
	}
	out.Cancel() // it may be answered in the same moment
	select {
	case <-out.Ended():
		return nil
	case <-out.Answered():
		return out.Bye(a.ctx)
	case <-time.After(patience):
		return fmt.Errorf("goes on")
	}
}

// vanishes lets her tab be killed while it rings, and opens it again; a desk phone declines.
func (a *seat) vanishes() error {
	b := a.browsers[a.who]
	if b == nil {
		return a.declines()
	}
	customer, rung, err := a.called()
	if err != nil {
		return err
	}
	rung.Ring()
	if err := b.Reload(a.ctx); err != nil {
		return err
	}
	return a.over(customer)
}
