package sip

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/emiago/sipgo/sip"
)

// Reoffer changes the session by a re-INVITE and returns the answer. One at a time: a second call waits for the first.
// When both sides asked at once (491) it waits as RFC 3261 section 14.1 says and tries again. The error is *Refused (the
// session is then as before), *Ended, or the cause of ctx.
func (d *Dialog) Reoffer(ctx context.Context, sdp []byte) (answer []byte, err error) {
	return d.renegotiate(ctx, sdp, nil)
}

// ReofferLate changes the session by a re-INVITE without an offer: the far side's 2xx brings the offer, and answer makes
// what the ACK carries. It returns that offer.
func (d *Dialog) ReofferLate(ctx context.Context, answer func(offer []byte) ([]byte, error)) (offer []byte, err error) {
	return d.renegotiate(ctx, nil, answer)
}

func (d *Dialog) renegotiate(ctx context.Context, sdp []byte, late func([]byte) ([]byte, error)) ([]byte, error) {
	for attempt := 1; ; attempt++ {
		body, err := d.reinvite(ctx, sdp, late)
		var r *Refused
		if !errors.As(err, &r) || r.Status != 491 || attempt == maxGlares {
			return body, err
		}
		pause := time.NewTimer(d.glare())
		select {
		case <-pause.C:
		case <-ctx.Done():
			pause.Stop()
			return nil, context.Cause(ctx)
		case <-d.ctx.Done():
			pause.Stop()
			return nil, d.how()
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

// reinvite is one attempt. When ctx ends first the re-INVITE is seen through by the endpoint: a session must not be left
// half changed without an ACK.
func (d *Dialog) reinvite(ctx context.Context, sdp []byte, late func([]byte) ([]byte, error)) ([]byte, error) {
	select {
	case d.deal <- struct{}{}:
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-d.ctx.Done():
		return nil, d.how()
	}
	d.setDealOurs(true)
	type outcome struct {
		body []byte
		err  error
	}
	done := make(chan outcome, 1)
	started := d.e.run(func() {
		defer func() {
			d.setDealOurs(false)
			<-d.deal
		}()
		seen, cancel := context.WithTimeout(context.WithoutCancel(ctx), d.e.cfg.Timeouts.Reoffer)
		defer cancel()
		body, err := d.exchange(seen, sdp, late)
		done <- outcome{body, err}
	})
	if !started {
		<-d.deal
		return nil, &Ended{Why: Stopped}
	}
	select {
	case o := <-done:
		return o.body, o.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	case <-d.ctx.Done():
	}
	select {
	case o := <-done:
		return o.body, o.err
	default:
		return nil, d.how()
	}
}

func (d *Dialog) setDealOurs(ours bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.dealOurs = ours
}

// exchange sends a re-INVITE, answers one challenge, acknowledges a 2xx.
func (d *Dialog) exchange(ctx context.Context, sdp []byte, late func([]byte) ([]byte, error)) ([]byte, error) {
	for attempt := 0; ; attempt++ {
		if !d.inPhase(up) {
			return nil, errMisused
		}
		req, h, err := d.compose(ctx, "INVITE", 0)
		if err != nil {
			return nil, &Refused{Status: 503, Reason: phraseOf(503), Err: err}
		}
		d.dress(req, h, sdp, mimeSDP, nil)
		res, err := d.finalOf(ctx, req, h)
		if err != nil {
			d.fatal(err)
			return nil, err
		}
		if attempt < maxChallenges && d.challenged(req, res) {
			continue
		}
		if res.StatusCode >= 300 {
			err := refusal(res)
			d.fatal(err)
			return nil, err
		}
		d.refreshTarget(res)
		body, _ := sdpOf(res)
		var answer []byte
		if late != nil {
			answer, err = late(body)
		}
		d.acknowledge(ctx, req, answer)
		return body, err
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
