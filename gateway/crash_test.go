package gateway

import (
	"bufio"
	"bytes"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/store"
)

// The real program, as an operator runs it: killed at any moment and started again it leaves one Task for each call;
// told to stop, it lets calls end.
func TestTheProgram(t *testing.T) {
	programs := t.TempDir()
	build := exec.CommandContext(t.Context(), "go", "build", "-tags=nolibopusfile", "-o", programs+"/", "./cmd/...")
	build.Dir = ".."
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("build: %v\n%s", err, out)
	}
	t.Run("killed", func(t *testing.T) { newProgram(t, programs).isKilledAtEveryMoment() })
	t.Run("drained", func(t *testing.T) { newProgram(t, programs).drains() })
	t.Run("stopped at once", func(t *testing.T) { newProgram(t, programs).stopsAtOnce() })
	t.Run("reloaded", func(t *testing.T) { newProgram(t, programs).reloads() })
	t.Run("drained in vain", func(t *testing.T) { newProgram(t, programs).endsCallsAtTheDeadline() })
}

// moments are those at which the process is killed, and what the Task must say of the call that was going on then.
func moments() []moment {
	lost := []string{"Answered, connection lost"}
	return []moment{
		{"ringing in the queue", "Not Answered", []string{"Failed"}, func(p *program, customer *lab.Call) {
			p.rings(p.anna, 0)
			customer.MustAnswer(p.t, patience) // by the queue
		}},
		{"talking", "Answered", lost, func(p *program, customer *lab.Call) { p.talk(customer) }},
		{"just after the customer hung up", "Answered", append(lost, "Answered"), func(p *program, customer *lab.Call) {
			p.talk(customer)
			p.hangup(customer)
		}},
		{"when the Task is written and we do not know it yet", "Answered", []string{"Answered"}, func(p *program, customer *lab.Call) {
			written := len(p.records("Task"))
			p.talk(customer)
			p.faults(`[{"drop_reply": true, "paths": ["/composite"]}]`)
			p.hangup(customer)
			p.tasks(written + 1)
		}},
	}
}

// moment is one at which the process is killed.
type moment struct {
	name, result string
	dispositions []string // one of these
	reach        func(p *program, customer *lab.Call)
}

func (p *program) isKilledAtEveryMoment() {
	p.t.Helper()
	all := moments()
	for i, m := range all {
		p.start()
		p.tasks(i) // of those who were there when we were killed before
		p.anna = p.browser()
		carrier := p.carrier(lab.PCMA())
		m.reach(p, p.call(carrier, fmt.Sprintf("+3584510000%02d", i)))
		p.kill()
		carrier.Close()
		p.anna.Close()
		p.faults(`[]`)
	}
	p.start()
	p.tasks(len(all))
	p.stop()
	p.start() // nothing is said twice
	p.stop()
	tasks := make(map[any][]map[string]any)
	for _, task := range p.records("Task") {
		tasks[task["Cordboard_Phone_Number__c"]] = append(tasks[task["Cordboard_Phone_Number__c"]], task)
	}
	for i, m := range all {
		mine := tasks[fmt.Sprintf("+3584510000%02d", i)]
		if len(mine) != 1 {
			p.t.Errorf("%s: %d Tasks, want one", m.name, len(mine))
			continue
		}
		result, disposition := mine[0]["Cordboard_Call_Result__c"], fmt.Sprint(mine[0]["CallDisposition"])
		if result != m.result || !strings.Contains(strings.Join(m.dispositions, "|")+"|", disposition+"|") {
			p.t.Errorf("%s: the Task says %v, %s; want %s, one of %q", m.name, result, disposition, m.result, m.dispositions)
		}
	}
	p.checkRecords(len(all))
}

// checkRecords looks into the database: every call is over, and those that were cut say so.
func (p *program) checkRecords(n int) {
	p.t.Helper()
	s, err := store.Open(p.t.Context(), filepath.Join(p.dir, "data", "cordboard.db"), zap.NewNop())
	if err != nil {
		p.t.Fatal(err)
	}
	defer s.Close()
	records, err := s.Recent(p.t.Context(), store.Filter{Limit: 100})
	if err != nil || len(records) != n {
		p.t.Fatalf("%d records, want %d: %v", len(records), n, err)
	}
	cut := 0
	for _, r := range records {
		if r.Open() {
			p.t.Errorf("record %+v is still open", r)
		}
		if r.Ending == (call.Ending{By: call.ByUs, Reason: call.Stopped}) {
			cut++
		}
	}
	if cut < 2 || cut > 3 {
		p.t.Errorf("%d calls were cut, want the first two and perhaps the third", cut)
	}
}

