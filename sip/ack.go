package sip

import (
	"context"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// acknowledge sends the ACK for a 2xx, by the dialog's route and not the transaction's (RFC 3261 section 13.2.2.4).
func (d *Dialog) acknowledge(ctx context.Context, req *sip.Request, sdp []byte) {
	ack, h, err := d.compose(ctx, "ACK", req.CSeq().SeqNo)
	if err == nil {
		for _, name := range [...]string{"Authorization", "Proxy-Authorization"} { // RFC 3261 section 22.1
			if v := header(req, name); v != "" {
				ack.AppendHeader(sip.NewHeader(name, v))
			}
		}
		if len(sdp) > 0 {
			ack.AppendHeader(sip.NewHeader("Content-Type", mimeSDP))
		}
		ack.SetBody(sdp)
		if err = d.e.address(ack, h); err == nil {
			err = d.e.transport.WriteMsg(ack)
			d.e.says(ack)
		}
		d.mu.Lock()
		d.lastACK = ack // not before: sending writes into it
		d.mu.Unlock()
	}
	if err != nil {
		d.log.Info("ACK not sent", zap.Error(err))
	}
}

// acknowledgeAgain repeats the ACK for a 2xx that was repeated: the first one was lost.
func (d *Dialog) acknowledgeAgain(*sip.Response) {
	d.mu.Lock()
	ack := d.lastACK
	d.mu.Unlock()
	if ack == nil {
		return
	}
	if err := d.e.transport.WriteMsg(ack.Clone()); err != nil {
		d.log.Debug("ACK not repeated", zap.Error(err))
	}
}

// another2xx serves a further 2xx to our INVITE: a repetition, or another branch of a fork, which we hang up (RFC 3261
// section 13.2.2.4).
func (d *Dialog) another2xx(res *sip.Response) {
	tag := ""
	if to := res.To(); to != nil {
		tag, _ = to.Params.Get("tag")
	}
	d.mu.Lock()
	same, req := tag == d.remote.tag, d.placed
	d.mu.Unlock()
	if same || req == nil || req.CSeq().SeqNo != res.CSeq().SeqNo {
		d.acknowledgeAgain(res)
		return
	}
	d.e.run(func() { d.e.dismiss(d, req, res, tag) })
}

// dismiss acknowledges and hangs up a second answer to a call that was answered already.
func (e *Endpoint) dismiss(d *Dialog, req *sip.Request, res *sip.Response, tag string) {
	other := e.newDialog(d.name.callID, d.name.tag, e.log)
	defer other.cancel(&Ended{Why: HungUp})
	other.caller, other.bound, other.boundFlow = true, d.bound, e.dialogs.flowOf(d)
	d.mu.Lock()
	other.local, other.remote, other.network, other.source = d.local, d.remote, d.network, d.source
	other.localSeq, other.target = d.localSeq, d.target
	d.mu.Unlock()
	other.remote.tag = tag
	other.learn(res)
	other.acknowledge(e.base, req, nil)
	other.bye(0, "")
}

// sendCancel asks the far side to stop ringing.
func (d *Dialog) sendCancel(req *sip.Request) {
	cancel := sip.NewRequest(sip.CANCEL, req.Recipient)
	via := req.Via().Clone() // the same branch names the transaction to cancel (RFC 3261 section 9.1)
	cancel.AppendHeader(via)
	sip.CopyHeaders("Route", req, cancel)
	for _, name := range [...]string{"From", "To", "Call-ID"} {
		sip.CopyHeaders(name, req, cancel)
	}
	cancel.AppendHeader(&sip.CSeqHeader{SeqNo: req.CSeq().SeqNo, MethodName: sip.CANCEL})
	hops := sip.MaxForwardsHeader(70)
	cancel.AppendHeader(&hops)
	if how := d.how(); how != nil && how.Status != 0 && !how.Remote {
		r := reasonHeader(how.Status, how.Reason)
		cancel.AppendHeader(sip.NewHeader(r.Name, r.Value))
	}
	cancel.SetBody(nil)
	cancel.SetTransport(req.Transport())
	cancel.SetDestination(req.Destination())
	cancel.Laddr = req.Laddr
	d.e.run(func() {
		ctx, stop := context.WithTimeout(d.e.base, d.e.cfg.Timeouts.Bye)
		defer stop()
		tx, err := d.e.transactions.Request(ctx, cancel)
		if err != nil {
			d.log.Info("CANCEL not sent", zap.Error(err))
			return
		}
		d.e.says(cancel)
		for {
			select {
			case <-tx.Responses():
			case <-tx.Done():
				return
			case <-ctx.Done():
				tx.Terminate()
				return
			}
		}
	})
}

// strayResponse sees responses that belong to no transaction any more: a further 2xx to an INVITE of ours, whose
// transaction has been forgotten (see setLibraryGlobals), and what a hop says that was passed over.
func (e *Endpoint) strayResponse(res *sip.Response) {
	defer e.guard("stray response", nil)
	from, cseq := res.From(), res.CSeq()
	if res.StatusCode >= 300 || from == nil || cseq == nil || cseq.MethodName != sip.INVITE || res.CallID() == nil {
		return
	}
	tag, _ := from.Params.Get("tag")
	switch d := e.dialogs.find(res.CallID().Value(), tag); {
	case d == nil || !d.caller:
	case res.IsSuccess():
		d.another2xx(res)
	case d.passedOver():
		d.rings()
	}
}
