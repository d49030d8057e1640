package bridge

import (
	"testing"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip"
)

func TestWhatTheFarSideSaysBecomesAnEnding(t *testing.T) {
	refused := func(status int, reason string) error {
		r := &sip.Refused{Status: status}
		if reason != "" {
			r.Header = []sip.Header{{Name: "reason", Value: reason}}
		}
		return r
	}
	left := func(why sip.Why, status int, reason string) error {
		return &sip.Ended{Remote: true, Why: why, Status: status, Reason: reason}
	}
	for name, c := range map[string]struct {
		err  error
		want call.Reason
	}{
		"busy":                            {refused(486, ""), call.Busy},
		"busy behind a gateway":           {refused(503, `Q.850;cause=17;text="User busy"`), call.Busy},
		"nobody answers behind a gateway": {refused(480, "Q.850;cause=19"), call.NoAnswer},
		"no such number, as 500":          {refused(500, "SIP;cause=500, Q.850;cause=1"), call.NotFound},
		"congestion":                      {refused(503, "Q.850;cause=42"), call.Overloaded},
		"a cause that says no more":       {refused(480, "Q.850;cause=16"), call.Unreachable},
		"the status is plain enough":      {refused(486, "Q.850;cause=1"), call.Busy},
		"a goodbye":                       {left(sip.HungUp, 0, ""), call.Hungup},
		"an ordinary one":                 {left(sip.HungUp, 0, `Q.850;cause=16;text="Normal call clearing"`), call.Hungup},
		"its line failed":                 {left(sip.HungUp, 0, "Q.850;cause=41"), call.SignalLost},
		"its session expired":             {left(sip.HungUp, 0, `SIP;cause=408;text="Session expired"`), call.SignalLost},
		"it knows no such call":           {left(sip.HungUp, 481, "Call/Transaction Does Not Exist"), call.SignalLost},
		"given up":                        {left(sip.Cancelled, 487, ""), call.Cancelled},
		"answered elsewhere":              {left(sip.Cancelled, 487, `SIP;cause=200;text="Call completed elsewhere"`), call.TakenElsewhere},
		"our timer":                       {&sip.Ended{Why: sip.Expired, Status: 408}, call.SignalLost},
	} {
		if got := endingOf(c.err, call.ByCustomer); got.Reason != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}
