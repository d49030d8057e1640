package main

import (
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"
)

// line is one row of the main table: a figure of a work, with the goal that was set for it.
type line struct {
	what  string
	work  string
	of    figure
	unit  string
	goal  float64 // of the ratio to the peer, or of the figure itself
	ratio bool
}

// lines are the goals. Those of a ratio hold on every machine; the others were set on a quiet machine of two CPUs on which
// one datagram costs about 3 µs to send and receive.
func lines() []line {
	return []line{
		{"CPU", "aescm", callCPU, "ms per call-second", 1, true},
		{"CPU", "gcm", callCPU, "ms per call-second", 1, true},
		{"CPU", "opus", callCPU, "ms per call-second", 0.25, true},
		{"CPU", "plain", callCPU, "ms per call-second", 1, true},
		{"CPU", "sig-ws", signalledCPU, "ms per call", 1.5, true},
		{"CPU", "sig-udp", signalledCPU, "ms per call", 1.5, true},
		{"latency added one way, p50", "aescm", latency50, "ms", 0, false},
		{"latency added one way, p99", "aescm", latency99, "ms", 0.3, false},
		{"latency added one way, p50", "plain", latency50, "ms", 0, false},
		{"latency added one way, p99", "plain", latency99, "ms", 0.3, false},
		{"memory, RSS", "aescm", rss, "kB per call", 300, false},
		{"memory, PSS", "aescm", pss, "kB per call", 0, false},
		{"200 OK → sound both ways, p50", "aescm", twoWay50, "ms", 15, false},
		{"200 OK → a word of the other at both ends, p50", "aescm", voices50, "ms", 0, false},
		{"200 OK → sound both ways, p50", "plain", twoWay50, "ms", 15, false},
		{"200 OK → a word of the other at both ends, p50", "plain", voices50, "ms", 0, false},
		{"INVITE → 200 without the agent's part, p50", "aescm", setup50, "ms", 3, false},
		{"INVITE → 200 without the agent's part, p99", "aescm", setup99, "ms", 0, false},
		{"INVITE → 200 without the agent's part, p50", "sig-ws", setup50, "ms", 3, false},
		{"INVITE → 200 without the agent's part, p99", "sig-ws", setup99, "ms", 0, false},
		{"setting up, CPU", "aescm", setUpCPU, "ms per call", 0, false},
		{"setting up, CPU", "plain", setUpCPU, "ms per call", 0, false},
	}
}

func (b *bench) tables(main, more []work, took time.Duration) string {
	var t strings.Builder
	c := calibrate()
	fmt.Fprintf(&t, "On %s/%s with %d CPUs, %s; gateways and generator on the same machine, over loopback; windows of %s, medians of %d;\n"+
		"%.0f minutes in all. There, one datagram of a call costs %.2f µs to send and receive by plain system calls, and SHA-256 of 64 KiB %.0f µs.\n\n",
		runtime.GOOS, runtime.GOARCH, runtime.NumCPU(), time.Now().UTC().Format(time.DateOnly), b.window, b.repetitions, took.Minutes(),
		c.datagram, c.hash)
	b.goals(&t, main)
	b.loads(&t, main)
	b.grown(&t, more)
	b.resting(&t)
	b.silent(&t)
	return t.String()
}

// goals is the main table.
func (b *bench) goals(t *strings.Builder, main []work) {
	byKey := map[string]work{}
	for _, w := range main {
		byKey[w.key] = w
	}
	if len(main) == 0 {
		return
	}
	t.WriteString("| Work | Figure | Cordboard | Kamailio + rtpengine | Ratio | Goal | Reached |\n| --- | --- | --: | --: | --: | --- | --- |\n")
	for _, l := range lines() {
		w, measured := byKey[l.work]
		if !measured {
			continue
		}
		ours, have := b.of(w, 0)[l.of]
		theirs, both := b.of(w, 1)[l.of]
		ratio, goal, reached := "–", "–", "–"
		if have && both && theirs > 0 {
			ratio = fmt.Sprintf("%.2f", ours/theirs)
		}
		switch {
		case l.goal > 0 && l.ratio:
			goal = fmt.Sprintf("≤ %.4g × the peer", l.goal)
			if have && both {
				reached = yes(ours <= l.goal*theirs)
			}
		case l.goal > 0:
			goal = fmt.Sprintf("≤ %.4g %s", l.goal, strings.TrimSuffix(l.unit, " per call"))
			if have {
				reached = yes(ours <= l.goal)
			}
		}
		fmt.Fprintf(t, "| %s | %s | %s | %s | %s | %s | %s |\n", w.title(), l.what+", "+l.unit, short(ours, have), short(theirs, both), ratio, goal, reached)
	}
	t.WriteString("\n")
}

func (w work) title() string {
	if w.rate > 0 {
		return fmt.Sprintf("%s, %.0f calls/s", w.name, w.rate)
	}
	return fmt.Sprintf("%s, %d calls", w.name, w.calls)
}

