package configs

import (
	"embed"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"reflect"

	"github.com/goccy/go-yaml/ast"
)

// shipped are the files of this folder, so that one binary can show its defaults and run its demo.
//
//go:embed cordboard.yaml demo.yaml bench.yaml
var shipped embed.FS

// Load reads and checks the file at path. The error of a file that was read but is not right is a *Report with every
// problem in it; the Config is nil then.
func Load(path string) (*Config, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxText+1))
	if err != nil {
		return nil, fmt.Errorf("read configuration: %w", err)
	}
	cfg, err := Parse(path, text)
	if err != nil {
		return nil, err
	}
	if cfg.File, err = filepath.Abs(path); err != nil {
		return nil, fmt.Errorf("find %s: %w", path, err)
	}
	return cfg, nil
}

// maxText is more than ten thousand agents need, in bytes.
const maxText = 4 << 20

// Parse is Load for a text that is already in memory; name stands for the file in messages, and its folder is the one
// that relative paths start from.
func Parse(name string, text []byte) (*Config, error) {
	dir, err := filepath.Abs(filepath.Dir(name))
	if err != nil {
		return nil, fmt.Errorf("find the folder of %s: %w", name, err)
	}
	if len(text) > maxText {
		return nil, &Report{File: name, Problems: []Problem{{Path: "(document)", Cure: "is larger than 4 MB, so it is no configuration; name the right file"}}}
	}
	cfg := Default()
	r := &reader{dir: dir, lines: map[string]int{}, anchors: map[string]ast.Node{}}
	if root := r.parse(text); root != nil {
		r.read("", root, reflect.ValueOf(cfg).Elem())
	}
	c := &checker{cfg: cfg, dir: dir, lines: r.lines}
	c.check()
	if problems := inOrder(r.problems, c.problems); len(problems) > 0 {
		return nil, &Report{File: name, Problems: problems}
	}
	if r.plain > 0 {
		c.warn("(document)", "", plainText(r.plain))
	}
	cfg.Warnings = c.warnings
	return cfg, nil
}

// Demo is configs/demo.yaml: what `cordboard demo` runs.
func Demo() (*Config, error) { return parseShipped("demo.yaml") }

// Shipped is the text of one of the files that come with the program: "cordboard.yaml" (complete and commented, equal to
// the defaults), "demo.yaml" or "bench.yaml".
func Shipped(name string) ([]byte, error) { return shipped.ReadFile(name) }

func parseShipped(name string) (*Config, error) {
	text, err := shipped.ReadFile(name)
	if err != nil {
		return nil, err
	}
	return Parse(name, text)
}
