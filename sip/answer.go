package sip

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

var errMisused = errors.New("sip: not in this state of a dialog")

// Answer sends 200 and returns when it was acknowledged. It repeats the 200 until the ACK or any later request of the
// dialog arrives, at most Timeouts.NoACK; then it hangs up and the error is *Ended with NoACK. The error is the dialog's
// *Ended when the caller went before. ackBody is the SDP in the ACK: the answer, when the INVITE had no offer.
// ctx bounds the wait only; the dialog goes on.
func (d *Dialog) Answer(ctx context.Context, sdp []byte) (ackBody []byte, err error) {
	if d.caller {
		return nil, errMisused
	}
	if d.ctx.Err() != nil {
		return nil, d.how()
	}
	if d.settleReliable() {
		sdp = nil // offer and answer are complete (RFC 3262 section 5)
	}
	if d.setPhase(early, answered) {
		if err := d.accept(ctx, sdp); err != nil {
			return nil, err
		}
	}
	select {
	case <-d.acked:
	case <-d.ctx.Done():
	case <-ctx.Done():
	}
	if d.isAcked() { // also when it ended a moment later: there was a call
		d.mu.Lock()
		defer d.mu.Unlock()
		return slices.Clone(d.ackBody), nil
	}
	if d.ctx.Err() != nil {
		return nil, d.how()
	}
	return nil, context.Cause(ctx)
}

// accept sends the 200, and sees to it that it is heard: here while the caller of Answer waits, and beside him when his
// ctx or the dialog ends before the ACK.
func (d *Dialog) accept(ctx context.Context, sdp []byte) error {
	res := d.answerWith(200, "", sdp)
	res.AppendHeader(sip.NewHeader("Accept", accept))
	d.agree(d.invite, res)
	d.mu.Lock()
	d.answer = res
	d.remindNoMore()
	d.mu.Unlock()
	err := d.e.respondUnlessCancelled(d.invite, d.tx, res)
	if errors.Is(err, sip.ErrTransactionCanceled) {
		d.setPhase(answered, refused)
		d.left(&Ended{Remote: true, Why: Cancelled, Status: 487})
		return d.how()
	}
	if err != nil {
		d.log.Info("answer not sent", zap.Error(err))
	}
	again := func() { d.e.respond(d.tx, res) }
	switch {
	case !d.insist(again, d.acked, d.ctx.Done(), ctx.Done()):
		d.unheard()
	case !d.isAcked():
		d.e.run(func() {
			if !d.insist(again, d.acked, d.gone, nil) {
				d.unheard()
			}
		})
	}
	return nil
}

// unheard ends a call whose 200 nobody acknowledged: by a BYE (RFC 3261 section 13.3.1.4).
func (d *Dialog) unheard() {
	d.setPhase(answered, up) // there is nothing to wait for with the BYE
	d.leave(&Ended{Why: NoACK}, 0, "")
}

func (d *Dialog) isAcked() bool {
	select {
	case <-d.acked:
		return true
	default:
		return false
	}
}

// respondUnlessCancelled sends a final response to an INVITE. When a CANCEL was first, 487 is out already; but the
// transaction then holds our response, and would repeat it in the place of the 487. So it is given the 487 again.
func (e *Endpoint) respondUnlessCancelled(req *sip.Request, tx *sip.ServerTx, res *sip.Response) error {
	err := tx.Respond(res)
	if errors.Is(err, sip.ErrTransactionCanceled) {
		e.respond(tx, e.response(req, 487, ""))
	}
	if err == nil {
		e.says(res)
	}
	return err
}

// insist repeats a 2xx until confirmed is closed: after T1, doubling up to T2 (RFC 3261 section 13.3.1.4; the library's
// own transaction does not repeat it, RFC 6026). It is false when Timeouts.NoACK passed without. When needless is closed
// nobody is left to insist with; when elsewhere is, somebody else goes on.
func (d *Dialog) insist(again func(), confirmed, needless, elsewhere <-chan struct{}) bool {
	t := d.e.cfg.Timeouts
	pause, left := t.T1, t.NoACK
	next := time.NewTimer(pause)
	defer next.Stop()
	for {
		select {
		case <-confirmed:
			return true
		case <-needless:
			return true
		case <-elsewhere:
			return true
		case <-next.C:
			if left -= pause; left <= 0 {
				return false
			}
			again()
			pause = min(2*pause, t.T2, left)
			next.Reset(pause)
		}
	}
}

// refuse sends a final response from 300 on to their INVITE.
func (d *Dialog) refuse(status int, phrase string, headers ...Header) {
	if !d.setPhase(early, refused) {
		return
	}
	res := d.e.response(d.invite, status, phrase)
	if phrase != "" {
		headers = append(headers, reasonHeader(status, phrase))
	}
	for _, h := range headers {
		res.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
	d.mu.Lock()
	d.answer = res
	d.mu.Unlock()
	d.e.invites.finish(d.first, status, res.Reason)
	d.e.respond(d.tx, res)
}

// confirm notes that our 2xx to their INVITE was heard: by its ACK, or by any later request (W5).
func (d *Dialog) confirm(ack *sip.Request) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.phase != answered {
		return
	}
	d.phase = up
	if ack != nil {
		d.ackBody, _ = sdpOf(ack)
	}
	if d.reliable != nil && d.reliable.answer != nil {
		d.ackBody = d.reliable.answer
	}
	close(d.acked)
}
