package bridge

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip"
)

// refer takes a REFER (RFC 3515): one of our own phones hands the other party on. We are the far side of both her calls,
// so the transfer is done here and never passed on; she is told how it goes until the truth is known.
func (l *leg) refer(r *sip.Request) {
	if l.party.Outside() {
		l.respond(r, 403, "Transfers Are For Agents", nil)
		return
	}
	to, err := r.Referral()
	if err != nil {
		var refused *sip.Refused
		errors.As(err, &refused)
		l.respond(r, refused.Status, refused.Reason, nil)
		return
	}
	wish := call.Transfer{To: to.To.User}
	if to.Instead != nil {
		if other, ok := to.Instead.Attached().(*leg); ok {
			wish.Instead = other
		} else {
			to.Lost = true
		}
	}
	silent := strings.EqualFold(strings.TrimSpace(r.Header("Refer-Sub")), "false") // RFC 4488
	headers := []sip.Header{}
	if silent {
		headers = append(headers, sip.Header{Name: "Refer-Sub", Value: "false"})
	}
	if _, err := r.Respond(202, "Accepted", nil, headers...); err != nil {
		return
	}
	news := make(chan call.Ending, 8)
	wish.Told = func(e call.Ending) {
		select {
		case news <- e:
		default: // it has been told often enough
		}
	}
	if !silent {
		l.mu.Lock()
		l.referrals++
		n := &notifier{leg: l, event: "refer"}
		if l.referrals > 1 { // RFC 3515 section 2.4.6
			n.event = "refer;id=" + strings.TrimSuffix(r.Header("CSeq"), " REFER")
		}
		l.mu.Unlock()
		l.bridge.work.Go(func() { n.notify(l.dialog, news) })
	}
	if to.Lost {
		wish.Told(call.Ending{By: call.ByUs, Reason: call.NotFound, Code: 481})
		return
	}
	l.wish(wish)
}

// notifier tells a phone what becomes of its REFER (RFC 3515 section 2.4.5).
type notifier struct {
	leg   *leg
	event string
}

// referralLasts is the life of the subscription that a REFER makes: longer than anything rings.
const referralLasts = 3 * time.Minute

func (n *notifier) notify(d *sip.Dialog, news <-chan call.Ending) {
	ctx, stop := context.WithTimeout(d.Context(), referralLasts)
	defer stop()
	n.send(ctx, d, "SIP/2.0 100 Trying", false)
	for {
		select {
		case e := <-news:
			last := e != call.Ending{}
			n.send(ctx, d, sipfrag(e), last)
			if last {
				return
			}
		case <-d.Context().Done():
			return
		case <-ctx.Done():
			n.send(d.Context(), d, "SIP/2.0 408 Request Timeout", true)
			return
		}
	}
}

func (n *notifier) send(ctx context.Context, d *sip.Dialog, line string, last bool) {
	state := fmt.Sprintf("active;expires=%d", int(referralLasts/time.Second))
	if last {
		state = "terminated;reason=noresource"
	}
	err := d.Send(ctx, "NOTIFY", "message/sipfrag;version=2.0", []byte(line+"\r\n"),
		sip.Header{Name: "Event", Value: n.event}, sip.Header{Name: "Subscription-State", Value: state})
	if err != nil && d.Context().Err() == nil {
		n.leg.log.Info("transfer not reported", zap.String("state", line), zap.Error(err))
	}
}

// sipfrag is the status line that tells how a transfer goes (RFC 3420).
func sipfrag(e call.Ending) string {
	status, phrase := e.SIP()
	switch {
	case e == call.Ending{}:
		status, phrase = 180, "Ringing"
	case e.Reason == call.Transferred:
		status, phrase = 200, "OK"
	case e.Code >= 300:
		status = e.Code
	}
	return fmt.Sprintf("SIP/2.0 %d %s", status, phrase)
}
