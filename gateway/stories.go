package gateway

import (
	"cmp"
	"context"
	"sync/atomic"

	"github.com/cordboard/cordboard/api"
	"github.com/cordboard/cordboard/bridge"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/routing"
	"github.com/cordboard/cordboard/switchboard"
)

// stories brings the bridge's calls to the switchboard.
type stories struct {
	board  *switchboard.Switchboard
	plan   atomic.Pointer[map[string]routing.Plan] // by trunk: how it writes national numbers; replaced as a whole
	intent func(token, agent string) (api.Intent, bool)
}

// use follows other plans from the next call on.
func (s *stories) use(plans map[string]routing.Plan) { s.plan.Store(&plans) }

func (s *stories) FromTrunk(l call.Leg, in bridge.Incoming) {
	plan := (*s.plan.Load())[in.Trunk]
	caller := in.Caller
	if !caller.Number.Withheld() {
		caller.Number = plan.Normal(string(caller.Number))
	}
	s.board.Inbound(l, switchboard.Arrival{ID: in.ID, Trunk: in.Trunk, Dialled: plan.Normal(in.Dialled), Diverted: in.Diverted, Caller: caller, At: in.At})
}

func (s *stories) FromAgent(l call.Leg, in bridge.Incoming) {
	o := switchboard.Order{ID: in.ID, Agent: in.Agent, Dialled: in.Dialled, Shown: in.Shown, Hide: in.Hide, At: in.At}
	if announced, ok := s.intent(in.Token, in.Agent); ok {
		o.Context, o.Shown = announced.Context, cmp.Or(o.Shown, announced.Display)
	}
	s.board.Outbound(l, o)
}

// dialer lets the switchboard dial by the bridge.
type dialer struct{ bridge *bridge.Bridge }

func (d dialer) Dial(ctx context.Context, i switchboard.Invitation) (call.Leg, error) {
	return d.bridge.Dial(ctx, bridge.Invitation{Call: i.Call, Agent: i.Agent, Trunk: i.Out.Trunk, Number: i.Out.Number,
		Shown: i.Out.Shown, From: i.From, Queue: i.Queue, With: i.With, Lost: i.Lost, Rings: i.Rings, Early: i.Early})
}
