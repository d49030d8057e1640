package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// usage is what some processes have used.
type usage struct {
	cpu      time.Duration // user and system, of all threads since each process began
	rss, pss int64         // kB; pss shares what several processes map between them
	threads  int
	names    map[string]time.Duration // cpu by program
}

// processes adds up the given processes and all their descendants, from /proc (proc(5)). Those that are gone count
// nothing.
func processes(pids []int) usage {
	u := usage{names: map[string]time.Duration{}}
	for _, p := range family(pids) {
		u.cpu += p.cpu
		u.names[p.name] += p.cpu
		u.threads += p.threads
		rss, pss := resident(p.pid)
		u.rss, u.pss = u.rss+rss, u.pss+pss
	}
	return u
}

// process is one line of /proc/PID/stat.
type process struct {
	pid, parent int
	name        string
	cpu         time.Duration
	threads     int
}

const clockTicks = 100 // sysconf(_SC_CLK_TCK) on every Linux that Go runs on

func readProcess(pid int) (process, bool) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	text := string(raw)
	from, to := strings.IndexByte(text, '('), strings.LastIndexByte(text, ')') // the name may hold anything, parentheses too
	if err != nil || from < 0 || to < from {
		return process{}, false
	}
	f := strings.Fields(text[to+1:])
	if len(f) < 22 {
		return process{}, false
	}
	const parent, user, system, threads = 1, 11, 12, 17
	ticks := number(f[user]) + number(f[system])
	return process{pid: pid, parent: int(number(f[parent])), name: text[from+1 : to], threads: int(number(f[threads])),
		cpu: time.Duration(ticks) * time.Second / clockTicks}, true
}

// family returns the given processes and all their descendants.
func family(pids []int) []process {
	if len(pids) == 0 {
		return nil
	}
	all := map[int]process{}
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		if p, ok := readProcess(int(number(filepath.Base(name)))); ok {
			all[p.pid] = p
		}
	}
	var ours []process
	for pid, p := range all {
		if descends(all, pid, pids) {
			ours = append(ours, p)
		}
	}
	return ours
}

func descends(all map[int]process, pid int, of []int) bool {
	for range 20 {
		for _, p := range of {
			if p == pid {
				return true
			}
		}
		p, known := all[pid]
		if !known || pid <= 1 {
			return false
		}
		pid = p.parent
	}
	return false
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func resident(pid int) (rss, pss int64) {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/smaps_rollup", pid))
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(raw)) {
		switch f := strings.Fields(line); {
		case len(f) < 2:
		case f[0] == "Rss:":
			rss = number(f[1])
		case f[0] == "Pss:":
			pss = number(f[1])
		}
	}
	return rss, pss
}

// Idle is what processes cost while nothing is asked of them.
type Idle struct {
	RSS     int64   `json:"rss_kb"`
	CPU     float64 `json:"cpu_ms_per_minute"`
	Wakeups float64 `json:"wakeups_per_s"` // how often a thread was put on a CPU after it had slept
	Threads int     `json:"threads"`
}

// Rest watches processes (and their descendants) for a while. Their CPU time is counted in nanoseconds, thread by thread; a
// thread that ends meanwhile takes its count along.
func Rest(pids []int, watch func() error) (Idle, error) {
	cpu, slept := tasks(pids)
	began := time.Now()
	if err := watch(); err != nil {
		return Idle{}, err
	}
	took := time.Since(began)
	used, woke := tasks(pids)
	u := processes(pids)
	return Idle{RSS: u.rss, Threads: u.threads, CPU: (used - cpu).Seconds() * 1000 / took.Minutes(),
		Wakeups: float64(woke-slept) / took.Seconds()}, nil
}

// tasks adds up all threads: CPU time (schedstat) and how often each gave the CPU away because it had to wait.
func tasks(pids []int) (cpu time.Duration, waits int64) {
	for _, p := range family(pids) {
		folders, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/[0-9]*", p.pid))
		for _, folder := range folders {
			if raw, err := os.ReadFile(folder + "/schedstat"); err == nil {
				if f := strings.Fields(string(raw)); len(f) > 0 {
					cpu += time.Duration(number(f[0]))
				}
			}
			raw, _ := os.ReadFile(folder + "/status")
			for line := range strings.Lines(string(raw)) {
				if n, ok := strings.CutPrefix(line, "voluntary_ctxt_switches:"); ok {
					waits += number(strings.TrimSpace(n))
				}
			}
		}
	}
	return cpu, waits
}

// self is the CPU time of this process.
func self() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}

// machine is how long all CPUs together have been idle, and how many there are.
func machine() (idle time.Duration, cpus int) {
	raw, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	for line := range strings.Lines(string(raw)) {
		f := strings.Fields(line)
		switch {
		case len(f) < 6 || !strings.HasPrefix(f[0], "cpu"):
		case f[0] == "cpu":
			const idling, waiting = 4, 5
			idle = time.Duration(number(f[idling])+number(f[waiting])) * time.Second / clockTicks
		default:
			cpus++
		}
	}
	return idle, cpus
}
