// Package sip is the telephone's signalling: one endpoint that trunks, desk phones and browsers call and are called
// through, with a registrar and a dialog of our own. It knows nothing of sound: a session description is bytes here.
//
//	trunk ── UDP/TCP ──┐              ┌── Calls.Inbound(ctx, *Dialog)   they call us
//	phone ── UDP/TCP ──┤── Endpoint ──┤
//	browser ─ WS ─ Door┘              └── Invite(ctx, Invitation)       we call them
//
// The transactions below the dialog (RFC 3261 section 17) are sipgo's; no type of that library leaves the package.
package sip
