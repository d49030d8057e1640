package sip

import (
	"github.com/emiago/sipgo/sip"
)

// progressedBefore takes the provisional responses that arrived before the final one.
func (d *Dialog) progressedBefore(req *sip.Request, inv Invitation) {
	for d.ctx.Err() == nil {
		select {
		case res := <-d.provisional:
			d.progressed(req, res, inv)
		default:
			return
		}
	}
}

// progressed takes a provisional response: it may bring the far side's tag, address and early media.
func (d *Dialog) progressed(req *sip.Request, res *sip.Response, inv Invitation) {
	if res.StatusCode == 100 {
		return
	}
	d.learn(res)
	if !d.acknowledgeEarly(req, res, inv) {
		return
	}
	if inv.Progress != nil {
		sdp, _ := sdpOf(res)
		inv.Progress(res.StatusCode, sdp)
	}
}

// learn takes the dialog's state from a response (RFC 3261 section 12.1.2).
func (d *Dialog) learn(res *sip.Response) {
	d.mu.Lock()
	if to := res.To(); to != nil {
		d.remote.tag, _ = to.Params.Get("tag")
	}
	d.routes = d.routes[:0:0]
	rrs := res.GetHeaders("Record-Route")
	for i := len(rrs) - 1; i >= 0; i-- {
		if h, ok := rrs[i].(*sip.RecordRouteHeader); ok {
			d.routes = append(d.routes, *h.Address.Clone())
		}
	}
	d.mu.Unlock()
	d.refreshTarget(res)
}
