package sip

import (
	"context"
	"errors"
)

var errNotYet = errors.New("sip: not yet")

// Dialog is one dialog (RFC 3261 section 12), begun by either side, from its first INVITE to its BYE. All methods are
// safe for concurrent use.
type Dialog struct{}

// ID is unique in the process and short enough for a log line.
func (d *Dialog) ID() string { return "" }

// CallID is the Call-ID header, by which the far side's logs know the call.
func (d *Dialog) CallID() string { return "" }

// Context ends with the dialog, with a cause of type *Ended.
func (d *Dialog) Context() context.Context { return nil }

// Offer is the SDP of the INVITE that came in; nil when it had none, and we are to offer (RFC 3261 section 13.3.1).
func (d *Dialog) Offer() []byte { return nil }

// From is who called, as the far side's From says.
func (d *Dialog) From() Address { return Address{} }

// To is who was called, as To says; for whom a call is meant see Called.
func (d *Dialog) To() Address { return Address{} }

// Called is the user part of the request URI: the number or id that was dialled.
func (d *Dialog) Called() string { return "" }

// Header is the first value of a header field of the INVITE, or of the 2xx when we called; "" when there is none.
func (d *Dialog) Header(name string) string { return "" }

// Origin is who called us; nil for a call that we placed.
func (d *Dialog) Origin() Origin { return nil }

// Device is the registered device at the far end, when there is one.
func (d *Dialog) Device() (Device, bool) { return Device{}, false }

// Progress sends a provisional response (180, 183), with early media when sdp is not nil. After the final response it
// does nothing.
func (d *Dialog) Progress(status int, sdp []byte) error { return errNotYet }

// Answer sends 200 and returns when it was acknowledged. It repeats the 200 until the ACK or any later request of the
// dialog arrives, at most Timeouts.NoACK; then it hangs up and the error is *Ended with NoACK. The error is the dialog's
// *Ended when the caller went before. ackBody is the SDP in the ACK: the answer, when the INVITE had no offer.
// ctx bounds the wait only; the dialog goes on.
func (d *Dialog) Answer(ctx context.Context, sdp []byte) (ackBody []byte, err error) { return nil, errNotYet }

// Reoffer changes the session by a re-INVITE and returns the answer. One at a time: a second call waits for the first.
// When both sides asked at once (491) it waits as RFC 3261 section 14.1 says and tries again. The error is *Refused (the
// session is then as before), *Ended, or the cause of ctx.
func (d *Dialog) Reoffer(ctx context.Context, sdp []byte) (answer []byte, err error) { return nil, errNotYet }

// Requests is what the far side asks for inside the dialog: re-INVITE, UPDATE with SDP, INFO, REFER, NOTIFY, MESSAGE.
// They come in order. One that is not responded to within Timeouts.Request is answered by us. It is never closed; wait
// on Context as well.
func (d *Dialog) Requests() <-chan *Request { return nil }

// Send sends a request other than INVITE, ACK, BYE and CANCEL inside the dialog (INFO, NOTIFY …) and waits for its
// final response; one from 300 on is *Refused.
func (d *Dialog) Send(ctx context.Context, method, contentType string, body []byte, headers ...Header) error {
	return errNotYet
}

// Hangup ends the dialog by what its state asks for: a final response, CANCEL or BYE. It returns at once, may be called
// any number of times, and the first call counts.
//
// An INVITE that came in and has no final response gets status (from 300 on, else 480) and phrase. CANCEL and BYE carry
// them in a Reason header (RFC 3326) unless status is 0: Hangup(200, "Call completed elsewhere").
func (d *Dialog) Hangup(status int, phrase string) {}

// Request is something the far side asks for inside a dialog.
type Request struct {
	Method      string // INVITE, UPDATE, INFO, REFER, NOTIFY, MESSAGE
	ContentType string // without parameters, in lower case
	Body        []byte // nil: none; an INVITE without a body asks us to offer
}

// Header is the first value of a header field, "" when there is none.
func (r *Request) Header(name string) string { return "" }

// Respond answers the request; body is SDP for INVITE and UPDATE and nothing otherwise. Only the first call counts.
//
// For a re-INVITE answered with 2xx it returns when the ACK has come (or any later request), and ackBody is then its SDP:
// the answer, when the re-INVITE had no offer. The 2xx is repeated until then; without any ACK the dialog ends with NoACK.
func (r *Request) Respond(status int, phrase string, body []byte, headers ...Header) (ackBody []byte, err error) {
	return nil, errNotYet
}
