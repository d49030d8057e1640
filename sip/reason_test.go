package sip

import (
	"errors"
	"slices"
	"testing"
)

func TestReasonsAreReadInBothLanguages(t *testing.T) {
	for value, want := range map[string][]Cause{
		`Q.850;cause=16;text="Normal call clearing"`:             {{"Q.850", 16, "Normal call clearing"}},
		`SIP ;cause=200 ;text="Call completed elsewhere"`:        {{"SIP", 200, "Call completed elsewhere"}},
		`Q.850 ; cause = 17, SIP;text="a, b; c=\"d\"";cause=486`: {{"Q.850", 17, ""}, {"SIP", 486, `a, b; c="d"`}},
		`Q.850`:               nil,
		`Q.850;cause=x`:       nil,
		`Q.850;cause=-1,,;;=`: nil,
		`;`:                   nil,
		``:                    nil,
	} {
		if got := Causes(value); !slices.Equal(got, want) {
			t.Errorf("%s: %+v", value, got)
		}
	}
}

func TestAGoodbyeSaysWhyInBothLanguages(t *testing.T) {
	_, l, d := connected(t)
	d.Hangup(503, "")
	bye := l.p.request("BYE")
	if got := bye.get("Reason"); got != `SIP;cause=503;text="Service Unavailable", Q.850;cause=41` {
		t.Errorf("Reason %q", got)
	}
	l.p.reply(bye, 200, "", "")
}

func TestARefusalsReasonIsKept(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	p.reply(p.request("INVITE"), 503, "them", "", `Reason: Q.850;cause=17;text="User busy"`)
	p.request("ACK")
	var ref *Refused
	if r := wait(t, done, "the refusal"); !errors.As(r.err, &ref) || !slices.Equal(ref.Causes(), []Cause{{"Q.850", 17, "User busy"}}) {
		t.Errorf("%v", ref)
	}
}
