package sip

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// SessionTimer is the sign of life that we ask of the far side (RFC 4028): a call that nobody refreshes in time is over.
type SessionTimer struct {
	// Expires is the session interval that we ask for. 0: none; one that the far side asks for is kept all the same.
	Expires time.Duration
	// Min is the shortest interval that we agree to; a shorter one is answered 422. 90 s by default, and nobody should
	// want less (RFC 4028 section 4).
	Min time.Duration
}

// shortestSession is what Min-SE is when nobody names one (RFC 4028 section 5).
const shortestSession = 90 * time.Second

func (t SessionTimer) withDefaults() SessionTimer {
	or(&t.Min, shortestSession)
	if t.Expires > 0 {
		t.Expires = max(t.Expires, t.Min)
	}
	return t
}

// life is the session timer of one dialog. Its fields are guarded by Dialog.mu.
type life struct {
	wish     SessionTimer
	interval time.Duration // agreed; 0: the session does not expire
	least    time.Duration // the longest Min-SE that the far side has named
	ours     bool          // we refresh
	update   bool          // the far side takes an UPDATE
	round    int           // of refreshes: whoever waited may find that another request has done it
	timer    *time.Timer   // to our refresh, or to the end
}

// expiry reads a Session-Expires field (RFC 4028 section 4).
func expiry(m fields) (interval time.Duration, refresher string, ok bool) {
	value := header(m, "Session-Expires")
	if value == "" {
		return 0, "", false
	}
	n, params, _ := strings.Cut(value, ";")
	interval, ok = seconds(n)
	for p := range strings.SplitSeq(params, ";") {
		if k, v, _ := strings.Cut(p, "="); strings.EqualFold(strings.TrimSpace(k), "refresher") {
			refresher = strings.ToLower(strings.TrimSpace(v))
		}
	}
	return interval, refresher, ok
}

func minExpiry(m fields) time.Duration {
	n, _, _ := strings.Cut(header(m, "Min-SE"), ";")
	least, _ := seconds(n)
	return least
}

func seconds(s string) (time.Duration, bool) {
	n, err := strconv.ParseUint(strings.TrimSpace(s), 10, 32)
	return time.Duration(n) * time.Second, err == nil
}

func inSeconds(d time.Duration) string { return strconv.Itoa(int(d / time.Second)) }

// tooBrief reports whether a request wants the session to expire sooner than we agree to. Whoever does not know the
// extension could not make sense of a 422, and did not write the field himself (RFC 4028 section 9).
func (t SessionTimer) tooBrief(req *sip.Request) (Header, bool) {
	interval, _, ok := expiry(req)
	if !ok || interval >= t.Min || !lists(req, "Supported", "timer") && !lists(req, "Require", "timer") {
		return Header{}, false
	}
	return Header{"Min-SE", inSeconds(t.Min)}, true
}

// agree puts into our 2xx what becomes of the session timer that a request asks for, and begins the interval anew
// (RFC 4028 section 9).
func (d *Dialog) agree(req *sip.Request, res *sip.Response) {
	asked, refresher, ok := expiry(req)
	knows := lists(req, "Supported", "timer") || lists(req, "Require", "timer")
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.life
	l.update = l.update || lists(req, "Allow", "UPDATE")
	if d.phase == early {
		return // an UPDATE before the answer refreshes nothing yet
	}
	interval, least := asked, max(l.wish.Min, minExpiry(req))
	switch {
	case !ok && l.interval > 0:
		interval = max(l.interval, least)
	case !ok:
		interval = l.wish.Expires
	case l.wish.Expires > 0:
		interval = min(asked, l.wish.Expires)
	}
	if interval == 0 {
		return
	}
	ours := !knows || refresher == "uas" || refresher == "" && !ok && (l.interval == 0 || l.ours)
	interval = max(interval, least)
	who := "uac"
	if ours {
		who = "uas"
	}
	res.AppendHeader(sip.NewHeader("Session-Expires", inSeconds(interval)+";refresher="+who))
	if knows {
		res.AppendHeader(sip.NewHeader("Require", "timer"))
	}
	l.begin(d, interval, ours)
}

// timing are the header fields by which a request of ours asks for a session timer, or goes on with the one agreed
// (RFC 4028 sections 7.1 and 7.4).
func (d *Dialog) timing() []Header {
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.life
	interval, refresher := l.wish.Expires, ""
	if l.interval > 0 {
		interval, refresher = l.interval, ";refresher=uas"
		if l.ours {
			refresher = ";refresher=uac"
		}
	}
	if interval == 0 {
		return nil
	}
	h := []Header{{"Session-Expires", inSeconds(max(interval, l.least)) + refresher}}
	if least := max(l.least, l.wish.Min); l.least > 0 || least != shortestSession {
		h = append(h, Header{"Min-SE", inSeconds(least)})
	}
	return h
}

