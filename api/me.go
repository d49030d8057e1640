package api

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

type loginInput struct {
	Body struct {
		User     string `json:"user" minLength:"1" maxLength:"64" doc:"Id or extension" example:"anna"`
		Password string `json:"password" minLength:"1" maxLength:"256"`
	}
}

type loginOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         Login
}

// Login is an open session.
type Login struct {
	Token     string    `json:"token" doc:"For Authorization: Bearer"`
	ExpiresAt time.Time `json:"expires_at"`
	User      User      `json:"user"`
}

func (a *API) login(ctx context.Context, in *loginInput) (*loginOutput, error) {
	s, err := a.cfg.Guard.Login(ctx, in.Body.User, in.Body.Password, clientOf(ctx))
	var tooMany *access.TooMany
	switch {
	case errors.As(err, &tooMany):
		wait := strconv.Itoa(int(math.Ceil(tooMany.RetryAfter.Seconds())))
		return nil, huma.ErrorWithHeaders(huma.Error429TooManyRequests("too many attempts to log in; try again in "+wait+" seconds"),
			http.Header{"Retry-After": {wait}})
	case errors.Is(err, access.ErrWrong):
		return nil, huma.Error401Unauthorized("wrong user name or password; check both and try again")
	case err != nil:
		return nil, err
	}
	return &loginOutput{CacheControl: noStore, Body: Login{Token: s.Token, ExpiresAt: s.Expires.UTC(), User: userShape(s.User)}}, nil
}

const noStore = "no-store"

func (a *API) logout(ctx context.Context, _ *struct{}) (*struct{}, error) {
	s := sessionOf(ctx)
	a.cfg.Guard.Logout(s)
	a.hub.endSession(s.Token)
	return nil, nil
}

type meOutput struct{ Body Me }

func (a *API) me(ctx context.Context, _ *struct{}) (*meOutput, error) {
	return &meOutput{Body: a.meShape(sessionOf(ctx).User)}, nil
}

// meShape is how a user stands. One who is no agent has no phone and is never called.
func (a *API) meShape(u access.User) Me {
	me := Me{User: userShape(u), Availability: Availability{Type: string(agent.OffWork)}, State: string(agent.Unreachable),
		DisplayNumbers: []DisplayNumber{}, Queues: a.cfg.Queues.Memberships(u.ID)}
	if me.Queues == nil {
		me.Queues = []Membership{}
	}
	if s, ok := a.cfg.Desk.Status(u.ID); ok {
		me.Availability, me.State, me.Devices = availabilityShape(s.Availability), string(s.Work), s.Devices
	}
	if p, ok := a.cfg.Desk.Profile(u.ID); ok {
		for _, d := range p.Display {
			me.DisplayNumbers = append(me.DisplayNumbers, DisplayNumber{Number: string(d.Number), Label: d.Label})
		}
	}
	return me
}

type availabilityInput struct {
	Body struct {
		Type  string     `json:"type" enum:"available,busy,dnd,offwork"`
		Since *time.Time `json:"since,omitempty" doc:"Not read; it is there so that an availability may be sent back as it came"`
		Until *time.Time `json:"until,omitempty" doc:"When it ends by itself; absent: it lasts until changed"`
	}
}

type availabilityOutput struct{ Body Availability }

func (a *API) setAvailability(ctx context.Context, in *availabilityInput) (*availabilityOutput, error) {
	id := sessionOf(ctx).User.ID
	var until time.Time
	if in.Body.Until != nil {
		if until = *in.Body.Until; !until.After(time.Now()) {
			return nil, huma.Error422UnprocessableEntity(fmt.Sprintf("until %s is over; give a moment to come, or none", until.Format(time.RFC3339)))
		}
	}
	if !a.cfg.Desk.Set(id, agent.Type(in.Body.Type), until) {
		return nil, huma.Error403Forbidden(fmt.Sprintf("user %q is no agent and has no availability", id))
	}
	s, _ := a.cfg.Desk.Status(id)
	return &availabilityOutput{Body: availabilityShape(s.Availability)}, nil
}

