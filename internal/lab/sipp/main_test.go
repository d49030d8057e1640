package main

import (
	"regexp"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestATableSaysWhatBecameOfEachScenarioAndWhyOneFailed(t *testing.T) {
	results, err := read(strings.NewReader(`{"Action":"run","Test":"TestSIPp"}
{"Action":"run","Test":"TestSIPp/basic"}
{"Action":"output","Test":"TestSIPp/basic","Output":"=== RUN   TestSIPp/basic\n"}
{"Action":"pass","Test":"TestSIPp/basic","Elapsed":1.25}
{"Action":"output","Test":"TestSIPp/hold","Output":"    sipp_test.go:90: sipp: exit status 1\n"}
{"Action":"output","Test":"TestSIPp/hold","Output":"        Aborting call on unexpected message for Call-Id '1-2@127.0.0.1'\n"}
{"Action":"fail","Test":"TestSIPp/hold","Elapsed":60}
{"Action":"fail","Test":"TestSIPp","Elapsed":61.25}
{"Action":"pass","Test":"TestSIPpRingsReliably","Elapsed":2}
{"Action":"fail","Elapsed":63.5}
`))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if table(&b, results, false) {
		t.Error("all is said to be well")
	}
	want := `feature                result   seconds
basic                  passed       1.2
hold                   FAILED      60.0
TestSIPpRingsReliably  passed       2.0
2 of 3 passed

== hold
    sipp_test.go:90: sipp: exit status 1
        Aborting call on unexpected message for Call-Id '1-2@127.0.0.1'
`
	if b.String() != want {
		t.Errorf("got\n%s\nwant\n%s", b.String(), want)
	}
}

func TestABuildThatFailsIsShown(t *testing.T) {
	results, err := read(strings.NewReader(`{"Action":"build-output","Output":"gateway/x.go:1: syntax error\n"}
{"Action":"fail","Elapsed":0}
`))
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if table(&b, results, false) || !strings.Contains(b.String(), "syntax error") {
		t.Errorf("%s", b.String())
	}
}

func TestAFeatureIsRunByItsName(t *testing.T) {
	for _, c := range []struct {
		features []string
		level    int
		runs     string
		match    bool
	}{
		{nil, 0, "TestSIPp", true}, {nil, 0, "TestSIPpRingsReliably", true},
		{[]string{"hold"}, 0, "TestSIPpRingsReliably", false}, {[]string{"hold"}, 0, "TestSIPp", true},
		{[]string{"hold"}, 1, "hold", true}, {[]string{"hold"}, 1, "holding", false}, {[]string{"hold", "dtmf"}, 1, "dtmf", true},
	} {
		part := strings.Split(pattern(c.features), "/")[c.level]
		if got := regexp.MustCompile(part).MatchString(c.runs); got != c.match {
			t.Errorf("%q runs %s: %t", c.features, c.runs, got)
		}
	}
}
