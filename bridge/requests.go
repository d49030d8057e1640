package bridge

import (
	"errors"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/dtmf"
	"github.com/cordboard/cordboard/sip"
)

// grant does what the far side asks for inside its dialog, or says that it cannot be done.
func (l *leg) grant(r *sip.Request) {
	switch r.Method {
	case "INVITE", "UPDATE", "PRACK":
		l.renegotiate(r)
	case "INFO":
		l.info(r)
	case "REFER":
		l.refer(r)
	case "MESSAGE", "NOTIFY":
		l.respond(r, 501, "Not Implemented", nil)
	default:
		l.respond(r, 501, "Not Implemented", nil)
	}
}

func (l *leg) respond(r *sip.Request, status int, phrase string, body []byte, headers ...sip.Header) []byte {
	ack, err := r.Respond(status, phrase, body, headers...)
	if err != nil && l.ctx.Err() == nil {
		l.log.Warn("response not sent", zap.String("method", r.Method), zap.Int("status", status), zap.Error(err))
	}
	return ack
}

// renegotiate answers a re-INVITE or UPDATE from what it offers now (RFC 3264 section 8), and tells the story when the
// party began or ended a hold by it.
func (l *leg) renegotiate(r *sip.Request) {
	session := l.sound()
	if session == nil {
		l.respond(r, 491, "Request Pending", nil) // the first offer has not been answered yet
		return
	}
	before := session.Direction()
	if r.Body == nil && r.Method == "UPDATE" { // a session refresh (RFC 4028) carries none
		l.respond(r, 200, "OK", nil)
		return
	}
	if r.Body == nil {
		l.offerBack(r, session)
	} else {
		l.dealing.Lock()
		sdp, err := session.Answer(r.Body)
		l.dealing.Unlock()
		if err != nil {
			l.refuseOffer(r, err)
			return
		}
		l.respond(r, 200, "OK", sdp)
	}
	if held := holds(session.Direction()); held != holds(before) {
		if held {
			l.wish(call.Hold{})
		} else {
			l.wish(call.Resume{})
		}
	}
}

// offerBack answers a re-INVITE without an offer by ours; the far side's answer comes with its ACK.
func (l *leg) offerBack(r *sip.Request, session rtp.Session) {
	l.dealing.Lock()
	sdp, err := session.Offer()
	l.dealing.Unlock()
	if err != nil {
		l.refuseOffer(r, err)
		return
	}
	if ack := l.respond(r, 200, "OK", sdp); ack != nil {
		if err := l.accept(session, ack); err != nil {
			l.log.Warn("answer not usable", zap.Error(err))
		}
	}
}

// reoffer is the session as it is, for a re-INVITE that only shows that we are here (RFC 4028).
func (l *leg) reoffer() ([]byte, error) {
	session := l.sound()
	if session == nil {
		return nil, &rtp.Unacceptable{Why: "there is no sound yet"}
	}
	l.dealing.Lock()
	defer l.dealing.Unlock()
	return session.Offer()
}

func (l *leg) reaccept(answer []byte) error { return l.accept(l.sound(), answer) }

// refuseOffer leaves the session as it was (RFC 3261 section 14.2).
func (l *leg) refuseOffer(r *sip.Request, err error) {
	l.log.Info("offer refused", zap.Error(err))
	var unacceptable *rtp.Unacceptable
	if errors.As(err, &unacceptable) {
		l.respond(r, 488, "Not Acceptable Here", nil, warning(err)...)
		return
	}
	l.respond(r, 500, "Server Internal Error", nil)
}

// warning tells the people of the far side why its offer is refused (RFC 3261 section 20.43); nothing for other faults.
func warning(err error) []sip.Header {
	var unacceptable *rtp.Unacceptable
	if !errors.As(err, &unacceptable) {
		return nil
	}
	return []sip.Header{sip.Warning(unacceptable.Why)}
}

// holds reports whether the far side does not want to hear us.
func holds(d rtp.Direction) bool { return d == rtp.RecvOnly || d == rtp.Inactive }

// info takes digits (RFC 6086; the bodies are a convention older than it).
func (l *leg) info(r *sip.Request) {
	if r.ContentType == "" && len(r.Body) == 0 {
		l.respond(r, 200, "OK", nil) // a sign of life
		return
	}
	info, err := dtmf.ParseInfo(r.ContentType, r.Body)
	switch {
	case errors.Is(err, dtmf.ErrContentType):
		l.respond(r, 415, "Unsupported Media Type", nil)
	case err != nil:
		l.respond(r, 400, "No DTMF key in the body", nil)
	default:
		l.respond(r, 200, "OK", nil)
		l.wish(call.Digits{Tones: info.Tones})
	}
}

// wish hands a wish to whoever tells the story. A party who wishes faster than the story grants is not heard.
func (l *leg) wish(w call.Wish) {
	select {
	case l.wishes <- w:
	default:
		l.log.Warn("wish dropped: too many at once")
	}
}
