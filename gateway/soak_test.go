package gateway

import (
	"context"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/internal/lab/day"
)

// soak is a day of calls in half a minute: every kind at once, and afterwards nothing of them is left but their Tasks.
// `make soak` is the long one, on the program itself.
type soak struct {
	*house
	*day.Day
	t *testing.T
}

const (
	soakAgents   = 20
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
	s.settled()
	before := s.goroutines(0)
	s.run(calls)
	s.settled()
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
		if !strings.Contains(g, "internal/lab") {
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
	clock := lab.NewMetronome()
	outside, err := day.NewTrunk("", clock)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { outside.Close() })
	c := demoHouse(outside.Address())
	c.Log.Level = "error"
	user := func(i int) string { return fmt.Sprintf("soak%d", i) }
	for i := range soakAgents {
		id := user(i)
		c.Agents = append(c.Agents, configs.Agent{ID: id, Name: id, Extension: fmt.Sprint(2000 + i), Password: configs.Secret("demo-" + id), SIPPassword: configs.Secret("demo-" + id), Availability: configs.Available})
	}
	c.Queues = append(c.Queues, configs.Queue{Name: "Nobody", RingTimeout: 20 * time.Second})
	c.Plan.Numbers[call.Number(waiters)] = configs.Destination{Queue: "Nobody"}
	s := &soak{house: openHouse(t, c), t: t}
	s.Day, err = day.Open(ctx, day.Options{SIP: s.sip(), Web: "ws://" + s.web.Addr().String() + "/sip", Domain: "cordboard", Agents: soakAgents,
		User: user, Password: func(user string) string { return "demo-" + user }, Number: func(i int) string { return fmt.Sprintf("+35829300%d", 2000+i) },
		Waiters: waiters, Outside: nobody, Parallel: soakParallel, Patience: patience, Rests: s.rests, Clock: clock})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Day.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func (s *soak) run(n int) {
	s.t.Helper()
	for _, err := range s.Run(n) {
		s.t.Error(err)
	}
}

// rests waits until the gateway knows, too, that she is free: both ends of a call hear of its end a little earlier.
func (s *soak) rests(id string) error {
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if st, _ := s.desk.Status(id); st.Work == agent.Idle {
			return nil
		}
	}
	st, _ := s.desk.Status(id)
	return fmt.Errorf("%s is still %s for %s", id, st.Work, st.Call)
}

// settled waits until every gauge is back, and each call has its Task.
func (s *soak) settled() {
	s.t.Helper()
	s.quiet()
	s.until("each browser has one socket", func() bool { return s.gauge("cordboard_browser_sockets") == float64(s.Browsers()) })
	s.until("the dialogs are forgotten", func() bool { return s.gauge("cordboard_sip_dialogs") == 0 })
	if n, calls := len(s.tasks(s.Calls())), s.Calls(); n != calls {
		s.t.Errorf("%d Tasks of %d calls", n, calls)
	}
}
