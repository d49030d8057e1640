package sip

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/digest"
)

// Dialog is one dialog (RFC 3261 section 12), begun by either side, from its first INVITE to its BYE. All methods are
// safe for concurrent use.
type Dialog struct {
	e      *Endpoint
	log    *zap.Logger
	name   dialogName // Call-ID and our tag
	caller bool       // we called
	origin Origin     // who called us
	device *Device    // the registered device at the far end
	trunk  *trunk     // at the far end; nil: one of us is there
	way    *way       // of a call that we placed by a trunk

	bound     bool   // in-dialog requests go to boundFlow, whatever Contact says
	boundFlow flow   // guarded by dialogs.mu
	unit      device // of the far end, to find the dialog when it comes back by another socket

	ctx    context.Context
	cancel context.CancelCauseFunc
	gone   chan struct{} // closed when the last word was said
	acked  chan struct{} // closed when our 2xx to their INVITE was confirmed

	invite      *sip.Request       // theirs; nil when we called
	dialled     string             // whom we called
	tx          *sip.ServerTx      // of their INVITE
	offer       []byte             // SDP of their INVITE
	first       *arrival           // of their INVITE
	asks        chan *Request      // what the far side asks for
	deal        chan struct{}      // capacity 1: held by whoever negotiates the session
	drifts      chan struct{}      // capacity 1: the socket was lost or replaced
	calling     chan struct{}      // of a call that we placed: closed when its INVITE is over
	placed      *sip.Request       // of a call that we placed: the INVITE that was answered; guarded by mu
	provisional chan *sip.Response // of a call that we placed, in the order of arrival
	ended       sync.Once

	mu         sync.Mutex
	phase      phase                                  // guarded by mu
	over       bool                                   // guarded by mu
	dealOurs   bool                                   // guarded by mu: deal is held by a re-INVITE of ours
	localSeq   uint32                                 // guarded by mu
	remoteSeq  uint32                                 // guarded by mu
	local      party                                  // guarded by mu
	remote     party                                  // guarded by mu
	target     sip.Uri                                // guarded by mu: the remote target, refreshed by re-INVITE and UPDATE
	routes     []sip.Uri                              // guarded by mu: the route set
	network    string                                 // guarded by mu: transport when the route does not say
	source     flow                                   // guarded by mu: where the last request of theirs came from
	answer     *sip.Response                          // guarded by mu: our final response, or their 2xx
	lastACK    *sip.Request                           // guarded by mu: ours for their 2xx
	ackBody    []byte                                 // guarded by mu
	acks       map[uint32]*awaitedACK                 // guarded by mu: re-INVITEs of theirs waiting for their ACK, by CSeq; nil until there is one
	tickets    map[*sip.Request]*ticket               // guarded by mu: requests heard and not yet served; nil until there is one
	lastTicket chan struct{}                          // guarded by mu: closed when the request before was handed on
	grace      *time.Timer                            // guarded by mu: runs while the socket is lost
	exchanges  map[sip.RequestMethod]*digest.Exchange // guarded by mu: requests that the trunk may challenge
	life       life                                   // guarded by mu
	reminder   *time.Timer                            // guarded by mu: to the repetition of a provisional response
	attached   any                                    // guarded by mu: what the user of the dialog keeps with it
	terms      *terms                                 // guarded by mu: how the session is offered again as it is; nil: nobody said
	reliable   *reliable                              // set before the dialog is known, its fields guarded by mu; nil: provisional responses are not acknowledged
	earlyDeal  bool                                   // guarded by mu: offer and answer were exchanged reliably before the final response
	prack      prack                                  // of a call that we placed: owned by the loop that reads its responses

	reliability Reliability // towards whom we call
}

// party is one end as From and To write it.
type party struct {
	display string
	uri     sip.Uri
	tag     string
}

// phase is how far a dialog has come. The set is closed.
type phase uint8

const (
	early    phase = iota // no final response to the INVITE yet
	answered              // our 2xx was sent and is not confirmed
	up                    // confirmed
	refused               // a final response from 300 on was sent or received
)

// ID is unique in the process and short enough for a log line.
func (d *Dialog) ID() string { return d.name.tag[:10] }

