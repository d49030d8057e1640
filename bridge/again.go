package bridge

import (
	"context"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip"
)

// elsewhere is how long her other devices are left alone when the connection to the one she talked by is lost: a page
// that is loaded anew is back before.
const elsewhere = 3 * time.Second

// again rings an agent whose connection was lost in a call, until one of her devices answers: the one she talked by
// when it registers anew, others that register from now on at once, and those she had besides after a pause.
func (b *Bridge) again(ctx context.Context, endpoint *sip.Endpoint, i Invitation) (call.Leg, error) {
	r := b.newReturn(ctx, endpoint, i)
	defer r.stop()
	for {
		r.ring()
		select {
		case o := <-r.answers:
			r.ringing--
			if o.leg != nil {
				return o.leg, nil
			}
			if e := endingOf(o.err, call.ByAgent); e.Reason == call.Declined && ctx.Err() == nil {
				return nil, &call.Ended{Ending: e}
			}
		case <-r.changed:
		case <-r.gone:
			r.gone = nil
		case <-r.pause.C:
			r.others = true
		case <-ctx.Done():
			return nil, &call.Ended{Ending: call.EndingOf(ctx)}
		}
	}
}

// comeback is the way back of one agent into one call.
type comeback struct {
	bridge   *Bridge
	endpoint *sip.Endpoint
	i        Invitation
	lost     *leg
	device   sip.Device // that she talked by
	since    time.Time  // when she was heard last
	ctx      context.Context
	hush     context.CancelCauseFunc
	unwatch  func()
	changed  chan struct{}   // capacity 1: her devices did
	gone     <-chan struct{} // the lost leg is over; nil: known
	pause    *time.Timer
	others   bool // the pause is over
	rung     map[target]bool
	answers  chan outcome
	ringing  int
}

// target is a device on the flow it was rung by.
type target struct {
	contact string
	remote  netip.AddrPort
}

func (b *Bridge) newReturn(ctx context.Context, endpoint *sip.Endpoint, i Invitation) *comeback {
	lost, _ := i.Lost.(*leg)
	r := &comeback{bridge: b, endpoint: endpoint, i: i, lost: lost, gone: i.Lost.Context().Done(), since: time.Now(),
		changed: make(chan struct{}, 1), pause: time.NewTimer(elsewhere), rung: map[target]bool{}, answers: make(chan outcome)}
	if lost != nil {
		if d, ok := lost.dialog.Device(); ok {
			r.device = d
		}
		if s := lost.sound(); s != nil && !s.Quality().LastHeard.IsZero() {
			r.since = s.Quality().LastHeard
		}
	}
	r.ctx, r.hush = context.WithCancelCause(ctx)
	r.unwatch = endpoint.Watch(func(aor string) {
		if aor != i.Agent {
			return
		}
		select {
		case r.changed <- struct{}{}:
		default: // a look is due anyway
		}
	})
	return r
}

// ring rings the devices whose time has come.
func (r *comeback) ring() {
	for _, d := range r.endpoint.Devices(r.i.Agent) {
		t := target{d.Contact, d.Remote}
		if r.rung[t] || !r.due(d) {
			continue
		}
		r.rung[t] = true
		r.ringing++
		r.bridge.Log.Debug("rings again", zap.String("call", string(r.i.Call)), zap.String("agent", r.i.Agent), zap.Stringer("remote", d.Remote))
		r.bridge.work.Go(func() {
			l, err := r.bridge.ring(r.ctx, r.endpoint, r.i, sip.ToDevice{Device: d}, func() {})
			r.answers <- outcome{l, err}
		})
	}
}

// due reports whether the device is to ring now. The one that she talked by is not rung while its call may come back by
// itself, as it does when only the socket was lost.
func (r *comeback) due(d sip.Device) bool {
	if d.Contact == r.device.Contact || d.Instance != "" && d.Instance == r.device.Instance {
		return r.gone == nil || r.i.Lost.Context().Err() != nil
	}
	return r.others || d.Since.After(r.since)
}

// stop gives back everything but the leg that answered; devices that answered in the same moment are hung up.
func (r *comeback) stop() {
	r.unwatch()
	r.pause.Stop()
	r.hush(errTaken)
	if n := r.ringing; n > 0 {
		r.bridge.work.Go(func() { r.bridge.endOthers(r.answers, n) })
	}
}
