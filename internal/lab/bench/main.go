// Command bench measures the gateway as `make bench` does: for every scenario a fresh gateway with configs/bench.yaml,
// calls from a trunk to browsers and to desk phones, and one line of a table. The table is written as Markdown.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"os/signal"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// scenario is one line of the table.
type scenario struct {
	name  string
	calls int
	phone bool
	agent lab.Format
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var (
		binary = flag.String("gateway", "bin/cordboard", "the gateway")
		config = flag.String("config", "configs/bench.yaml", "its configuration")
		sip    = flag.String("sip", "127.0.0.1:5060", "where it speaks SIP over UDP")
		web    = flag.String("http", "127.0.0.1:8080", "where it speaks HTTP")
		out    = flag.String("out", "docs/performance.md", "file for the table, - for standard output")
		window = flag.Duration("duration", 15*time.Second, "length of each measurement")
		counts = flag.String("calls", "20,50,100", "numbers of concurrent calls")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	table := fmt.Sprintf(heading(), *window)
	for _, s := range scenarios(*counts) {
		report, err := measure(ctx, *binary, *config, *web, lab.LoadOptions{Label: s.name, Target: *sip, URL: s.url(*web),
			Calls: s.calls, Window: *window, Trunk: lab.PCMU(), Agent: s.agent})
		if err != nil {
			return fmt.Errorf("%s, %d calls: %w", s.name, s.calls, err)
		}
		fmt.Fprint(os.Stderr, report)
		table += row(report)
	}
	if *out == "-" {
		fmt.Print(table)
		return nil
	}
	return write(*out, table)
}

func scenarios(counts string) []scenario {
	var all []scenario
	for _, n := range strings.Split(counts, ",") {
		var calls int
		if _, err := fmt.Sscan(n, &calls); err != nil || calls <= 0 {
			continue
		}
		all = append(all,
			scenario{"browser, PCMU passed through", calls, false, lab.PCMU()},
			scenario{"browser, PCMU ↔ Opus", calls, false, lab.Opus()},
			scenario{"desk phone, plain RTP", calls, true, lab.PCMU()})
	}
	return all
}

func (s scenario) url(web string) string {
	if s.phone {
		return ""
	}
	return "ws://" + web + "/sip"
}

// measure runs one load on a gateway of its own: an allocator keeps what an earlier run needed.
func measure(ctx context.Context, binary, config, web string, o lab.LoadOptions) (*lab.LoadReport, error) {
	gateway := exec.Command(binary, "serve", "--config", config)
	gateway.Stdout, gateway.Stderr = os.Stderr, os.Stderr
	if err := gateway.Start(); err != nil {
		return nil, err
	}
	defer func() {
		_ = gateway.Process.Signal(syscall.SIGTERM)
		_ = gateway.Process.Signal(syscall.SIGTERM) // the second ends at once
		_ = gateway.Wait()
	}()
	if err := ready(ctx, "http://"+web+"/readyz"); err != nil {
		return nil, err
	}
	o.PIDs = []int{gateway.Process.Pid}
	return lab.Load(ctx, o)
}

func ready(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	for {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
		if err != nil {
			return err
		}
		if response, err := http.DefaultClient.Do(request); err == nil {
			_ = response.Body.Close()
			if response.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case <-time.After(100 * time.Millisecond):
		case <-ctx.Done():
			return errors.New("the gateway did not become ready")
		}
	}
}

func heading() string {
	return fmt.Sprintf(`%s

On %s with %d CPUs, %s, generator and gateway on the same machine, over loopback, windows of %%s.

| Agent | Calls | INVITE→200 p50 / p99 ms | 200→sound both ways p50 ms | Latency added p50 / p99 / max ms | Lost | CPU-ms per call-second | CPU-ms per set-up | kB per call |
| --- | --- | --- | --- | --- | --- | --- | --- | --- |
`, begins, runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly))
}

// The table stands between these lines of the file; what is around it is written by people.
const (
	begins = "<!-- make bench writes from here -->"
	ends   = "<!-- to here -->"
)

// write puts the table in its place in the file.
func write(path, table string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begins)
	_, after, ok2 := strings.Cut(rest, ends)
	if !ok || !ok2 {
		return fmt.Errorf("%s: the lines %q and %q are missing", path, begins, ends)
	}
	return os.WriteFile(path, []byte(before+table+"\n"+ends+after), 0o644)
}

func row(r *lab.LoadReport) string {
	latency := "–"
	if l := r.ToAgent.Latency; l != nil && r.ToTrunk.Latency != nil {
		b := r.ToTrunk.Latency
		latency = fmt.Sprintf("%.2f / %.2f / %.1f", max(l.P50, b.P50), max(l.P99, b.P99), max(l.Max, b.Max))
	}
	return fmt.Sprintf("| %s | %d of %d | %s | %s | %s | %d of %d | %.2f | %.1f | %.0f |\n", r.Label, r.Established, r.Calls,
		two(r.Setup), one(r.TwoWay), latency, r.ToAgent.Lost+r.ToTrunk.Lost, r.ToAgent.Sent+r.ToTrunk.Sent, r.CPU.PerCall, r.RampCPU, r.Memory.PerCall)
}

func one(s *lab.Spread) string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f", s.P50)
}

func two(s *lab.Spread) string {
	if s == nil {
		return "–"
	}
	return fmt.Sprintf("%.1f / %.1f", s.P50, s.P99)
}
