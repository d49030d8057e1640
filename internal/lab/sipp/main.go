// Command sipp runs the SIPp scenarios of testdata/sipp against a gateway of their own and prints what became of each:
//
//	go run ./internal/lab/sipp [-v] [feature …]
package main

import (
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

func main() {
	loud := flag.Bool("v", false, "also show what scenarios that passed have said")
	flag.Parse()
	ok, err := run(os.Stdout, flag.Args(), *loud)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
	if err != nil || !ok {
		os.Exit(1)
	}
}

// run has the tests of package gateway play the scenarios: they start a gateway for each, run SIPp, and play the agent.
func run(w io.Writer, features []string, loud bool) (ok bool, err error) {
	args := []string{"test", "-json", "-count=1", "-run", pattern(features), "./gateway"}
	cmd := exec.Command("go", args...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return false, err
	}
	if err := cmd.Start(); err != nil {
		return false, err
	}
	results, readErr := read(out)
	_ = cmd.Wait() // what failed is in the results
	if readErr != nil {
		return false, readErr
	}
	if len(results) == 0 {
		return false, fmt.Errorf("nothing was run for %q; the features are the folders of testdata/sipp that gateway/sipp_test.go plays", features)
	}
	return table(w, results, loud), nil
}

// pattern is what go test -run is told: all tests of SIPp, or the features named.
func pattern(features []string) string {
	if len(features) == 0 {
		return "^TestSIPp"
	}
	quoted := make([]string, len(features))
	for i, f := range features {
		quoted[i] = regexp.QuoteMeta(f)
	}
	return "^TestSIPp$/^(" + strings.Join(quoted, "|") + ")$"
}
