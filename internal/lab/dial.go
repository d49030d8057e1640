package lab

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

const allow = "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, MESSAGE"

// CallOptions say how a call is placed. The zero value is an ordinary call with the station's formats.
type CallOptions struct {
	From     string // user part or whole number of the From header; the station's user when empty
	Display  string // display name in From
	Asserted string // P-Asserted-Identity: a number; none when empty
	Privacy  string // Privacy header, "id" hides the number (RFC 3323)
	To       string // To header URI, the Request-URI when empty

	Formats []Format // what is offered, in order; the station's formats when nil
	NoSDP   bool     // the INVITE has no offer: the 2xx brings it, the ACK answers
	SDP     string   // this very offer, for hostile or canned ones; no sound is then sent
	NoACK   bool     // a 2xx is never acknowledged

	User, Password string   // digest credentials when challenged
	Headers        []Header // appended as they are
	Sound          Sound    // what is said from the first moment on; nothing when nil

	prepare func(media) // looks at the media before it is used
}

// dial sends the INVITE and returns. ctx is the caller's patience: when it ends before the answer, the call is cancelled.
func (s *station) dial(ctx context.Context, uri string, o CallOptions) (*Call, error) {
	c := newCall(s, token(20)+"@lab", false)
	c.options = o
	c.target = uri
	formats := o.Formats
	if formats == nil {
		formats = s.formats
	}
	m, err := s.newMedia(formats)
	if err != nil {
		return nil, fmt.Errorf("call %s: %w", uri, err)
	}
	c.media = m
	m.mouth().Say(o.Sound)
	if o.prepare != nil {
		o.prepare(m)
	}
	offer := o.SDP
	if offer == "" && !o.NoSDP {
		if offer, err = m.offer(""); err != nil {
			m.close()
			return nil, fmt.Errorf("call %s: offer: %w", uri, err)
		}
	}
	to, err := c.flow()
	if err != nil {
		m.close()
		return nil, fmt.Errorf("call %s: %w", uri, err)
	}
	c.remoteTo = "<" + uri + ">"
	if o.To != "" {
		c.remoteTo = "<" + o.To + ">"
	}
	c.peer, c.seq = to, 1
	c.Invite = c.initial(offer)
	s.mu.Lock()
	s.calls[c.ID] = c
	s.all = append(s.all, c)
	s.mu.Unlock()
	s.wg.Go(func() { c.invite(ctx, to) })
	return c, nil
}

// initial is the first INVITE.
func (c *Call) initial(offer string) *Message {
	o := c.options
	m := c.newRequest("INVITE").With("Contact", c.contact()).With("Allow", allow).With("User-Agent", "lab")
	if o.Asserted != "" {
		m.With("P-Asserted-Identity", fmt.Sprintf("<sip:%s@%s>", o.Asserted, c.domain()))
	}
	if o.Privacy != "" {
		m.With("Privacy", o.Privacy)
	}
	m.Headers = append(m.Headers, o.Headers...)
	return m.WithSDP(offer)
}

// invite is the life of our INVITE: until it is refused, given up, or the call is established.
func (c *Call) invite(ctx context.Context, to flow) {
	stop := context.AfterFunc(ctx, c.Cancel)
	defer stop()
	m := c.Invite
	c.mu.Lock()
	c.inviting = m
	c.mu.Unlock()
	for attempt := 0; ; attempt++ {
		final, err := c.station.transact(context.Background(), m, to, func(r *Message) { c.provisional(m, r) })
		if err != nil {
			c.finish(End{By: "us", Reason: "timeout"})
			return
		}
		if final.Status/100 == 2 {
			c.accepted(final)
			return
		}
		c.station.write(to, c.ackRefusal(m, final))
		if (final.Status == 401 || final.Status == 407) && attempt == 0 && c.options.User != "" {
			if h, err := authorize(final, "INVITE", m.URI, c.options.User, c.options.Password); err == nil {
				c.mu.Lock()
				c.seq++
				c.mu.Unlock()
				m = c.initial(string(m.Body))
				m.Headers = append(m.Headers, h)
				c.mu.Lock()
				c.inviting = m
				c.mu.Unlock()
				continue
			}
		}
		c.mu.Lock()
		cancelled := c.cancelled
		c.mu.Unlock()
		if cancelled && final.Status == 487 {
			c.finish(End{By: "us", Reason: "cancelled", Status: 487})
			return
		}
		c.finish(End{By: "them", Reason: "refused", Status: final.Status})
		return
	}
}