// drains: the first SIGTERM refuses new calls and lets the one that is up go on; when it ends, so does the process.
func (p *program) drains() {
	p.t.Helper()
	p.start()
	p.anna = p.browser()
	carrier := p.carrier(lab.PCMA())
	customer := p.call(carrier, maija)
	p.talk(customer)
	p.terminate()
	late := p.call(carrier, nobody)
	if end := late.MustEnd(p.t, patience); end.Status != http.StatusServiceUnavailable {
		p.t.Errorf("a call that comes while we drain ends with %v", end)
	}
	refusal, err := late.AwaitResponse(p.soon(), http.StatusServiceUnavailable)
	if err != nil {
		p.t.Fatal(err)
	}
	if refusal.Get("Retry-After") == "" {
		p.t.Errorf("the carrier is not told when to try again: %s", refusal)
	}
	asks, err := carrier.Options(p.soon(), fmt.Sprintf("127.0.0.1:%d", p.port))
	if err != nil || asks.Status != http.StatusServiceUnavailable {
		p.t.Errorf("OPTIONS while we drain: %v, %v", asks, err)
	}
	customer.Ear().MustHear(p.t, annasTone, patience, time.Second)
	p.hangup(customer)
	p.ended()
	if task := p.tasks(1)[0]; len(p.records("Task")) != 1 || task["CallDisposition"] != "Answered" {
		p.t.Errorf("Task %v", task)
	}
}

// stopsAtOnce: the second SIGTERM says goodbye to everyone.
func (p *program) stopsAtOnce() {
	p.t.Helper()
	p.start()
	p.anna = p.browser()
	customer := p.call(p.carrier(lab.PCMA()), maija)
	p.talk(customer)
	p.terminate()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.saysGoodbye(customer)
	p.ended()
	if task := p.tasks(1)[0]; task["Cordboard_Call_Result__c"] != "Answered" || task["CallDisposition"] != "Answered, connection lost" {
		p.t.Errorf("Task %v", task)
	}
}

// reloads: SIGHUP takes what the file says, and a bad file ends nothing.
func (p *program) reloads() {
	p.t.Helper()
	p.start()
	p.anna = p.browser()
	customer := p.call(p.carrier(lab.PCMA()), maija)
	p.talk(customer)
	p.change("drain_timeout: 60s", "drain_timeout: soon")
	p.hup()
	p.change("drain_timeout: soon", "drain_timeout: 1s")
	p.change("queue: Customer Service EN}}", "agent: anna}}")
	p.hup()
	customer.Ear().MustHear(p.t, annasTone, patience, time.Second)
	second := p.call(p.carrier(lab.PCMA()), nobody) // to the agent now, who is busy
	if end := second.MustEnd(p.t, patience); end.Status != 486 {
		p.t.Errorf("the new plan is not followed: %v", end)
	}
	p.terminate()
	p.saysGoodbye(customer)
	p.ended()
	for _, line := range []string{"not reloaded", "drain_timeout (line 2)", `"msg":"reloaded"`} {
		if !strings.Contains(p.output.String(), line) {
			p.t.Errorf("the log does not say %s", line)
		}
	}
}

// hup sends SIGHUP and waits until the file was read.
func (p *program) hup() {
	p.t.Helper()
	before := p.figure("cordboard_reloads_total")
	if err := p.cmd.Process.Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
	p.eventually("it reloads", func() bool { return p.figure("cordboard_reloads_total") > before })
}

// figure is the sum of a metric.
func (p *program) figure(name string) (sum float64) {
	p.t.Helper()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d/metrics", p.port+1))
	if err != nil {
		p.t.Fatal(err)
	}
	defer resp.Body.Close()
	for lines := bufio.NewScanner(resp.Body); lines.Scan(); {
		if fields := strings.Fields(lines.Text()); len(fields) == 2 && strings.HasPrefix(fields[0], name) {
			v, err := strconv.ParseFloat(fields[1], 64)
			if err != nil {
				p.t.Fatal(err)
			}
			sum += v
		}
	}
	return sum
}

