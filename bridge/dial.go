package bridge

import (
	"context"
	"errors"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/sdes"
	"github.com/cordboard/cordboard/sip"
)

// Invitation is whom to call, and what they are told.
type Invitation struct {
	Call   call.ID
	Agent  string // ring all devices of this agent; else:
	Trunk  string // call Number by this trunk
	Number call.Number
	From   call.Party
	Shown  call.Number // by a trunk: the display number; empty: withheld
	Queue  string
	With   call.Leg // whom the answering party will talk to
	Lost   call.Leg // the agent's leg in this call, whose connection was lost: she is rung to take the call back; nil: a first time
	Rings  func()   // called once, when the far side is alerting
	// Early is called with the far side's sound when some comes before the answer, and with nil when it has stopped
	// though the far side rings on. Nil: nobody is interested. By a trunk only.
	Early func(heard call.Source)
}

// Dial rings and returns the leg that answered. ctx bounds the dialling; the error is a *call.Ended.
func (b *Bridge) Dial(ctx context.Context, i Invitation) (call.Leg, error) {
	endpoint := b.endpoint.Load()
	if endpoint == nil {
		return nil, &call.Ended{Ending: call.Ending{By: call.ByUs, Reason: call.Overloaded}}
	}
	if i.Lost != nil {
		return b.again(ctx, endpoint, i)
	}
	if hops(i.With) <= 0 { // the same loop for whoever sent it
		return nil, &call.Ended{Ending: call.Ending{By: call.ByUs, Reason: call.Failed, Code: 483}}
	}
	targets := targetsOf(endpoint, i)
	if len(targets) == 0 {
		return nil, &call.Ended{Ending: call.Ending{By: far(i), Reason: call.Unreachable}}
	}
	var once sync.Once
	rings := func() { once.Do(i.Rings) }
	defer once.Do(func() {}) // what rings when the dialling is over would tell of a call that the story has left behind
	legs := make(chan outcome, len(targets))
	ringing, stop := context.WithCancelCause(ctx)
	defer stop(errTaken)
	ring := func(t sip.Target) {
		l, err := b.ring(ringing, endpoint, i, t, rings)
		legs <- outcome{l, err}
	}
	if len(targets) == 1 {
		ring(targets[0])
	} else {
		for _, t := range targets {
			b.work.Go(func() { ring(t) })
		}
	}
	return b.firstOf(ctx, legs, len(targets), func() { stop(errTaken) }, far(i))
}

// hops is how far a call may go that is placed for somebody.
func hops(with call.Leg) int {
	if l, ok := with.(*leg); ok {
		if d := l.current(); d != nil {
			return d.Hops() - 1
		}
	}
	return 70 // RFC 3261 section 8.1.1.6
}

// outcome is what became of ringing one device.
type outcome struct {
	leg *leg
	err error
}

var errTaken error = &call.Ended{Ending: call.Ending{By: call.ByUs, Reason: call.TakenElsewhere}}

// firstOf waits for the first device that answers and stops the others. When none answers, the error is the most telling
// refusal.
func (b *Bridge) firstOf(ctx context.Context, legs <-chan outcome, n int, stop func(), by call.By) (call.Leg, error) {
	telltale := call.Ending{By: by, Reason: call.Unreachable}
	for ; n > 0; n-- {
		o := <-legs
		if o.leg != nil && ctx.Err() == nil {
			stop()
			if n > 1 {
				b.work.Go(func() { b.endOthers(legs, n-1) })
			}
			return o.leg, nil
		}
		if o.leg != nil { // answered in the moment the caller left
			o.leg.Hangup(call.EndingOf(ctx))
			continue
		}
		if e := endingOf(o.err, by); telling(e.Reason) > telling(telltale.Reason) {
			telltale = e
		}
		if telltale.Reason == call.Declined { // a person said no: RFC 3261 section 21.6 ends the search
			stop()
		}
	}
	if ctx.Err() != nil {
		return nil, &call.Ended{Ending: call.EndingOf(ctx)}
	}
	return nil, &call.Ended{Ending: telltale}
}

// endOthers hangs up devices that answered in the same moment as the first.
func (b *Bridge) endOthers(legs <-chan outcome, n int) {
	for range n {
		if o := <-legs; o.leg != nil {
			o.leg.Hangup(call.Ending{By: call.ByUs, Reason: call.TakenElsewhere})
		}
	}
}

// telling orders refusals by how much they say of the person: of several devices, the one in her hand counts.
func telling(r call.Reason) int {
	switch r {
	case call.Declined:
		return 5
	case call.Busy:
		return 4
	case call.NoAnswer:
		return 3
	case call.Unreachable, call.TakenElsewhere:
		return 0
	default:
		return 2
	}
}

func far(i Invitation) call.By {
	if i.Agent != "" {
		return call.ByAgent
	}
	return call.ByCustomer
}

func targetsOf(e *sip.Endpoint, i Invitation) []sip.Target {
	if i.Agent == "" {
		return []sip.Target{sip.ToTrunk{Trunk: i.Trunk, Number: string(i.Number)}}
	}
	var targets []sip.Target
	for _, d := range e.Devices(i.Agent) {
		targets = append(targets, sip.ToDevice{Device: d})
	}
	return targets
}

