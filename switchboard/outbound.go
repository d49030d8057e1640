package switchboard

import (
	"context"
	"fmt"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/routing"
)

// Order is a call that an agent places.
type Order struct {
	ID      call.ID
	Agent   string
	Dialled string
	Shown   call.Number // display number wished for; empty: her default
	Hide    bool        // withhold the number
	Context map[string]string
	At      time.Time
}

// Outbound tells the story of a call that an agent places, to a customer or to a colleague.
func (s *Switchboard) Outbound(leg call.Leg, o Order) {
	p, _ := s.Desk.Profile(o.Agent)
	decision, trace := s.place(p, o)
	c := s.begin(leg, s.order(p, o, decision, trace))
	defer c.end()

	held, ok := s.Desk.Reserve(o.Agent, o.ID, agent.OutboundCall)
	if !ok && !s.calls.talks(o.Agent) { // who talks already may ask a colleague meanwhile
		c.ended(call.Ending{By: call.ByUs, Reason: call.Busy})
		return
	}
	own := seatOf(held)
	c.sits(o.Agent, own)
	defer c.leave(o.Agent)
	own.ringing()
	switch d := decision.(type) {
	case routing.ToNumber:
		c.identify()
		c.dial(own, Invitation{Call: o.ID, Out: d, From: call.Party{Name: p.Name, Number: d.Shown}, With: leg})
	case routing.ToAgent:
		c.colleague(own, p, d.Agent)
	case routing.ToQueue:
		own.connected() // the queue answers her at once
		c.queue(d)
	case routing.Refuse:
		c.refuse(d)
	}
}

// place decides where the agent's call goes and which number it shows.
func (s *Switchboard) place(p agent.Profile, o Order) (routing.Decision, call.Trace) {
	shown, may := p.Shows(o.Shown)
	if !may {
		d := routing.Refuse{Ending: call.Ending{By: call.ByUs, Reason: call.Forbidden}, Why: fmt.Sprintf("%s may not show %s", p.ID, o.Shown)}
		return d, call.Trace{Plan: d.String(), Done: d.String()}
	}
	d, trace := s.Router.Dial(o.Dialled, shown)
	if out, ok := d.(routing.ToNumber); ok && o.Hide {
		out.Shown = ""
		return out, trace
	}
	return d, trace
}

// order is the record of a call that is being placed.
func (s *Switchboard) order(p agent.Profile, o Order, d routing.Decision, trace call.Trace) call.Record {
	r := call.Record{ID: o.ID, Direction: call.Outbound, Dialled: call.Number(o.Dialled), Agent: p.ID, UserID: p.Salesforce,
		Started: o.At, Routing: trace, Context: o.Context}
	r.Customer.Number = r.Dialled
	switch d := d.(type) {
	case routing.ToNumber:
		r.Trunk, r.Shown, r.Dialled, r.Customer.Number = d.Trunk, d.Shown, d.Number, d.Number
	case routing.ToAgent:
		r.Direction = call.Internal
		if to, ok := s.Desk.Profile(d.Agent); ok {
			r.Customer = to.Party()
		}
	case routing.ToQueue:
		r.Direction, r.Customer = call.Internal, p.Party()
	case routing.Refuse:
	}
	return r
}

// colleague rings another agent.
func (c *story) colleague(own *seat, from agent.Profile, to string) {
	theirs, ok := c.Desk.Reserve(to, c.record.ID, agent.DirectCall)
	if !ok {
		c.ended(call.Ending{By: call.ByAgent, Reason: c.whyNot(to)})
		return
	}
	c.sits(to, seatOf(theirs))
	defer c.leave(to)
	theirs.Ringing()
	c.dial(own, Invitation{Call: c.record.ID, Agent: to, From: from.Party(), With: c.teller}, theirs.Connected)
}

// dial rings who is called and joins the two when the call is answered; answered tells everyone concerned.
func (c *story) dial(own *seat, i Invitation, answered ...func()) {
	by := call.ByCustomer
	if i.Agent != "" {
		by = call.ByAgent
	}
	ctx, cancel := context.WithTimeoutCause(c.teller.Context(), c.Settings.Ring, &call.Ended{Ending: call.Ending{By: by, Reason: call.NoAnswer}})
	defer cancel()
	try := call.Attempt{Agent: i.Agent, Number: i.Out.Number, At: time.Now(), Why: "dialled"}
	i.Rings = func() {
		if err := c.teller.Ring(ctx); err == nil {
			c.rings(i.Agent)
		}
	}
	if i.Agent == "" {
		i.Early = c.early(ctx)
	}
	leg, err := c.Dialer.Dial(ctx, i)
	if err != nil {
		e := call.EndingOfError(err)
		try.Outcome = e.Reason
		c.attempt(try)
		c.log.Info("not taken", zap.String("reason", string(e.Reason)), zap.Int("code", e.Code))
		c.ended(e)
		return
	}
	c.dialled(leg)
	c.attempt(try)
	own.connected()
	for _, tell := range answered {
		tell()
	}
	c.converse(leg, c.snapshot().Agent)
}