// endsCallsAtTheDeadline: who still talks when node.drain_timeout is over is told goodbye.
func (p *program) endsCallsAtTheDeadline() {
	p.t.Helper()
	p.change("drain_timeout: 60s", "drain_timeout: 1s")
	p.start()
	p.anna = p.browser()
	customer := p.call(p.carrier(lab.PCMA()), maija)
	p.talk(customer)
	p.terminate()
	p.saysGoodbye(customer)
	p.ended()
}

// saysGoodbye: the customer gets a BYE that says why.
func (p *program) saysGoodbye(customer *lab.Call) {
	p.t.Helper()
	if end := customer.MustEnd(p.t, patience); end.Reason != "bye" || end.By != "them" {
		p.t.Errorf("the customer's call ended by %v", end)
	}
	bye, err := customer.AwaitRequest(p.soon(), "BYE")
	if err != nil {
		p.t.Fatal(err)
	}
	if reason := bye.Get("Reason"); !strings.Contains(reason, "cause=503") {
		p.t.Errorf("the BYE does not say why: %q", reason)
	}
}

// change edits the configuration file.
func (p *program) change(before, after string) {
	p.t.Helper()
	text, err := os.ReadFile(p.config())
	if err != nil || !strings.Contains(string(text), before) {
		p.t.Fatalf("no %q in the configuration: %v", before, err)
	}
	if err := os.WriteFile(p.config(), []byte(strings.Replace(string(text), before, after, 1)), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

// program is bin/cordboard beside bin/sfsim, each a process of its own: the org outlives the gateway.
type program struct {
	*house // of it only what needs no gateway in this process
	anna   *lab.Browser

	programs, dir string
	port          int // SIP; HTTP is the next one
	cmd           *exec.Cmd
	output        *bytes.Buffer // belongs to the process until it has ended
	exited        chan error
}

func newProgram(t *testing.T, programs string) *program {
	t.Helper()
	p := &program{programs: programs, dir: t.TempDir(), port: freePorts(t, 4)}
	p.house = &house{t: t, Gateway: &Gateway{parts: parts{simulator: openOrg(t, programs)}}}
	config := fmt.Sprintf(`
node: {data_dir: data, drain_timeout: 60s}
sip: {udp: ["127.0.0.1:%[1]d"], tcp: ["127.0.0.1:%[1]d"]}
http: {listen: "127.0.0.1:%[2]d", public_url: "http://127.0.0.1:%[2]d"}
webrtc: {listen: "127.0.0.1:%[3]d"}
trunks: [{name: demo, sources: [127.0.0.0/8], target: "127.0.0.1:9", home_region: FI}]
agents: [{id: anna, extension: 1001, password: demo-anna, sip_password: demo-anna}]
queues: [{name: Customer Service EN, members: [anna]}]
plan: {numbers: {"%[4]s": {queue: Customer Service EN}}}
salesforce: {login_url: "http://%[5]s", client_id: cordboard-demo, client_secret: demo-secret}
`, p.port, p.port+1, p.port+2, mainNumber, p.simulator)
	if err := os.WriteFile(p.config(), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(p.dir, "data"), 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

func (p *program) config() string { return filepath.Join(p.dir, "cordboard.yaml") }

// openOrg starts the simulated org and returns its address.
func openOrg(t *testing.T, programs string) string {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), filepath.Join(programs, "sfsim"), "--listen", "127.0.0.1:0")
	said, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	addresses, done := make(chan string, 1), make(chan struct{})
	go func() {
		defer close(done)
		for lines := bufio.NewScanner(said); lines.Scan(); {
			if found := regexp.MustCompile(`"http://([^/"]+)/_sim/"`).FindStringSubmatch(lines.Text()); found != nil {
				addresses <- found[1]
			}
		}
	}()
	t.Cleanup(func() { <-done; _ = cmd.Wait() }) // killed with the test's context
	select {
	case a := <-addresses:
		return a
	case <-done:
		t.Fatal("sfsim ended")
	case <-time.After(patience):
		t.Fatal("sfsim does not say where it listens")
	}
	return ""
}

// start runs `cordboard serve` and waits until it is ready.
func (p *program) start() {
	p.t.Helper()
	cmd := exec.CommandContext(p.t.Context(), filepath.Join(p.programs, "cordboard"), "serve", "--config", p.config())
	output := &bytes.Buffer{}
	cmd.Stdout, cmd.Stderr = output, output
	if err := cmd.Start(); err != nil {
		p.t.Fatal(err)
	}
	exited := make(chan error, 1)
	p.cmd, p.output, p.exited = cmd, output, exited
	done := make(chan struct{})
	go func() { exited <- cmd.Wait(); close(done) }()
	p.t.Cleanup(func() {
		<-done
		if p.t.Failed() {
			p.t.Logf("cordboard %d:\n%s", cmd.Process.Pid, tail(output.Bytes(), 6000))
		}
	})
	p.eventually("cordboard is ready", func() bool { return p.ready() == http.StatusOK })
}

// ready is the status of /readyz; 0: nobody answers.
func (p *program) ready() int {
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: patience}
	resp, err := c.Get(fmt.Sprintf("http://127.0.0.1:%d/readyz", p.port+1))
	if err != nil {
		return 0
	}
	resp.Body.Close()
	return resp.StatusCode
}

// kill is kill -9.
func (p *program) kill() {
	p.t.Helper()
	if err := p.cmd.Process.Kill(); err != nil {
		p.t.Fatal(err)
	}
	<-p.exited
}

// terminate sends the first SIGTERM and waits until it has been understood.
func (p *program) terminate() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.eventually("it drains", func() bool { return p.ready() == http.StatusServiceUnavailable })
}

