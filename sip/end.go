package sip

import (
	"context"
	"errors"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// Hangup ends the dialog by what its state asks for: a final response, CANCEL or BYE. It returns at once, may be called
// any number of times, and the first call counts.
//
// An INVITE that came in and has no final response gets status (from 300 on, else 480) and phrase. CANCEL and BYE carry
// them in a Reason header (RFC 3326) unless status is 0: Hangup(200, "Call completed elsewhere"). The headers go with a
// final response only.
func (d *Dialog) Hangup(status int, phrase string, headers ...Header) {
	d.leave(&Ended{Why: HungUp, Status: status, Reason: phrase}, status, phrase, headers...)
}

// leave ends the dialog from our side.
func (d *Dialog) leave(end *Ended, status int, phrase string, headers ...Header) {
	d.mu.Lock()
	if d.over {
		d.mu.Unlock()
		return
	}
	phase := d.phase
	if end.Why == HungUp && phase == early {
		end.Why = Cancelled
		if !d.caller {
			end.Why = Rejected
		}
	}
	d.end(end)
	d.mu.Unlock()
	d.log.Debug("leaving", zap.Error(end))
	if !d.e.run(func() { d.lastWords(phase, status, phrase, headers) }) {
		d.close()
	}
}

// end marks the dialog as over; the caller holds mu. Whoever sees that it is over must be able to see why: an answer that
// crosses the CANCEL is hung up only by who knows that we left.
func (d *Dialog) end(why *Ended) {
	d.over = true
	d.cancel(why)
}

// left ends the dialog from the far side, or because it is broken: there is nothing to say to anybody.
func (d *Dialog) left(end *Ended) bool {
	d.mu.Lock()
	if d.over {
		d.mu.Unlock()
		return false
	}
	d.end(end)
	d.mu.Unlock()
	d.log.Debug("left", zap.Error(end))
	// A call that we placed and that has no final response yet is closed by the loop that reads its responses.
	if !d.caller || !d.inPhase(early) {
		d.close()
	}
	return true
}

// close gives back what is held for the dialog.
func (d *Dialog) close() {
	d.ended.Do(func() {
		d.mu.Lock()
		if d.grace != nil {
			d.grace.Stop()
		}
		d.life.end()
		d.remindNoMore()
		d.mu.Unlock()
		d.e.dialogs.ended(d)
		close(d.gone)
	})
}

// lastWords says what the phase asks for.
func (d *Dialog) lastWords(p phase, status int, phrase string, headers []Header) {
	defer d.close()
	switch p {
	case early:
		if d.caller {
			<-d.calling // the loop of the call sends CANCEL, and BYE should an answer cross it
			return
		}
		if status < 300 || status > 699 {
			status = 480
		}
		d.refuse(status, phrase, headers...)
	case answered:
		d.waitACK() // RFC 3261 section 15: no BYE before the ACK, or the end of its time (S7)
		d.bye(status, phrase)
	case up:
		d.bye(status, phrase)
	case refused:
	}
}

// waitACK waits for the ACK of our 2xx, at most Timeouts.ByeBeforeACK.
func (d *Dialog) waitACK() {
	limit := time.NewTimer(d.e.cfg.Timeouts.ByeBeforeACK)
	defer limit.Stop()
	select {
	case <-d.acked:
	case <-limit.C:
	case <-d.e.base.Done():
	}
}

// bye says BYE and waits for the answer, at most Timeouts.Bye. While a browser's socket is lost it waits for another one
// as long as the dialog would have.
func (d *Dialog) bye(status int, phrase string) {
	until := time.Now().Add(d.e.cfg.Timeouts.Bye + d.e.cfg.Timeouts.FlowGrace)
	for {
		var headers []Header
		if status != 0 {
			headers = append(headers, reasonHeader(status, phrase))
		}
		ctx, stop := context.WithTimeout(d.e.base, d.e.cfg.Timeouts.Bye)
		_, err := d.ask(ctx, "BYE", nil, "", headers)
		stop()
		if err == nil || !errors.Is(err, errFlowGone) || !d.waitFlow(until) {
			if err != nil {
				d.log.Debug("BYE not confirmed", zap.Error(err))
			}
			return
		}
	}
}

// waitFlow waits until the dialog is bound to a socket that is open.
func (d *Dialog) waitFlow(until time.Time) bool {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case now := <-tick.C:
			if d.e.alive(d.e.dialogs.flowOf(d)) {
				return true
			}
			if now.After(until) {
				return false
			}
		case <-d.e.base.Done():
			return false
		}
	}
}

// Warning tells people in words why we refuse (RFC 3261 section 20.43).
func Warning(why string) Header { return Header{"Warning", `399 cordboard "` + quotedText(why) + `"`} }

// byeReceived serves their BYE. It wins in every state (W5): also over an INVITE of theirs that has no answer yet.
func (d *Dialog) byeReceived(req *sip.Request, tx *sip.ServerTx) {
	d.e.reply(req, tx, 200, "")
	if !d.caller && d.inPhase(early) {
		d.refuse(487, "")
	}
	d.confirm(nil)
	d.left(&Ended{Remote: true, Why: HungUp, Reason: header(req, "Reason")})
}

// cancelledBy ends a call that its caller gave up. The transaction has sent 487 already, or is asked to now.
func (d *Dialog) cancelledBy(reason string) {
	if d.left(&Ended{Remote: true, Why: Cancelled, Status: 487, Reason: reason}) {
		d.refuse(487, "")
	}
}
