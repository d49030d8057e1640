package call

import (
	"context"
	"errors"
	"fmt"
)

// By says which side ended something.
type By string

// The sides.
const (
	ByCustomer By = "customer"
	ByAgent    By = "agent"
	ByUs       By = "gateway"
)

// Reason is why a leg or a call ended. The set is closed; every place that speaks of an ending (SIP, HTTP, metrics,
// Salesforce) maps from here, in this file and nowhere else.
type Reason string

// The reasons.
const (
	Hungup         Reason = "hungup"          // a conversation ended as conversations do
	Cancelled      Reason = "cancelled"       // the caller gave up before the answer
	NoAnswer       Reason = "no-answer"       // nobody took it in time
	Busy           Reason = "busy"            //
	Declined       Reason = "declined"        // a person said no
	Unreachable    Reason = "unreachable"     // no device registered, no route, the far side does not respond
	NotFound       Reason = "not-found"       // the number leads nowhere
	Forbidden      Reason = "forbidden"       // the caller may not do that
	NotAcceptable  Reason = "not-acceptable"  // no common codec or media address (488)
	TakenElsewhere Reason = "taken-elsewhere" // another device or another agent answered first
	Transferred    Reason = "transferred"     // handed on; the story goes on without this leg
	MediaLost      Reason = "media-lost"      // no sound path: ICE or DTLS never came, or RTP stopped
	SignalLost     Reason = "signal-lost"     // no ACK, dead flow, session expired
	Overloaded     Reason = "overloaded"      // a limit of ours or a 503 of theirs
	Failed         Reason = "failed"          // any other refusal of the far side
	Stopped        Reason = "gateway-stopped" // we went away: drain, crash
)

// Ending is how a leg or a call came to its end. It is a result, not an error; Ended carries it where an error is needed.
type Ending struct {
	By     By     `json:"by"`
	Reason Reason `json:"reason"`
	Code   int    `json:"code,omitempty"` // the SIP status received, when there was one
}

// String reads "customer: hungup" or "agent: busy (486)".
func (e Ending) String() string {
	if e.Code != 0 {
		return fmt.Sprintf("%s: %s (%d)", e.By, e.Reason, e.Code)
	}
	return fmt.Sprintf("%s: %s", e.By, e.Reason)
}

// Lost reports whether nobody ended it: the connection was lost, and whoever was there may come back by another one.
func (e Ending) Lost() bool { return e.Reason == MediaLost || e.Reason == SignalLost }

// Ended is an Ending as an error: the cause of a leg's context, the result of a dial that nobody answered.
type Ended struct{ Ending }

func (e *Ended) Error() string { return e.Ending.String() }

// EndingOf says how a leg's context (or one derived from it) ended. A context that was cancelled without a cause of ours
// ended because the gateway stopped; one that is still alive has the zero Ending.
func EndingOf(ctx context.Context) Ending {
	if ctx.Err() == nil {
		return Ending{}
	}
	return EndingOfError(context.Cause(ctx))
}

// EndingOfError takes the Ending out of an error; any other error is a failure on our side.
func EndingOfError(err error) Ending {
	var e *Ended
	switch {
	case errors.As(err, &e):
		return e.Ending
	case errors.Is(err, context.Canceled):
		return Ending{By: ByUs, Reason: Stopped}
	case errors.Is(err, context.DeadlineExceeded):
		return Ending{By: ByUs, Reason: NoAnswer}
	default:
		return Ending{By: ByUs, Reason: Failed}
	}
}

// SIP is the final response that tells a caller of this ending (RFC 3261 section 21).
func (e Ending) SIP() (status int, phrase string) {
	switch e.Reason {
	case Hungup, Cancelled, Transferred, TakenElsewhere:
		return 487, "Request Terminated"
	case NoAnswer:
		return 480, "Temporarily Unavailable"
	case Busy:
		return 486, "Busy Here"
	case Declined:
		return 603, "Decline"
	case Unreachable, MediaLost, SignalLost:
		return 480, "Temporarily Unavailable"
	case NotFound:
		return 404, "Not Found"
	case Forbidden:
		return 403, "Forbidden"
	case NotAcceptable:
		return 488, "Not Acceptable Here"
	case Overloaded, Stopped:
		return 503, "Service Unavailable"
	case Failed:
		return 500, "Server Internal Error"
	}
	return 500, "Server Internal Error"
}

// ReasonOfSIP is the other way round: what a final response of the far side means (RFC 3261 section 21).
func ReasonOfSIP(status int) Reason {
	switch status {
	case 403, 401, 407:
		return Forbidden
	case 404, 410, 484, 604:
		return NotFound
	case 408:
		return NoAnswer
	case 480:
		return Unreachable
	case 486, 600:
		return Busy
	case 487:
		return Cancelled
	case 488, 606, 415:
		return NotAcceptable
	case 603, 607:
		return Declined
	case 503:
		return Overloaded
	}
	return Failed
}

// ReasonOfCause is what a cause of the telephone network means (Q.850), which a carrier's gateway sends along in a Reason
// header field (RFC 3326); "" when it says nothing more than the SIP status.
func ReasonOfCause(q850 int) Reason {
	switch q850 {
	case 1, 2, 3, 22, 28:
		return NotFound
	case 17:
		return Busy
	case 18, 19:
		return NoAnswer
	case 20, 27:
		return Unreachable
	case 21:
		return Declined
	case 34, 42, 44, 47:
		return Overloaded
	case 57, 58, 65, 88:
		return NotAcceptable
	}
	return ""
}

// HTTP is the status by which the API tells of this ending when it prevented what was asked for.
func (e Ending) HTTP() int {
	switch e.Reason {
	case Hungup, Cancelled, Transferred, TakenElsewhere:
		return 409
	case NoAnswer, Busy, Declined, Unreachable, MediaLost, SignalLost:
		return 409
	case NotFound:
		return 404
	case Forbidden:
		return 403
	case NotAcceptable:
		return 422
	case Overloaded, Stopped:
		return 503
	case Failed:
		return 502
	}
	return 500
}
