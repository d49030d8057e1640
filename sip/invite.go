package sip

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/field"
)

// Invitation is a call that we place.
type Invitation struct {
	To      Target
	From    Address
	Privacy bool     // withhold From: anonymous (RFC 3323) with Privacy: id; a trunk is told the number where Trunk.Caller says so
	Hops    int      // Max-Forwards; 0: 70
	Offer   []byte   // SDP; nil: the far side's 2xx brings the offer and Invite ACKs with what Answer makes of it
	Headers []Header // Alert-Info, X-…, anything for the far side
	// Answer makes the answer for the ACK when Offer was nil (RFC 3261 section 13.2.1).
	Answer func(offer []byte) (answer []byte, err error)
	// GivenUp says what the far side is told when ctx ended first: status and phrase of the Reason in the CANCEL. Nil, or
	// status 0: nothing.
	GivenUp func(cause error) (status int, phrase string)
	// Early gets the dialog before the INVITE is sent, so that somebody may hang it up while it rings.
	Early func(d *Dialog)
	// Progress is told of every provisional response but 100, any number of them, in order. It must not block.
	Progress func(status int, sdp []byte)
}

// Invite places a call and returns when it was answered and acknowledged. answer is the SDP of the 2xx: the answer to
// inv.Offer, or the far side's offer when that was nil.
//
// Without a call the error is *Refused; or the cause of ctx when that ended first, or *Ended when the dialog was hung up
// through Early. Invite then returns at once, and the endpoint itself sees the rest through: it sends CANCEL as soon as
// it may, reads on until the final response, and acknowledges and hangs up an answer that crossed the CANCEL (D1).
func (e *Endpoint) Invite(ctx context.Context, inv Invitation) (d *Dialog, answer []byte, err error) {
	if ctx.Err() != nil {
		return nil, nil, context.Cause(ctx)
	}
	to, outside := inv.To.(ToTrunk)
	if !outside { // a caller who waits already is still served while we drain: agents go on ringing
		return e.place(ctx, inv, nil)
	}
	if retry, draining := e.draining(); draining {
		return nil, nil, &Refused{Status: 503, Reason: phraseOf(503), Header: []Header{retry}}
	}
	return e.inviteOutside(ctx, inv, to)
}

// place is Invite for one device, or for one way to a trunk.
func (e *Endpoint) place(ctx context.Context, inv Invitation, w *way) (d *Dialog, answer []byte, err error) {
	d, err = e.caller(inv, w)
	if err != nil {
		return nil, nil, cannot(err)
	}
	e.dialogs.add(d)
	if inv.Early != nil {
		inv.Early(d)
	}
	type outcome struct {
		answer []byte
		err    error
	}
	done := make(chan outcome, 1)
	placed := d // our own return takes d away from under a goroutine that has not begun yet
	started := e.run(func() {
		defer placed.callFinished()
		answer, err := placed.call(inv)
		done <- outcome{answer, err}
	})
	if !started {
		close(d.calling)
		d.left(&Ended{Why: Stopped})
		d.close()
		return nil, nil, &Ended{Why: Stopped}
	}
	select {
	case o := <-done:
		if o.err != nil {
			return nil, nil, o.err
		}
		return d, o.answer, nil
	case <-ctx.Done():
		status, phrase := 0, ""
		if inv.GivenUp != nil {
			status, phrase = inv.GivenUp(context.Cause(ctx))
		}
		d.leave(&Ended{Why: Cancelled, Status: status, Reason: phrase}, status, phrase)
		return nil, nil, context.Cause(ctx)
	case <-d.ctx.Done():
		select {
		case o := <-done: // what ended the dialog is the response itself
			if o.err != nil {
				return nil, nil, o.err
			}
			return d, o.answer, nil // answered, and hung up by them a moment later
		default:
		}
		var refusedBy *Refused
		if how := d.how(); errors.As(how.Err, &refusedBy) {
			return nil, nil, refusedBy
		}
		return nil, nil, d.how()
	}
}

