package main

import (
	"fmt"
	"strings"
	"time"
)

// What may differ without anything having been left behind.
const (
	someGoroutines = 4       // a timer of the moment, a connection to the org
	someFiles      = 4       // the same connections
	someHeap       = 1 << 20 // what pools hold at the moment of a collection
	perCall        = 50      // bytes of live heap: less than anything that could be kept of a call
)

// verdict prints what was and what is, and returns what is wrong with it.
func verdict(before, after state, calls int, took time.Duration, faults []error) error {
	var wrong []string
	row := func(what string, was, is, most float64, unit string) {
		result := "ok"
		if is > most || unit == "" && is < was {
			result = "WRONG"
			wrong = append(wrong, what)
		}
		fmt.Printf("%-40s %12.6g %12.6g %12.6g %-4s %s\n", what, was, is, most, unit, result)
	}
	fmt.Printf("%d calls in %.0f s\n%-40s %12s %12s %12s\n", after.calls-before.calls, took.Seconds(), "", "before", "after", "at most")
	for _, name := range empty() {
		row(name, before.gauges[name], after.gauges[name], 0, "")
	}
	for _, name := range steady() {
		row(name, before.gauges[name], after.gauges[name], before.gauges[name], "")
	}
	const mega = 1 << 20
	row("goroutines", float64(before.goroutines), float64(after.goroutines), float64(before.goroutines+someGoroutines), "n")
	row("open files", float64(before.files), float64(after.files), float64(before.files+someFiles), "n")
	row("live heap", float64(before.heap)/mega, float64(after.heap)/mega, float64(before.heap+someHeap+int64(calls)*perCall)/mega, "MB")
	fmt.Printf("%-40s %12.6g %12.6g %12s %-4s\n", "resident memory", float64(before.rss)/mega, float64(after.rss)/mega, "", "MB")
	fmt.Printf("%-40s %12d %12d\n", "calls", before.calls, after.calls)
	row("Tasks", float64(before.tasks), float64(after.tasks), float64(after.calls), "")
	if after.tasks != after.calls {
		wrong = append(wrong, fmt.Sprintf("%d Tasks of %d calls", after.tasks, after.calls))
	}
	for i, err := range faults {
		if i < 20 {
			fmt.Println("fault:", err)
		}
	}
	if len(faults) > 0 {
		wrong = append(wrong, fmt.Sprintf("%d calls that did not go as they should", len(faults)))
	}
	if len(wrong) > 0 {
		return fmt.Errorf("left behind or wrong: %s", strings.Join(wrong, ", "))
	}
	return nil
}
