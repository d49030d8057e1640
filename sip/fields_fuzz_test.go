package sip

import (
	"testing"

	"github.com/emiago/sipgo/sip"
)

// FuzzFields is what a dialog reads out of its header fields: whatever a far side writes there, nothing breaks, and what is
// read is within its bounds.
func FuzzFields(f *testing.F) {
	for _, seed := range []string{
		"1800;refresher=uac", "90", ";;=", "18446744073709551616", `Q.850;cause=17;text="a;\"b", SIP;cause=200`, ";", ",",
		"<sip:bo@cordboard?Replaces=a%40b%3Bto-tag%3D1%3Bfrom-tag%3D2&x>", "<tel:+358401234567;phone-context=x>", `"<" <sip:a>;x`, "<", "?Replaces=%",
		"+358-40;phone-context=+1", "7 1 INVITE", "timer, 100rel,,",
	} {
		f.Add(seed)
	}
	e := open(f, nil)
	d := e.newDialog("id", newTag(), e.log)
	d.invite = sip.NewRequest(sip.INVITE, sip.Uri{Scheme: "sip", Host: "a"})
	d.invite.AppendHeader(&sip.CSeqHeader{SeqNo: 1, MethodName: sip.INVITE})
	d.reliable = &reliable{always: true, last: 7, acked: make(chan struct{})}
	f.Fuzz(func(t *testing.T, value string) {
		req := sip.NewRequest(sip.REFER, sip.Uri{Scheme: "sip", Host: "a"})
		for _, name := range []string{"Session-Expires", "Min-SE", "Refer-To", "RAck", "RSeq", "Supported", "Require", "Reason", "Replaces"} {
			req.AppendHeader(sip.NewHeader(name, value))
		}
		if interval, refresher, _ := expiry(req); interval < 0 || minExpiry(req) < 0 || len(refresher) > len(value) {
			t.Errorf("%q: %v %q", value, interval, refresher)
		}
		for _, c := range Causes(value) {
			if c.Code < 0 || c.Code > 1<<16 {
				t.Errorf("%q: %+v", value, c)
			}
		}
		r := &Request{Method: "REFER", d: d, req: req}
		if to, err := r.Referral(); err == nil && to.Instead != nil {
			t.Errorf("%q names a dialog", value)
		}
		_, _ = SessionTimer{Min: shortestSession}.tooBrief(req)
		_, _, _ = plainNumber(value), e.named(value), d.acknowledged(req)
		_, _ = Supported.of(req)
	})
}