// caller makes the dialog of a call that we place.
func (e *Endpoint) caller(inv Invitation, w *way) (*Dialog, error) {
	d := e.newDialog(newTag(), newTag(), e.log)
	d.caller, d.calling, d.provisional = true, make(chan struct{}), make(chan *sip.Response, maxAsks)
	d.local.tag, d.localSeq = d.name.tag, 1
	d.life.wish, d.reliability = e.policyTo(inv.To)
	h, err := d.aim(inv, w)
	if err != nil {
		return nil, err
	}
	d.dialled = field.Unescape(d.target.User)
	d.network, d.source = h.network, flow{Transport: h.network, Remote: h.remote}
	return d, nil
}

// policyTo is what we want of whom we call.
func (e *Endpoint) policyTo(to Target) (SessionTimer, Reliability) {
	switch to := to.(type) {
	case ToTrunk:
		if t := e.sources.named(to.Trunk); t != nil {
			return t.Timer, t.Reliable
		}
	case ToDevice:
		return e.userPolicy(&to.Device), Supported
	}
	return SessionTimer{}.withDefaults(), Supported
}

// supported are the option tags that the far side may use towards us.
func (d *Dialog) supported() string {
	if d.reliability == Unsupported {
		return unreliable
	}
	return supported
}

// aim sets where the call goes.
func (d *Dialog) aim(inv Invitation, w *way) (hop, error) {
	switch to := inv.To.(type) {
	case ToDevice:
		return d.aimAtDevice(inv, to.Device)
	case ToTrunk:
		return d.aimAtTrunk(inv, w)
	}
	return hop{}, fmt.Errorf("an invitation to nobody: %w", errMisused)
}

func (d *Dialog) aimAtDevice(inv Invitation, dev Device) (hop, error) {
	if _, err := sip.ParseAddressValue(dev.Contact, &d.target, &sip.HeaderParams{}); err != nil {
		return hop{}, fmt.Errorf("contact of %s: %w", dev.AOR, err)
	}
	d.target.Headers = nil
	f := flow{Transport: dev.Transport, Remote: dev.Remote}
	d.device, d.bound, d.boundFlow, d.unit = &dev, true, f, device2unit(&dev)
	d.remote.uri = sip.Uri{Scheme: "sip", User: d.target.User, Host: d.target.Host}
	h := hop{network: dev.Transport, remote: dev.Remote, only: dev.Transport != "udp"}
	host := inv.From.Host
	if host == "" {
		local, err := d.e.local(h)
		if err != nil {
			return hop{}, err
		}
		host = local.Addr().String()
	}
	d.local.display, d.local.uri = quotedText(inv.From.Display), sip.Uri{Scheme: "sip", User: field.EscapeUser(inv.From.User), Host: host}
	if inv.Privacy {
		// RFC 3323 section 4.1.1.3.
		d.local.display, d.local.uri = "Anonymous", sip.Uri{Scheme: "sip", User: "anonymous", Host: "anonymous.invalid"}
	}
	return h, nil
}

// call sends the INVITE and reads its responses to the end.
func (d *Dialog) call(inv Invitation) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		req, h, err := d.inviteRequest(inv)
		if err != nil {
			return nil, d.failed(&Refused{Status: 503, Reason: phraseOf(503), Err: err})
		}
		tx, err := d.e.request(d.e.base, req, h)
		if err != nil {
			return nil, d.failed(&Refused{Status: 503, Reason: phraseOf(503), Err: err})
		}
		res, err := d.follows(tx, req, inv)
		switch {
		case err != nil:
			return nil, err
		case attempt < maxChallenges && d.ctx.Err() == nil && (d.challenged(req, res) || d.brief(res)):
			d.mu.Lock()
			d.localSeq++
			d.mu.Unlock()
			continue
		case res.StatusCode >= 300:
			return nil, d.failed(refusal(res))
		}
		return d.answeredBy(req, res, inv)
	}
}

// failed ends the dialog with the refusal that it met.
func (d *Dialog) failed(r *Refused) error {
	why := Rejected
	if r.Status == 408 && r.Err != nil {
		why = TimedOut
	}
	d.setPhase(early, refused)
	d.left(&Ended{Remote: true, Why: why, Status: r.Status, Reason: r.Reason, Err: r})
	if how := d.how(); how.Why == Cancelled || how.Why == HungUp || how.Why == Stopped {
		return how // 487 is only the echo of our CANCEL
	}
	return r
}

