package sip

import (
	"errors"
	"slices"
	"sync"

	"github.com/emiago/sipgo/sip"
)

// Request is something the far side asks for inside a dialog.
type Request struct {
	Method      string // INVITE, UPDATE, INFO, REFER, NOTIFY
	ContentType string // without parameters, in lower case
	Body        []byte // nil: none; an INVITE without a body asks us to offer

	d         *Dialog
	req       *sip.Request
	tx        *sip.ServerTx
	wrongBody bool          // not a session description where one belongs
	dealt     func()        // gives back the right to change the session, once; nil when none is held
	once      sync.Once     // the first response counts
	taken     chan struct{} // closed when a response was chosen
	cancelled sync.Once
	withdrawn chan struct{} // closed by a CANCEL
	settled   chan struct{} // closed when it was sent and, for a 2xx to INVITE, confirmed or given up
}

func (d *Dialog) newRequest(req *sip.Request, tx *sip.ServerTx) *Request {
	r := &Request{
		Method: string(req.Method), ContentType: contentType(header(req, "Content-Type")),
		d: d, req: req, tx: tx, taken: make(chan struct{}), settled: make(chan struct{}), withdrawn: make(chan struct{}),
	}
	switch req.Method {
	case sip.INVITE, sip.UPDATE, sip.PRACK:
		r.Body, r.wrongBody = sdpOf(req)
	default:
		if b := req.Body(); len(b) > 0 {
			r.Body = slices.Clone(b)
		}
	}
	return r
}

// errWithdrawn is what Respond returns when the far side has cancelled the request meanwhile: the session is as it was.
var errWithdrawn = errors.New("sip: the request was cancelled by its sender")

// Withdrawn is closed when the far side has cancelled the request (a re-INVITE) before it was answered.
func (r *Request) Withdrawn() <-chan struct{} { return r.withdrawn }

// watchCancel has a re-INVITE settled at once when its sender cancels it; the transaction answers 487 by itself.
func (r *Request) watchCancel() {
	gone := func(*sip.Request) { r.cancelled.Do(func() { close(r.withdrawn) }) }
	if !r.tx.OnCancel(gone) {
		gone(nil)
	}
}

// Header is the first value of a header field, "" when there is none.
func (r *Request) Header(name string) string { return header(r.req, name) }

// Respond answers the request; body is SDP for INVITE and UPDATE and nothing otherwise. Only the first call counts, and
// the others return the dialog's *Ended or nothing.
//
// For a re-INVITE answered with 2xx it returns when the ACK has come (or any later request), and ackBody is then its SDP:
// the answer, when the re-INVITE had no offer. The 2xx is repeated until then; without any ACK the dialog ends with NoACK.
func (r *Request) Respond(status int, phrase string, body []byte, headers ...Header) (ackBody []byte, err error) {
	if status < 200 || status > 699 {
		return nil, errMisused
	}
	return r.respond(status, phrase, body, headers...)
}

func (r *Request) respond(status int, phrase string, body []byte, headers ...Header) (ackBody []byte, err error) {
	r.once.Do(func() {
		close(r.taken)
		defer close(r.settled)
		defer r.giveBack()
		res := r.d.answerTo(r.req, status, phrase, body, headers)
		if status >= 300 || r.Method != "INVITE" {
			if status < 300 && r.Method == "UPDATE" {
				r.d.refreshTarget(r.req)
			}
			r.giveBack() // before they read the answer: their next offer may follow at once
			_ = r.d.e.respondUnlessCancelled(r.req, r.tx, res)
			return
		}
		r.d.refreshTarget(r.req)
		ackBody, err = r.untilACK(res)
	})
	return ackBody, err
}

// untilACK sends a 2xx to a re-INVITE and repeats it until its ACK.
func (r *Request) untilACK(res *sip.Response) ([]byte, error) {
	d, n := r.d, r.req.CSeq().SeqNo
	w := &awaitedACK{answers: r.Body == nil, heard: make(chan struct{}), then: r.giveBack}
	d.mu.Lock()
	if d.acks == nil {
		d.acks = map[uint32]*awaitedACK{}
	}
	d.acks[n] = w
	d.mu.Unlock()
	if err := d.e.respondUnlessCancelled(r.req, r.tx, res); errors.Is(err, sip.ErrTransactionCanceled) {
		d.mu.Lock()
		delete(d.acks, n)
		d.mu.Unlock()
		return nil, errWithdrawn
	}
	if !d.insist(func() { d.e.respond(r.tx, res) }, w.heard, d.ctx.Done(), nil) {
		d.leave(&Ended{Why: NoACK}, 0, "")
	}
	select {
	case <-w.heard:
		return w.body, nil
	default:
		return nil, d.how()
	}
}

func (r *Request) giveBack() {
	if r.dealt != nil {
		r.dealt()
	}
}

// fallback answers a request that nobody took: the session stays as it is (RFC 3261 section 14.1), information is
// received, a transfer is declined.
func (r *Request) fallback() {
	switch r.Method {
	case "INVITE", "UPDATE", "PRACK":
		_, _ = r.respond(488, "", nil)
	case "REFER":
		_, _ = r.respond(603, "", nil)
	default:
		_, _ = r.respond(200, "", nil)
	}
}

// answerTo makes a response to a request inside the dialog.
func (d *Dialog) answerTo(req *sip.Request, status int, phrase string, body []byte, headers []Header) *sip.Response {
	res := d.e.response(req, status, phrase)
	if status < 300 && (req.Method == sip.INVITE || req.Method == sip.UPDATE) {
		res.AppendHeader(d.contact())
		res.AppendHeader(sip.NewHeader("Allow", allow))
		res.AppendHeader(sip.NewHeader("Supported", supported))
		d.agree(req, res)
	}
	for _, h := range headers {
		res.AppendHeader(sip.NewHeader(clean(h.Name), clean(h.Value)))
	}
	if body != nil {
		res.AppendHeader(sip.NewHeader("Content-Type", mimeSDP))
		res.SetBody(body)
	}
	return res
}

// refreshTarget takes the far side's new address (RFC 3261 section 12.2.2, RFC 3311 section 5.2).
func (d *Dialog) refreshTarget(m fields) {
	uri := contactURI(m)
	if uri == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.target = *uri
}
