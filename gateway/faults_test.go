package gateway

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/crm/sfsim"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/store"
)

const (
	salesNumber = "+358293000101" // a queue whose only member has no phone
	bosNumber   = "+358293001002" // rings, and nobody takes it
	carlsNumber = "+358293001003" // declines
	hiccup      = time.Second     // that a busy machine may cost a call here; it is milliseconds elsewhere
)

// Whatever Salesforce does to us, calls do not notice, and in the end each has exactly one Task that tells the truth.
func TestG3_EveryCallLeavesOneTaskWhateverTheOrgDoes(t *testing.T) {
	d := openBusyDay(t)
	d.faults(`[
		{"error_code": "REQUEST_LIMIT_EXCEEDED:Concurrent", "times": 1, "paths": ["/composite"]},
		{"status": 503, "every": 2},
		{"drop_reply": true, "every": 3, "paths": ["/composite"]},
		{"expire_tokens": true, "every": 5},
		{"error_code": "UNABLE_TO_LOCK_ROW", "per_record": true, "every": 3}]`)
	for range 3 {
		d.answered(annasNumber)
		d.answered(mainNumber)
		d.abandoned()
		d.unanswered()
		d.refused(carlsNumber, 603, "Declined")
		d.busy()
		d.cancelled()
		d.placed("answers", "Answered", "Answered")
		d.placed("is busy", "Not Answered", "Busy")
		d.placed("rings", "Not Answered", "Cancelled")
	}
	d.mustHoldOneTaskEach(time.Minute)
	for what, n := range d.fell() {
		if n == 0 {
			t.Errorf("the org never had the fault %q: this test has tested less than it says", what)
		}
	}
}

// fell counts what has gone wrong in the org.
func (d *busyDay) fell() map[string]int {
	d.t.Helper()
	resp, err := http.Get("http://" + d.simulator + "/_sim/requests")
	if err != nil {
		d.t.Fatal(err)
	}
	defer resp.Body.Close()
	var all []sfsim.Request
	if err := json.NewDecoder(resp.Body).Decode(&all); err != nil {
		d.t.Fatal(err)
	}
	n := map[string]int{"out of service": 0, "reply lost": 0, "session expired": 0, "request limit": 0}
	for _, r := range all {
		switch {
		case r.Dropped:
			n["reply lost"]++
		case r.Status == http.StatusServiceUnavailable:
			n["out of service"]++
		case r.Status == http.StatusUnauthorized:
			n["session expired"]++
		case r.Status == http.StatusForbidden:
			n["request limit"]++
		}
	}
	d.t.Logf("%d requests to the org; of them %v", len(all), n)
	return n
}

// A Flow that needs too long is not waited for: the caller is in the queue within the budget, and the record says why.
func TestG5_ASlowFlowIsNotWaitedFor(t *testing.T) {
	d := openBusyDay(t)
	d.faults(`[{"latency_ms": 5000, "paths": ["/actions/custom/flow"]}]`)
	d.answered(mainNumber)
	if err := d.store.Ledger().Flush(d.soon()); err != nil {
		t.Fatal(err)
	}
	all, err := d.store.Recent(d.soon(), store.Filter{Limit: 10})
	if err != nil || len(all) != 1 {
		t.Fatalf("%d records: %v", len(all), err)
	}
	trace := all[0].Routing
	if trace.Answered != "no answer within 1.5s" || !strings.Contains(trace.Asked, "Cordboard_Smart_Routing") || !strings.Contains(trace.Done, "Customer Service EN") {
		t.Errorf("the record tells %+v", trace)
	}
	if trace.Took < d.cfg.Routing.Budget || trace.Took > d.cfg.Routing.Budget+hiccup {
		t.Errorf("routing took %s", trace.Took)
	}
	d.faults(`[]`)
	d.mustHoldOneTaskEach(patience)
}