func (c *Call) provisional(invite, r *Message) {
	c.trying.release()
	if len(r.Body) > 0 && r.Status > 100 {
		if m := c.sound(); m != nil && m.accept(string(r.Body), false) == nil {
			c.early.release()
		}
	}
	if r.Status >= 180 {
		c.ringing.release()
	}
	c.mu.Lock()
	cancelled := c.cancelled
	c.mu.Unlock()
	if cancelled { // given up before the first response: only now may CANCEL be sent, RFC 3261 section 9.1
		c.station.wg.Go(func() { c.sendCancel(invite) })
	}
}

// accepted takes the 2xx: dialog state, sound, ACK. One that crossed our CANCEL is acknowledged and ended.
func (c *Call) accepted(r *Message) {
	c.learn(r)
	var answer string
	failed := ""
	if m := c.sound(); m != nil && c.options.SDP == "" {
		var err error
		if c.options.NoSDP {
			answer, err = m.answer(string(r.Body))
		} else {
			err = m.accept(string(r.Body), true)
		}
		if err != nil {
			failed = "no sound: " + err.Error()
		}
	}
	c.mu.Lock()
	cancelled := c.cancelled
	c.mu.Unlock()
	if !c.options.NoACK {
		number, _ := r.CSeq()
		c.acknowledge(number, answer)
	}
	switch {
	case cancelled:
		_ = c.Bye(c.station.ctx)
	case failed != "":
		_ = c.Bye(c.station.ctx)
		c.finish(End{By: "us", Reason: failed})
	default:
		c.answer.release()
	}
}

// Cancel gives up a call that we placed and that is not answered yet. The far side's final response decides how it ends.
func (c *Call) Cancel() {
	select {
	case <-c.answer.ch:
		return
	case <-c.ended.ch:
		return
	default:
	}
	c.mu.Lock()
	already := c.cancelled
	c.cancelled = true
	heard, invite := len(c.responses) > 0, c.inviting
	c.mu.Unlock()
	if already || !heard {
		return
	}
	c.station.wg.Go(func() { c.sendCancel(invite) })
}

// sendCancel repeats what identifies the INVITE (RFC 3261 section 9.1).
func (c *Call) sendCancel(invite *Message) {
	m := &Message{Method: "CANCEL", URI: invite.URI}
	for _, h := range invite.Headers {
		switch h.Name {
		case "Via", "Max-Forwards", "From", "To", "Call-ID", "Route":
			m.With(h.Name, h.Value)
		}
	}
	number, _ := invite.CSeq()
	m.With("CSeq", fmt.Sprintf("%d CANCEL", number))
	c.mu.Lock()
	to := c.peer
	c.mu.Unlock()
	_, _ = c.station.transact(c.station.ctx, m, to, nil) // the INVITE's own final response is what counts
}

// ackRefusal belongs to the INVITE's transaction: same branch, same target (RFC 3261 section 17.1.1.3).
func (c *Call) ackRefusal(invite, final *Message) *Message {
	m := &Message{Method: "ACK", URI: invite.URI}
	number, _ := invite.CSeq()
	return m.With("Via", invite.Get("Via")).With("Max-Forwards", "70").With("From", invite.Get("From")).
		With("To", final.Get("To")).With("Call-ID", c.ID).With("CSeq", fmt.Sprintf("%d ACK", number))
}

