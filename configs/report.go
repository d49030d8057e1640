package configs

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
)

// Problem is one thing that is wrong: where, what stands there, and what to do about it.
type Problem struct {
	Path  string // in the document: "sip.udp[0]"
	Line  int    // in the file, from 1; 0: the key is not in the file
	Value string // what stands there; empty when nothing does or when it is a secret
	Cure  string // what is wrong with it and what to write instead
}

// String reads `sip.udp[0] (line 12): "127.0.0.1:99999" has no such port; write host:port with a port from 1 to 65535`.
func (p Problem) String() string {
	var b strings.Builder
	b.WriteString(p.Path)
	if p.Line > 0 {
		fmt.Fprintf(&b, " (line %d)", p.Line)
	}
	b.WriteString(": ")
	if p.Value != "" {
		fmt.Fprintf(&b, "%q ", p.Value)
	}
	b.WriteString(p.Cure)
	return b.String()
}

// Report is every problem of one file, in the order of the file.
type Report struct {
	File     string
	Problems []Problem
}

// Error is the whole report, one problem a line.
func (r *Report) Error() string {
	var b strings.Builder
	noun := "problems"
	if len(r.Problems) == 1 {
		noun = "problem"
	}
	fmt.Fprintf(&b, "%s: %d %s", r.File, len(r.Problems), noun)
	for _, p := range r.Problems {
		b.WriteString("\n  ")
		b.WriteString(p.String())
	}
	return b.String()
}

// inOrder are all problems as they stand in the file; what is not in the file comes last. A check of a value that could
// not be read would only repeat it.
func inOrder(reading, checking []Problem) []Problem {
	all := slices.Clone(reading)
	for _, p := range checking {
		if !slices.ContainsFunc(reading, func(r Problem) bool { return r.Path == p.Path }) {
			all = append(all, p)
		}
	}
	place := func(p Problem) int {
		if p.Line == 0 {
			return math.MaxInt
		}
		return p.Line
	}
	slices.SortStableFunc(all, func(a, b Problem) int { return cmp.Compare(place(a), place(b)) })
	return all
}
