package sip

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
)

// ticket keeps the place of a request in the order of arrival while the library's goroutines race (W5).
type ticket struct {
	before <-chan struct{} // closed when the request before was handed on
	done   chan struct{}
}

// turnWait is how long a request waits for the one that arrived before it. Both are in memory already: this is the
// scheduler's time, with a margin for a busy machine.
const turnWait = 2 * time.Second

// arrived hears a request inside the dialog in the order of arrival.
func (d *Dialog) arrived(req *sip.Request) {
	if !d.speaks(req) {
		return
	}
	if req.IsAck() {
		d.ackArrived(req)
		return
	}
	if req.IsCancel() {
		return
	}
	d.mu.Lock()
	n := req.CSeq().SeqNo
	fresh := n > d.remoteSeq
	if fresh {
		d.remoteSeq = n
		t := &ticket{before: d.lastTicket, done: make(chan struct{})}
		d.lastTicket = t.done
		if d.tickets == nil {
			d.tickets = map[*sip.Request]*ticket{}
		}
		d.tickets[req] = t
		for earlier, w := range d.acks {
			if !w.answers {
				w.confirm() // its ACK was lost or overtaken: whoever goes on has heard our 2xx
				delete(d.acks, earlier)
			}
		}
	}
	d.mu.Unlock()
	if fresh {
		d.confirmedLate(req)
		d.follow(flowOf(req))
	}
}

// confirmedLate takes a later request for the ACK of our 2xx; but not where that ACK brings the answer to our offer: it is
// repeated with our 2xx, however many requests have overtaken it. PRACK and UPDATE may have been sent before our 2xx.
func (d *Dialog) confirmedLate(req *sip.Request) {
	if req.Method != sip.PRACK && req.Method != sip.UPDATE && !d.awaitsAnswer() {
		d.confirm(nil)
	}
}

// awaitsAnswer reports whether the ACK of our 2xx to their INVITE is to bring the answer to our offer.
func (d *Dialog) awaitsAnswer() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return !d.caller && d.offer == nil && d.phase == answered && !d.earlyDeal
}

