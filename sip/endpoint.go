package sip

import (
	"context"
	"net"
	"net/http"
	"time"
)

// Calls is whom the endpoint tells of calls that come in.
type Calls interface {
	// Inbound tells the story of one call, in the goroutine that was started for its INVITE. When it returns the call
	// is over: without a final response it is refused with 500, with the call still up it is hung up. A panic is
	// contained. ctx is d.Context().
	Inbound(ctx context.Context, d *Dialog)
}

// Endpoint is our end of the signalling. All methods are safe for concurrent use.
type Endpoint struct{}

// Open opens every listener and serves them until Close. An address that cannot be had is an error, and nothing is left
// open then.
func Open(cfg Config, calls Calls) (*Endpoint, error) { return nil, errNotYet }

// Done is closed when the endpoint has stopped: by Close, or because a listener died; Err then says why.
func (e *Endpoint) Done() <-chan struct{} { return nil }

// Err is nil until Done is closed, and after a Close.
func (e *Endpoint) Err() error { return nil }

// Close refuses new calls, hangs up those that are up and gives their BYEs Timeouts.Goodbye (or ctx, if shorter) to go
// out, then closes the transports and returns when every goroutine has ended.
func (e *Endpoint) Close(ctx context.Context) error { return errNotYet }

// Drain refuses new calls with 503 and Retry-After (rounded up to seconds), and answers OPTIONS with 503 so that
// trunks go elsewhere. Calls that are up go on.
func (e *Endpoint) Drain(retryAfter time.Duration) {}

// Addrs are the addresses listened on, with their network ("udp", "tcp").
func (e *Endpoint) Addrs() []net.Addr { return nil }

// Door is where browsers upgrade to SIP over WebSocket (RFC 7118).
func (e *Endpoint) Door() http.Handler { return nil }

// Devices are the live registrations of an address of record, the newest first.
func (e *Endpoint) Devices(aor string) []Device { return nil }

// Watch has fn called after each change of an address of record's registrations, one call at a time, until stop.
// fn must not block.
func (e *Endpoint) Watch(fn func(aor string)) (stop func()) { return func() {} }
