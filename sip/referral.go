package sip

import (
	"fmt"
	"net/url"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Referral is what a REFER asks for (RFC 3515): that somebody be called, or that he be put in the place of another call
// of the same user's (Replaces, RFC 3891).
type Referral struct {
	To Address
	// Instead is the dialog whose place is taken; nil: a plain transfer.
	Instead *Dialog
	// Lost says that a dialog was named that there is not, or that is somebody else's.
	Lost bool
}

// Referral reads a REFER. The error is a *Refused with the response that the request gets.
func (r *Request) Referral() (Referral, error) {
	values := headerValues(r.req, "Refer-To")
	if len(values) != 1 {
		return Referral{}, &Refused{Status: 400, Reason: "One Refer-To Wanted"} // RFC 3515 section 2.4.2
	}
	text, headers, _ := strings.Cut(addressSpec(values[0]), "?")
	var uri sip.Uri
	if err := sip.ParseUri(text, &uri); err != nil {
		return Referral{}, &Refused{Status: 400, Reason: "Unreadable Refer-To", Err: fmt.Errorf("refer-to %q: %w", text, err)}
	}
	if uri.Scheme != "sip" && uri.Scheme != "sips" && uri.Scheme != "tel" {
		return Referral{}, &Refused{Status: 416, Reason: phraseOf(416)}
	}
	if method, ok := uri.UriParams.Get("method"); ok && !strings.EqualFold(method, "INVITE") {
		return Referral{}, &Refused{Status: 403, Reason: "Only Calls Are Transferred"}
	}
	to := Referral{To: addressOf("", &uri)}
	if replaces := uriHeader(headers, "Replaces"); replaces != "" {
		to.Instead = r.d.e.named(replaces)
		if to.Instead == nil || to.Instead == r.d || to.Instead.owner() != r.d.owner() || r.d.owner() == "" {
			to.Instead, to.Lost = nil, true
		}
	}
	return to, nil
}

// addressSpec is the URI of a name-addr or addr-spec (RFC 3261 section 20.10).
func addressSpec(value string) string {
	if _, rest, ok := strings.Cut(value, "<"); ok {
		uri, _, _ := strings.Cut(rest, ">")
		return strings.TrimSpace(uri)
	}
	uri, _, _ := strings.Cut(value, ";") // without brackets what follows belongs to the field
	return strings.TrimSpace(uri)
}

// uriHeader is one header field of a URI, unescaped.
func uriHeader(headers, name string) string {
	for h := range strings.SplitSeq(headers, "&") {
		k, v, _ := strings.Cut(h, "=")
		if !strings.EqualFold(k, name) {
			continue
		}
		if plain, err := url.PathUnescape(v); err == nil {
			return plain
		}
	}
	return ""
}

// named finds the dialog that a Replaces value means (RFC 3891 section 3). There are phones that take to-tag and from-tag
// the other way round; both must be right either way.
func (e *Endpoint) named(replaces string) *Dialog {
	fields := strings.Split(replaces, ";")
	var to, from string
	for _, f := range fields[1:] {
		switch k, v, _ := strings.Cut(f, "="); strings.ToLower(strings.TrimSpace(k)) {
		case "to-tag":
			to = strings.TrimSpace(v)
		case "from-tag":
			from = strings.TrimSpace(v)
		}
	}
	for _, tags := range [...][2]string{{to, from}, {from, to}} {
		d := e.dialogs.find(strings.TrimSpace(fields[0]), tags[0])
		if d == nil || d.ctx.Err() != nil || tags[0] == "" {
			continue
		}
		d.mu.Lock()
		theirs := d.remote.tag
		d.mu.Unlock()
		if theirs == tags[1] {
			return d
		}
	}
	return nil
}

// Attach keeps something of its user's with the dialog, to be found again by Attached.
func (d *Dialog) Attach(v any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.attached = v
}

// Attached is what Attach kept, nil when nothing was.
func (d *Dialog) Attached() any {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.attached
}
