package sip

import "context"

// Invitation is a call that we place.
type Invitation struct {
	To      Target
	From    Address
	Privacy bool     // withhold From: anonymous (RFC 3323) with Privacy: id; the number goes to trunks in P-Asserted-Identity
	Offer   []byte   // SDP; nil: the far side's 2xx brings the offer and Invite ACKs with what Answer makes of it
	Headers []Header // Alert-Info, X-…, anything for the far side
	// Answer makes the answer for the ACK when Offer was nil (RFC 3261 section 13.2.1).
	Answer func(offer []byte) (answer []byte, err error)
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
// it may, reads on until the final response, and acknowledges and hangs up an answer that crossed the CANCEL.
func (e *Endpoint) Invite(ctx context.Context, inv Invitation) (d *Dialog, answer []byte, err error) {
	return nil, nil, errNotYet
}
