package sip

import (
	"net"

	"github.com/emiago/sipgo/sip"
)

// arrived hears every message in the order in which its connection delivered it, in the goroutine that reads there and
// before the library hands the message to a goroutine of its own. Whatever depends on order is decided here (W5): which
// INVITE was first, whether a CSeq went backwards, that a dialog was acknowledged. It must be quick and never block.
func (e *Endpoint) arrived(msg sip.Message) {
	defer e.guard("arrival", nil)
	e.line.named(msg)
	e.hears(msg)
	if res, ok := msg.(*sip.Response); ok {
		e.responseArrived(res)
		return
	}
	req, ok := msg.(*sip.Request)
	if !ok {
		return
	}
	stampReceived(req)
	if req.CallID() == nil || req.CSeq() == nil || req.From() == nil || req.To() == nil {
		return // refused by dispatch
	}
	tag, inDialog := req.To().Params.Get("tag")
	switch {
	case inDialog:
		if d := e.dialogs.find(req.CallID().Value(), tag); d != nil {
			d.arrived(req)
		}
	case req.IsInvite():
		e.invites.arrived(req)
	case req.IsCancel():
		e.invites.cancelArrived(req)
	}
}

// stampReceived adds the received parameter when the sender's own idea of its address is another (RFC 3261 section
// 18.2.1).
func stampReceived(req *sip.Request) {
	via := req.Via()
	if via == nil {
		return
	}
	host, _, err := net.SplitHostPort(req.Source())
	if err == nil && trimBrackets(via.Host) != host {
		via.Params.Add("received", host)
	}
}

// responseArrived keeps the order of the provisional responses to a call that we placed, and their place before the final
// one: early media and a 180 before the 200 would else be lost in the race.
func (e *Endpoint) responseArrived(res *sip.Response) {
	from, cseq := res.From(), res.CSeq()
	if !res.IsProvisional() || res.StatusCode == 100 || from == nil || cseq == nil || cseq.MethodName != sip.INVITE || res.CallID() == nil {
		return
	}
	tag, _ := from.Params.Get("tag")
	d := e.dialogs.find(res.CallID().Value(), tag)
	if d == nil || !d.caller {
		return
	}
	select {
	case d.provisional <- res:
	default: // nobody keeps up with so many; the next one says the same
	}
}
