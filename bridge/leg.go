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

// leg is a dialog and, once something is to be heard, a session: one party's connection, a call.Leg.
type leg struct {
	bridge  *Bridge
	id      call.LegID
	call    call.ID
	party   call.Party
	log     *zap.Logger
	browser bool
	kind    string // of its metrics: "trunk", "phone" or "browser"
	keys    sdes.Protection
	trunk   string // the line it came in or goes out by; empty: one of us
	ctx     context.Context
	cancel  context.CancelCauseFunc
	wishes  chan call.Wish
	sounds  chan struct{} // closed when there is a session
	served  chan struct{} // closed when listen has ended

	mu        sync.Mutex
	dialog    *sip.Dialog // guarded by mu until it is known, then unchanged
	allowed   []rtp.Codec // guarded by mu: what may be negotiated, the preferred one first
	session   rtp.Session // guarded by mu: nil until something is heard or answered
	answer    []byte      // guarded by mu: the SDP of our 200
	fault     error       // guarded by mu: why there is no session
	rung      bool        // guarded by mu
	early     bool        // guarded by mu: a 183 was sent
	referrals int         // guarded by mu: REFERs accepted
	answered  sync.Mutex  // held while Answer is under way
	up        bool        // guarded by answered
	dealing   sync.Mutex  // held while the session makes or takes a description: the ACK of Answer, and what listen serves
}

func (b *Bridge) newLeg(id call.ID, d *sip.Dialog, p call.Party) *leg {
	l := &leg{bridge: b, id: call.NewLegID(), call: id, party: p, dialog: d, wishes: make(chan call.Wish, 8), sounds: make(chan struct{}), served: make(chan struct{})}
	l.log = b.Log.WithLazy(zap.String("call", string(id)), zap.String("leg", string(l.id)))
	l.ctx, l.cancel = context.WithCancelCause(context.Background())
	b.legs.Inc()
	return l
}

func (l *leg) ID() call.LegID           { return l.id }
func (l *leg) Party() call.Party        { return l.party }
func (l *leg) Context() context.Context { return l.ctx }
func (l *leg) Wishes() <-chan call.Wish { return l.wishes }
func (l *leg) Audio() call.Audio        { return (*audio)(l) }

// current is the dialog, nil while it is not known.
func (l *leg) current() *sip.Dialog {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.dialog
}

// Ring sends one 180.
func (l *leg) Ring(context.Context) error {
	l.mu.Lock()
	first := !l.rung
	l.rung = true
	l.mu.Unlock()
	if !first {
		return context.Cause(l.ctx)
	}
	if err := l.ringing(); err != nil && l.ctx.Err() == nil {
		return err
	}
	return context.Cause(l.ctx)
}

// Answer sends our 200 and waits for its ACK.
func (l *leg) Answer(ctx context.Context) error {
	l.answered.Lock()
	defer l.answered.Unlock()
	if l.up {
		return context.Cause(l.ctx)
	}
	session, sdp, err := l.prepare(nil)
	if err != nil {
		l.Hangup(endingOfSound(err))
		return context.Cause(l.ctx)
	}
	ack, err := l.dialog.Answer(ctx, sdp)
	if err != nil {
		if ctx.Err() != nil && l.ctx.Err() == nil {
			return context.Cause(ctx)
		}
		l.ends(err)
		return context.Cause(l.ctx)
	}
	if l.dialog.Offer() == nil { // the answer to our offer came with the ACK (RFC 3261 section 13.2.2.4)
		if err := l.accept(session, ack); err != nil {
			l.Hangup(endingOfSound(err))
			return context.Cause(l.ctx)
		}
	}
	l.up = true
	return nil
}

func (l *leg) accept(s rtp.Session, answer []byte) error {
	l.dealing.Lock()
	defer l.dealing.Unlock()
	return s.Accept(answer)
}

// prepare makes the session and our SDP of a call that came in, once; like is the codec that would save transcoding.
func (l *leg) prepare(like *rtp.Codec) (rtp.Session, []byte, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.session != nil || l.fault != nil {
		return l.session, l.answer, l.fault
	}
	if l.ctx.Err() != nil { // close has looked for a session, or is about to: one made now would be nobody's
		return nil, nil, context.Cause(l.ctx)
	}
	session, err := l.makeSession(first(like, l.allowed))
	if err != nil {
		l.fault = err
		return nil, nil, err
	}
	var sdp []byte
	if offer := l.dialog.Offer(); offer != nil {
		sdp, err = session.Answer(offer)
	} else {
		sdp, err = session.Offer()
	}
	if err != nil {
		l.fault = errors.Join(err, session.Close())
		return nil, nil, l.fault
	}
	l.answer = sdp
	l.use(session)
	return session, sdp, nil
}