// ackArrived gives an ACK to whoever waits for it: our 2xx to the first INVITE or to a re-INVITE.
func (d *Dialog) ackArrived(req *sip.Request) {
	n := req.CSeq().SeqNo
	if !d.caller && n == d.invite.CSeq().SeqNo {
		d.confirm(req)
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if w, ok := d.acks[n]; ok {
		w.body, _ = sdpOf(req)
		w.confirm()
		delete(d.acks, n)
	}
}

// awaitedACK is an ACK that our 2xx to a re-INVITE waits for.
type awaitedACK struct {
	answers bool          // it brings the answer to our offer: nothing else may stand for it
	body    []byte        // its SDP; written before heard is closed
	heard   chan struct{} // closed by the ACK, or by any later request (W5)
	then    func()        // called before; must not block
}

func (w *awaitedACK) confirm() {
	w.then()
	close(w.heard)
}

// follow moves the dialog to the socket that a valid request of it came by (W7), unless that belongs to somebody else.
func (d *Dialog) follow(from flow) {
	d.mu.Lock()
	d.source = from
	d.mu.Unlock()
	if !d.bound || !from.Remote.IsValid() {
		return
	}
	if aor, known := d.e.whoIs(from); known && aor != d.owner() {
		return
	}
	d.rebind(from)
}

// owner is the user of ours at the far end, "" when there is none.
func (d *Dialog) owner() string {
	switch o := d.origin.(type) {
	case FromUser:
		return o.AOR
	case FromTrunk, nil:
	}
	if d.device != nil {
		return d.device.AOR
	}
	return ""
}

// inTurn waits until the requests that arrived before were handed on; a BYE waits for nobody. It is nil when the request
// is out of order: a CSeq that is not above the last one.
func (d *Dialog) inTurn(req *sip.Request) *ticket {
	d.mu.Lock()
	t := d.tickets[req]
	delete(d.tickets, req)
	d.mu.Unlock()
	if t == nil || t.before == nil || req.Method == sip.BYE {
		return t
	}
	select {
	case <-t.before:
		return t
	default:
	}
	limit := time.NewTimer(turnWait)
	defer limit.Stop()
	select {
	case <-t.before:
	case <-limit.C:
	}
	return t
}

// serve answers one request inside the dialog.
func (d *Dialog) serve(req *sip.Request, tx *sip.ServerTx) {
	t := d.inTurn(req)
	if t == nil {
		d.e.reply(req, tx, 500, "CSeq Out Of Order") // RFC 3261 section 12.2.2
		return
	}
	handedOn := t.done
	release := func() {
		if handedOn != nil {
			close(handedOn)
			handedOn = nil
		}
	}
	defer release()
	if req.Method == sip.BYE {
		d.byeReceived(req, tx)
		return
	}
	if d.ctx.Err() != nil {
		d.e.reply(req, tx, 481, "")
		return
	}
	switch req.Method {
	case sip.INVITE:
		d.reinvited(req, tx, release)
	case sip.UPDATE:
		d.updated(req, tx, release)
	case sip.OPTIONS:
		d.e.reply(req, tx, 200, "", capabilities()...)
	case sip.INFO, sip.REFER, sip.NOTIFY:
		d.put(d.newRequest(req, tx), release)
	case sip.PRACK:
		d.pracked(req, tx, release)
	default:
		d.e.reply(req, tx, 405, "", Header{"Allow", allow})
	}
}

// reinvited serves a re-INVITE (RFC 3261 section 14.2).
func (d *Dialog) reinvited(req *sip.Request, tx *sip.ServerTx, release func()) {
	r := d.newRequest(req, tx)
	if d.refusedAsBrief(r) || !d.negotiable(r) {
		return
	}
	r.watchCancel()
	d.e.respond(tx, d.e.response(req, 100, ""))
	d.put(r, release)
}

// updated serves an UPDATE (RFC 3311): with SDP like a re-INVITE in two messages, without it a target refresh and a sign
// of life.
func (d *Dialog) updated(req *sip.Request, tx *sip.ServerTx, release func()) {
	r := d.newRequest(req, tx)
	if d.refusedAsBrief(r) {
		return
	}
	if r.Body == nil && len(req.Body()) == 0 {
		_, _ = r.Respond(200, "", nil)
		return
	}
	if !d.negotiable(r) {
		return
	}
	d.put(r, release)
}

// refusedAsBrief answers a session interval that is too short for us.
func (d *Dialog) refusedAsBrief(r *Request) bool {
	d.mu.Lock()
	least, brief := d.life.wish.tooBrief(r.req)
	d.mu.Unlock()
	if brief {
		_, _ = r.respond(422, "", nil, least)
	}
	return brief
}

// negotiable takes the right to change the session, or answers that it cannot be had now (RFC 3261 section 14.2, RFC 3311
// section 5.2). The request gives it
// back when it is settled.
func (d *Dialog) negotiable(r *Request) bool {
	if r.wrongBody {
		_, _ = r.respond(415, "", nil, Header{"Accept", accept})
		return false
	}
	later := Header{"Retry-After", fmt.Sprint(rand.IntN(11))} // RFC 3261 section 14.2: between 0 and 10 seconds
	switch d.firstDeal() {
	case ourOffer:
		_, _ = r.respond(491, "", nil)
		return false
	case theirOffer:
		_, _ = r.respond(500, "", nil, later)
		return false
	case settled:
	}
	select {
	case d.deal <- struct{}{}:
		r.dealt = sync.OnceFunc(func() { <-d.deal })
		return true
	default:
	}
	d.mu.Lock()
	ours := d.dealOurs
	d.mu.Unlock()
	if ours {
		_, _ = r.respond(491, "", nil)
	} else {
		_, _ = r.respond(500, "", nil, later)
	}
	return false
}

// firstDeal says how far the first offer and answer have come.
func (d *Dialog) firstDeal() offered {
	ours := d.caller || d.offer == nil
	d.mu.Lock()
	defer d.mu.Unlock()
	switch {
	case d.earlyDeal || d.phase == up || d.phase == answered && !ours:
		return settled
	case ours:
		return ourOffer
	}
	return theirOffer
}

// offered is whose offer waits for an answer. The set is closed.
type offered uint8

const (
	settled offered = iota
	ourOffer
	theirOffer
)

// put hands a request to the user of the dialog and stays until it is settled; the library ends its transaction then.
func (d *Dialog) put(r *Request, release func()) {
	select {
	case d.asks <- r:
	default:
		_, _ = r.respond(500, "Too Many Requests Pending", nil, Header{"Retry-After", "1"})
	}
	release()
	limit := time.NewTimer(d.e.cfg.Timeouts.Request)
	defer limit.Stop()
	select {
	case <-r.taken:
	case <-r.withdrawn:
	case <-d.ctx.Done():
	case <-limit.C:
		d.log.Warn("nobody answered a request of the far side", methodField(r.Method))
	}
	r.fallback()
	<-r.settled
}
