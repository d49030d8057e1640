package sip

import (
	"errors"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// inbound serves the first INVITE of a call, from its arrival to its end.
func (e *Endpoint) inbound(req *sip.Request, tx *sip.ServerTx, a *arrival) {
	refuse := func(status int, phrase string, headers ...Header) {
		e.invites.finish(a, status, phrase)
		e.reply(req, tx, status, phrase, headers...)
	}
	if h := req.MaxForwards(); h != nil && h.Val() == 0 {
		refuse(483, "") // we would pass the call on as a new one: the same loop for whoever sent it
		return
	}
	retry, draining := e.draining()
	if draining || e.dialogs.count() >= e.cfg.MaxDialogs {
		if !draining {
			retry = Header{"Retry-After", "10"}
		}
		refuse(503, "", retry)
		return
	}
	offer, other := sdpOf(req)
	if other {
		refuse(415, "", Header{"Accept", accept})
		return
	}
	origin, device, ok := e.originOf(req, tx, a)
	if !ok {
		return
	}
	timer, provisional, status, why := e.extensions(req, origin, device)
	if status != 0 {
		refuse(status, "", why...)
		return
	}
	if from, ok := origin.(FromTrunk); ok {
		release, err := e.admit(from)
		if r := (*Refused)(nil); errors.As(err, &r) {
			refuse(r.Status, "", append(r.Header, Header{"Warning", `399 cordboard "` + quotedText(r.Reason) + `"`})...)
			return
		}
		defer release()
	}
	d := e.called(req, tx, a, origin, device)
	d.offer, d.life.wish, d.reliable = offer, timer, provisional
	reason, cancelled := e.invites.begin(a, d)
	e.dialogs.add(d)
	defer d.finish()
	if cancelled {
		d.cancelledBy(reason)
		return
	}
	if !d.watchTransaction() {
		return
	}
	e.respond(tx, e.response(req, 100, ""))
	d.log.Info("call in", zap.Any("origin", origin), zap.String("transport", d.network))
	e.calls.Inbound(d.ctx, d)
}

// extensions reads what an INVITE asks for beyond RFC 3261: a session timer, reliable provisional responses, the place of
// another call. status is how it is refused; 0: it is not.
func (e *Endpoint) extensions(req *sip.Request, o Origin, device *Device) (timer SessionTimer, r *reliable, status int, why []Header) {
	if replaces := header(req, "Replaces"); replaces != "" {
		// Some phones transfer with Replaces only towards who says that he knows it. That means us as the one who joins
		// the two calls (REFER); who would take over a call by himself is not let (RFC 3891 section 3).
		if e.named(replaces) == nil {
			return timer, nil, 481, nil
		}
		return timer, nil, 403, nil
	}
	timer, reliability := e.policyOf(o, device)
	if least, brief := timer.tooBrief(req); brief {
		return timer, nil, 422, []Header{least}
	}
	switch r, status = reliability.of(req); status {
	case 420:
		why = []Header{{"Unsupported", "100rel"}}
	case 421:
		why = []Header{{"Require", "100rel"}}
	}
	return timer, r, status, why
}

// called makes the dialog of an INVITE that came in (RFC 3261 section 12.1.1).
func (e *Endpoint) called(req *sip.Request, tx *sip.ServerTx, a *arrival, origin Origin, device *Device) *Dialog {
	d := e.newDialog(req.CallID().Value(), a.tag, e.log)
	from, to := req.From(), req.To()
	d.origin, d.device, d.invite, d.tx, d.first = origin, device, req, tx, a
	if from, ok := origin.(FromTrunk); ok {
		d.trunk = e.sources.named(from.Trunk)
	}
	d.local = party{to.DisplayName, *to.Address.Clone(), a.tag}
	d.remote.display, d.remote.uri = from.DisplayName, *from.Address.Clone()
	d.remote.tag, _ = from.Params.Get("tag")
	d.remoteSeq = req.CSeq().SeqNo
	d.localSeq = 1
	d.target = *contactURI(req)
	for _, rr := range req.GetHeaders("Record-Route") {
		if h, ok := rr.(*sip.RecordRouteHeader); ok {
			d.routes = append(d.routes, *h.Address.Clone())
		}
	}
	d.source = flowOf(req)
	d.network = d.source.Transport
	if _, user := origin.(FromUser); user || d.source.Transport == "ws" {
		// Our own users sit behind NAT and in browsers: the way they came is the way back.
		d.bound, d.boundFlow = true, d.source
	}
	if device != nil {
		d.unit = device2unit(device)
	}
	return d
}

// policyOf is what we want of whoever calls.
func (e *Endpoint) policyOf(o Origin, device *Device) (SessionTimer, Reliability) {
	if from, ok := o.(FromTrunk); ok {
		if t := e.sources.named(from.Trunk); t != nil {
			return t.Timer, t.Reliable
		}
	}
	return e.userPolicy(device), Supported
}

func (e *Endpoint) userPolicy(device *Device) SessionTimer {
	if device != nil && device.Browser() {
		return SessionTimer{Min: shortestSession}
	}
	return e.cfg.PhoneTimer
}

// watchTransaction ends the dialog with its transaction while there is no answer; false when it is over already.
func (d *Dialog) watchTransaction() bool {
	ok := d.tx.OnCancel(func(r *sip.Request) {
		// Called with the transaction's lock held: it sends 487 itself when this returns.
		d.setPhase(early, refused)
		d.left(&Ended{Remote: true, Why: Cancelled, Status: 487, Reason: header(r, "Reason")})
	})
	ok = ok && d.tx.OnTerminate(func(_ string, err error) {
		if d.setPhase(early, refused) {
			d.left(&Ended{Remote: true, Why: FlowLost, Err: err}) // its socket is gone (W8)
		}
	})
	if !ok {
		d.setPhase(early, refused)
		d.left(&Ended{Remote: true, Why: Cancelled, Status: 487})
	}
	return ok
}

// finish ends what the story left open, also after a panic in it.
func (d *Dialog) finish() {
	if r := recover(); r != nil {
		d.e.contain("call", r)
		d.leave(&Ended{Why: Broken}, 500, "")
	}
	status := 0
	if d.inPhase(early) {
		status = 500
	}
	d.leave(&Ended{Why: HungUp, Status: status}, status, "")
	<-d.gone
	d.noteFinal(487, "")
}

func (d *Dialog) noteFinal(status int, phrase string) {
	d.mu.Lock()
	if d.answer != nil {
		status, phrase = d.answer.StatusCode, d.answer.Reason
	}
	d.mu.Unlock()
	d.e.invites.finish(d.first, status, phrase)
}

// Progress sends a provisional response (180, 183), with early media when sdp is not nil. After the final response it
// does nothing.
func (d *Dialog) Progress(status int, sdp []byte) error {
	if d.caller || status <= 100 || status >= 200 {
		return errMisused
	}
	if d.ctx.Err() != nil {
		return d.how()
	}
	res := d.answerWith(status, "", sdp)
	d.remind(status, sdp)
	d.mu.Lock()
	begun, acknowledged := d.phase == early, d.reliable.wantsPRACK(sdp)
	d.mu.Unlock()
	switch {
	case !begun:
		return nil
	case acknowledged:
		res.AppendHeader(sip.NewHeader("Require", "100rel"))
		d.sendReliably(res, sdp)
		return nil
	}
	err := d.tx.Respond(res)
	if err == nil {
		d.e.says(res)
	}
	return err
}

// answerWith makes a response to their INVITE that carries our Contact (RFC 3261 section 12.1.1).
func (d *Dialog) answerWith(status int, phrase string, sdp []byte) *sip.Response {
	res := d.e.response(d.invite, status, phrase)
	res.AppendHeader(d.contact())
	res.AppendHeader(sip.NewHeader("Allow", allow))
	res.AppendHeader(sip.NewHeader("Supported", supported))
	if sdp != nil {
		res.AppendHeader(sip.NewHeader("Content-Type", mimeSDP))
		res.SetBody(sdp)
	}
	return res
}

// contact is where the far side reaches us inside the dialog.
func (d *Dialog) contact() sip.Header {
	d.mu.Lock()
	h := hop{network: d.network, remote: d.source.Remote}
	user := d.local.uri.User
	d.mu.Unlock()
	return d.e.contact(user, h)
}

func (e *Endpoint) contact(user string, h hop) sip.Header {
	local, err := e.local(h)
	uri := sip.Uri{Scheme: "sip", User: user, Host: local.Addr().String(), Port: int(local.Port())}
	if err != nil {
		uri.Host, uri.Port = "invalid", 0
	}
	if h.network != "udp" {
		uri.UriParams = sip.HeaderParams{{K: "transport", V: h.network}}
	}
	return &sip.ContactHeader{Address: uri}
}
