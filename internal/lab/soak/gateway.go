package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/cordboard/cordboard/internal/lab/day"
)

// gateway is the program under test, with its org.
type gateway struct {
	process, org *exec.Cmd
	client       *http.Client
	heaps        string // folder for what is on the heap; empty: not kept
}

func open(ctx context.Context, binary, simulator, config string) (*gateway, error) {
	g := &gateway{client: &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}} // each look leaves no connection
	var err error
	if g.org, err = start(simulator, "--listen", org, "--log-level", "error"); err != nil {
		return nil, err
	}
	if g.process, err = start(binary, "serve", "--config", config, "--debug", debug); err != nil {
		g.close()
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		if _, err := g.get(ctx, "http://"+web+"/readyz"); err == nil {
			return g, nil
		}
		if err := pause(ctx, 100*time.Millisecond); err != nil {
			g.close()
			return nil, errors.New("the gateway did not become ready")
		}
	}
}

func start(binary string, arguments ...string) (*exec.Cmd, error) {
	c := exec.Command(binary, arguments...)
	c.Stdout, c.Stderr = os.Stderr, os.Stderr
	return c, c.Start()
}

func (g *gateway) close() {
	for _, c := range []*exec.Cmd{g.process, g.org} {
		if c == nil {
			continue
		}
		_ = c.Process.Signal(syscall.SIGTERM) // one that has gone needs none
		_ = c.Wait()                          // what counts has been looked at
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *gateway) get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := g.client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close() // it has been read
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return body, err
}

// metrics are the sums of each metric over its labels.
type metrics map[string]float64

func (g *gateway) metrics(ctx context.Context, url string) (metrics, error) {
	text, err := g.get(ctx, url)
	if err != nil {
		return nil, err
	}
	m := metrics{}
	for line := range strings.Lines(string(text)) {
		name, value, ok := strings.Cut(strings.TrimSpace(line), " ")
		if i := strings.LastIndexByte(line, '}'); i > 0 && !strings.HasPrefix(line, "#") {
			value, ok = strings.TrimSpace(line[i+1:]), true
			name, _, _ = strings.Cut(line, "{")
		}
		if v, err := strconv.ParseFloat(value, 64); ok && err == nil {
			m[name] += v
		}
	}
	return m, nil
}

// state is what a gateway holds when nothing is going on.
type state struct {
	gauges     metrics
	goroutines int
	files      int
	heap       int64 // live, bytes
	rss        int64 // bytes
	tasks      int
	calls      int
}

// empty are the gauges that count what belongs to calls: 0 between them. Resting ports rest for half a minute.
func empty() []string {
	return []string{"cordboard_calls_active", "cordboard_legs_active", "cordboard_sip_dialogs", "cordboard_queue_waiting",
		"cordboard_rtp_ports_in_use", "cordboard_rtp_ports_resting", "cordboard_browser_media_sessions",
		"cordboard_ledger_waiting", "cordboard_outbox_pending", "cordboard_outbox_parked"}
}

// steady are those that must be as they were.
func steady() []string {
	return []string{"cordboard_browser_sockets", "cordboard_sip_devices", "cordboard_sip_panics_total", "cordboard_media_panics_total"}
}

// settled waits until nothing of a call is going on any more, and looks.
func (g *gateway) settled(ctx context.Context, d *day.Day, name string) (state, error) {
	var s state
	var err error
	for deadline := time.Now().Add(time.Minute); ; {
		if s.gauges, err = g.metrics(ctx, page); err != nil {
			return s, err
		}
		for _, name := range append(empty(), steady()...) {
			if _, told := s.gauges[name]; !told {
				return s, fmt.Errorf("the gateway has no metric %s: it was renamed, or never set", name)
			}
		}
		busy := false
		for _, name := range empty() {
			busy = busy || s.gauges[name] != 0
		}
		if !busy || time.Now().After(deadline) { // what is left then is told by the table
			break
		}
		if err := pause(ctx, 500*time.Millisecond); err != nil {
			return s, err
		}
	}
	if err := g.least(ctx, &s); err != nil {
		return s, err
	}
	if s.heap, err = g.live(ctx, name); err != nil {
		return s, err
	}
	s.calls = d.Calls()
	s.tasks, err = g.tasks(ctx)
	return s, err
}

// least looks many times and keeps the least: transactions live for 32 seconds after a call whose end was not acknowledged,
// and five otherwise (RFC 3261 section 17); idle connections to the org come and go.
func (g *gateway) least(ctx context.Context, s *state) error {
	s.goroutines, s.files = 1<<30, 1<<30
	for range 20 {
		m, err := g.metrics(ctx, page)
		if err != nil {
			return err
		}
		files, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", g.process.Process.Pid))
		if err != nil {
			return err
		}
		s.goroutines, s.files = min(s.goroutines, int(m["go_goroutines"])), min(s.files, len(files))
		s.rss = int64(m["process_resident_memory_bytes"])
		if err := pause(ctx, 400*time.Millisecond); err != nil {
			return err
		}
	}
	return nil
}

// live is the heap right after a collection, which the debug listener makes when it is asked for a profile. Twice: what
// pools keep goes with the second.
func (g *gateway) live(ctx context.Context, name string) (int64, error) {
	least := int64(1 << 62)
	for range 4 {
		profile, err := g.get(ctx, "http://"+debug+"/debug/pprof/heap?gc=1")
		if err != nil {
			return 0, err
		}
		if g.heaps != "" {
			if err := os.WriteFile(filepath.Join(g.heaps, name+".heap"), profile, 0o600); err != nil {
				return 0, err
			}
		}
		m, err := g.metrics(ctx, page)
		if err != nil {
			return 0, err
		}
		least = min(least, int64(m["go_memstats_heap_alloc_bytes"]))
	}
	return least, nil
}

// tasks counts what the org got from us.
func (g *gateway) tasks(ctx context.Context) (n int, err error) {
	text, err := g.get(ctx, "http://"+org+"/_sim/records/Task")
	if err != nil {
		return 0, err
	}
	var all []struct {
		Key any `json:"Cordboard_Call_Key__c"`
	}
	if err := json.Unmarshal(text, &all); err != nil {
		return 0, err
	}
	for _, t := range all {
		if t.Key != nil {
			n++
		}
	}
	return n, nil
}