// callFinished closes what waits for the call's INVITE to be over.
func (d *Dialog) callFinished() {
	if r := recover(); r != nil {
		d.e.contain("calling", r)
		d.left(&Ended{Why: Broken})
	}
	close(d.calling)
	if d.ctx.Err() != nil && !d.inPhase(up) {
		d.close()
	}
}

// inviteRequest makes the INVITE; also the second one, with credentials.
func (d *Dialog) inviteRequest(inv Invitation) (*sip.Request, hop, error) {
	d.mu.Lock()
	seq := d.localSeq
	d.mu.Unlock()
	req, h, err := d.compose(d.e.base, "INVITE", seq)
	if d.bound && err != nil {
		return nil, hop{}, err
	}
	if !d.bound {
		h = d.way.hop // the trunk's address, wherever the request URI points
	}
	if h := req.MaxForwards(); h != nil && inv.Hops > 0 {
		*h = sip.MaxForwardsHeader(inv.Hops)
	}
	headers := inv.Headers[:len(inv.Headers):len(inv.Headers)]
	switch {
	case d.way != nil:
		headers = append(headers, d.way.shown...)
	case inv.Privacy:
		headers = append(headers, Header{"Privacy", "id"})
	}
	if d.reliability == Required {
		headers = append(headers[:len(headers):len(headers)], Header{"Require", "100rel"})
	}
	d.dress(req, h, inv.Offer, mimeSDP, append(headers[:len(headers):len(headers)], d.timing()...))
	return req, h, nil
}

// follows reads the responses to an INVITE until the final one: any number of provisional ones (D2), and beyond a
// CANCEL (D1).
func (d *Dialog) follows(tx *sip.ClientTx, req *sip.Request, inv Invitation) (*sip.Response, error) {
	tx.OnRetransmission(d.another2xx)
	over := d.ctx.Done()
	provisional, cancelSent := false, false
	var giveUp <-chan time.Time
	for {
		select {
		case res := <-d.provisional:
			d.answeredSomething()
			provisional = true
			if over != nil {
				d.progressed(req, res, inv)
			}
		case res := <-tx.Responses():
			d.answeredSomething()
			if !res.IsProvisional() {
				d.progressedBefore(req, inv)
				return res, nil
			}
			provisional = true
		case <-tx.Done():
			return nil, d.failed(unanswered(tx.Err()))
		case <-over:
			if !provisional && d.passedOver() {
				return nil, d.letGo(tx, req)
			}
			over = nil
			// 64*T1 after the CANCEL the INVITE counts as cancelled, whatever comes (RFC 3261 section 9.1).
			limit := time.NewTimer(d.e.cfg.Timeouts.NoACK)
			defer limit.Stop()
			giveUp = limit.C
		case <-giveUp:
			tx.Terminate()
			return nil, d.failed(&Refused{Status: 408, Reason: phraseOf(408)})
		}
		if over == nil && provisional && !cancelSent { // not before a provisional response (RFC 3261 section 9.1)
			cancelSent = true
			d.sendCancel(req)
		}
	}
}

// answeredBy makes the call out of a 2xx, or ends it when nobody wants it any more.
func (d *Dialog) answeredBy(req *sip.Request, res *sip.Response, inv Invitation) ([]byte, error) {
	d.learn(res)
	body, _ := sdpOf(res)
	if body == nil {
		body = d.earlyAnswer(res)
	}
	var answer []byte
	var late error
	if inv.Offer == nil && inv.Answer != nil && !d.prack.answer && d.ctx.Err() == nil {
		answer, late = inv.Answer(body)
	}
	d.mu.Lock()
	d.answer, d.placed = res, req
	d.mu.Unlock()
	d.acknowledge(d.e.base, req, answer)
	d.mu.Lock()
	d.phase = up
	over := d.over
	d.mu.Unlock()
	d.agreed(res)
	switch {
	case over: // it crossed our CANCEL: the far side believes in a call
		if how := d.how(); !how.Remote {
			d.bye(0, "")
		}
		d.close()
		return nil, d.how()
	case late != nil:
		d.leave(&Ended{Why: Rejected, Status: 488, Err: late}, 488, "Not Acceptable Here")
		return nil, fmt.Errorf("answer to a late offer: %w", late)
	}
	d.log.Info("call out answered", zap.Int("status", res.StatusCode))
	return body, nil
}
