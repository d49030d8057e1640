// Command load puts calls on a gateway and measures it: trunk to browsers, or trunk to desk phones.
//
//	load -target 127.0.0.1:5060 -ws ws://127.0.0.1:8080/sip -calls 50 -pid 1234 -json out.json
//	load -target 127.0.0.1:5060 -agent phone -calls 100
//	load -calls 100 -rate 200 -duration 12s …       signalling only
//	load -trunk-codec PCMU -agent-codec opus …      the gateway transcodes
//	load -crowd 5000 -pid 1234                      so many browsers register and do nothing (internal/lab/crowd.yaml)
//
// The exit status is 0 only if every call was established and heard on both sides.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"runtime/pprof"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var (
		target   = flag.String("target", "127.0.0.1:5060", "SIP over UDP of the gateway")
		ws       = flag.String("ws", "ws://127.0.0.1:8080/sip", "WebSocket of its browsers")
		agents   = flag.String("agent", "browser", "browser or phone")
		domain   = flag.String("domain", "gateway", "domain of the agents")
		first    = flag.Int("first", 1000, "number of the first agent")
		password = flag.String("password", "secret-%s", "pattern of the agents' passwords")
		uri      = flag.String("uri", "", "pattern of the Request-URI, sip:%s@target when empty")
		calls    = flag.Int("calls", 20, "concurrent calls")
		ramp     = flag.Float64("ramp", 20, "calls a second")
		settle   = flag.Duration("settle", 2*time.Second, "between the last answer and the window")
		window   = flag.Duration("duration", 10*time.Second, "length of the window")
		trunk    = flag.String("trunk-codec", "PCMU", "PCMU, PCMA or opus")
		agent    = flag.String("agent-codec", "PCMU", "PCMU, PCMA or opus")
		srtp     = flag.String("srtp", "aescm", "what browsers insist on: aescm, gcm, or any")
		rate     = flag.Float64("rate", 0, "signalling only: calls a second, answered and ended at once by -calls agents in turn")
		pids     = flag.String("pid", "", "process ids of the gateway, separated by commas")
		label    = flag.String("label", "", "name of the run")
		crowd    = flag.Int("crowd", 0, "no calls: so many browsers register and rest")
		metrics  = flag.String("metrics", "http://127.0.0.1:8080/metrics", "metrics of the gateway, for the crowd's report")
		profile  = flag.String("profile", "", "file for a CPU profile of the generator itself")
		out      = flag.String("json", "", "file for the report as JSON, - for standard output")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if *crowd > 0 {
		return rest(ctx, lab.CrowdOptions{URL: *ws, Domain: *domain, Browsers: *crowd, Window: *window, PIDs: processIDs(*pids),
			Metrics: *metrics, Password: func(user string) string { return strings.ReplaceAll(*password, "%s", user) }}, *out)
	}
	o := lab.LoadOptions{Target: *target, Domain: *domain, Calls: *calls, Ramp: *ramp, Settle: *settle, Window: *window, Label: *label,
		Rate: *rate, SRTP: strings.TrimSuffix(*srtp, "any"),
		User:     func(i int) string { return fmt.Sprint(*first + i) },
		Password: func(user string) string { return strings.ReplaceAll(*password, "%s", user) }}
	if *agents == "browser" {
		o.URL = *ws
	}
	if *uri != "" {
		o.Dial = func(user string) string { return strings.ReplaceAll(*uri, "%s", user) }
	}
	var err error
	if o.Trunk, err = format(*trunk); err != nil {
		return err
	}
	if o.Agent, err = format(*agent); err != nil {
		return err
	}
	o.PIDs = processIDs(*pids)
	if *profile != "" {
		f, err := os.Create(*profile)
		if err != nil {
			return err
		}
		defer f.Close() // the profile is written; there is nobody to tell
		if err := pprof.StartCPUProfile(f); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	report, err := lab.Load(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stderr, report)
	if err := save(report, *out); err != nil {
		return err
	}
	if report.Established < report.Calls || report.ToAgent.Silent+report.ToTrunk.Silent > 0 {
		return fmt.Errorf("%d of %d calls established, %d and %d of them silent", report.Established, report.Calls,
			report.ToAgent.Silent, report.ToTrunk.Silent)
	}
	return nil
}

// rest measures a crowd.
func rest(ctx context.Context, o lab.CrowdOptions, out string) error {
	o.Told = func(what string) { fmt.Fprintln(os.Stderr, what) }
	report, err := lab.Crowd(ctx, o)
	if err != nil {
		return err
	}
	fmt.Fprint(os.Stderr, report)
	if err := save(report, out); err != nil {
		return err
	}
	if report.Failed > 0 {
		return fmt.Errorf("%d of %d browsers failed", report.Failed, report.Wanted)
	}
	return nil
}

func processIDs(list string) []int {
	var pids []int
	for p := range strings.SplitSeq(list, ",") {
		if pid, err := strconv.Atoi(strings.TrimSpace(p)); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}

func format(name string) (lab.Format, error) {
	for _, f := range []lab.Format{lab.PCMU(), lab.PCMA(), lab.Opus()} {
		if strings.EqualFold(f.Codec, name) {
			return f, nil
		}
	}
	return lab.Format{}, fmt.Errorf("codec %q: choose PCMU, PCMA or opus", name)
}

func save(report interface{ JSON() ([]byte, error) }, file string) error {
	if file == "" {
		return nil
	}
	raw, err := report.JSON()
	if err != nil {
		return err
	}
	raw = append(raw, '\n')
	if file == "-" {
		_, err = os.Stdout.Write(raw)
		return err
	}
	return os.WriteFile(file, raw, 0o644)
}
