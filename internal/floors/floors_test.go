// Package floors keeps the house standing: a package imports only what lies below it, and a library stays behind the one
// package that knows it.
package floors

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/cordboard/cordboard/"

// floor says which packages of ours a package may import, and why not others. A key that ends in / is a whole folder;
// the longest key that fits counts.
func floors() map[string][]string {
	return map[string][]string{
		"call":             {},
		"agent":            {"call"},
		"access":           {"call"},
		"outbox":           {"call"},
		"sip":              {"call", "sip/"},
		"sip/":             {},
		"sip/digest":       {"sip/field"},                              // header fields
		"sip/number":       {"call", "sip/field"},                      // what is read becomes a call.Number, which prints masked
		"sip/caller":       {"call", "sip/field", "sip/number"},        // the same, and parties
		"sip/limits":       {"call"},                                   // the same
		"sip/targets":      {"sip/field"},                              // targets are written as URIs
		"sip/registration": {"sip/digest", "sip/field", "sip/targets"}, // a registrar challenges, and is one of several places
		"rtp":              {"rtp/dtmf"},                               // sound knows no calls and no signalling
		"rtp/":             {"rtp", "rtp/"},
		"rtp/dtmf":         {},      // what rtp itself imports imports nothing
		"rtp/sdes":         {},      // keys know no sound; whoever negotiates holds them
		"rtp/comfort":      {"rtp"}, // a decoder as rtp wants one
		"bridge":           {"call", "sip", "rtp", "rtp/"},
		"trace":            {"call", "sip", "rtp", "bridge"}, // what is seen of legs, messages and packets, for who looks at one call
		"routing":          {"call"},
		"queue":            {"call", "agent"},
		"crm":              {"call", "outbox"},
		"switchboard":      {"call", "agent", "queue", "routing"},
		"configs":          {"call"},
		"web":              {},
		"api":              {"call", "access", "agent", "queue", "switchboard", "crm"},
		"store":            {"call", "outbox", "store/"},
		"store/":           {},
		"outbox/":          {"call", "outbox"}, // what its tests share
		"crm/salesforce":   {"call", "crm", "outbox", "routing"},
		"crm/sfsim":        {"crm/sfsim/"},
		"crm/sfsim/":       {"crm/sfsim/"},
		"gateway":          {"*"},
		"cmd/":             {"gateway", "crm/sfsim", "configs", "access"}, // access: hashes of passwords
		"internal/lab":     {},                                            // a peer shares no code with what it tests
		"internal/lab/":    {"internal/lab", "internal/lab/"},
		"internal/":        {"*"},
	}
}

// fences are libraries and who alone may import them.
func fences() map[string][]string {
	return map[string][]string{
		"github.com/emiago/sipgo":       {"sip", "sip/door"}, // the door only in its test
		"github.com/pion/":              {"rtp", "rtp/", "internal/lab", "internal/lab/"},
		"github.com/hraban/opus":        {"rtp/codec", "internal/lab"},
		"modernc.org/sqlite":            {"store"},
		"database/sql":                  {"store"},
		"github.com/pressly/goose":      {"store"},
		"github.com/danielgtaylor/huma": {"api"},
		"github.com/goccy/go-yaml":      {"configs"},
		"github.com/alecthomas/kong":    {"cmd/"},
	}
}

type pkg struct {
	ImportPath   string
	Imports      []string
	TestImports  []string
	XTestImports []string
}

func TestPackagesImportOnlyLowerFloors(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		key, allowed := lookUp(floors(), name)
		if key == "" {
			t.Errorf("%s stands on no floor: add it to floors, with the reason", name)
			continue
		}
		for _, i := range p.Imports {
			to, ours := strings.CutPrefix(i, module)
			if ours && !fits(allowed, to) {
				t.Errorf("%s imports %s; it may import %v", name, to, allowed)
			}
		}
	}
}

func TestLibrariesStayBehindTheirFences(t *testing.T) {
	for _, p := range packages(t) {
		name := strings.TrimPrefix(p.ImportPath, module)
		for _, i := range p.Imports {
			for library, allowed := range fences() {
				if strings.HasPrefix(i, library) && !fits(allowed, name) {
					t.Errorf("%s imports %s; only %v may", name, i, allowed)
				}
			}
		}
	}
}

// Only programs end the process.
func TestOnlyCommandsExit(t *testing.T) {
	out, err := exec.Command("git", "-C", "../..", "grep", "-lE", `\b(os\.Exit|log\.Fatal|zap\.L\(\)|\.Fatal\("[a-z])`, "--", "*.go", ":!cmd", ":!*/testdata/*", ":!*_test.go", ":!internal/lab").Output()
	var none *exec.ExitError
	if err != nil && (!errors.As(err, &none) || none.ExitCode() != 1) {
		t.Fatal(err)
	}
	if len(out) > 0 {
		t.Errorf("these end the process, which only cmd may do:\n%s", out)
	}
}

// lookUp finds the longest key that fits a name.
func lookUp(m map[string][]string, name string) (key string, value []string) {
	for k, v := range m {
		if fits([]string{k}, name) && len(k) > len(key) {
			key, value = k, v
		}
	}
	return key, value
}

// fits reports whether a name is one of the allowed, or in a folder of them.
func fits(allowed []string, name string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		return a == "*" || a == name || strings.HasSuffix(a, "/") && strings.HasPrefix(name, a)
	})
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-e", "-json=ImportPath,Imports,TestImports,XTestImports", module+"...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); ; {
		var p pkg
		if err := d.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	if len(all) < 10 {
		t.Fatalf("only %d packages found", len(all))
	}
	return all
}

// Every goroutine has an owner who waits for it: each package's tests end with a look for those that nobody waited for.
func TestG7_EveryPackageLooksForLeakedGoroutines(t *testing.T) {
	for _, p := range packages(t) {
		tests := append(slices.Clone(p.TestImports), p.XTestImports...)
		if len(tests) > 0 && !slices.Contains(tests, "go.uber.org/goleak") {
			t.Errorf("%s: its tests have no goleak.VerifyTestMain", strings.TrimPrefix(p.ImportPath, module))
		}
	}
}
