package lab

import (
	"context"
	"fmt"
	"net/url"
	"strings"
)

// Bye ends an established call. A call that is over needs no goodbye.
func (c *Call) Bye(ctx context.Context) error {
	select {
	case <-c.ended.ch:
		return nil
	default:
	}
	c.finish(End{By: "us", Reason: "bye"})
	r, err := c.Request(ctx, "BYE", "", "")
	if err == nil && r.Status >= 300 {
		err = &Refused{r.Status, r.Reason}
	}
	return err
}

// Hangup ends the call by what its state asks for: CANCEL, a refusal or BYE.
func (c *Call) Hangup(ctx context.Context) error {
	select {
	case <-c.answer.ch:
		return c.Bye(ctx)
	default:
	}
	if c.Incoming {
		c.Decline(603, "Decline")
		return nil
	}
	c.Cancel()
	select {
	case <-c.ended.ch:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Vanish stops everything without a word: no packet is sent or answered any more on this call.
func (c *Call) Vanish() {
	c.mu.Lock()
	c.vanished = true
	c.mu.Unlock()
	c.finish(End{By: "us", Reason: "vanished"})
}

// Hold and Resume are re-INVITEs that offer sendonly and sendrecv (RFC 3264 section 8.4).
func (c *Call) Hold(ctx context.Context) error   { return c.Reinvite(ctx, "sendonly") }
func (c *Call) Resume(ctx context.Context) error { return c.Reinvite(ctx, "sendrecv") }

// Reinvite offers again: direction sendrecv, sendonly, recvonly or inactive; or "late" for a re-INVITE without an offer.
// On a browser, "restart" restarts ICE. A refusal is *Refused and leaves the sound as it was.
func (c *Call) Reinvite(ctx context.Context, direction string) error {
	c.negotiating.Lock()
	defer c.negotiating.Unlock()
	m := c.sound()
	if m == nil {
		return fmt.Errorf("re-INVITE: no media")
	}
	var offer string
	var err error
	if direction != "late" {
		if offer, err = m.offer(direction); err != nil {
			return fmt.Errorf("re-INVITE: %w", err)
		}
	}
	return c.reoffer(ctx, m, offer)
}

// Move re-INVITEs with sound at a new port (RFC 3264 section 8.3.1). Only a Trunk or a Phone can.
func (c *Call) Move(ctx context.Context) error {
	c.negotiating.Lock()
	defer c.negotiating.Unlock()
	line, ok := c.sound().(*line)
	if !ok {
		return fmt.Errorf("only plain RTP can move")
	}
	if err := line.move(); err != nil {
		return err
	}
	offer, err := line.offer("sendrecv")
	if err != nil {
		return err
	}
	return c.reoffer(ctx, line, offer)
}

func (c *Call) reoffer(ctx context.Context, m media, offer string) error {
	request := c.next("INVITE").With("Contact", c.contact()).With("Allow", allow).WithSDP(offer)
	to, err := c.flow()
	if err != nil {
		return err
	}
	r, err := c.station.transact(ctx, request, to, nil)
	if err != nil {
		return err
	}
	if r.Status >= 300 {
		c.station.write(to, c.ackRefusal(request, r))
		return &Refused{r.Status, r.Reason}
	}
	c.learn(r)
	number, _ := request.CSeq()
	answer := ""
	if offer == "" {
		answer, err = m.answer(string(r.Body))
	} else {
		err = m.accept(string(r.Body), true)
	}
	c.acknowledge(number, answer)
	return err
}

// Info sends a key press as JsSIP does.
func (c *Call) Info(ctx context.Context, key byte) error {
	r, err := c.Request(ctx, "INFO", "application/dtmf-relay", fmt.Sprintf("Signal=%c\r\nDuration=100\r\n", key))
	return refusal(r, err)
}

// Refer asks the far side to call somebody else (RFC 3515); its NOTIFYs are among Requests.
func (c *Call) Refer(ctx context.Context, to string) error {
	m := c.next("REFER").With("Contact", c.contact()).With("Refer-To", "<"+to+">").With("Referred-By", c.Local())
	r, err := c.send(ctx, m)
	return refusal(r, err)
}

// Request sends any request within the dialog and returns its final response.
func (c *Call) Request(ctx context.Context, method, contentType, body string) (*Message, error) {
	m := c.next(method)
	if method != "BYE" {
		m.With("Contact", c.contact())
	}
	if body != "" {
		m.With("Content-Type", contentType)
		m.Body = []byte(body)
	}
	return c.send(ctx, m)
}

func (c *Call) send(ctx context.Context, m *Message) (*Message, error) {
	to, err := c.flow()
	if err != nil {
		return nil, err
	}
	return c.station.transact(ctx, m, to, nil)
}

// next takes a new CSeq.
func (c *Call) next(method string) *Message {
	c.mu.Lock()
	c.seq++
	c.mu.Unlock()
	return c.newRequest(method)
}

func refusal(r *Message, err error) error {
	if err == nil && r.Status >= 300 {
		return &Refused{r.Status, r.Reason}
	}
	return err
}

// Replaces names the call in the Refer-To of another one, so that whoever is here takes the other's place (RFC 3891): the
// far side's tag is to-tag, since it is whom a call would replace.
func (c *Call) Replaces() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	_, remote, _ := strings.Cut(c.remoteTo, ";tag=")
	return "Replaces=" + url.QueryEscape(c.ID+";to-tag="+remote+";from-tag="+c.localTag)
}