// ring invites one device, or the trunk, and returns its leg once answered. Who takes no keys beside plain RTP, because
// nothing but SRTP will do, is asked again.
func (b *Bridge) ring(ctx context.Context, endpoint *sip.Endpoint, i Invitation, to sip.Target, rings func()) (*leg, error) {
	keys := b.keysOf(i.Trunk)
	if d, ok := to.(sip.ToDevice); ok && d.Device.Browser() {
		keys = sdes.Protection{} // it has DTLS
	}
	l, err := b.invite(ctx, endpoint, i, to, rings, keys)
	if status := refusedWith(err); keys.Policy == sdes.Preferred && (status == 488 || status == 606) && ctx.Err() == nil {
		keys.Policy = sdes.Required
		return b.invite(ctx, endpoint, i, to, rings, keys)
	}
	return l, err
}

// refusedWith is the status by which the far side refused a call; 0: it did not.
func refusedWith(err error) int {
	var ended *call.Ended
	if !errors.As(err, &ended) || ended.By == call.ByUs {
		return 0
	}
	return ended.Code
}

func (b *Bridge) invite(ctx context.Context, endpoint *sip.Endpoint, i Invitation, to sip.Target, rings func(), keys sdes.Protection) (*leg, error) {
	l := b.newLeg(i.Call, nil, call.Party{Number: i.Number, Agent: i.Agent})
	answered := false
	defer func() {
		if !answered {
			l.abandon()
		}
	}()
	l.allowed, l.keys, l.trunk = b.policyFor(l, i, to), keys, i.Trunk
	session, err := l.makeSession(l.allowed)
	if err != nil {
		return nil, &call.Ended{Ending: endingOfSound(err)}
	}
	l.use(session)
	offer, err := session.Offer()
	if err != nil {
		return nil, &call.Ended{Ending: endingOfSound(err)}
	}
	start := time.Now()
	early := l.listenEarly(i.Early)
	d, sdp, err := endpoint.Invite(ctx, sip.Invitation{
		To: to, Hops: hops(i.With), GivenUp: toldWhy, From: sip.Address{Display: i.From.Name, User: string(shown(i))}, Privacy: shown(i) == "", Offer: offer, Headers: headers(i),
		Early: func(d *sip.Dialog) {
			l.began(d)
			early.rang <- d
		},
		Progress: func(status int, sdp []byte) {
			early.progress(status, sdp)
			if status == 180 || status == 183 {
				rings()
			}
		},
	})
	early.stop()
	if err != nil && ctx.Err() != nil {
		err = context.Cause(ctx)
	}
	if err != nil {
		return nil, &call.Ended{Ending: endingOf(err, far(i))}
	}
	answered = true
	l.up = true
	if !early.changed {
		err = session.Accept(sdp) // before anything that the far side may ask for next: one negotiates at a time
	}
	l.serve(d, l.giveBack) // nobody waits for the end of a leg that was dialled
	if err != nil {
		l.log.Warn("answer not usable", zap.Error(err))
		l.Hangup(call.Ending{By: call.ByUs, Reason: call.NotAcceptable})
		return nil, &call.Ended{Ending: call.Ending{By: far(i), Reason: call.NotAcceptable}}
	}
	l.log.Debug("answered", zap.Duration("after", time.Since(start)))
	return l, nil
}

// toldWhy is what a device is told that we stop ringing: when somebody else has taken the call it says so (RFC 3326), and
// shows no missed one.
func toldWhy(cause error) (status int, phrase string) {
	if call.EndingOfError(cause).Reason == call.TakenElsewhere {
		return 200, "Call completed elsewhere"
	}
	return 0, ""
}

// abandon gives back a leg that was never answered.
func (l *leg) abandon() {
	l.cancel(errTaken)
	l.over()
	if s := l.sound(); s != nil {
		if err := s.Close(); err != nil {
			l.log.Warn("close sound", zap.Error(err))
		}
	}
}

// policyFor is what the party may speak, that which the one she will talk to speaks first.
func (b *Bridge) policyFor(l *leg, i Invitation, to sip.Target) []rtp.Codec {
	var allowed []rtp.Codec
	switch to := to.(type) {
	case sip.ToDevice:
		l.browser = to.Device.Browser()
		allowed = b.policy.Load().Phone
		if l.browser {
			allowed = b.policy.Load().Browser
		}
	case sip.ToTrunk:
		allowed = b.policy.Load().Trunk[to.Trunk]
	}
	l.kind = kindOf(i.Trunk, l.browser)
	with, ok := i.With.(*leg)
	if !ok {
		return allowed
	}
	if _, codec := media((*audio)(with)); codec != nil {
		return first(codec, allowed)
	}
	theirs := common(with.allowed, allowed)
	return append(theirs, without(allowed, theirs)...)
}

// without are the codecs of a that are not in b.
func without(a, b []rtp.Codec) []rtp.Codec {
	var rest []rtp.Codec
	for _, c := range a {
		if len(common([]rtp.Codec{c}, b)) == 0 {
			rest = append(rest, c)
		}
	}
	return rest
}

// shown is the number the called party sees.
func shown(i Invitation) call.Number {
	if i.Agent != "" {
		return i.From.Number
	}
	return i.Shown
}

// headers tell an agent's phone which call this is, so that the page can show the customer before hello.
func headers(i Invitation) []sip.Header {
	if i.Agent == "" {
		return nil
	}
	h := []sip.Header{{Name: "X-Cordboard-Call", Value: string(i.Call)}}
	if i.Queue != "" {
		h = append(h, sip.Header{Name: "X-Cordboard-Queue", Value: foreign(i.Queue)})
	}
	if i.Lost != nil {
		h = append(h, sip.Header{Name: "X-Cordboard-Answer", Value: "auto"}) // the page obeys if it had the call before
	}
	return h
}
