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
	cpu time.Duration // user and system, of all threads since each process began
	rss int64         // kB
}

// processes adds up the given processes and all their descendants, from /proc (proc(5)). Those that are gone count
// nothing.
func processes(pids []int) usage {
	var u usage
	if len(pids) == 0 {
		return u
	}
	stats := map[int][]string{} // the fields after the name
	names, _ := filepath.Glob("/proc/[0-9]*")
	for _, name := range names {
		pid, _ := strconv.Atoi(filepath.Base(name))
		raw, err := os.ReadFile(name + "/stat")
		if err != nil {
			continue
		}
		text := string(raw) // the name in parentheses may hold anything, parentheses too
		stats[pid] = strings.Fields(text[strings.LastIndexByte(text, ')')+1:])
	}
	for pid, f := range stats {
		if len(f) < 22 || !descends(stats, pid, pids) {
			continue
		}
		const parent, user, system = 1, 11, 12
		ticks := number(f[user]) + number(f[system])
		u.cpu += time.Duration(ticks) * time.Second / clockTicks
		u.rss += resident(pid)
	}
	return u
}

const clockTicks = 100 // sysconf(_SC_CLK_TCK) on every Linux that Go runs on

func descends(stats map[int][]string, pid int, of []int) bool {
	for range 20 {
		for _, p := range of {
			if p == pid {
				return true
			}
		}
		f, known := stats[pid]
		if !known || len(f) < 2 || pid <= 1 {
			return false
		}
		pid = int(number(f[1]))
	}
	return false
}

func number(s string) int64 {
	n, _ := strconv.ParseInt(s, 10, 64)
	return n
}

func resident(pid int) int64 {
	raw, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if f := strings.Fields(string(raw)); err == nil && len(f) > 1 {
		return number(f[1]) * int64(os.Getpagesize()) / 1024
	}
	return 0
}

// self is the CPU time of this process.
func self() time.Duration {
	var r unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &r) != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