// An org that is away when we start is no reason not to take calls. Their Tasks come when it is back.
func TestAnOrgThatIsDownAtTheStartDelaysNothingButTasks(t *testing.T) {
	at := fmt.Sprintf("127.0.0.1:%d", freePorts(t, 2))
	d := openBusyDay(t, func(c *configs.Config) {
		c.Salesforce.Simulator = configs.Simulator{}
		c.Salesforce.LoginURL, c.Salesforce.ClientID, c.Salesforce.ClientSecret = "http://"+at, sfsim.DemoClientID, "secret"
	})
	d.answered(mainNumber)
	d.answered(annasNumber)
	d.abandoned()
	d.placed("answers", "Answered", "Answered")

	org := sfsim.New(sfsim.Options{})
	org.TrustSecret(sfsim.DemoClientID, "secret", sfsim.DemoUsername)
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	server, done := &http.Server{Handler: org}, make(chan error, 1)
	go func() { done <- server.Serve(l) }()
	t.Cleanup(func() {
		server.Close()
		if err := <-done; !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
	d.simulator = at
	d.mustHoldOneTaskEach(time.Minute)
}

// busyDay is a house with people in it whose behaviour is known, and what the org must hold of each call at the end.
type busyDay struct {
	*house
	anna    *lab.Browser // answers every call
	carrier *lab.Trunk   // answers what is called out, or does not, by the number
	taken   int          // calls that anna has taken
	calls   int
	truth   map[string][3]string // by the customer's number: direction, result, disposition
}

func openBusyDay(t *testing.T, change ...func(*configs.Config)) *busyDay {
	t.Helper()
	carrier, err := lab.NewTrunk(lab.TrunkOptions{Formats: []lab.Format{lab.PCMA()}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { carrier.Close() })
	cfg := demoHouse(carrier.Address())
	cfg.SIP.Timeouts.Ring = 500 * time.Millisecond
	cfg.Outbox.Batch = 3 // so that there are many requests to go wrong
	cfg.Outbox.RetryFirst, cfg.Outbox.RetryMax = 50*time.Millisecond, 500*time.Millisecond
	cfg.Queues[0].Members = []string{"anna"}
	cfg.Queues = append(cfg.Queues, configs.Queue{Name: "Sales", Members: []string{"dina"}, RingTimeout: time.Minute})
	cfg.Plan.Numbers[salesNumber] = configs.Destination{Queue: "Sales"}
	for _, c := range change {
		c(cfg)
	}
	d := &busyDay{house: openHouse(t, cfg), carrier: carrier, truth: make(map[string][3]string)}
	d.anna = d.phone("anna", lab.PCMA())
	d.anna.Listen(func(c *lab.Call) { _ = c.Answer(t.Context()) })
	d.phone("bo", lab.PCMA()).Listen((*lab.Call).Ring)
	d.phone("carl", lab.PCMA()).Listen(func(c *lab.Call) { c.Decline(603, "Decline") })
	carrier.Listen(func(c *lab.Call) {
		c.Ring()
		switch {
		case strings.Contains(c.Invite.URI, "+35846"):
			_ = c.Answer(t.Context())
		case strings.Contains(c.Invite.URI, "+35847"):
			c.Decline(486, "Busy Here")
		}
	})
	return d
}

// next is a number that nobody has called from, or called, before; what its Task must say is noted.
func (d *busyDay) next(prefix, direction, result, disposition string) string {
	d.calls++
	n := fmt.Sprintf("%s%07d", prefix, d.calls)
	d.truth[n] = [3]string{direction, result, disposition}
	return n
}

// arrives is a call from a new customer, which must ring at once.
func (d *busyDay) arrives(number, result, disposition string) *lab.Call {
	d.t.Helper()
	d.eventually("anna is idle", func() bool { s, _ := d.desk.Status("anna"); return s.Work == agent.Idle })
	return d.callIn(number, result, disposition)
}

func (d *busyDay) callIn(number, result, disposition string) *lab.Call {
	d.t.Helper()
	begin := time.Now()
	c := d.dial(d.carrier, number, lab.CallOptions{From: d.next("+35845", "Inbound", result, disposition)})
	rings, err := c.AwaitResponse(d.soon(), 180)
	if err != nil {
		rings, err = c.AwaitResponse(d.soon(), 200)
	}
	if err != nil {
		d.t.Fatal(err)
	}
	if took := rings.At.Sub(begin); took > hiccup {
		d.t.Errorf("it rings after %s", took)
	}
	return c
}

func (d *busyDay) answered(number string) {
	d.t.Helper()
	begin := time.Now()
	c := d.arrives(number, "Answered", "Answered")
	c.MustAnswer(d.t, patience)
	if took := time.Since(begin); took > d.cfg.Routing.Budget+2*hiccup {
		d.t.Errorf("%s answers after %s", number, took)
	}
	d.annaTakes()
	d.hangup(c)
}

// annaTakes waits until she has the next call.
func (d *busyDay) annaTakes() {
	d.t.Helper()
	rung := d.rings(d.anna, d.taken)
	d.taken++
	rung.MustAnswer(d.t, patience)
	d.eventually("anna talks", func() bool { s, _ := d.desk.Status("anna"); return s.Work == agent.Connected })
}

func (d *busyDay) hangup(c *lab.Call) {
	d.t.Helper()
	if err := c.Bye(d.soon()); err != nil {
		d.t.Fatal(err)
	}
}

func (d *busyDay) abandoned() {
	d.t.Helper()
	c := d.arrives(salesNumber, "Not Answered", "Abandoned in queue")
	c.MustAnswer(d.t, patience)
	d.eventually("he waits", func() bool {
		for _, q := range d.queues.Figures() {
			if q.Queue == "Sales" {
				return q.Waiting == 1
			}
		}
		return false
	})
	d.hangup(c)
}

func (d *busyDay) unanswered() {
	d.t.Helper()
	d.refused(bosNumber, 480, "No answer")
}

func (d *busyDay) refused(number string, status int, disposition string) {
	d.t.Helper()
	c := d.arrives(number, "Not Answered", disposition)
	if end := c.MustEnd(d.t, patience); end.Status != status {
		d.t.Errorf("%s: %v, want %d", number, end, status)
	}
}

// busy is a customer who calls anna while she talks to another.
func (d *busyDay) busy() {
	d.t.Helper()
	first := d.arrives(annasNumber, "Answered", "Answered")
	d.annaTakes()
	second := d.callIn(annasNumber, "Not Answered", "Busy")
	if end := second.MustEnd(d.t, patience); end.Status != 486 {
		d.t.Errorf("a second call: %v", end)
	}
	d.hangup(first)
}

func (d *busyDay) cancelled() {
	d.t.Helper()
	c := d.arrives(bosNumber, "Not Answered", "Cancelled")
	c.Cancel()
	c.MustEnd(d.t, patience)
}

// placed is a call of anna's to a customer who answers, is busy, or only rings until she gives up.
func (d *busyDay) placed(customer, result, disposition string) {
	d.t.Helper()
	d.eventually("anna is idle", func() bool { s, _ := d.desk.Status("anna"); return s.Work == agent.Idle })
	prefix := map[string]string{"answers": "+35846", "is busy": "+35847", "rings": "+35848"}[customer]
	begin := time.Now()
	c, err := d.anna.Call(d.soon(), d.next(prefix, "Outbound", result, disposition), lab.CallOptions{})
	if err != nil {
		d.t.Fatal(err)
	}
	rings, err := c.AwaitResponse(d.soon(), 180)
	if err != nil {
		d.t.Fatal(err)
	}
	if took := rings.At.Sub(begin); took > hiccup {
		d.t.Errorf("the customer's phone rings after %s", took)
	}
	switch customer {
	case "answers":
		c.MustAnswer(d.t, patience)
		d.hangup(c)
	case "rings":
		c.Cancel()
	}
	c.MustEnd(d.t, patience)
}

// mustHoldOneTaskEach waits until nothing more is to be delivered, and compares the org with the truth.
func (d *busyDay) mustHoldOneTaskEach(within time.Duration) {
	d.t.Helper()
	d.eventually("all calls are over", func() bool { return len(d.board.Active()) == 0 })
	if err := d.store.Ledger().Flush(d.soon()); err != nil {
		d.t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(d.t.Context(), within)
	defer cancel()
	if err := d.worker.Idle(ctx); err != nil {
		d.t.Fatal(err)
	}
	parked, err := d.store.Outbox().Parked(d.soon(), 10)
	if err != nil || len(parked) > 0 {
		d.t.Errorf("parked: %v %v", parked, err)
	}
	tasks, keys := d.records("Task"), make(map[any]int)
	if len(tasks) != d.calls {
		d.t.Errorf("%d Tasks of %d calls", len(tasks), d.calls)
	}
	for _, task := range tasks {
		keys[task["Cordboard_Call_Key__c"]]++
		number := fmt.Sprint(task["Cordboard_Phone_Number__c"])
		got := [3]string{fmt.Sprint(task["CallType"]), fmt.Sprint(task["Cordboard_Call_Result__c"]), fmt.Sprint(task["CallDisposition"])}
		if want := d.truth[number]; got != want {
			d.t.Errorf("%s: the Task says %q, want %q", call.Number(number), got, want)
		}
		delete(d.truth, number)
	}
	if len(keys) != len(tasks) || len(d.truth) > 0 {
		d.t.Errorf("%d keys in %d Tasks; without one are %v", len(keys), len(tasks), d.truth)
	}
}
