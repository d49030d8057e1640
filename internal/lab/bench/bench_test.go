package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/internal/lab"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sitting is a finished one: ours takes 1.5 times what the peer takes, and for Opus a fifth.
func sitting() *bench {
	b := &bench{repetitions: 3, window: time.Second, results: map[string][][]figures{}, makers: []maker{{name: "ours"}, {name: "theirs"}}}
	for _, w := range works(false) {
		ours, theirs := 3.0, 2.0
		if w.opus {
			ours, theirs = 4, 20
		}
		at := func(cpu float64) []figures {
			f := func(cpu float64) figures {
				return figures{callCPU: cpu, signalledCPU: cpu, latency99: cpu / 10, twoWay50: 14.4}
			}
			return []figures{f(cpu * 9), f(cpu), f(cpu / 9)}
		}
		b.results[w.key] = [][]figures{at(ours), at(theirs)}
	}
	b.crowd = &lab.CrowdReport{Registered: 1000, Window: 10, Before: lab.Glance{RSS: 40000}, Entered: lab.Glance{RSS: 52000, CPU: time.Second}, Rested: lab.Glance{RSS: 51200, CPU: 2 * time.Second, Switches: 30}}
	b.idle = []lab.Idle{{RSS: 2048, CPU: 12, Wakeups: 3, Threads: 5}, {RSS: 1024}}
	return b
}

func TestTheTableHasMediansRatiosAndGoals(t *testing.T) {
	b := sitting()
	text := b.tables(works(false), nil, time.Minute)
	for _, row := range []string{
		"| PCMU browser, AES-CM, 100 calls | CPU, ms per call-second | 3 | 2 | 1.50 | ≤ 1 × the peer | no |",
		"| PCMU ↔ Opus browser, 25 calls | CPU, ms per call-second | 4 | 20 | 0.20 | ≤ 0.25 × the peer | yes |",
		"| signalling over WebSocket, 200 calls/s | CPU, ms per call | 3 | 2 | 1.50 | ≤ 1.5 × the peer | yes |",
		"| PCMU browser, AES-CM, 100 calls | latency added one way, p99, ms | 0.30 | 0.20 | 1.50 | ≤ 0.3 ms | yes |",
		"| plain RTP, 100 calls | 200 OK → sound both ways, p50, ms | 14.4 | 14.4 | 1.00 | ≤ 15 ms | yes |",
		"| PCMU browser, AES-CM, 100 calls | memory, RSS, kB per call | – | – | – | ≤ 300 kB | – |",
		"| ours | 2 | 12 | 3 | 5 |",
		"| 1000 | 0 | 12.0 | 0.0 | 0.0 | 0.00 | 1.00 | 0.00 | 50 | 10.0 | 3 |",
	} {
		if !strings.Contains(text, row) {
			t.Errorf("no row %s\n%s", row, text)
		}
	}
}

func TestOnlyWhatIsBetweenTheMarksIsWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "doc.md")
	if err := os.WriteFile(file, []byte("before\n"+begins+"\nold\n"+ends+"\nafter\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		if err := write(file, "new\n"); err != nil {
			t.Fatal(err)
		}
	}
	text, err := os.ReadFile(file)
	if want := "before\n" + begins + "\n\nnew\n" + ends + "\nafter\n"; err != nil || string(text) != want {
		t.Fatalf("%v\n%s", err, text)
	}
	if err := write("bench_test.go", ""); err == nil {
		t.Error("a file without the marks was written")
	}
}

func TestFourHundredAgentsHaveNumbersOfTheirOwn(t *testing.T) {
	seen := map[string]bool{}
	for i := range 600 {
		seen[agentNumber(i)] = true
	}
	if len(seen) != 600 || agentNumber(299) != "1299" || agentNumber(300) != "2000" {
		t.Fatal(len(seen), agentNumber(299), agentNumber(300))
	}
}

// The list of guards in the document is not longer than the truth: each test that it names is there.
func TestEveryGuardThatTheDocumentNamesExists(t *testing.T) {
	text, err := os.ReadFile("../../../docs/performance.md")
	if err != nil {
		t.Fatal(err)
	}
	_, list, found := strings.Cut(string(text), "## What guards what")
	if !found {
		t.Fatal("the document has no section of guards")
	}
	guards := 0
	for line := range strings.Lines(list) {
		cells := strings.Split(line, "|")
		if len(cells) < 5 || !strings.Contains(cells[3], "`Test") && !strings.Contains(cells[3], "`Fuzz") {
			continue
		}
		folder, test := strings.Trim(cells[2], " `"), strings.Trim(cells[3], " `")
		guards++
		if !defines(t, filepath.Join("../../..", folder), "func "+test+"(") {
			t.Errorf("%s has no %s; docs/performance.md says it guards: %s", folder, test, strings.TrimSpace(cells[1]))
		}
	}
	if guards < 5 {
		t.Errorf("only %d guards are named", guards)
	}
}

func defines(t *testing.T, folder, what string) bool {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(folder, "*_test.go"))
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		if text, err := os.ReadFile(file); err == nil && strings.Contains(string(text), what) {
			return true
		}
	}
	return false
}