// acknowledge sends the ACK of a 2xx, and keeps it for the 2xx's repetitions.
func (c *Call) acknowledge(number int, answer string) {
	m := c.newRequest("ACK").WithSDP(answer)
	for i := range m.Headers {
		if m.Headers[i].Name == "CSeq" {
			m.Headers[i].Value = fmt.Sprintf("%d ACK", number)
		}
	}
	to, err := c.flow()
	if err != nil {
		return
	}
	c.mu.Lock()
	c.ack, c.ackTo = m, to
	vanished := c.vanished
	c.mu.Unlock()
	if !vanished {
		c.station.write(to, m)
	}
}

func (c *Call) acknowledgeAgain(r *Message) {
	c.mu.Lock()
	m, to, vanished := c.ack, c.ackTo, c.vanished
	c.mu.Unlock()
	if m == nil || vanished {
		return
	}
	if want, _ := m.CSeq(); want == first(r.CSeq()) {
		c.station.write(to, m)
	}
}

func first(n int, _ string) int { return n }

// newRequest has everything of the dialog; CSeq is the number last used.
func (c *Call) newRequest(method string) *Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	s := c.station
	m := &Message{Method: method, URI: c.target}
	m.With("Via", s.wire.sentBy()+";branch=z9hG4bK"+token(14)+";rport").With("Max-Forwards", "70")
	for _, r := range c.routes {
		m.With("Route", r)
	}
	from := c.Local()
	return m.With("From", from+";tag="+c.localTag).With("To", c.remoteTo).
		With("Call-ID", c.ID).With("CSeq", fmt.Sprintf("%d %s", c.seq, method))
}

// Local is our address in the dialog, without its tag.
func (c *Call) Local() string {
	if c.Incoming {
		to, _, _ := strings.Cut(c.Invite.Get("To"), ";tag=")
		return to
	}
	user := c.options.From
	if user == "" {
		user = c.station.user
	}
	local := fmt.Sprintf("<sip:%s@%s>", user, c.domain())
	if c.options.Display != "" {
		local = fmt.Sprintf("%q %s", c.options.Display, local)
	}
	return local
}

func (c *Call) domain() string {
	if c.station.domain != "" {
		return c.station.domain
	}
	return c.station.wire.address()
}

func (c *Call) contact() string {
	switch w := c.station.wire.(type) {
	case *socketWire: // as JsSIP writes it; ob asks for the outbound flow, RFC 5626 section 5.1
		return fmt.Sprintf("<sip:%s@%s;transport=ws;ob>", c.station.user, w.address())
	case *tcpWire:
		return fmt.Sprintf("<sip:%s@%s;transport=tcp>", c.station.user, w.address())
	default:
		return fmt.Sprintf("<sip:%s@%s>", c.station.user, w.address())
	}
}

// flow is where the next request of the dialog goes: the first route, else the remote target, else whence we last heard.
func (c *Call) flow() (flow, error) {
	c.mu.Lock()
	target, peer := c.target, c.peer
	if len(c.routes) > 0 {
		target = uriOf(c.routes[0])
	}
	c.mu.Unlock()
	if hp := hostPort(target); hp != "" || peer == nil {
		if c.station.wire.reliable() && peer != nil && c.Incoming {
			return peer, nil // a connection that exists is better than one that must be dialled
		}
		return c.station.wire.to(hp)
	}
	return peer, nil
}

// learn takes the dialog state out of a dialog-forming request or response, or a target refresh.
func (c *Call) learn(m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.peer = m.from
	if contact := m.All("contact"); len(contact) > 0 && contact[0] != "" {
		c.target = uriOf(contact[0])
	}
	if m.Status == 0 {
		c.remoteTo = m.Get("from")
		if c.routes == nil {
			c.routes = m.All("record-route")
		}
		return
	}
	c.remoteTo = m.Get("to")
	c.routes = m.All("record-route")
	slices.Reverse(c.routes)
}

const answerPatience = 64 * t1 // RFC 3261 section 13.3.1.4: how long a 2xx is repeated
