package switchboard

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
)

// absent lets who stays hear music until who has gone is back, on the same leg or on another one, and they talk again.
// Who hung up does not come back, nor does a customer whose line was lost: the conversation is over.
func (t *conversation) absent(gone, stays call.Leg) {
	away := t.Settings.Away()
	if !mayReturn(gone, away) {
		t.ends(call.EndingOf(gone.Context()))
		return
	}
	t.unhold() // she had put him on hold; the phone that comes back knows nothing of it
	t.goesAway(gone.Party().Agent, away)
	stays.Audio().Hear(t.Sounds.Music(t.snapshot().Queue))
	back, ending := t.await(gone, stays, away.Grace)
	if back == nil {
		t.staysAway(gone, stays, ending, away)
		return
	}
	t.rejoin(gone, back, stays)
}

// mayReturn reports whether the connection to one of us was lost, and there is time to wait for her.
func mayReturn(gone call.Leg, away Away) bool {
	lost := gone.Context().Err() == nil || call.EndingOf(gone.Context()).Lost()
	return lost && !gone.Party().Outside() && away.Grace > 0
}

// await returns the leg on which she is back; nil when she is not, and how it ended.
func (t *conversation) await(gone, stays call.Leg, grace time.Duration) (back call.Leg, e call.Ending) {
	search := t.search(gone, stays, grace)
	defer search.stop()
	over := gone.Context().Done()
	for {
		select {
		case a := <-search.answers:
			search.answers = nil
			if a.err != nil {
				return nil, call.EndingOfError(a.err)
			}
			return a.leg, call.Ending{}
		case w := <-gone.Wishes():
			if w == (call.Back{}) {
				return gone, call.Ending{}
			}
			t.inVain(w)
		case w := <-stays.Wishes():
			t.inVain(w)
		case <-over:
			over = nil
			if e := call.EndingOf(gone.Context()); !e.Lost() { // she hung up on a line that was not quite dead
				return nil, e
			}
		}
	}
}

// inVain answers a wish that concerns somebody who is not there.
func (t *conversation) inVain(w call.Wish) {
	if w, ok := w.(call.Transfer); ok {
		t.told(w)(call.Ending{By: call.ByUs, Reason: call.Failed})
	}
}

// search is the ringing of her devices, as they come.
type search struct {
	answers chan answer // brings one; nil: it has
	cancel  context.CancelFunc
}

type answer struct {
	leg call.Leg
	err error
}

// search begins to ring her devices, for as long as the customer is to wait at most.
func (t *conversation) search(gone, stays call.Leg, grace time.Duration) *search {
	ctx, cancel := context.WithTimeoutCause(stays.Context(), grace, &call.Ended{Ending: call.Ending{By: call.ByAgent, Reason: call.SignalLost}})
	s := &search{answers: make(chan answer, 1), cancel: cancel}
	r := t.snapshot()
	i := Invitation{Call: r.ID, Agent: gone.Party().Agent, From: stays.Party(), Queue: r.Queue, With: stays, Lost: gone}
	answers := s.answers
	t.calls.background(func() {
		a := answer{err: &call.Ended{Ending: call.Ending{By: call.ByUs, Reason: call.Failed}}}
		defer func() { answers <- a }()
		defer t.contain("return")
		a.leg, a.err = t.Dialer.Dial(ctx, i)
	})
	return s
}

// stop ends the ringing, and hangs up a device that has answered in the same moment in which that was not wanted any more.
func (s *search) stop() {
	s.cancel()
	if s.answers == nil {
		return
	}
	if a := <-s.answers; a.leg != nil {
		a.leg.Hangup(call.Ending{By: call.ByUs, Reason: call.TakenElsewhere})
	}
}

// goesAway notes that she is not there.
func (t *conversation) goesAway(agent string, away Away) {
	now := time.Now()
	t.lastSegment(func(s *call.Segment) { s.Absences = append(s.Absences, call.Absence{From: now}) })
	t.Ledger.Note(t.snapshot())
	t.meter.away.Inc()
	t.log.Info("agent away", zap.String("agent", agent), zap.Duration("grace", away.Grace))
	t.saw(call.Away, agent)
}

// rejoin lets the two talk again.
func (t *conversation) rejoin(gone, back, stays call.Leg) {
	agent := gone.Party().Agent
	t.comes(gone, back)
	t.join()
	if back != gone {
		gone.Hangup(call.Ending{By: call.ByUs, Reason: call.TakenElsewhere})
	}
	now := time.Now()
	took := time.Duration(0)
	t.lastSegment(func(s *call.Segment) {
		if n := len(s.Absences); n > 0 {
			s.Absences[n-1].To = now
			took = now.Sub(s.Absences[n-1].From)
		}
	})
	t.Ledger.Note(t.snapshot())
	t.meter.back(returned)
	t.log.Info("agent back", zap.String("agent", agent), zap.Duration("away", took))
	t.saw(call.Returned, agent)
}

// comes puts the leg on which she is back in the place of the one that was lost.
func (t *conversation) comes(gone, back call.Leg) {
	if back == gone {
		return
	}
	if t.caller == gone {
		t.caller = back
	} else {
		t.answered = back
	}
	t.dialled(back)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.teller == gone {
		t.teller = back
		t.others = append(t.others, gone) // it sounds in the record, too
	}
}

// staysAway decides what becomes of who has waited for her in vain.
func (t *conversation) staysAway(gone, stays call.Leg, e call.Ending, away Away) {
	agent := gone.Party().Agent
	left := stays.Context().Err() != nil
	hungUp := gone.Context().Err() != nil && !call.EndingOf(gone.Context()).Lost()
	if !left && !hungUp && t.snapshot().Queue != "" && stays == t.teller && stays.Party().Outside() && !away.Ends {
		t.log.Info("agent not back, served by the next one", zap.String("agent", agent))
		t.meter.back(requeued)
		gone.Hangup(e)
		t.queueAgain(agent)
		return
	}
	switch {
	case left:
		e = call.EndingOf(stays.Context())
	case !hungUp && gone.Context().Err() != nil:
		e = call.EndingOf(gone.Context())
	}
	t.log.Info("agent not back", zap.String("agent", agent), zap.Stringer("ending", e))
	t.meter.back(ended)
	gone.Hangup(e)
	t.ends(e)
}

// queueAgain lets the caller wait at the front of the queue that he came from.
func (t *conversation) queueAgain(agent string) {
	t.over = true
	t.update(func(r *call.Record) { closeSegment(r, time.Now()) })
	t.leave(agent)
	r := t.snapshot()
	t.wait(&queue.Ticket{Call: r.ID, Queue: r.Queue, Entered: time.Now(), Front: true})
}

func (c *story) lastSegment(f func(*call.Segment)) {
	c.update(func(r *call.Record) {
		if n := len(r.Segments); n > 0 {
			f(&r.Segments[n-1])
		}
	})
}
