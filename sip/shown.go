package sip

import (
	"errors"
	"fmt"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip/caller"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/limits"
)

// Introduction is who calls whom, as the INVITE of a trunk says it.
type Introduction struct {
	Caller call.Party  // no number: withheld
	Called call.Number // E.164 where it can be
	// Diverted is whom the caller dialled, when somebody sent the call on to us; empty: nobody did. Only a trusted trunk is
	// believed.
	Diverted call.Number
}

// Introduction reads who calls by a trunk, and whom (RFC 3325, 5806 and 7044); of any other call it is empty.
func (d *Dialog) Introduction() Introduction {
	if d.trunk == nil || d.caller {
		return Introduction{}
	}
	t, m := d.trunk, d.invite
	r := caller.Read(caller.Fields{
		RequestURI: d.calledURI(), From: header(m, "From"), Asserted: headerValues(m, "P-Asserted-Identity"),
		RemoteParty: headerValues(m, "Remote-Party-ID"), Privacy: headerValues(m, "Privacy"),
		Diversion: headerValues(m, "Diversion"), HistoryInfo: headerValues(m, "History-Info"),
	}, t.Numbers, t.Trusted)
	return Introduction{Caller: call.Party{Name: r.Name, Number: r.Number}, Called: r.Called, Diverted: r.Diverted.Original}
}

// calledURI is whom a call is meant for. A registrar that knows us by our Contact puts that into the Request-URI, and the
// number that was dialled elsewhere (RFC 7315 section 4.2, RFC 3261 section 8.1.1.2).
func (d *Dialog) calledURI() string {
	uri := d.invite.Recipient.String()
	if d.trunk.registration == nil || field.Unescape(d.invite.Recipient.User) != d.trunk.Register.User {
		return uri
	}
	for _, said := range [...]string{header(d.invite, "P-Called-Party-ID"), header(d.invite, "To")} {
		if a, err := field.ParseAddress(said); err == nil && d.trunk.Numbers.Read(a.URI).Number != "" {
			return a.URI
		}
	}
	return uri
}

// show is what a hop is told of the caller.
func (t *trunk) show(inv Invitation, h hop) (caller.Shown, error) {
	p := t.Caller
	p.Plan = t.Numbers
	if p.Domain = t.Domain; p.Domain == "" {
		local, err := t.e.local(h)
		if err != nil {
			return caller.Shown{}, err
		}
		p.Domain = field.HostPort(local.Addr().String(), 0)
	}
	return p.Show(caller.Call{
		Number: call.Number(inv.From.User), Name: clean(inv.From.Display), Withheld: inv.Privacy, Default: t.DefaultNumber,
	}), nil
}

// fromOf is a From as a dialog keeps it.
func fromOf(s caller.Shown) (party, error) {
	p := party{display: quotedText(s.From.Display)}
	if err := sip.ParseUri(s.From.URI, &p.uri); err != nil {
		return p, fmt.Errorf("write From: %w", err)
	}
	return p, nil
}

// requestURI is whom a hop is asked for.
func (t *trunk) requestURI(number, host string, port int) sip.Uri {
	uri := sipURI(field.EscapeUser(t.Numbers.Write(call.Number(number))), host, port)
	if t.Caller.UserPhone {
		uri.UriParams = sip.HeaderParams{{K: "user", V: "phone"}}
	}
	return uri
}

// admitOut takes a place for a call out; the error is a *Refused.
func (t *trunk) admitOut(number string) (release func(), err error) {
	release, err = t.limits.Out(call.Number(number))
	return release, t.refusedBy(err, "out")
}

// admit takes a place for a call that a trunk brings; the error is a *Refused.
func (e *Endpoint) admit(from FromTrunk) (release func(), err error) {
	t := e.sources.named(from.Trunk)
	if t == nil {
		return func() {}, nil // a reload was quicker than its call
	}
	release, err = t.limits.In()
	return release, t.refusedBy(err, "in")
}

// refusedBy is the Refused of a limit.
func (t *trunk) refusedBy(err error, direction string) error {
	var limit *limits.Refusal
	if !errors.As(err, &limit) {
		return err
	}
	t.e.metrics.limited.WithLabelValues(t.Name, direction, string(limit.Why)).Inc()
	t.log.Warn("call refused by a limit", zap.String("direction", direction), zap.String("why", limit.Reason))
	r := &Refused{Status: limit.Status, Reason: limit.Reason, Ours: true}
	if limit.RetryAfter > 0 {
		r.Header = append(r.Header, Header{"Retry-After", fmt.Sprintf("%.0f", limit.RetryAfter.Seconds())})
	}
	return r
}