// loads says how each row comes about, and whether the generator was in the way.
func (b *bench) loads(t *strings.Builder, main []work) {
	if len(main) == 0 {
		return
	}
	t.WriteString("| Work | By hand | Cores: Cordboard, peer | Generator's cores beside them | Its ticks late, p99 ms | Machine busy, of " +
		fmt.Sprint(runtime.NumCPU()) + " cores | Calls failed | Packets lost |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, w := range main {
		fmt.Fprintf(t, "| %s | %s | %s | %s | %s | %s | %s | %s |\n", w.title(), w.command(), b.pair(w, cores), b.pair(w, load), b.pair(w, late99),
			b.pair(w, machine), b.pair(w, failed), b.pair(w, lost))
	}
	t.WriteString("\n")
}

// grown is how cost grows with the number of calls.
func (b *bench) grown(t *strings.Builder, more []work) {
	if len(more) == 0 {
		return
	}
	t.WriteString("Cordboard, then the peer, by the number of calls (one run each):\n\n" +
		"| Work | CPU-ms per call-second | Cores | Latency p50 ms | p99 ms | max ms | Lost of sent | kB per call (RSS) | 200 → sound p50 ms | Machine busy |\n" +
		"| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |\n")
	for _, w := range more {
		fmt.Fprintf(t, "| %s | %s | %s | %s | %s | %s | %s of %s | %s | %s | %s |\n", w.title(), b.pair(w, callCPU), b.pair(w, cores),
			b.pair(w, latency50), b.pair(w, latency99), b.pair(w, latencyMax), b.pair(w, lost), b.pair(w, sent), b.pair(w, rss), b.pair(w, twoWay50), b.pair(w, machine))
	}
	t.WriteString("\n")
}

func (b *bench) resting(t *strings.Builder) {
	if len(b.idle) == 0 {
		return
	}
	t.WriteString("At rest, nobody registered:\n\n| Gateway | RSS, MB | CPU-ms per minute | Wake-ups per second | Threads |\n| --- | --: | --: | --: | --: |\n")
	for i, r := range b.idle {
		fmt.Fprintf(t, "| %s | %.0f | %.0f | %.0f | %d |\n", b.makers[i].name, float64(r.RSS)/1024, r.CPU, r.Wakeups, r.Threads)
	}
	t.WriteString("\n")
}

// silent is what a crowd costs that is registered and does nothing.
func (b *bench) silent(t *strings.Builder) {
	r := b.crowd
	if r == nil {
		return
	}
	n := float64(max(r.Registered, 1))
	rest := r.Rested.CPU - r.Entered.CPU
	t.WriteString("Browsers that are registered and silent (`load -crowd`), of Cordboard; kept alive by OPTIONS:\n\n" +
		"| Browsers | Failed | Each: RSS kB | heap kB | stacks kB | goroutines | CPU to come in and register, ms | to register again, ms | All: RSS MB | CPU, % of one | wake-ups per second |\n" +
		"| --: | --: | --: | --: | --: | --: | --: | --: | --: | --: | --: |\n")
	fmt.Fprintf(t, "| %d | %d | %.1f | %.1f | %.1f | %.2f | %.2f | %.2f | %.0f | %.1f | %.0f |\n\n", r.Registered, r.Failed,
		float64(r.Entered.RSS-r.Before.RSS)/n, float64(r.Rested.Heap-r.Before.Heap)/1024/n, float64(r.Rested.Stacks-r.Before.Stacks)/1024/n,
		float64(r.Rested.Goroutines-r.Before.Goroutines)/n, (r.Entered.CPU-r.Before.CPU).Seconds()*1000/n, r.Refreshed.Seconds()*1000/n,
		float64(r.Rested.RSS)/1024, 100*rest.Seconds()/r.Window, float64(r.Rested.Switches-r.Entered.Switches)/r.Window)
}

// of are the medians of a work on the i-th gateway.
func (b *bench) of(w work, i int) figures {
	if all := b.results[w.key]; i < len(all) {
		return median(all[i])
	}
	return nil
}

// pair is a figure of both gateways.
func (b *bench) pair(w work, f figure) string {
	var both []string
	for i := range b.makers {
		v, ok := b.of(w, i)[f]
		both = append(both, short(v, ok))
	}
	return strings.Join(both, ", ")
}

func yes(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

// short has three significant digits.
func short(v float64, ok bool) string {
	switch {
	case !ok:
		return "–"
	case v == float64(int64(v)), v >= 100, v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10, v <= -10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}

// The tables stand between these lines of the file; what is around them is written by people.
const (
	begins = "<!-- make bench writes from here -->"
	ends   = "<!-- to here -->"
)

// write puts the tables in their place in the file.
func write(path, tables string) error {
	text, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	before, rest, ok := strings.Cut(string(text), begins)
	_, after, ok2 := strings.Cut(rest, ends)
	if !ok || !ok2 {
		return fmt.Errorf("%s: the lines %q and %q are missing", path, begins, ends)
	}
	return os.WriteFile(path, []byte(before+begins+"\n\n"+tables+ends+after), 0o644)
}
