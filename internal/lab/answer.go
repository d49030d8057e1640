package lab

import (
	"context"
	"fmt"
	"time"
)

// Ring sends 180.
func (c *Call) Ring() { c.respond(180, "Ringing", "") }

// Progress sends 183 with a session description, and what Say says is heard before the answer.
func (c *Call) Progress() error {
	sdp, err := c.describe(c.Invite)
	if err != nil {
		return err
	}
	c.respond(183, "Session Progress", sdp)
	c.early.release()
	return nil
}

// Decline refuses an incoming call with any status of 300 to 699.
func (c *Call) Decline(status int, reason string) {
	if c.respond(status, reason, "") {
		c.finish(End{By: "us", Reason: "declined", Status: status})
	}
}

// Answer accepts an incoming call: 180 unless it was sent, 200, repeated until the ACK comes. It returns when the call
// is established or over.
func (c *Call) Answer(ctx context.Context) error {
	select {
	case <-c.ringing.ch:
	default:
		c.Ring()
	}
	return c.answerTimed(ctx, nil)
}

// answerTimed is Answer; sent is called when the 200 is on its way.
func (c *Call) answerTimed(ctx context.Context, sent func()) error {
	invite := c.Invite
	sdp, err := c.describe(invite)
	if err != nil {
		c.Decline(488, "Not Acceptable Here")
		return fmt.Errorf("answer: %w", err)
	}
	ok := c.response(invite, 200, "OK").WithSDP(sdp)
	if !c.deliver(invite, ok) {
		return fmt.Errorf("answer: %s", c.End())
	}
	if sent != nil {
		sent()
	}
	repeat, pause := time.NewTimer(t1), t1
	defer repeat.Stop()
	giveUp := time.NewTimer(answerPatience)
	defer giveUp.Stop()
	for {
		select {
		case <-c.acked.ch:
			c.answer.release()
			return nil
		case <-repeat.C:
			c.station.write(invite.from, ok)
			pause = min(2*pause, t2)
			repeat.Reset(pause)
		case <-giveUp.C:
			_ = c.Bye(ctx)
			return fmt.Errorf("answer: no ACK")
		case <-c.ended.ch:
			return fmt.Errorf("answer: %s", c.End())
		case <-ctx.Done():
			return fmt.Errorf("answer: %w", context.Cause(ctx))
		case <-c.station.ctx.Done():
			return fmt.Errorf("answer: station closed")
		}
	}
}

// describe makes our half of the description: an answer to the INVITE's offer, or an offer where it has none. Our own
// early answer is repeated.
func (c *Call) describe(invite *Message) (string, error) {
	c.negotiating.Lock()
	defer c.negotiating.Unlock()
	m := c.sound()
	if m == nil {
		var err error
		if m, err = c.station.newMedia(c.station.formats); err != nil {
			return "", err
		}
		c.mu.Lock()
		c.media = m
		over := c.end.By != ""
		c.mu.Unlock()
		if over {
			m.close()
			return "", fmt.Errorf("call is over: %s", c.End())
		}
	}
	if len(invite.Body) == 0 {
		c.mu.Lock()
		c.late = true
		c.mu.Unlock()
		return m.offer("")
	}
	return m.answer(string(invite.Body))
}

// respond answers the first INVITE, unless the call is over.
func (c *Call) respond(status int, reason, sdp string) bool {
	if !c.Incoming {
		return false
	}
	if status == 180 || status == 183 {
		c.ringing.release()
	}
	return c.deliver(c.Invite, c.response(c.Invite, status, reason).WithSDP(sdp))
}

func (c *Call) response(request *Message, status int, reason string) *Message {
	r := request.reply(status, reason, c.localTag)
	if status > 100 && status < 300 {
		r.With("Contact", c.contact()).With("Allow", allow)
	}
	return r
}

func (c *Call) deliver(request, response *Message) bool {
	c.mu.Lock()
	over := c.end.By != "" || c.vanished
	c.mu.Unlock()
	if over {
		return false
	}
	c.station.reply(request, response)
	return true
}

// acknowledged takes an ACK, with the answer to our offer where the INVITE had none.
func (c *Call) acknowledged(m *Message) {
	c.record(m)
	c.mu.Lock()
	late, sound := c.late, c.media
	c.late = false
	c.mu.Unlock()
	if late && sound != nil && len(m.Body) > 0 {
		_ = sound.accept(string(m.Body), true) // an answer we cannot use is heard as silence, which tests do hear
	}
	c.acked.release()
}

// request takes a request of the far side within the dialog.
func (c *Call) request(m *Message) {
	c.record(m)
	c.mu.Lock()
	over, vanished := c.end.By != "", c.vanished
	if !over && m.from != nil {
		c.peer = m.from
	}
	c.mu.Unlock()
	s := c.station
	switch {
	case vanished:
	case m.Method == "BYE":
		s.reply(m, m.reply(200, "OK", c.localTag))
		c.finish(End{By: "them", Reason: "bye"})
	case over:
		s.reply(m, m.reply(481, "Call/Transaction Does Not Exist", c.localTag))
	case m.Method == "CANCEL":
		s.reply(m, m.reply(200, "OK", c.localTag))
		select {
		case <-c.answer.ch: // too late, RFC 3261 section 9.2
		default:
			s.reply(c.Invite, c.Invite.reply(487, "Request Terminated", c.localTag))
			c.finish(End{By: "them", Reason: "cancelled", Status: 487})
		}
	case m.Method == "INVITE":
		s.wg.Go(func() { c.reinvited(m) })
	case m.Method == "UPDATE" && len(m.Body) > 0:
		s.wg.Go(func() {
			if sdp, err := c.describe(m); err == nil {
				s.reply(m, c.response(m, 200, "OK").WithSDP(sdp))
			} else {
				s.reply(m, m.reply(488, "Not Acceptable Here", c.localTag))
			}
		})
	case m.Method == "REFER":
		s.reply(m, m.reply(603, "Decline", c.localTag)) // nobody here can be sent elsewhere
	default:
		s.reply(m, c.response(m, 200, "OK"))
	}
}

// reinvited answers a re-INVITE; its 2xx is not repeated beyond what a repeated request asks for.
func (c *Call) reinvited(m *Message) {
	c.learn(m)
	sdp, err := c.describe(m)
	if err != nil {
		c.station.reply(m, m.reply(488, "Not Acceptable Here", c.localTag))
		return
	}
	c.deliver(m, c.response(m, 200, "OK").WithSDP(sdp))
}
