package sip

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Reliability is whether provisional responses are acknowledged (RFC 3262). The set is closed.
type Reliability uint8

// The policies.
const (
	Supported   Reliability = iota // where the far side asks for it, and for early media to who can
	Unsupported                    // never: a far side that insists is refused with 420
	Required                       // always: a far side that cannot is refused with 421
)

// reliable is our reliable provisional responses to one INVITE: one after the other, each repeated until its PRACK
// (RFC 3262 section 3). Its fields are guarded by Dialog.mu.
type reliable struct {
	always  bool            // every provisional response is
	able    bool            // the far side can
	last    uint32          // RSeq of the latest
	waiting []*sip.Response // in order; the first one is out when sending
	sending bool
	closing bool          // a final response is about to be sent: those that wait stay unsaid
	acked   chan struct{} // closed by the PRACK for the one that is out
	told    bool          // a session description of ours was in one
	answer  []byte        // SDP of the PRACK, when the INVITE had none
	final   chan struct{} // closed when the final response makes the rest needless
}

// reliability reads what the INVITE asks for; refuse is 420 or 421 when that does not fit our policy.
func (p Reliability) of(req *sip.Request) (r *reliable, refuse int) {
	always, able := lists(req, "Require", "100rel"), lists(req, "Supported", "100rel")
	switch {
	case p == Unsupported && always:
		return nil, 420
	case p == Required && !always && !able:
		return nil, 421
	case p == Unsupported || !always && !able:
		return nil, 0
	}
	return &reliable{always: always || p == Required, able: true, last: rand.Uint32N(1<<31-1) + 1, final: make(chan struct{})}, 0
}

// OffersEarly reports whether the first provisional response must carry our offer: the INVITE had none and insists on
// reliable responses (RFC 3261 section 13.2.1).
func (d *Dialog) OffersEarly() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.reliable
	return !d.caller && d.offer == nil && r != nil && r.always && !r.told
}

// wantsPRACK reports whether a provisional response is sent reliably; the caller holds mu.
func (r *reliable) wantsPRACK(sdp []byte) bool {
	return r != nil && (r.always || r.able && sdp != nil)
}

// sendReliably queues a provisional response. Only one at a time may be out.
func (d *Dialog) sendReliably(res *sip.Response, sdp []byte) {
	r := d.reliable
	d.mu.Lock()
	r.waiting = append(r.waiting, res)
	r.told = r.told || sdp != nil
	begin := !r.sending
	r.sending = true
	d.mu.Unlock()
	if begin {
		d.e.run(d.sendWaiting)
	}
}

func (d *Dialog) sendWaiting() {
	r := d.reliable
	for {
		d.mu.Lock()
		if len(r.waiting) == 0 || r.closing || d.phase != early {
			r.sending, r.waiting = false, nil
			d.mu.Unlock()
			return
		}
		res := r.waiting[0]
		r.last++
		r.acked = make(chan struct{})
		acked := r.acked
		res.AppendHeader(sip.NewHeader("RSeq", strconv.FormatUint(uint64(r.last), 10)))
		d.mu.Unlock()
		d.e.respond(d.tx, res)
		if !d.insist(func() { d.e.respond(d.tx, res) }, acked, d.ctx.Done(), r.final) {
			d.log.Info("provisional response never acknowledged")
			d.leave(&Ended{Why: NoACK, Status: 504}, 504, "")
		}
		d.mu.Lock()
		if len(r.waiting) > 0 {
			r.waiting = r.waiting[1:]
		}
		d.mu.Unlock()
	}
}

// awaitPRACK waits for the PRACK of a response that is out, for as long as it takes when it must not be overtaken, and
// else for a moment: there are callers who do not expect the answer before.
func (d *Dialog) awaitPRACK(acked <-chan struct{}, needed bool) {
	if acked == nil {
		return
	}
	var moment <-chan time.Time
	if !needed {
		limit := time.NewTimer(d.e.cfg.Timeouts.T1)
		defer limit.Stop()
		moment = limit.C
	}
	select {
	case <-acked:
	case <-d.ctx.Done():
	case <-moment:
	}
}

// settleReliable waits until a session description that was sent reliably is acknowledged, and ends the rest: a 2xx may
// not overtake it (RFC 3262 section 3). told says that the 2xx needs none any more.
func (d *Dialog) settleReliable() (told bool) {
	d.mu.Lock()
	r := d.reliable
	if r == nil {
		d.mu.Unlock()
		return false
	}
	r.closing = true
	acked := r.acked
	needed := acked != nil && len(r.waiting) > 0 && len(r.waiting[0].Body()) > 0
	d.mu.Unlock()
	d.awaitPRACK(acked, needed)
	d.mu.Lock()
	defer d.mu.Unlock()
	select {
	case <-r.final:
	default:
		close(r.final)
	}
	return d.earlyDeal
}

// pracked serves a PRACK (RFC 3262 section 3). Its body is the answer to the offer that we sent early, or a new offer.
func (d *Dialog) pracked(req *sip.Request, tx *sip.ServerTx, release func()) {
	if !d.acknowledged(req) {
		d.e.reply(req, tx, 481, "")
		return
	}
	r := d.newRequest(req, tx)
	switch {
	case r.Body == nil || d.offer == nil:
		_, _ = r.respond(200, "", nil)
	case d.negotiable(r):
		d.put(r, release)
	}
}

// acknowledged matches a PRACK with the response that is out.
func (d *Dialog) acknowledged(req *sip.Request) bool {
	rack := strings.Fields(header(req, "RAck"))
	if d.caller || len(rack) != 3 {
		return false
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	r := d.reliable
	if r == nil || r.acked == nil || rack[0] != fmt.Sprint(r.last) || rack[1] != fmt.Sprint(d.invite.CSeq().SeqNo) || !strings.EqualFold(rack[2], "INVITE") {
		return false
	}
	if !d.earlyDeal && len(r.waiting) > 0 && len(r.waiting[0].Body()) > 0 {
		d.earlyDeal = true
		if d.offer == nil {
			r.answer, _ = sdpOf(req)
		}
	}
	close(r.acked)
	r.acked = nil
	return true
}
