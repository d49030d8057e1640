package api

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/call"
)

// Traces are what is kept of how calls went on the wire.
type Traces interface {
	// Ladder is that of one call, false when nothing is known of it (any more).
	Ladder(id call.ID) (Ladder, bool)
	// Drawn is the ladder as a text, in one of the forms "text" and "mermaid".
	Drawn(id call.ID, form string) (string, bool)
}

// Ladder is what was said on the wire in one call, and how it sounded.
type Ladder struct {
	Call     string    `json:"call" doc:"Id of the call"`
	Legs     []Leg     `json:"legs" nullable:"false" doc:"In the order in which they began"`
	Messages []Message `json:"messages" nullable:"false" doc:"SIP messages of all legs, in the order of their passing"`
}

// Leg is one party's connection in a call.
type Leg struct {
	ID      string     `json:"id"`
	Kind    string     `json:"kind" enum:"trunk,phone,browser"`
	Agent   string     `json:"agent,omitempty" doc:"Absent: the world outside"`
	CallID  string     `json:"sip_call_id" doc:"The Call-ID by which the far side's logs know it"`
	Began   time.Time  `json:"began"`
	Ended   *time.Time `json:"ended,omitempty" doc:"Absent: it is up or ringing"`
	Cut     int        `json:"messages_cut,omitempty" doc:"Messages beyond what is kept of one leg"`
	Quality *Quality   `json:"quality,omitempty" doc:"Absent: no sound was agreed"`
}

// Quality is how a leg sounds, or sounded.
type Quality struct {
	Codec       string  `json:"codec" example:"PCMA"`
	Received    uint64  `json:"received" doc:"Packets that came from the far side"`
	Sent        uint64  `json:"sent" doc:"Packets sent to it"`
	Lost        uint64  `json:"lost" doc:"Packets missing in what came"`
	Late        uint64  `json:"late" doc:"Packets that came too late to be played"`
	LossPercent float64 `json:"loss_percent" doc:"Share of what should have come"`
	FarLoss     float64 `json:"far_loss_percent" doc:"Share of what we sent that the far side says it lost (RTCP)"`
	JitterMS    float64 `json:"jitter_ms" doc:"Of what came, as RFC 3550 computes it"`
	RoundTripMS float64 `json:"round_trip_ms" doc:"From RTCP; 0: the far side has not reported"`
	MOS         float64 `json:"mos" doc:"How it is to talk over it, 1 to 4.5, estimated by the E-model (ITU-T G.107); 0: nothing came"`
}

// Message is one SIP message.
type Message struct {
	At        time.Time `json:"at"`
	Leg       string    `json:"leg" doc:"Id of the leg"`
	Direction string    `json:"direction" enum:"in,out" doc:"in: to the gateway"`
	Transport string    `json:"transport" enum:"udp,tcp,tls,ws"`
	Local     string    `json:"local" example:"192.0.2.1:5060"`
	Remote    string    `json:"remote" example:"198.51.100.7:5060"`
	Summary   string    `json:"summary" example:"180 Ringing"`
	Text      string    `json:"text" doc:"The whole message; credentials, keys and tokens are stars"`
}

func (a *API) registerTraces(api huma.API, session func(huma.Operation) huma.Operation) {
	one := func(op huma.Operation) huma.Operation {
		op.Method, op.Tags = http.MethodGet, []string{"calls"}
		op.Errors = append(op.Errors, http.StatusForbidden, http.StatusNotFound)
		return session(op)
	}
	huma.Register(api, one(huma.Operation{OperationID: "get-ladder", Path: "/calls/{id}/ladder",
		Summary:     "What was said on the wire in a call, and how it sounded",
		Description: "For supervisors, of calls that go on and of the last ones (trace.calls of the configuration)."}), a.ladder)
	drawn := one(huma.Operation{OperationID: "draw-ladder", Path: "/calls/{id}/ladder/{form}",
		Summary: "The same as a picture: in letters, or for mermaid"})
	drawn.Responses = map[string]*huma.Response{"200": {Description: "The picture", Content: map[string]*huma.MediaType{
		"text/plain": {Schema: &huma.Schema{Type: huma.TypeString}}}}}
	huma.Register(api, drawn, a.drawLadder)
	huma.Register(api, one(huma.Operation{OperationID: "get-quality", Path: "/calls/{id}/quality",
		Summary: "How the legs of a call sound, or sounded", Description: "For supervisors."}), a.quality)
}

type ladderOutput struct{ Body Ladder }

func (a *API) ladder(ctx context.Context, in *callInput) (*ladderOutput, error) {
	l, err := a.traceOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	return &ladderOutput{Body: l}, nil
}

type drawInput struct {
	ID   string `path:"id" maxLength:"64" doc:"Id of the call"`
	Form string `path:"form" enum:"text,mermaid" doc:"text, or mermaid for a sequence diagram"`
}

type drawOutput struct {
	ContentType string `header:"Content-Type"`
	Body        []byte
}

func (a *API) drawLadder(ctx context.Context, in *drawInput) (*drawOutput, error) {
	if _, err := a.traceOf(ctx, in.ID); err != nil {
		return nil, err
	}
	text, ok := a.cfg.Traces.Drawn(call.ID(in.ID), in.Form)
	if !ok {
		return nil, noTrace(in.ID)
	}
	return &drawOutput{ContentType: "text/plain; charset=utf-8", Body: []byte(text)}, nil
}

type qualityOutput struct {
	Body struct {
		Legs []Leg `json:"legs" nullable:"false"`
	}
}

func (a *API) quality(ctx context.Context, in *callInput) (*qualityOutput, error) {
	l, err := a.traceOf(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	out := &qualityOutput{}
	out.Body.Legs = l.Legs
	return out, nil
}

// traceOf is the ladder of a call, for who may see everybody's.
func (a *API) traceOf(ctx context.Context, id string) (Ladder, error) {
	if u := sessionOf(ctx).User; !u.May(access.SeeAllCalls) {
		return Ladder{}, huma.Error403Forbidden(fmt.Sprintf("user %q may not see how calls went on the wire; ask a supervisor", u.ID))
	}
	l, ok := a.cfg.Traces.Ladder(call.ID(id))
	if !ok {
		return Ladder{}, noTrace(id)
	}
	return l, nil
}

func noTrace(id string) error {
	return huma.Error404NotFound(fmt.Sprintf("nothing is kept of call %q (any more); trace.calls of the configuration says of how many something is", id))
}