type credentialsOutput struct {
	CacheControl string `header:"Cache-Control"`
	Body         SIPCredentials
}

// SIPCredentials are what a page's phone registers with.
type SIPCredentials struct {
	URI               string    `json:"uri" example:"sip:anna@cordboard"`
	AuthorizationUser string    `json:"authorization_user" doc:"User name for digest"`
	Password          string    `json:"password"`
	WSURL             string    `json:"ws_url" doc:"Where the SIP WebSocket is, relative to this page" example:"/sip"`
	ExpiresAt         time.Time `json:"expires_at"`
	DisplayName       string    `json:"display_name"`
}

func (a *API) sipCredentials(ctx context.Context, _ *struct{}) (*credentialsOutput, error) {
	s := sessionOf(ctx)
	c := a.cfg.Guard.SIPCredentials(s)
	return &credentialsOutput{CacheControl: noStore, Body: SIPCredentials{
		URI: "sip:" + s.User.ID + "@" + a.cfg.Domain, AuthorizationUser: c.Username, Password: c.Password,
		WSURL: a.cfg.SIPPath, ExpiresAt: c.Expires.UTC(), DisplayName: s.User.Name,
	}}, nil
}

type listInput struct {
	Limit int `query:"limit" minimum:"1" maximum:"500" default:"50" doc:"How many at most"`
}

type callsOutput struct {
	Body struct {
		Calls []CallSummary `json:"calls" nullable:"false" doc:"Newest first"`
	}
}

func (a *API) myCalls(ctx context.Context, in *listInput) (*callsOutput, error) {
	return a.recent(ctx, sessionOf(ctx).User.ID, in.Limit)
}

func (a *API) recent(ctx context.Context, agent string, limit int) (*callsOutput, error) {
	records, err := a.cfg.Calls.Recent(ctx, agent, limit)
	if err != nil {
		return nil, fmt.Errorf("read calls: %w", err)
	}
	return callsShape(records), nil
}

func callsShape(records []call.Record) *callsOutput {
	slices.SortStableFunc(records, func(x, y call.Record) int { return cmp.Compare(y.ID, x.ID) }) // ids sort by time
	out := &callsOutput{}
	out.Body.Calls = summaryShapes(records)
	return out
}

type announceInput struct {
	Body struct {
		To            string            `json:"to" minLength:"1" maxLength:"128" doc:"Number or extension, as it will be dialled"`
		DisplayNumber string            `json:"display_number,omitempty" maxLength:"32" doc:"One of display_numbers; absent: the default"`
		Context       map[string]string `json:"context,omitempty" doc:"What the page knows of the call: record_id, record_name …; at most 20 of 500 characters"`
	}
}

type announceOutput struct {
	Body struct {
		CallToken string    `json:"call_token" doc:"For the header X-Cordboard-Token of the INVITE"`
		ExpiresAt time.Time `json:"expires_at"`
	}
}

func (a *API) announce(ctx context.Context, in *announceInput) (*announceOutput, error) {
	id := sessionOf(ctx).User.ID
	p, ok := a.cfg.Desk.Profile(id)
	if !ok {
		return nil, huma.Error403Forbidden(fmt.Sprintf("user %q is no agent and places no calls", id))
	}
	if err := a.refusedWhileDraining(); err != nil {
		return nil, err
	}
	display := call.Number(in.Body.DisplayNumber)
	if _, may := p.Shows(display); !may {
		return nil, huma.Error422UnprocessableEntity(
			fmt.Sprintf("display_number %q is not yours; use one of display_numbers of GET /me, or none", in.Body.DisplayNumber))
	}
	if problem := contextProblem(in.Body.Context); problem != "" {
		return nil, huma.Error422UnprocessableEntity(problem)
	}
	token, expires := a.intents.put(Intent{Agent: id, To: in.Body.To, Display: display, Context: in.Body.Context}, time.Now())
	out := &announceOutput{}
	out.Body.CallToken, out.Body.ExpiresAt = token, expires.UTC()
	return out, nil
}
