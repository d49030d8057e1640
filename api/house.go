package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/call"
)

func (a *API) allCalls(ctx context.Context, in *listInput) (*callsOutput, error) {
	if u := sessionOf(ctx).User; !u.May(access.SeeAllCalls) {
		return nil, huma.Error403Forbidden(fmt.Sprintf("user %q may not see everybody's calls; ask a supervisor, or use GET /me/calls", u.ID))
	}
	return a.recent(ctx, "", in.Limit)
}

func (a *API) activeCalls(ctx context.Context, _ *struct{}) (*callsOutput, error) {
	return callsShape(a.activeFor(sessionOf(ctx).User)), nil
}

// activeFor are the calls going on that a user may see.
func (a *API) activeFor(u access.User) []call.Record {
	active := a.cfg.Calls.Active()
	if u.May(access.SeeAllCalls) {
		return active
	}
	return slices.DeleteFunc(active, func(r call.Record) bool { return !a.concerns(r, u.ID) })
}

// concerns says whether an agent has, or had, a part in a call.
func (a *API) concerns(r call.Record, agent string) bool {
	return r.Agent == agent || r.Customer.Agent == agent || a.hub.concerned(r.ID, agent) ||
		slices.ContainsFunc(r.Attempts, func(t call.Attempt) bool { return t.Agent == agent }) ||
		slices.ContainsFunc(r.Segments, func(s call.Segment) bool { return s.Agent == agent })
}

type callInput struct {
	ID string `path:"id" maxLength:"64" doc:"Id of the call"`
}

type callOutput struct{ Body Call }

func (a *API) getCall(ctx context.Context, in *callInput) (*callOutput, error) {
	u := sessionOf(ctx).User
	r, err := a.cfg.Calls.Get(ctx, call.ID(in.ID))
	if err != nil && !errors.Is(err, ErrNotFound) {
		return nil, fmt.Errorf("read call: %w", err)
	}
	if err != nil || !u.May(access.SeeAllCalls) && !a.concerns(r, u.ID) {
		return nil, huma.Error404NotFound(fmt.Sprintf("call %q is not known, or was somebody else's; see GET /me/calls", in.ID))
	}
	return &callOutput{Body: callShape(r)}, nil
}

type agentsOutput struct {
	Body []Colleague `nullable:"false" doc:"By name"`
}

func (a *API) agents(context.Context, *struct{}) (*agentsOutput, error) {
	out := &agentsOutput{Body: []Colleague{}}
	for _, s := range a.cfg.Desk.All() {
		p, ok := a.cfg.Desk.Profile(s.ID)
		if !ok {
			continue
		}
		out.Body = append(out.Body, Colleague{ID: p.ID, Name: p.Name, Extension: p.Extension,
			Availability: availabilityShape(s.Availability), State: string(s.Work)})
	}
	slices.SortFunc(out.Body, func(x, y Colleague) int { return cmp.Or(cmp.Compare(x.Name, y.Name), cmp.Compare(x.ID, y.ID)) })
	return out, nil
}

type queuesOutput struct {
	Body []Queue `nullable:"false" doc:"By name"`
}

func (a *API) queues(context.Context, *struct{}) (*queuesOutput, error) {
	return &queuesOutput{Body: queueShapes(a.cfg.Queues.Figures())}, nil
}
