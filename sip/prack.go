package sip

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// prack is our acknowledgements of the far side's reliable provisional responses.
type prack struct {
	heard  map[string]uint32 // RSeq of the latest, by the To tag of each branch of a fork
	tag    string            // whose session description sdp is
	sdp    []byte            // of the last provisional response that had one
	answer bool              // our answer to an offer of theirs went with a PRACK
}

// acknowledgeEarly acknowledges a provisional response that was sent reliably (RFC 3262 section 4); the dialog has learnt
// from it already. It is false for a repetition, and for one that came before its turn.
func (d *Dialog) acknowledgeEarly(req *sip.Request, res *sip.Response, inv Invitation) bool {
	sdp, _ := sdpOf(res)
	tag := toTag(res)
	if sdp != nil {
		d.prack.tag, d.prack.sdp = tag, sdp
	}
	rseq, err := strconv.ParseUint(header(res, "RSeq"), 10, 32)
	if d.reliability == Unsupported || err != nil || rseq == 0 || !lists(res, "Require", "100rel") {
		return true
	}
	last, known := d.prack.heard[tag]
	if known && uint32(rseq) != last+1 {
		return false
	}
	if d.prack.heard == nil {
		d.prack.heard = map[string]uint32{}
	}
	d.prack.heard[tag] = uint32(rseq)
	if sdp != nil {
		d.mu.Lock()
		d.earlyDeal = true
		d.mu.Unlock()
	}
	var body []byte
	if sdp != nil && inv.Offer == nil && inv.Answer != nil && !d.prack.answer {
		if body, err = inv.Answer(sdp); err != nil {
			d.log.Info("early offer not answered", zap.Error(err))
			body = nil
		}
		d.prack.answer = body != nil
	}
	d.sendPRACK(req, rseq, body)
	return true
}

// sendPRACK composes at once, while the dialog's state is that of the response, and does not wait for the answer.
func (d *Dialog) sendPRACK(invite *sip.Request, rseq uint64, body []byte) {
	req, h, err := d.compose(d.e.base, "PRACK", 0)
	if err != nil {
		d.log.Info("PRACK not sent", zap.Error(err))
		return
	}
	d.dress(req, h, body, mimeSDP, []Header{{"RAck", fmt.Sprintf("%d %d INVITE", rseq, invite.CSeq().SeqNo)}})
	d.e.run(func() {
		if res, err := d.e.ask(d.e.base, req, h); err != nil {
			d.log.Info("PRACK not answered", zap.Error(err))
		} else if res.StatusCode >= 300 {
			d.log.Info("PRACK refused", zap.Int("status", res.StatusCode))
		}
	})
}

// earlyAnswer is the session description that a 2xx without one left standing: that of a provisional response by the same
// far side (RFC 3262 section 5).
func (d *Dialog) earlyAnswer(res *sip.Response) []byte {
	if d.prack.tag != toTag(res) {
		return nil
	}
	return slices.Clone(d.prack.sdp)
}

func toTag(m interface{ To() *sip.ToHeader }) string {
	to := m.To()
	if to == nil {
		return ""
	}
	tag, _ := to.Params.Get("tag")
	return tag
}