// CallID is the Call-ID header, by which the far side's logs know the call.
func (d *Dialog) CallID() string { return d.name.callID }

// Context ends with the dialog, with a cause of type *Ended.
func (d *Dialog) Context() context.Context { return d.ctx }

// Offer is the SDP of the INVITE that came in; nil when it had none, and we are to offer (RFC 3261 section 13.3.1).
func (d *Dialog) Offer() []byte { return d.offer }

// From is who called, as the far side's From says; for a call that we placed, as we said.
func (d *Dialog) From() Address {
	if d.caller {
		return d.address(&d.local)
	}
	h := d.invite.From()
	return addressOf(h.DisplayName, &h.Address)
}

// To is who was called, as To says; for whom a call is meant see Called.
func (d *Dialog) To() Address {
	if d.caller {
		return d.address(&d.remote)
	}
	h := d.invite.To()
	return addressOf(h.DisplayName, &h.Address)
}

func (d *Dialog) address(p *party) Address {
	d.mu.Lock()
	defer d.mu.Unlock()
	return addressOf(p.display, &p.uri)
}

// Called is the user part of the request URI: the number or id that was dialled.
func (d *Dialog) Called() string {
	if d.caller {
		return d.dialled
	}
	return addressOf("", &d.invite.Recipient).User
}

// Hops is through how many more hops the INVITE that came in may go (Max-Forwards). A call that is placed because of it
// has one less (RFC 7332), so that two gateways who forward to each other do not do so for ever.
func (d *Dialog) Hops() int {
	if d.caller {
		return maxHops
	}
	if h := d.invite.MaxForwards(); h != nil {
		return int(h.Val())
	}
	return maxHops
}

// maxHops is Max-Forwards of a call that begins here (RFC 3261 section 8.1.1.6).
const maxHops = 70

// Header is the first value of a header field of the INVITE that came in, or of the far side's 2xx when we called; ""
// when there is none.
func (d *Dialog) Header(name string) string {
	if !d.caller {
		return header(d.invite, name)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.answer == nil {
		return ""
	}
	return header(d.answer, name)
}

// Origin is who called us; nil for a call that we placed.
func (d *Dialog) Origin() Origin { return d.origin }

// Device is the registered device at the far end, when there is one.
func (d *Dialog) Device() (Device, bool) {
	if d.device == nil {
		return Device{}, false
	}
	return *d.device, true
}

// Requests is what the far side asks for inside the dialog: re-INVITE, UPDATE with SDP, INFO, REFER, NOTIFY.
// They come in order. One that is not responded to within Timeouts.Request is answered by us. It is never closed; wait
// on Context as well.
func (d *Dialog) Requests() <-chan *Request { return d.asks }

// newDialog makes what both roles share.
func (e *Endpoint) newDialog(callID, tag string, log *zap.Logger) *Dialog {
	d := &Dialog{
		e: e, name: dialogName{callID, tag},
		gone: make(chan struct{}), acked: make(chan struct{}),
		asks: make(chan *Request, maxAsks), deal: make(chan struct{}, 1), drifts: make(chan struct{}, 1),
	}
	d.log = log.WithLazy(zap.String("dialog", d.ID()), zap.String("call-id", callID))
	d.ctx, d.cancel = context.WithCancelCause(e.base)
	return d
}

// maxAsks is how many requests may wait for the user of a dialog; more are told to come again.
const maxAsks = 32

// how is the cause the dialog's context was cancelled with, nil while it lives.
func (d *Dialog) how() *Ended {
	if d.ctx.Err() == nil {
		return nil
	}
	var end *Ended
	if errors.As(context.Cause(d.ctx), &end) {
		return end
	}
	return &Ended{Why: Stopped}
}

// setPhase moves on from one phase to another, if it is still in the first and not over.
func (d *Dialog) setPhase(from, to phase) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.phase != from {
		return false
	}
	d.phase = to
	return true
}

func (d *Dialog) inPhase(p phase) bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.phase == p
}

// speaks reports whether a request inside the dialog carries the far side's tag. While we do not know it, any does.
func (d *Dialog) speaks(req *sip.Request) bool {
	tag, _ := req.From().Params.Get("tag")
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.remote.tag == tag || d.remote.tag == "" || d.caller && d.phase == early
}
