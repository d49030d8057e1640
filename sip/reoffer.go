package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"
)

// terms is how one side's session description comes about: what we offer, and what we make of theirs. The functions are
// called while nobody else negotiates the session.
type terms struct {
	offer  func() (sdp []byte, err error)                 // nil: the far side's 2xx brings the offer
	accept func(theirs []byte) (answer []byte, err error) // what it returns goes into the ACK
}

// Reoffer changes the session by a re-INVITE and returns the answer. One at a time: a second call waits for the first.
// When both sides asked at once (491) it waits as RFC 3261 section 14.1 says and tries again. The error is *Refused (the
// session is then as before), *Ended, or the cause of ctx.
func (d *Dialog) Reoffer(ctx context.Context, sdp []byte) (answer []byte, err error) {
	got := make(chan []byte, maxGlares)
	err = d.renegotiate(ctx, &terms{
		offer:  func() ([]byte, error) { return sdp, nil },
		accept: func(theirs []byte) ([]byte, error) { got <- theirs; return nil, nil },
	})
	if err != nil {
		return nil, err
	}
	return <-got, nil
}

// ReofferLate changes the session by a re-INVITE without an offer: the far side's 2xx brings the offer, and answer makes
// what the ACK carries. It returns that offer.
func (d *Dialog) ReofferLate(ctx context.Context, answer func(offer []byte) ([]byte, error)) (offer []byte, err error) {
	got := make(chan []byte, maxGlares)
	err = d.renegotiate(ctx, &terms{accept: func(theirs []byte) ([]byte, error) { got <- theirs; return answer(theirs) }})
	if err != nil {
		return nil, err
	}
	return <-got, nil
}

// Refresh says how the session is offered again as it is, and what is done with the answer: by that a session timer is
// kept with a far side that knows no UPDATE (RFC 4028 section 7.4). The functions are called while nobody else negotiates.
func (d *Dialog) Refresh(offer func() ([]byte, error), accept func(answer []byte) error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.terms = &terms{offer: offer, accept: func(theirs []byte) ([]byte, error) { return nil, accept(theirs) }}
}

func (d *Dialog) renegotiate(ctx context.Context, t *terms) error {
	for attempt := 1; ; attempt++ {
		err := d.reinvite(ctx, t)
		var r *Refused
		if !errors.As(err, &r) || r.Status != 491 || attempt == maxGlares {
			return err
		}
		pause := time.NewTimer(d.glare())
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return context.Cause(ctx)
		case <-d.ctx.Done():
			pause.Stop()
			return d.how()
		}
	}
}

// maxGlares is how often one change is tried: a far side that says 491 for ever is not negotiating with anybody.
const maxGlares = 8

// glare is how long to wait after 491, in steps of 10 ms: 2.1 to 4 s for whoever made the Call-ID, else 0 to 2 s
// (RFC 3261 section 14.1).
func (d *Dialog) glare() time.Duration {
	if d.caller {
		return 2100*time.Millisecond + time.Duration(rand.IntN(191))*10*time.Millisecond
	}
	return time.Duration(rand.IntN(201)) * 10 * time.Millisecond
}

// takeDeal waits for the right to negotiate the session.
func (d *Dialog) takeDeal(ctx context.Context) error {
	select {
	case d.deal <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ctx.Done():
		return d.how()
	}
	d.setDealOurs(true)
	return nil
}

func (d *Dialog) giveDeal() {
	d.setDealOurs(false)
	<-d.deal
}

// reinvite is one attempt. When ctx ends first the re-INVITE is seen through by the endpoint: a session must not be left
// half changed without an ACK.
func (d *Dialog) reinvite(ctx context.Context, t *terms) error {
	if err := d.takeDeal(ctx); err != nil {
		return err
	}
	done := make(chan error, 1)
	started := d.e.run(func() {
		defer d.giveDeal()
		seen, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.e.cfg.Timeouts.Reoffer)
		defer cancel()
		done <- d.exchange(seen, t)
	})
	if !started {
		d.giveDeal()
		return &Ended{Why: Stopped}
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return context.Cause(ctx)
	case <-d.ctx.Done():
	}
	select {
	case err := <-done:
		return err
	default:
		return d.how()
	}
}

func (d *Dialog) setDealOurs(ours bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dealOurs = ours
}

// exchange sends a re-INVITE, answers a challenge or two, acknowledges a 2xx.
func (d *Dialog) exchange(ctx context.Context, t *terms) error {
	var sdp []byte
	if t.offer != nil {
		var err error
		if sdp, err = t.offer(); err != nil {
			return err
		}
	}
	for attempt := 0; ; attempt++ {
		if !d.inPhase(up) {
			return errMisused
		}
		req, h, err := d.compose(ctx, "INVITE", 0)
		if err != nil {
			return &Refused{Status: 503, Reason: phraseOf(503), Err: err}
		}
		d.dress(req, h, sdp, mimeSDP, d.timing())
		res, err := d.finalOf(ctx, req, h)
		if err != nil {
			d.fatal(err)
			return err
		}
		if attempt < maxChallenges && (d.challenged(req, res) || d.brief(res)) {
			continue
		}
		if res.StatusCode >= 300 {
			err := refusal(res)
			d.fatal(err)
			return err
		}
		d.refreshTarget(res)
		d.agreed(res)
		body, _ := sdpOf(res)
		answer, err := t.accept(body)
		d.acknowledge(ctx, req, answer)
		return err
	}
}

// finalOf sends a re-INVITE and waits for its final response. Repetitions of a 2xx are acknowledged as they come.
func (d *Dialog) finalOf(ctx context.Context, req *sip.Request, h hop) (*sip.Response, error) {
	tx, err := d.e.request(ctx, req, h)
	if err != nil {
		return nil, &Refused{Status: 503, Reason: phraseOf(503), Err: err}
	}
	tx.OnRetransmission(d.acknowledgeAgain)
	for {
		select {
		case res := <-tx.Responses():
			if !res.IsProvisional() {
				return res, nil
			}
		case <-tx.Done():
			return nil, unanswered(tx.Err())
		case <-ctx.Done():
			tx.Terminate()
			return nil, &Refused{Status: 408, Reason: phraseOf(408), Err: context.Cause(ctx)}
		}
	}
}
