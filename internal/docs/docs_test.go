// Package docs keeps what is written about the house true: links lead somewhere, and names stand for something.
package docs

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/configs"
)

const root = "../.."

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s]+)\)`)
	for _, page := range tracked(t, "*.md") {
		for _, m := range link.FindAllStringSubmatch(read(t, page), -1) {
			target, _, _ := strings.Cut(m[1], "#")
			if target == "" || strings.Contains(target, "://") || strings.HasPrefix(target, "mailto:") {
				continue
			}
			if !exists(filepath.Join(filepath.Dir(page), target)) {
				t.Errorf("%s links to %s, which is not there", page, m[1])
			}
		}
	}
}

func TestMetricsAreThoseOfTheOperatorsGuide(t *testing.T) {
	const guide = "docs/operations.md"
	inCode := map[string]bool{}
	name := regexp.MustCompile(`"(cordboard_[a-z_]+)"`)
	for _, file := range tracked(t, "*.go") {
		if strings.HasSuffix(file, "_test.go") || strings.HasPrefix(file, "internal/") {
			continue
		}
		for _, m := range name.FindAllStringSubmatch(read(t, file), -1) {
			inCode[m[1]] = true
		}
	}
	if len(inCode) < 20 {
		t.Fatalf("only %d metrics in the code: are they named otherwise now?", len(inCode))
	}
	inGuide := map[string]bool{}
	for _, m := range regexp.MustCompile("`(cordboard_[a-z_]+)[{`]").FindAllStringSubmatch(read(t, guide), -1) {
		inGuide[m[1]] = true
	}
	for _, m := range slices.Sorted(maps.Keys(inCode)) {
		if !inGuide[m] {
			t.Errorf("%s is not in %s: say what it means and when it should wake somebody", m, guide)
		}
	}
	for _, m := range slices.Sorted(maps.Keys(inGuide)) {
		if !inCode[m] {
			t.Errorf("%s is in %s, and nothing counts it", m, guide)
		}
	}
}

func TestMakeTargetsExist(t *testing.T) {
	targets := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^([a-z][a-z-]*):`).FindAllStringSubmatch(read(t, "Makefile"), -1) {
		targets[m[1]] = true
	}
	named := regexp.MustCompile("(?m)(?:^    |`)make ([a-z][a-z-]*)")
	for _, page := range tracked(t, "*.md") {
		for _, m := range named.FindAllStringSubmatch(read(t, page), -1) {
			if !targets[m[1]] {
				t.Errorf("%s names make %s, which the Makefile does not have", page, m[1])
			}
		}
	}
}

func TestSettingsExist(t *testing.T) {
	known := map[string]bool{}
	settings(reflect.TypeFor[configs.Config](), "", known)
	shipped := read(t, "configs/cordboard.yaml")
	for _, page := range tracked(t, "README.md", "docs/*.md", "CHANGELOG.md") {
		for _, word := range words(read(t, page)) {
			path := strings.ReplaceAll(word, "[]", "")
			section, rest, dotted := strings.Cut(path, ".")
			if !dotted || !known[section] || !regexp.MustCompile(`^[a-z_.]+$`).MatchString(rest) || exists(path) || strings.HasSuffix(rest, "go") {
				continue
			}
			if !known[path] {
				t.Errorf("%s names the setting %s, which does not exist", page, word)
				continue
			}
			key := path[strings.LastIndex(path, ".")+1:] + ":"
			if !strings.Contains(shipped, key) {
				t.Errorf("%s names the setting %s, which configs/cordboard.yaml does not show", page, word)
			}
		}
	}
}

// settings collects the paths of a struct's keys; the elements of lists and maps are named like their fields.
func settings(of reflect.Type, prefix string, into map[string]bool) {
	for of.Kind() == reflect.Slice || of.Kind() == reflect.Map || of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if of.Kind() != reflect.Struct {
		return
	}
	for i := range of.NumField() {
		if key, _, _ := strings.Cut(of.Field(i).Tag.Get("yaml"), ","); key != "" && key != "-" {
			into[prefix+key] = true
			settings(of.Field(i).Type, prefix+key+".", into)
		}
	}
}

func TestTheChangelogHasRoomForTheNextChange(t *testing.T) {
	if !strings.Contains(read(t, "CHANGELOG.md"), "\n## Unreleased\n") {
		t.Error(`CHANGELOG.md has no section "## Unreleased"`)
	}
}

// What depends on one machine is not the house's: folders of somebody's, and package registries that he goes by. A lock
// file names versions and sums; where they come from is each machine's own affair.
func TestNothingNamesAMachine(t *testing.T) {
	for what, pattern := range map[string]string{
		"a folder of one machine": `(^|[^A-Za-z0-9._*/-])/((root|work)/|(home|Users)/[A-Za-z])`,
		"a package registry":      `"resolved": *"https?:|registry *= *"?https?:|GOPROXY *[:=] *"?https?:|index-url`,
	} {
		// Exit status 1 is the good news: nothing found.
		out, err := exec.Command("git", "-C", root, "grep", "--untracked", "-nIE", pattern, "--", ".", ":!internal/docs").Output()
		var none *exec.ExitError
		if err != nil && (!errors.As(err, &none) || none.ExitCode() != 1) {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(out)) {
			t.Errorf("%s: %s", what, strings.TrimSpace(line))
		}
	}
}

func tracked(t *testing.T, patterns ...string) []string {
	t.Helper()
	// New files count before they are added, or a page would be checked only after it was committed.
	args := append([]string{"-C", root, "ls-files", "--cached", "--others", "--exclude-standard", "--"}, patterns...)
	out, err := exec.Command("git", args...).Output()
	if err != nil {
		t.Fatal(err)
	}
	files := slices.DeleteFunc(strings.Fields(string(out)), func(f string) bool { return !exists(f) })
	if len(files) == 0 {
		t.Fatalf("no files like %v", patterns)
	}
	return files
}

func read(t *testing.T, file string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, file))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func exists(file string) bool {
	_, err := os.Stat(filepath.Join(root, file))
	return err == nil
}

// words are what stands in backticks.
func words(page string) []string {
	var all []string
	for _, m := range regexp.MustCompile("`([^`\n]+)`").FindAllStringSubmatch(page, -1) {
		all = append(all, m[1])
	}
	return all
}
