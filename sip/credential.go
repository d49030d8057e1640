package sip

import (
	"errors"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/digest"
)

// maxChallenges is how often one request is sent again with credentials: a proxy's challenge, the server's, and one
// nonce that went stale meanwhile.
const maxChallenges = 3

// proof is the request of a method that is being sent, as often as it is challenged. The answers to challenges are the
// trunk's, so that the next call, and the BYE of this one, carry theirs at once. d.mu is held.
func (d *Dialog) proof(method sip.RequestMethod) *digest.Exchange {
	if d.trunk == nil || d.trunk.Username == "" {
		return nil
	}
	x, ok := d.exchanges[method]
	if !ok {
		if d.exchanges == nil {
			d.exchanges = map[sip.RequestMethod]*digest.Exchange{}
		}
		x = d.trunk.client.Begin()
		d.exchanges[method] = x
	}
	return x
}

// challenged reports whether res asks for credentials that we have, so that the request should be sent again. It is to be
// told of every final response.
func (d *Dialog) challenged(req *sip.Request, res *sip.Response) bool {
	ask := "WWW-Authenticate"
	d.mu.Lock()
	x := d.proof(req.Method)
	switch {
	case x == nil:
	case res.StatusCode == 401:
	case res.StatusCode == 407:
		ask = "Proxy-Authenticate"
	default:
		delete(d.exchanges, req.Method) // the next request of this method begins anew
		x = nil
	}
	d.mu.Unlock()
	if x == nil {
		return false
	}
	var challenges []string
	for _, h := range res.GetHeaders(ask) {
		challenges = append(challenges, h.Value())
	}
	err := x.Challenged(res.StatusCode, challenges)
	if err == nil {
		return true
	}
	d.mu.Lock()
	delete(d.exchanges, req.Method)
	d.mu.Unlock()
	if errors.Is(err, digest.ErrDenied) {
		d.log.Error("trunk refuses our password", zap.String("trunk", d.trunk.Name), zap.Int("status", res.StatusCode), zap.Error(err))
	} else {
		d.log.Warn("challenge not answered", zap.String("trunk", d.trunk.Name), zap.Int("status", res.StatusCode), zap.Error(err))
	}
	return false
}

// authorize adds our answers to the challenges that are known.
func (d *Dialog) authorize(req *sip.Request) {
	d.mu.Lock()
	x := d.proof(req.Method)
	d.mu.Unlock()
	if x == nil {
		return
	}
	for _, h := range x.Authorize(string(req.Method), req.Recipient.String(), req.Body()) {
		req.AppendHeader(sip.NewHeader(h.Name, h.Value))
	}
}
