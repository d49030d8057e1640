package sip

import (
	"fmt"
	"net/netip"
	"time"
)

// Address is a party as From and To name it.
type Address struct {
	Display string // without quotes; may be empty
	User    string // the user part of the URI: a number or an id; empty when anonymous
	Host    string // empty in an Invitation: our own
}

// Header is one header field of a message.
type Header struct{ Name, Value string }

// Origin is who began a dialog with us. The set is closed.
type Origin interface{ origin() }

type (
	// FromTrunk is a call that came in by a trunk.
	FromTrunk struct{ Trunk string }
	// FromUser is a call begun by one of our own users, authenticated.
	FromUser struct{ AOR string }
)

func (FromTrunk) origin() {}
func (FromUser) origin()  {}

// Target is where an Invitation goes. The set is closed.
type Target interface{ target() }

type (
	// ToDevice rings one registered device.
	ToDevice struct{ Device Device }
	// ToTrunk calls a number by a trunk.
	ToTrunk struct{ Trunk, Number string }
)

func (ToDevice) target() {}
func (ToTrunk) target()  {}

// Device is one live registration: a browser's socket or a desk phone.
type Device struct {
	AOR       string
	Contact   string         // as it was received
	Instance  string         // +sip.instance (RFC 5626), the same after a reconnect; empty when the device has none
	RegID     int            // reg-id (RFC 5626), 0 when none
	Transport string         // "udp", "tcp" or "ws"
	Remote    netip.AddrPort // the far end of the flow it registered over
	UserAgent string
	Since     time.Time // the first REGISTER of this binding; kept when it comes back by another flow
	Expires   time.Time
}

// Browser reports whether the device is a browser, which wants WebRTC media.
func (d Device) Browser() bool { return d.Transport == "ws" }

// Why is why a dialog ended. The set is closed.
type Why string

// The reasons.
const (
	HungUp    Why = "hung-up"   // BYE of either side
	Cancelled Why = "cancelled" // before the answer: the caller gave up, we or they
	Rejected  Why = "rejected"  // a final response from 300 on, theirs or ours
	NoACK     Why = "no-ack"    // our 2xx was never acknowledged
	FlowLost  Why = "flow-lost" // the browser's socket went and did not come back
	TimedOut  Why = "timed-out" // no answer at all to our INVITE
	Expired   Why = "expired"   // nobody refreshed the session in time (RFC 4028)
	Broken    Why = "broken"    // transport error, a panic, anything that should not happen
	Stopped   Why = "stopped"   // the endpoint was closed
)

// Ended is the cause with which a dialog's context is cancelled.
type Ended struct {
	Remote bool   // the far side ended it
	Why    Why    //
	Status int    // the SIP status received or sent, when there was one
	Reason string // the Reason header (RFC 3326) of the BYE or CANCEL, or the reason phrase of the final response
	Err    error  // for Broken
}

func (e *Ended) Error() string {
	side := "we"
	if e.Remote {
		side = "they"
	}
	s := fmt.Sprintf("dialog ended: %s (%s)", e.Why, side)
	if e.Status != 0 {
		s += fmt.Sprintf(" %d", e.Status)
	}
	if e.Reason != "" {
		s += " " + e.Reason
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

func (e *Ended) Unwrap() error { return e.Err }

// Refused is a final response from 300 on to a request of ours. A request that was never answered is 408, one that
// could not be sent 503, as RFC 3261 section 8.1.3.1 says.
type Refused struct {
	Status int
	Reason string   // the reason phrase
	Header []Header // the header fields of the response: Retry-After, Contact, Reason, Warning …
	Err    error    // what happened when the response is ours (408, 503)
	Ours   bool     // a limit of the trunk refused it; Reason says which
}

func (r *Refused) Error() string {
	if r.Err != nil {
		return fmt.Sprintf("refused: %d %s: %v", r.Status, r.Reason, r.Err)
	}
	return fmt.Sprintf("refused: %d %s", r.Status, r.Reason)
}

func (r *Refused) Unwrap() error { return r.Err }
