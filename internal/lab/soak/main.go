// Command soak runs twenty thousand short calls of every kind through the gateway, as a program of its own beside a
// simulated org, and then looks whether anything of them is left: `make soak`. The exit status is 0 only if nothing is.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/internal/lab/day"
)

// Where soak.yaml has everything.
const (
	sip     = "127.0.0.1:5360"
	web     = "127.0.0.1:8380"
	outside = "127.0.0.1:5380"
	org     = "127.0.0.1:8390"
	debug   = "127.0.0.1:8360" // given on the command line
	page    = "http://" + web + "/metrics"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	var (
		gateway   = flag.String("gateway", "bin/cordboard", "the gateway")
		simulator = flag.String("sfsim", "bin/sfsim", "the simulated org")
		config    = flag.String("config", "internal/lab/soak/soak.yaml", "the gateway's configuration")
		calls     = flag.Int("calls", 20000, "how many")
		warm      = flag.Int("warm", 5000, "calls before the base line is taken: caches fill, pools and tables grow to what the pace of calls needs")
		pace      = flag.Float64("pace", 120, "calls a second; ports rest for half a minute, and there are as many as there are")
		heaps     = flag.String("heaps", "", "folder for before.heap and after.heap: go tool pprof -base tells what was left")
		parallel  = flag.Int("parallel", 16, "calls at once")
	)
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	g, err := open(ctx, *gateway, *simulator, *config)
	if err != nil {
		return err
	}
	defer g.close()
	g.heaps = *heaps
	d, shut, err := openDay(ctx, *parallel, *pace)
	if err != nil {
		return err
	}
	defer shut()
	faults := d.Run(*warm)
	before, err := g.settled(ctx, d, "before")
	if err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "base line taken after %d calls\n", d.Calls())
	began := time.Now()
	for left := *calls; left > 0 && ctx.Err() == nil; left -= batch {
		faults = append(faults, d.Run(min(left, batch))...)
		fmt.Fprintf(os.Stderr, "%6d calls, %4.0f a second, %d faults\n", d.Calls(), float64(*calls-left+min(left, batch))/time.Since(began).Seconds(), len(faults))
	}
	took := time.Since(began)
	after, err := g.settled(ctx, d, "after")
	if err != nil {
		return err
	}
	return verdict(before, after, *calls, took, faults)
}

// batch is how many calls are reported at a time.
const batch = 2000

func openDay(ctx context.Context, parallel int, pace float64) (*day.Day, func(), error) {
	clock := lab.NewMetronome()
	carrier, err := day.NewTrunk(outside, clock)
	if err != nil {
		return nil, nil, err
	}
	d, err := day.Open(ctx, day.Options{SIP: sip, Web: "ws://" + web + "/sip", Domain: "cordboard", Agents: min(60, 3*parallel),
		User: func(i int) string { return fmt.Sprint(2000 + i) }, Password: func(user string) string { return "secret-" + user },
		Number: func(i int) string { return fmt.Sprintf("+35829300%d", 2000+i) }, Waiters: "+358293000199", Outside: "+358400000003",
		Parallel: parallel, Pace: pace, Clock: clock})
	if err != nil {
		_ = carrier.Close()
		return nil, nil, err
	}
	return d, func() {
		_ = d.Close() // sockets are closed whatever it says
		_ = carrier.Close()
	}, nil
}
