package bridge

import (
	"context"
	"errors"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/sip"
)

// audio is a leg as something that hears and is heard.
type audio leg

func (a *audio) SourceName() string { return "leg " + string(a.id) }

// Hear switches what the party hears. The first time decides the codec of a call that came in: that of the one who is
// heard, if both speak it, so that nothing needs to be transcoded.
func (a *audio) Hear(s call.Source) {
	l := (*leg)(a)
	source, like := media(s)
	session, _, err := l.prepare(like)
	if err != nil {
		return // Answer tells the story of it
	}
	session.Out().Hear(source)
}

// Digits plays tones to the party.
func (a *audio) Digits(tones string) {
	if session := (*leg)(a).sound(); session != nil {
		session.Out().Digits(tones)
	}
}

// media is what is behind a source: the media floors' source, and the codec in which it comes if that is one party's.
func media(s call.Source) (rtp.Source, *rtp.Codec) {
	switch s := s.(type) {
	case nil:
		return nil, nil
	case *audio:
		session := (*leg)(s).sound()
		if session == nil {
			return nil, nil
		}
		if f := session.Out().Format(); f != nil {
			return session, &f.Codec
		}
		return session, nil
	case rtp.Source:
		return s, nil
	}
	return nil, nil
}

// sound is the leg's session, or nil when there is none yet.
func (l *leg) sound() rtp.Session {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.session
}

// close ends a call that came in: it waits for the leg's goroutine and gives back the sound. The leg has been hung up
// before; if not, it is now.
func (l *leg) close() {
	l.Hangup(call.Ending{By: call.ByUs, Reason: call.Failed})
	<-l.served
	l.giveBack()
}

// giveBack gives back the sound of a leg that is over.
func (l *leg) giveBack() {
	l.over()
	s := l.sound()
	if s == nil {
		return
	}
	q := s.Quality()
	l.log.Debug("sound", zap.Uint64("received", q.Received), zap.Uint64("sent", q.Sent), zap.Uint64("lost", q.Lost), zap.Duration("jitter", q.Jitter))
	if err := s.Close(); err != nil {
		l.log.Warn("close sound", zap.Error(err))
	}
}

// endingOf says in the house's words how a dialog ended.
func (l *leg) endingOf(err error) call.Ending {
	far := call.ByCustomer
	if !l.party.Outside() {
		far = call.ByAgent
	}
	return endingOf(err, far)
}

// endingOf says in the house's words why there is no dialog (any more); far is who the far side is.
func endingOf(err error, far call.By) call.Ending {
	var already *call.Ended
	if errors.As(err, &already) {
		return already.Ending
	}
	var refused *sip.Refused
	if errors.As(err, &refused) {
		e := call.Ending{By: far, Reason: call.ReasonOfSIP(refused.Status), Code: refused.Status}
		if refused.Ours {
			e.By = call.ByUs
		}
		for _, c := range refused.Causes() {
			if r := call.ReasonOfCause(c.Code); c.Protocol == "Q.850" && r != "" && vague(refused.Status) {
				e.Reason = r
			}
		}
		if refused.Err != nil { // nobody there: no answer at all, or nowhere to send it
			e.Reason = call.Unreachable
		}
		return e
	}
	var ended *sip.Ended
	if !errors.As(err, &ended) {
		return call.EndingOfError(err)
	}
	e := call.Ending{By: call.ByUs, Code: ended.Status}
	if ended.Remote {
		e.By = far
	}
	switch ended.Why {
	case sip.HungUp:
		e.Reason, e.Code = call.Hungup, 0
		if broke(ended) {
			e.Reason = call.SignalLost
		}
	case sip.Cancelled:
		e.Reason, e.Code = call.Cancelled, 0
		for _, c := range sip.Causes(ended.Reason) {
			if c.Protocol == "SIP" && c.Code == 200 && ended.Remote { // RFC 3326 section 2: somebody else has answered
				e.Reason = call.TakenElsewhere
			}
		}
	case sip.Rejected:
		e.Reason = call.ReasonOfSIP(ended.Status)
	case sip.NoACK, sip.FlowLost, sip.Expired:
		e.Reason = call.SignalLost
	case sip.TimedOut:
		e.Reason = call.Unreachable
	case sip.Broken:
		e.Reason = call.Failed
	case sip.Stopped:
		e.By, e.Reason = call.ByUs, call.Stopped
	}
	return e
}

// vague reports whether a status says little of the person called: gateways to the telephone network send it for many
// reasons, and the true one in a Reason header field.
func vague(status int) bool { return status == 403 || status == 480 || status >= 500 && status < 600 }

// broke reports whether a far side that hung up says that its own connection was lost.
func broke(e *sip.Ended) bool {
	if e.Status == 408 || e.Status == 481 {
		return true // it does not know the call any more
	}
	for _, c := range sip.Causes(e.Reason) {
		switch c.Protocol {
		case "Q.850":
			if c.Code == 27 || c.Code == 38 || c.Code == 41 || c.Code == 102 {
				return true
			}
		case "SIP":
			if c.Code == 408 || c.Code >= 500 && c.Code < 600 {
				return true
			}
		}
	}
	return false
}

// endingOfSound says how a call ends whose sound cannot be had.
func endingOfSound(err error) call.Ending {
	var unacceptable *rtp.Unacceptable
	if errors.As(err, &unacceptable) {
		return call.Ending{By: call.ByUs, Reason: call.NotAcceptable}
	}
	if errors.Is(err, context.Canceled) {
		return call.Ending{By: call.ByUs, Reason: call.Stopped}
	}
	return call.Ending{By: call.ByUs, Reason: call.Overloaded} // no port left
}