// brief takes the answer 422 to a request of ours: the far side wants a longer interval. It is false when asking again
// would not help.
func (d *Dialog) brief(res *sip.Response) bool {
	least := minExpiry(res)
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.life
	asked := l.interval
	if asked == 0 {
		asked = l.wish.Expires
	}
	if res.StatusCode != 422 || asked == 0 || least <= max(asked, l.least) {
		return false
	}
	l.least = least
	return true
}

// agreed takes what a 2xx to a request of ours says of the session timer, and begins the interval anew (RFC 4028
// section 7.2).
func (d *Dialog) agreed(res fields) {
	interval, refresher, ok := expiry(res)
	d.mu.Lock()
	defer d.mu.Unlock()
	l := &d.life
	l.update = l.update || lists(res, "Allow", "UPDATE")
	switch {
	case ok && interval > 0:
		l.begin(d, interval, refresher != "uas")
	case l.interval > 0 && l.ours:
		l.begin(d, l.interval, true) // it forgot to say so; that we go on costs nothing
	default:
		l.end() // a far side that knows no timer cannot be held to one
	}
}

// begin starts the interval; the caller holds Dialog.mu. Who refreshes does so after half of it; who waits for a refresh
// gives up a third before the end, 32 s at most (RFC 4028 section 10).
func (l *life) begin(d *Dialog, interval time.Duration, ours bool) {
	l.end()
	if d.over {
		return
	}
	l.interval, l.ours = interval, ours
	after := interval / 2
	if !ours {
		after = interval - lead(interval)
	}
	l.timer = time.AfterFunc(after, func() {
		defer d.e.guard("session timer", nil)
		if ours {
			d.e.run(d.refresh)
		} else {
			d.expire()
		}
	})
}

// end stops the timer; the caller holds Dialog.mu.
func (l *life) end() {
	l.round++
	l.interval = 0
	if l.timer != nil {
		l.timer.Stop()
		l.timer = nil
	}
}

func lead(interval time.Duration) time.Duration { return min(32*time.Second, interval/3) }

// expire ends a session that was not refreshed.
func (d *Dialog) expire() {
	d.log.Warn("session expired")
	d.leave(&Ended{Why: Expired, Status: 408}, 408, "Session Expired")
}

// refresh tells the far side that we are here, as often as it takes until the session would expire.
func (d *Dialog) refresh() {
	d.mu.Lock()
	round, left := d.life.round, d.life.interval/2-lead(d.life.interval)
	d.mu.Unlock()
	ctx, stop := context.WithTimeout(d.ctx, left)
	defer stop()
	for {
		err := d.refreshOnce(ctx, round)
		if err == nil || d.ctx.Err() != nil {
			return
		}
		d.log.Info("session not refreshed", zap.Error(err))
		pause := time.NewTimer(d.beforeAgain(err))
		select {
		case <-pause.C:
		case <-ctx.Done():
		}
		pause.Stop()
		if ctx.Err() != nil && d.ctx.Err() == nil {
			d.expire()
			return
		}
	}
}

// beforeAgain is how long to wait before a refresh that was refused is tried again.
func (d *Dialog) beforeAgain(err error) time.Duration {
	var r *Refused
	if !errors.As(err, &r) {
		return d.e.cfg.Timeouts.T2
	}
	if r.Status == 491 {
		return d.glare()
	}
	for _, h := range r.Header {
		if after, ok := seconds(h.Value); ok && strings.EqualFold(h.Name, "Retry-After") {
			return min(after, 10*time.Second) + d.e.cfg.Timeouts.T1
		}
	}
	return d.e.cfg.Timeouts.T2
}

// refreshOnce sends an UPDATE without a session description to who takes one, else a re-INVITE with the session as it is.
// Either waits until nobody negotiates, so that it never meets a re-INVITE of ours; that may have been the refresh itself.
func (d *Dialog) refreshOnce(ctx context.Context, round int) error {
	if err := d.takeDeal(ctx); err != nil {
		return err
	}
	defer d.giveDeal()
	d.mu.Lock()
	done, update, terms := d.life.round != round, d.life.update, d.terms
	d.mu.Unlock()
	if done {
		return nil
	}
	if update {
		err := d.update(ctx)
		if r := (*Refused)(nil); !errors.As(err, &r) || r.Status != 405 && r.Status != 501 {
			return err
		}
		d.mu.Lock()
		d.life.update = false // it said so, and does not
		d.mu.Unlock()
	}
	if terms == nil {
		return fmt.Errorf("refresh by re-INVITE: %w", errMisused)
	}
	return d.exchange(ctx, terms)
}

// update is one UPDATE that changes nothing (RFC 3311).
func (d *Dialog) update(ctx context.Context) error {
	for {
		res, err := d.final(ctx, "UPDATE", nil, "", d.timing)
		switch {
		case err != nil:
		case res.StatusCode < 300:
			d.refreshTarget(res)
			d.agreed(res)
			return nil
		case d.brief(res):
			continue
		default:
			err = refusal(res)
		}
		d.fatal(err)
		return err
	}
}
