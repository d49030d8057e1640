package api

import (
	"context"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
)

// Trunk is how a line to the world stands.
type Trunk struct {
	Name      string             `json:"name"`
	Calls     int                `json:"calls" doc:"Calls up or ringing, both directions"`
	MostCalls int                `json:"most_calls,omitempty" doc:"How many there may be; absent: any number"`
	Hops      []TrunkHop         `json:"hops" nullable:"false" doc:"Addresses that our calls go to; none: the trunk is for incoming calls only, or its name cannot be resolved"`
	Register  *TrunkRegistration `json:"registration,omitempty" doc:"Absent: the trunk does not register"`
}

// TrunkHop is an address that calls of a trunk go to.
type TrunkHop struct {
	Address string     `json:"address" example:"udp:192.0.2.1:5060"`
	Host    string     `json:"host" doc:"The configured name that led there"`
	Health  string     `json:"health" enum:"up,down,trial" doc:"trial: it was down, and the next call tells"`
	Since   time.Time  `json:"since"`
	Heard   *time.Time `json:"heard,omitempty" doc:"When a request to it last ended; absent: never"`
	Took    float64    `json:"took_ms,omitempty" doc:"From the last OPTIONS to its answer, in milliseconds"`
	Fails   int        `json:"fails" doc:"Failures in a row"`
	Why     string     `json:"why,omitempty" doc:"What the last request came to, when that was a failure"`
}

// TrunkRegistration is how a trunk is registered at its carrier.
type TrunkRegistration struct {
	AOR   string     `json:"aor" doc:"What is registered"`
	State string     `json:"state" enum:"asking,registered,waiting,refused,stopped" doc:"asking: a REGISTER is out; waiting: until next; refused: the registrar does not want us"`
	Since time.Time  `json:"since"`
	Until *time.Time `json:"until,omitempty" doc:"When the binding expires; absent: there is none"`
	Next  *time.Time `json:"next,omitempty" doc:"When we ask again"`
	Why   string     `json:"why,omitempty" doc:"What went wrong last, also while a binding still holds"`
}

func (a *API) registerTrunks(api huma.API, session func(huma.Operation) huma.Operation) {
	huma.Register(api, session(huma.Operation{OperationID: "list-trunks", Method: http.MethodGet, Path: "/trunks", Tags: []string{"gateway"},
		Summary: "How the lines to the world stand", Description: "Their addresses with health and last failure, their registrations, and how many calls they have.",
		Errors: []int{http.StatusForbidden}}), a.trunks)
}

type trunksOutput struct {
	Body struct {
		Trunks []Trunk `json:"trunks" nullable:"false"`
	}
}

func (a *API) trunks(ctx context.Context, _ *struct{}) (*trunksOutput, error) {
	if err := administers(ctx, "see how the trunks stand"); err != nil {
		return nil, err
	}
	out := &trunksOutput{}
	out.Body.Trunks = append([]Trunk{}, a.cfg.Operations.Trunks()...)
	return out, nil
}