// stop lets it end with no call up.
func (p *program) stop() {
	p.t.Helper()
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		p.t.Fatal(err)
	}
	p.ended()
}

// ended waits for the end of the process, which has to be a good one.
func (p *program) ended() {
	p.t.Helper()
	select {
	case err := <-p.exited:
		if err != nil {
			p.t.Fatalf("cordboard: %v", err)
		}
	case <-time.After(CloseTimeout):
		p.t.Fatalf("cordboard does not end")
	}
}

func (p *program) browser() *lab.Browser {
	p.t.Helper()
	b, err := lab.NewBrowser(lab.BrowserOptions{URL: fmt.Sprintf("ws://127.0.0.1:%d/sip", p.port+1), User: "anna", Password: "demo-anna",
		Domain: "cordboard", Formats: []lab.Format{lab.PCMA()}})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { b.Close() })
	b.Listen(func(*lab.Call) {})
	if err := b.Open(p.soon()); err != nil {
		p.t.Fatal(err)
	}
	return b
}

// call places a call from that number to the queue.
func (p *program) call(carrier *lab.Trunk, from string) *lab.Call {
	p.t.Helper()
	c, err := carrier.Call(p.t.Context(), fmt.Sprintf("sip:%s@127.0.0.1:%d", mainNumber, p.port), lab.CallOptions{From: from, Sound: lab.Tone(440, -16)})
	if err != nil {
		p.t.Fatal(err)
	}
	return c
}

// talk lets anna answer; both hear each other.
func (p *program) talk(customer *lab.Call) {
	p.t.Helper()
	rung := p.rings(p.anna, 0)
	if err := rung.Answer(p.soon()); err != nil {
		p.t.Fatal(err)
	}
	p.connected(rung)
	rung.Say(lab.Tone(annasTone, -16))
	customer.Ear().MustHear(p.t, annasTone, patience, time.Second)
	rung.Ear().MustHear(p.t, 440, patience, time.Second)
}

func (p *program) hangup(customer *lab.Call) {
	p.t.Helper()
	if err := customer.Bye(p.soon()); err != nil {
		p.t.Fatal(err)
	}
}

// faults sets what goes wrong in the org from now on.
func (h *house) faults(list string) {
	h.t.Helper()
	req, err := http.NewRequestWithContext(h.soon(), http.MethodPut, "http://"+h.simulator+"/_sim/faults", strings.NewReader(list))
	if err != nil {
		h.t.Fatal(err)
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		h.t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode/100 != 2 {
		h.t.Fatalf("faults: %s", resp.Status)
	}
}
