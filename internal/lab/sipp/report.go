package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"
)

// result is what became of one scenario.
type result struct {
	name   string
	action string // pass, fail or skip
	took   time.Duration
	said   []string
}

// event is one line of go test -json.
type event struct {
	Action  string
	Test    string
	Output  string
	Elapsed float64 // seconds
}

// read gathers the results in the order in which they came. What is said outside of tests, a build that fails above all,
// is a result of its own, named "build".
func read(r io.Reader) ([]result, error) {
	said := map[string][]string{}
	var all []result
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 1<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return nil, fmt.Errorf("read what go test says: %w in %.200q", err, lines.Text())
		}
		switch e.Action {
		case "output", "build-output":
			said[e.Test] = append(said[e.Test], e.Output)
		case "pass", "fail", "skip":
			if e.Test == "" && (e.Action == "pass" || len(all) > 0) {
				continue // the package as a whole
			}
			all = append(all, result{name: name(e.Test), action: e.Action, took: time.Duration(e.Elapsed * float64(time.Second)), said: said[e.Test]})
		}
	}
	return withoutParents(all), lines.Err()
}

// name is what a tester knows a test by: its feature, or for one that is no feature's the test's own name.
func name(test string) string {
	if _, feature, ok := strings.Cut(test, "/"); ok {
		return feature
	}
	if test == "" {
		return "build"
	}
	return test
}

// withoutParents leaves out the test that only holds the others.
func withoutParents(all []result) []result {
	var own []result
	for _, r := range all {
		if r.name != "TestSIPp" || len(all) == 1 {
			own = append(own, r)
		}
	}
	return own
}

// table prints a line for each scenario, and below it what those that failed have said. It reports whether none did.
func table(w io.Writer, results []result, loud bool) (ok bool) {
	widest := len("feature")
	for _, r := range results {
		widest = max(widest, len(r.name))
	}
	failed := 0
	fmt.Fprintf(w, "%-*s  result   seconds\n", widest, "feature")
	for _, r := range results {
		if r.action == "fail" {
			failed++
		}
		fmt.Fprintf(w, "%-*s  %-7s  %7.1f\n", widest, r.name, map[string]string{"pass": "passed", "fail": "FAILED", "skip": "skipped"}[r.action], r.took.Seconds())
	}
	fmt.Fprintf(w, "%d of %d passed\n", len(results)-failed, len(results))
	for _, r := range results {
		if r.action != "fail" && !loud {
			continue
		}
		fmt.Fprintf(w, "\n== %s\n", r.name)
		for _, line := range r.said {
			if !strings.HasPrefix(strings.TrimSpace(line), "=== ") {
				fmt.Fprint(w, line)
			}
		}
	}
	return failed == 0
}
