package sip

import (
	"context"
	"errors"
	"slices"

	"github.com/emiago/sipgo/sip"
)

// compose makes a request inside the dialog (RFC 3261 section 12.2.1.1). seq 0 takes the next CSeq; an ACK gives that of
// its INVITE.
func (d *Dialog) compose(ctx context.Context, method string, seq uint32) (*sip.Request, hop, error) {
	d.mu.Lock()
	if seq == 0 {
		d.localSeq++
		seq = d.localSeq
	}
	uri, routes := routed(d.target, d.routes)
	local, remote, network := d.local, d.remote, d.network
	first := uri
	if len(routes) > 0 {
		first = routes[0]
	}
	if len(d.routes) > 0 {
		first = d.routes[0] // also for a strict router, which stands in the request URI
	}
	d.mu.Unlock()

	req := sip.NewRequest(sip.RequestMethod(method), uri)
	for _, r := range routes {
		req.AppendHeader(&sip.RouteHeader{Address: r})
	}
	req.AppendHeader(&sip.FromHeader{DisplayName: local.display, Address: local.uri, Params: tagged(local.tag)})
	req.AppendHeader(&sip.ToHeader{DisplayName: remote.display, Address: remote.uri, Params: tagged(remote.tag)})
	callID := sip.CallIDHeader(d.name.callID)
	req.AppendHeader(&callID)
	req.AppendHeader(&sip.CSeqHeader{SeqNo: seq, MethodName: sip.RequestMethod(method)})
	hops := sip.MaxForwardsHeader(maxHops)
	req.AppendHeader(&hops)
	req.AppendHeader(sip.NewHeader("User-Agent", d.e.cfg.UserAgent))
	h, err := d.hop(ctx, &first, network)
	return req, h, err
}

// routed is the request URI and the Route headers for a target and a route set: a first route without lr is a strict
// router, which wants to find itself in the request URI (RFC 3261 section 12.2.1.1).
func routed(target sip.Uri, routes []sip.Uri) (sip.Uri, []sip.Uri) {
	if len(routes) == 0 {
		return target, nil
	}
	if routes[0].UriParams.Has("lr") {
		return target, slices.Clone(routes)
	}
	strict := *routes[0].Clone()
	strict.Headers = nil
	return strict, append(slices.Clone(routes[1:]), target)
}

func tagged(tag string) sip.HeaderParams {
	if tag == "" {
		return nil
	}
	return sip.HeaderParams{{K: "tag", V: tag}}
}

// hop is where the next request of the dialog goes: to the flow of a user of ours; over the connection a trunk has open
// with us; else where the route or the target leads.
func (d *Dialog) hop(ctx context.Context, next *sip.Uri, network string) (hop, error) {
	if d.bound {
		f := d.e.dialogs.flowOf(d)
		return hop{network: f.Transport, remote: f.Remote, only: f.Transport != "udp"}, nil
	}
	d.mu.Lock()
	source := d.source
	d.mu.Unlock()
	if (source.Transport == "tcp" || source.Transport == "tls") && d.e.alive(source) {
		return hop{network: source.Transport, remote: source.Remote, trunk: d.trunk}, nil
	}
	h, err := d.e.nextHop(ctx, next, network)
	h.trunk = d.trunk
	if err != nil && source.Remote.IsValid() {
		return hop{network: source.Transport, remote: source.Remote, trunk: d.trunk}, nil // a Contact that leads nowhere: back where it came from
	}
	return h, err
}

// ask sends a request inside the dialog, answers one challenge, and returns the 2xx; everything else is *Refused or the
// cause of ctx. 481 and 408 end the dialog (RFC 3261 section 12.2.1.2).
func (d *Dialog) ask(ctx context.Context, method string, body []byte, kind string, headers []Header) (*sip.Response, error) {
	res, err := d.final(ctx, method, body, kind, func() []Header { return headers })
	if err == nil && res.StatusCode >= 300 {
		err = refusal(res)
	}
	if err != nil {
		d.fatal(err)
		return nil, err
	}
	return res, nil
}

// final sends a request inside the dialog, answers one challenge, and returns the final response.
func (d *Dialog) final(ctx context.Context, method string, body []byte, kind string, headers func() []Header) (*sip.Response, error) {
	for attempt := 0; ; attempt++ {
		req, h, err := d.compose(ctx, method, 0)
		if err != nil {
			return nil, &Refused{Status: 503, Reason: phraseOf(503), Err: err}
		}
		d.dress(req, h, body, kind, headers())
		res, err := d.e.ask(ctx, req, h)
		if err == nil && attempt < maxChallenges && d.challenged(req, res) {
			continue
		}
		return res, err
	}
}

// dress adds what the method wants besides the dialog's own header fields.
func (d *Dialog) dress(req *sip.Request, h hop, body []byte, kind string, headers []Header) {
	switch req.Method {
	case sip.INVITE, sip.UPDATE, sip.NOTIFY, sip.REFER:
		d.mu.Lock()
		user := d.local.uri.User
		d.mu.Unlock()
		req.AppendHeader(d.e.contact(user, h))
		req.AppendHeader(sip.NewHeader("Allow", allow))
		req.AppendHeader(sip.NewHeader("Supported", d.supported()))
	case sip.ACK, sip.CANCEL, sip.BYE, sip.OPTIONS, sip.INFO, sip.REGISTER, sip.SUBSCRIBE, sip.MESSAGE, sip.PRACK, sip.PUBLISH:
	}
	for _, hd := range headers {
		req.AppendHeader(sip.NewHeader(clean(hd.Name), clean(hd.Value)))
	}
	if kind != "" && len(body) > 0 {
		req.AppendHeader(sip.NewHeader("Content-Type", clean(kind)))
	}
	req.SetBody(body)
	d.authorize(req)
}

// fatal ends the dialog when an error says that the far side does not have it any more. One that did not answer gets a
// BYE: it may be our request that was lost.
func (d *Dialog) fatal(err error) {
	var r *Refused
	if !errors.As(err, &r) {
		return
	}
	switch end := (&Ended{Remote: true, Why: HungUp, Status: r.Status, Reason: r.Reason}); r.Status {
	case 481:
		d.left(end)
	case 408:
		d.leave(end, 408, "")
	}
}

// Send sends a request other than INVITE, ACK, BYE and CANCEL inside the dialog (INFO, NOTIFY …) and waits for its
// final response; one from 300 on is *Refused.
func (d *Dialog) Send(ctx context.Context, method, contentType string, body []byte, headers ...Header) error {
	switch method {
	case "INVITE", "ACK", "BYE", "CANCEL":
		return errMisused
	}
	if d.ctx.Err() != nil {
		return d.how()
	}
	_, err := d.ask(ctx, method, body, contentType, headers)
	return err
}
