// Command bench measures what a call costs here, and on a peer (Kamailio + rtpengine), in turn and in one sitting: `make
// bench`. Each measurement has a fresh gateway. The tables are written into docs/performance.md.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// bench is one sitting.
type bench struct {
	binary, config, sip, http string
	crowdConfig               string
	repetitions               int
	window                    time.Duration
	only                      string // key of the one work to measure, all when empty
	raw                       string // folder for every report, none when empty; what is in it is not measured again
	peerLog                   io.Writer
	makers                    []maker // ours first

	results map[string][][]figures // by work, then by maker, then by repetition
	idle    []lab.Idle             // by maker
	crowd   *lab.CrowdReport       // on ours
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run() error {
	b := &bench{results: map[string][][]figures{}}
	flag.StringVar(&b.binary, "gateway", "bin/cordboard", "our gateway")
	flag.StringVar(&b.config, "config", "configs/bench.yaml", "its configuration")
	flag.StringVar(&b.crowdConfig, "crowd-config", "internal/lab/crowd.yaml", "its configuration for five thousand silent browsers")
	flag.StringVar(&b.sip, "sip", "127.0.0.1:5060", "where it speaks SIP over UDP")
	flag.StringVar(&b.http, "http", "127.0.0.1:8080", "where it speaks HTTP")
	flag.IntVar(&b.repetitions, "n", 3, "repetitions; the table has their medians")
	flag.DurationVar(&b.window, "duration", 12*time.Second, "length of each measurement")
	flag.StringVar(&b.only, "only", "", "measure one work only: aescm, gcm, opus, plain, sig-ws, sig-udp, grow, rest or crowd")
	flag.StringVar(&b.raw, "json", "", "folder for every report as JSON; what is there already is not measured again")
	var (
		out    = flag.String("out", "docs/performance.md", "file for the tables, - for standard output")
		counts = flag.String("calls", "20,50,100,200,400", "numbers of calls for the table of growth")
		quick  = flag.Bool("quick", false, "one repetition, short windows, fewer calls: to see that all works")
		alone  = flag.Bool("alone", false, "without the peer")
		talk   = flag.Bool("v", false, "show what the peer logs")
	)
	flag.Parse()
	if *quick {
		b.repetitions, b.window, *counts = 1, 5*time.Second, "20,50"
	}
	if b.makers = append(b.makers, b.cordboard(b.config)); !*alone {
		b.makers = append(b.makers, b.kamailio())
	}
	if *talk {
		b.peerLog = os.Stderr
	}
	if err := prefer(); err != nil {
		fmt.Fprintln(os.Stderr, "measured beside everything else on this machine:", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	began := time.Now()
	numbers, err := parseCounts(*counts)
	if err != nil {
		return err
	}
	main, more := b.chosen(works(*quick), growth(numbers))
	if err := b.sit(ctx, main, more, *quick); err != nil {
		return err
	}
	text := b.tables(main, more, time.Since(began))
	if *out == "-" || b.only != "" { // a part of a sitting is not the table
		fmt.Print(text)
		return nil
	}
	return write(*out, text)
}

// chosen are the works that are to be measured.
func (b *bench) chosen(main, more []work) ([]work, []work) {
	switch b.only {
	case "":
		return main, more
	case "grow":
		return nil, more
	}
	for _, w := range main {
		if w.key == b.only {
			return []work{w}, nil
		}
	}
	return nil, nil
}

// sit measures everything: each work on each gateway in turn, and then all of it again, so that a machine that changes its
// mind meanwhile treats all alike.
func (b *bench) sit(ctx context.Context, main, more []work, quick bool) error {
	for n := range b.repetitions {
		for _, w := range main {
			if err := b.measure(ctx, w, n); err != nil {
				return err
			}
		}
	}
	for _, w := range more {
		if err := b.measure(ctx, w, 0); err != nil {
			return err
		}
	}
	watch, browsers := 30*time.Second, 5000
	if quick {
		watch, browsers = 5*time.Second, 500
	}
	if b.only == "" || b.only == "rest" {
		if err := b.rest(ctx, watch); err != nil {
			return err
		}
	}
	if b.only == "" || b.only == "crowd" {
		return b.gather(ctx, browsers, 2*watch)
	}
	return nil
}

func parseCounts(list string) ([]int, error) {
	var counts []int
	for _, f := range strings.Split(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(f))
		if err != nil || n < 1 || n > 600 {
			return nil, fmt.Errorf("calls %q: a number from 1 to 600", f)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

// measure takes one measurement of a work on each gateway.
func (b *bench) measure(ctx context.Context, w work, n int) error {
	if b.results[w.key] == nil {
		b.results[w.key] = make([][]figures, len(b.makers))
	}
	for i, m := range b.makers {
		name := fmt.Sprintf("%s-%d-%d.json", w.key, i, n)
		report, err := b.kept(name)
		if err == nil && report == nil {
			if report, err = b.once(ctx, m, w); err == nil {
				err = b.keep(report, name)
			}
		}
		if err != nil {
			return fmt.Errorf("%s on %s: %w", w.key, m.name, err)
		}
		fmt.Fprintf(os.Stderr, "%s, %s", m.name, report)
		b.results[w.key][i] = append(b.results[w.key][i], read(report))
	}
	return nil
}

func (b *bench) once(ctx context.Context, m maker, w work) (*lab.LoadReport, error) {
	g, err := m.start(ctx, w)
	if err != nil {
		return nil, err
	}
	report, err := lab.Load(ctx, w.options(g, b.window))
	if stopped := g.stop(); err == nil {
		err = stopped
	}
	return report, err
}

// keep writes a report into the folder for them.
func (b *bench) keep(r *lab.LoadReport, name string) error {
	if b.raw == "" {
		return nil
	}
	raw, err := r.JSON()
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(b.raw, name), raw, 0o644)
}

// kept is the report of an earlier part of the sitting, nil when there is none.
func (b *bench) kept(name string) (*lab.LoadReport, error) {
	if b.raw == "" {
		return nil, nil
	}
	raw, err := os.ReadFile(filepath.Join(b.raw, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	report := &lab.LoadReport{}
	if err == nil {
		err = json.Unmarshal(raw, report)
	}
	return report, err
}
