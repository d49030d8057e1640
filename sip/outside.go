package sip

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/targets"
)

// way is how one attempt of a call goes to a trunk.
type way struct {
	trunk  *trunk
	hop    hop
	target sip.Uri
	routes []sip.Uri
	shown  []Header    // who calls
	heard  func()      // called when the hop has answered anything
	silent atomic.Bool // it has not, and the call went to the next one
	cancel sync.Once   // of an INVITE that a silent hop has after all
}

// errSilence is why an attempt ends whose hop says nothing.
var errSilence = errors.New("no answer, not even 100 Trying")

// inviteOutside places a call by a trunk: at the first hop of its plan that takes it. The next one is tried when a hop
// cannot be reached, is silent or answers 503 (RFC 3263 section 4.3); whatever else it answers is the answer.
//
// Each attempt is a call of its own with its own Call-ID: a hop that was only slow must not take the next attempt for a
// loop of the first (RFC 3261 section 8.2.2.2), and its late answer is acknowledged and hung up like any that crosses a
// CANCEL.
func (e *Endpoint) inviteOutside(ctx context.Context, inv Invitation, to ToTrunk) (*Dialog, []byte, error) {
	t := e.sources.named(to.Trunk)
	if t == nil {
		return nil, nil, cannot(fmt.Errorf("no trunk %q", to.Trunk))
	}
	if t.targets == nil {
		return nil, nil, cannot(fmt.Errorf("trunk %s has no target", t.Name))
	}
	release, err := t.admitOut(to.Number)
	if err != nil {
		return nil, nil, err
	}
	d, answer, err := t.tryEach(ctx, inv, to)
	if err != nil {
		release()
		return nil, nil, err
	}
	context.AfterFunc(d.ctx, release)
	return d, answer, nil
}

// tryEach places the call at one hop after the other.
func (t *trunk) tryEach(ctx context.Context, inv Invitation, to ToTrunk) (*Dialog, []byte, error) {
	hops, routes, err := t.plan(ctx)
	if err != nil {
		if ctx.Err() != nil {
			return nil, nil, context.Cause(ctx)
		}
		return nil, nil, cannot(err)
	}
	for i, h := range hops {
		last := i == len(hops)-1
		host, port := t.addressee(h)
		d, answer, err := t.try(ctx, inv, &way{trunk: t, hop: t.hop(h), target: t.requestURI(to.Number, host, port), routes: routes}, last)
		o, known := outcomeOf(err)
		if known && (err == nil || ctx.Err() == nil) {
			t.targets.Report(h, o)
		}
		if !known || !o.Next() || last || ctx.Err() != nil {
			return d, answer, err
		}
		t.e.metrics.movedOn.WithLabelValues(t.Name, whyNext(o)).Inc()
		t.log.Warn("call goes to the next hop", zap.Stringer("hop", h), zap.Stringer("next", hops[i+1]), zap.Error(err))
		if retry, draining := t.e.draining(); draining {
			return nil, nil, &Refused{Status: 503, Reason: phraseOf(503), Header: []Header{retry}}
		}
	}
	return nil, nil, cannot(targets.ErrNowhere) // a plan is never empty
}

// cannot is the Refused of a call that could not be sent.
func cannot(err error) *Refused { return &Refused{Status: 503, Reason: phraseOf(503), Err: err} }

// try makes one attempt. The last hop of a plan has all the time of the transaction: there is nowhere else to go.
func (t *trunk) try(ctx context.Context, inv Invitation, w *way, last bool) (*Dialog, []byte, error) {
	if last {
		return t.e.place(ctx, inv, w)
	}
	trying, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	limit := time.AfterFunc(t.e.cfg.Timeouts.Silence, func() {
		w.silent.Store(true)
		stop(errSilence)
	})
	defer limit.Stop()
	w.heard = sync.OnceFunc(func() { limit.Stop() })
	return t.e.place(trying, inv, w)
}

// outcomeOf says what an error of a request means for the hop it went to; nil is an answer that was taken. Of a request
// that we gave up ourselves nothing is known.
func outcomeOf(err error) (o targets.Outcome, known bool) {
	if err == nil {
		return targets.Outcome{Status: 200}, true
	}
	if errors.Is(err, errSilence) {
		return targets.Outcome{Result: targets.Silent, Err: err}, true
	}
	var r *Refused
	if !errors.As(err, &r) {
		return targets.Outcome{}, false
	}
	switch {
	case r.Err == nil:
		return targets.Outcome{Status: r.Status, RetryAfter: retryAfter(r.Header, r.Status)}, true
	case r.Status == 408:
		return targets.Outcome{Result: targets.Silent, Err: r.Err}, true
	}
	return targets.Outcome{Result: targets.Unreachable, Err: r.Err}, true
}

// retryAfter is what a 503 asks for; 0: it does not say (RFC 3261 section 20.33).
func retryAfter(headers []Header, status int) time.Duration {
	if status != 503 {
		return 0
	}
	for _, h := range headers {
		if h.Name == "Retry-After" {
			d, _ := field.Seconds(h.Value)
			return d
		}
	}
	return 0
}

// whyNext labels the metric of calls that went on to the next hop.
func whyNext(o targets.Outcome) string {
	switch o.Result {
	case targets.Silent:
		return "silent"
	case targets.Unreachable:
		return "unreachable"
	case targets.Replied:
	}
	return strconv.Itoa(o.Status)
}

// aimAtTrunk sets where the call goes, and who is shown to call.
func (d *Dialog) aimAtTrunk(inv Invitation, w *way) (hop, error) {
	shown, err := w.trunk.show(inv, w.hop)
	if err != nil {
		return hop{}, err
	}
	from, err := fromOf(shown)
	if err != nil {
		return hop{}, err
	}
	d.local.display, d.local.uri = from.display, from.uri
	for _, h := range shown.Headers {
		w.shown = append(w.shown, Header{h.Name, h.Value})
	}
	d.way, d.trunk, d.target, d.routes = w, w.trunk, w.target, w.routes
	d.remote.uri = w.target
	return w.hop, nil
}

// answeredSomething notes a sign of life of the far side.
func (d *Dialog) answeredSomething() {
	if d.way != nil && d.way.heard != nil {
		d.way.heard()
	}
}

// passedOver reports whether the call has gone to another hop because this one was silent.
func (d *Dialog) passedOver() bool { return d.way != nil && d.way.silent.Load() }

// letGo ends the transaction of an INVITE that a silent hop was passed over with: repeated to it, it would ring when the hop
// comes back, within 32 s. strayResponse sees to whatever it answers to those that it may have got.
func (d *Dialog) letGo(tx *sip.ClientTx, req *sip.Request) error {
	d.mu.Lock()
	d.placed = req
	d.mu.Unlock()
	tx.Terminate() // a 2xx that came in this moment comes again until it is acknowledged
	return d.failed(&Refused{Status: 408, Reason: phraseOf(408), Err: errSilence})
}

// rings hears that a hop which was passed over rings all the same.
func (d *Dialog) rings() {
	d.mu.Lock()
	req := d.placed
	d.mu.Unlock()
	if req != nil {
		d.way.cancel.Do(func() { d.sendCancel(req) })
	}
}

// sipURI makes a URI; port 0 is none.
func sipURI(user, host string, port int) sip.Uri {
	return sip.Uri{Scheme: "sip", User: user, Host: host, Port: port}
}
