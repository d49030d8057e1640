package bridge

import (
	"context"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/sip"
)

const (
	// hushed is for how long nothing must have been heard of a browser whose socket is gone, too, before the other party
	// hears music: sound comes every 20 ms, and a cell of a wireless network is changed within a second or two.
	hushed = 2 * time.Second
	// attention is how long after a change of socket that is looked at.
	attention = 5 * time.Second
	// glance is the time between two looks, while there is a reason to look.
	glance = 100 * time.Millisecond
	// asking is how long a page may take to say that it still has the call.
	asking = 5 * time.Second
)

// path is what a browser's session tells of its path besides what every session does.
type path interface {
	Turned() <-chan struct{}
	Interrupted() bool
}

// presence is whether the party behind a leg is there. It costs nothing until a socket or a path is lost. Owned by the
// leg's listen.
type presence struct {
	leg     *leg
	dialog  *sip.Dialog
	session rtp.Session
	path    path            // nil: of a phone, whose sound has no path to lose
	turned  <-chan struct{} // of path
	watch   *time.Timer     // the next look
	since   time.Time       // when the session was there
	drifted bool            // the socket was lost or replaced before
	until   time.Time       // of the attention
	away    bool
}

func (p *presence) begin(s rtp.Session) {
	p.session, p.since = s, time.Now()
	if path, ok := s.(path); ok {
		p.path, p.turned = path, path.Turned()
	}
}

// drift sees to a socket that was lost or replaced.
func (p *presence) drift() {
	p.drifted = true
	if p.session == nil || p.path == nil {
		return
	}
	now := time.Now()
	p.until = now.Add(attention)
	if !p.dialog.Adrift() && p.unheard(now) > glance {
		p.ask()
	}
	p.look(now)
}

// ask finds out whether the page that has come by another socket still has the call: one that was loaded anew does not
// know it, says so (481), and the dialog is over. The UPDATE says nothing (RFC 3311 section 5.1).
func (p *presence) ask() {
	d := p.dialog
	p.leg.bridge.work.Go(func() {
		ctx, cancel := context.WithTimeout(d.Context(), asking)
		defer cancel()
		if err := d.Send(ctx, "UPDATE", "", nil); err != nil {
			p.leg.log.Debug("asked for the call", zap.Error(err))
		}
	})
}

// look tells the story when the party went away or came back, and sets the time of the next look, if one is needed.
func (p *presence) look(now time.Time) {
	if p.session == nil || p.path == nil {
		return
	}
	quiet := p.unheard(now)
	away := p.path.Interrupted() || quiet > hushed && (p.dialog.Adrift() || now.Before(p.until)) && speaks(p.session.Direction())
	switch {
	case away && !p.away:
		p.leg.log.Info("party away", zap.Duration("unheard", quiet))
		p.away = true
		p.leg.wish(call.Gone{})
	case p.away && !p.path.Interrupted() && quiet < hushed:
		p.leg.log.Info("party back")
		p.away = false
		p.leg.wish(call.Back{})
	}
	if p.away || p.dialog.Adrift() || now.Before(p.until) {
		p.watch.Reset(glance)
	}
}

// unheard is for how long nothing has come of the far side's sound.
func (p *presence) unheard(now time.Time) time.Duration {
	if heard := p.session.Quality().LastHeard; heard.After(p.since) {
		return now.Sub(heard)
	}
	return now.Sub(p.since)
}

// speaks reports whether sound may be expected of the far side.
func speaks(d rtp.Direction) bool { return d == rtp.SendRecv || d == rtp.RecvOnly }