// use gives the leg its session, once. The caller holds mu, or nobody else knows the leg yet.
func (l *leg) use(s rtp.Session) {
	l.session = s
	close(l.sounds)
}

func (l *leg) makeSession(codecs []rtp.Codec) (rtp.Session, error) {
	if l.browser {
		return l.bridge.Sound.Browser("leg "+string(l.id), codecs)
	}
	return l.bridge.Sound.Plain(Line{Name: "leg " + string(l.id), Kind: l.kind, Codecs: codecs, Keys: l.keys, Tones: l.bridge.policy.Load().Tones[l.trunk], Alive: l.alive})
}

// alive asks the party's phone, or what stands for it, whether the call still exists there.
func (l *leg) alive(ctx context.Context) bool {
	l.mu.Lock()
	d := l.dialog
	l.mu.Unlock()
	return d == nil || d.Alive(ctx)
}

// first moves a codec to the front of those allowed.
func first(c *rtp.Codec, allowed []rtp.Codec) []rtp.Codec {
	if c == nil {
		return allowed
	}
	front, rest := make([]rtp.Codec, 0, len(allowed)), make([]rtp.Codec, 0, len(allowed))
	for _, a := range allowed {
		if a == *c {
			front = append(front, a)
		} else {
			rest = append(rest, a)
		}
	}
	return append(front, rest...)
}

// Hangup ends the leg; the first ending stands.
func (l *leg) Hangup(e call.Ending) {
	l.cancel(&call.Ended{Ending: e})
	l.mu.Lock()
	d, fault := l.dialog, l.fault
	l.mu.Unlock()
	if d == nil {
		return
	}
	switch e := call.EndingOf(l.ctx); e.Reason {
	case call.TakenElsewhere:
		d.Hangup(200, "Call completed elsewhere") // RFC 3326: so that a phone does not show a missed call
	case call.Hungup, call.Transferred:
		d.Hangup(0, "") // an ordinary goodbye has no cause; 487 would say that nobody ever answered
	default:
		status, phrase := e.SIP()
		d.Hangup(status, phrase, warning(fault)...)
	}
}

// ends notes that the dialog is over, and why.
func (l *leg) ends(err error) {
	l.cancel(&call.Ended{Ending: l.endingOf(err)})
}

// serve begins to do what the far side asks for inside the dialog, until the leg ends; then is called after that, if there
// is one.
func (l *leg) serve(d *sip.Dialog, then func()) {
	l.mu.Lock()
	l.dialog = d
	l.mu.Unlock()
	d.Refresh(l.reoffer, l.reaccept)
	d.Attach(l)
	l.bridge.work.Go(func() {
		l.listen(d)
		close(l.served)
		if then != nil {
			then()
		}
	})
}

// goodbye is how long a BYE may take after the sound has ended: a browser that hangs up closes both, by different ways,
// and an ordinary end must not pass for a lost connection. Without a socket no BYE comes any more, but for one that is
// being served at this moment.
const (
	goodbye     = time.Second
	lateGoodbye = 50 * time.Millisecond
)

// listen is the leg's goroutine: it owns every negotiation after the first.
func (l *leg) listen(d *sip.Dialog) {
	sounds, lost := l.sounds, (<-chan struct{})(nil)
	p := presence{leg: l, dialog: d, watch: time.NewTimer(0)}
	p.watch.Stop()
	defer p.watch.Stop()
	silent := time.NewTimer(0)
	silent.Stop()
	defer silent.Stop()
	for {
		select {
		case <-d.Context().Done():
			l.ends(context.Cause(d.Context()))
			return
		case <-sounds:
			sounds, lost = nil, l.sound().Done()
			p.begin(l.sound())
		case <-lost:
			lost = nil
			silent.Reset(goodbye)
			if p.drifted {
				silent.Reset(lateGoodbye)
			}
		case <-d.Drifts():
			if sounds == nil && lost == nil {
				silent.Reset(lateGoodbye)
			}
			p.drift()
		case <-p.turned:
			p.look(time.Now())
		case now := <-p.watch.C:
			p.look(now)
		case <-silent.C:
			l.log.Warn("sound lost", zap.Error(l.sound().Err()))
			l.Hangup(call.Ending{By: call.ByUs, Reason: call.MediaLost})
		case r := <-d.Requests():
			l.grant(r)
		}
	}
}
