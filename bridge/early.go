package bridge

import (
	"context"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip"
)

// early is the sound of a far side that has not answered yet. Whether there is any, its RTP tells and not its signalling
// (RFC 3960 section 3.2): a 183 with a session description may be followed by nothing, and a 180 by an announcement.
type early struct {
	leg   *leg
	rang  chan *sip.Dialog        // capacity 1: the dialog, once it is known
	told  func(heard call.Source) // of sound that begins; nil: it stopped, and the far side rings on
	begun chan struct{}           // closed with the first session description
	end   chan struct{}
	done  sync.WaitGroup

	changed bool // owned by serve, until stop has returned: the session is another than the one that we offered

	mu     sync.Mutex
	open   bool // guarded by mu: descriptions are still taken
	watch  bool // guarded by mu: begun is closed
	alerts bool // guarded by mu: a 180 came
}

// Waits of early media.
const (
	lookEarly  = 40 * time.Millisecond  // between two looks at what has come
	quietEarly = 600 * time.Millisecond // an alerting far side that is silent for so long is not playing anything
)

// listenEarly waits for sound before the answer; told may be nil: then nobody is interested.
func (l *leg) listenEarly(told func(call.Source)) *early {
	e := &early{leg: l, told: told, rang: make(chan *sip.Dialog, 1), begun: make(chan struct{}), end: make(chan struct{}), open: told != nil}
	if told != nil {
		e.done.Go(e.look)
		e.done.Go(e.serve)
	}
	return e
}

// serve answers a far side that changes the session before it answers (RFC 3311).
func (e *early) serve() {
	var d *sip.Dialog
	select {
	case d = <-e.rang:
	case <-e.end:
		return
	}
	for {
		select {
		case r := <-d.Requests():
			if r.Method == "UPDATE" {
				e.changed = true
				e.leg.renegotiate(r)
			} else {
				e.leg.respond(r, 500, "Not Before The Answer", nil)
			}
		case <-e.end:
			return
		}
	}
}

// progress takes a provisional response.
func (e *early) progress(status int, sdp []byte) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.alerts = e.alerts || status == 180
	if !e.open || sdp == nil {
		return
	}
	if err := e.leg.accept(e.leg.sound(), sdp); err != nil {
		e.leg.log.Info("early media not usable", zap.Error(err))
		return
	}
	if !e.watch {
		e.watch = true
		close(e.begun)
	}
}

// stop ends it: nothing is told any more, and no description taken, when it returns.
func (e *early) stop() {
	e.mu.Lock()
	e.open = false
	e.mu.Unlock()
	close(e.end)
	e.done.Wait()
}

func (e *early) look() {
	select {
	case <-e.begun:
	case <-e.end:
		return
	}
	tick := time.NewTicker(lookEarly)
	defer tick.Stop()
	var heard uint64
	var last time.Time
	flowing := false
	for {
		select {
		case <-e.end:
			return
		case now := <-tick.C:
			n := e.leg.sound().Quality().Received
			switch {
			case n != heard && !flowing:
				flowing = true
				e.told(e.leg.Audio())
			case n == heard && flowing && e.rings() && now.Sub(last) > quietEarly:
				flowing = false
				e.told(nil)
			}
			if n != heard {
				heard, last = n, now
			}
		}
	}
}

func (e *early) rings() bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.alerts
}

// Early lets a caller hear before the answer.
func (l *leg) Early(context.Context) error {
	if l.dialog.Offer() == nil {
		return context.Cause(l.ctx) // he would have to answer our offer first
	}
	_, sdp, err := l.prepare(nil)
	if err != nil {
		return err
	}
	l.mu.Lock()
	first := !l.early
	l.early = true
	l.mu.Unlock()
	if first {
		if err := l.dialog.Progress(183, sdp); err != nil && l.ctx.Err() == nil {
			return err
		}
	}
	return context.Cause(l.ctx)
}

// ringing sends the 180. It carries our offer when the caller made none and insists on acknowledging us (RFC 3262).
func (l *leg) ringing() error {
	if !l.dialog.OffersEarly() {
		return l.dialog.Progress(180, nil)
	}
	_, sdp, err := l.prepare(nil)
	if err != nil {
		return err
	}
	return l.dialog.Progress(180, sdp)
}
