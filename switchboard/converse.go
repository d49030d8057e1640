package switchboard

import (
	"context"
	"time"

	"github.com/cordboard/cordboard/call"
)

// converse joins the caller with who answered, and returns when one of them has left for good. Both are hung up then.
func (c *story) converse(answered call.Leg, id string) {
	caller := c.teller
	defer c.noteSounds()
	defer func() { c.hangupOthers(c.snapshot().Ending) }()
	// Sound first, then the signalling that says so: the first word is not lost while the ACK travels.
	caller.Audio().Hear(answered.Audio())
	answered.Audio().Hear(caller.Audio())
	if err := c.pickUp(answered); err != nil {
		c.ended(call.EndingOfError(err))
		return
	}
	p, _ := c.Desk.Profile(id)
	c.joins(p)

	unheard(caller) // keys that he pressed while he waited were not meant for her
	talk := conversation{story: c, caller: caller, answered: answered}
	defer talk.unhold()
	for !talk.over {
		select {
		case <-talk.caller.Context().Done():
			talk.absent(talk.caller, talk.answered)
		case <-talk.answered.Context().Done():
			talk.absent(talk.answered, talk.caller)
		case w := <-talk.caller.Wishes():
			talk.grant(w, talk.caller, talk.answered)
		case w := <-talk.answered.Wishes():
			talk.grant(w, talk.answered, talk.caller)
		case m := <-c.meetings:
			talk.meet(m)
		}
	}
}

// unheard forgets what a party wished for before there was anybody to wish it of.
func unheard(l call.Leg) {
	for {
		select {
		case <-l.Wishes():
		default:
			return
		}
	}
}

// pickUp answers the caller. Who was to talk to him may leave before his ACK has come, which can take half a minute.
func (c *story) pickUp(answered call.Leg) error {
	ctx, cancel := context.WithCancelCause(c.teller.Context())
	defer cancel(nil)
	defer context.AfterFunc(answered.Context(), func() { cancel(context.Cause(answered.Context())) })()
	return c.teller.Answer(ctx)
}

// conversation is two legs joined, and which of them put the other on hold.
type conversation struct {
	*story
	caller, answered call.Leg
	holder           call.Leg // nil: nobody holds
	since            time.Time
	held             bool // by who wishes for a transfer, before she did
	over             bool
}

// ends notes how the conversation ended.
func (t *conversation) ends(e call.Ending) {
	t.over = true
	t.ended(e)
}

// grant does what one of the two wished for.
func (t *conversation) grant(w call.Wish, from, other call.Leg) {
	switch w := w.(type) {
	case call.Hold:
		t.hold(from, other)
	case call.Resume:
		if t.holder == from {
			t.unhold()
		}
	case call.Digits:
		other.Audio().Digits(w.Tones)
	case call.Transfer:
		t.transfer(w, from, other)
	case call.Gone:
		t.absent(from, other)
	case call.Back: // she was not missed
	case call.Consult, call.Complete, call.Abandon:
		// The signalling has refused what the switchboard does not offer yet; a wish that comes all the same is noted.
		t.log.Warn("wish not granted: consultations are not offered")
	}
}

// hold lets the other party hear music while an agent holds her. A customer who holds us plays his own.
func (t *conversation) hold(from, other call.Leg) {
	if t.holder != nil || from.Party().Outside() {
		return
	}
	t.holder, t.since = from, time.Now()
	other.Audio().Hear(t.Sounds.Music(t.snapshot().Queue))
	t.saw(call.Held, from.Party().Agent)
}

// join lets the two hear each other.
func (t *conversation) join() {
	t.caller.Audio().Hear(t.answered.Audio())
	t.answered.Audio().Hear(t.caller.Audio())
}

// unhold joins the two again and notes how long it took.
func (t *conversation) unhold() {
	if t.holder == nil {
		return
	}
	held, by := time.Since(t.since), t.holder.Party().Agent
	t.holder = nil
	t.join()
	t.update(func(r *call.Record) {
		if n := len(r.Segments); n > 0 {
			r.Segments[n-1].Held += held
		}
	})
	t.saw(call.Resumed, by)
}
