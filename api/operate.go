package api

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"github.com/cordboard/cordboard/access"
)

// Operations is what an administrator may do to the gateway while it runs.
type Operations interface {
	// Standing says how the gateway stands.
	Standing() Standing
	// Drain refuses new calls from now on; those that are up go on. Repeating it changes nothing.
	Drain()
	// Reopen takes new calls again. The error says why that is too late.
	Reopen() error
	// Trunks says how the lines to the world stand, in the order of the configuration.
	Trunks() []Trunk
	// Reload reads the configuration anew. An error is a *BadConfig: nothing has changed then.
	Reload(ctx context.Context) (Reloaded, error)
}

// Reloaded is what a new configuration has changed.
type Reloaded struct {
	Changed  []string `json:"changed" nullable:"false" doc:"Settings that count from now on"`
	Restart  []string `json:"needs_restart" nullable:"false" doc:"Settings that have changed in the file and count after the next start"`
	Warnings []string `json:"warnings" nullable:"false" doc:"What is allowed but should be known"`
}

// BadConfig is a configuration that cannot be used.
type BadConfig struct{ Problems []string }

func (b *BadConfig) Error() string { return strings.Join(b.Problems, "; ") }

// Standing is how a gateway stands.
type Standing struct {
	Draining      bool      // new calls are refused
	DrainingSince time.Time // zero: it does not drain
	Calls         int       // calls that go on
	RetryAfter    time.Duration
}

// Gateway is how the gateway stands.
type Gateway struct {
	Version       string     `json:"version"`
	Draining      bool       `json:"draining" doc:"New calls are refused; those that go on are let end"`
	DrainingSince *time.Time `json:"draining_since,omitempty"`
	Calls         int        `json:"calls" doc:"Calls that go on"`
}

// GatewayEvent is the data of the event "gateway".
type GatewayEvent struct {
	Draining bool `json:"draining" doc:"New calls are refused, calls that go on are let end; then the gateway goes away, or takes calls again"`
}

// GatewayChanged tells every watcher whether the gateway drains. It never blocks.
func (a *API) GatewayChanged(draining bool) { a.hub.gatewayChanged(draining) }

func (h *hub) gatewayChanged(draining bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.encode("gateway", GatewayEvent{Draining: draining}, h.those(func(*watcher) bool { return true }))
}

func (a *API) registerOperations(api huma.API, session func(huma.Operation) huma.Operation) {
	admin := func(op huma.Operation) huma.Operation {
		op.Tags, op.Errors = []string{"gateway"}, append(op.Errors, http.StatusForbidden)
		return session(op)
	}
	huma.Register(api, admin(huma.Operation{OperationID: "get-gateway", Method: http.MethodGet, Path: "/gateway",
		Summary: "How the gateway stands"}), a.gateway)
	huma.Register(api, admin(huma.Operation{OperationID: "drain", Method: http.MethodPost, Path: "/gateway/drain",
		Summary: "Refuse new calls and let those end that go on",
		Description: "The process stays; SIGTERM ends it, and DELETE takes calls again. Trunks and agents get 503 with Retry-After, " +
			"and /readyz is 503. Callers who wait in a queue are served."}), a.drain)
	huma.Register(api, admin(huma.Operation{OperationID: "reopen", Method: http.MethodDelete, Path: "/gateway/drain",
		Summary: "Take new calls again", Errors: []int{http.StatusConflict}}), a.reopen)
	huma.Register(api, admin(huma.Operation{OperationID: "reload", Method: http.MethodPost, Path: "/gateway/reload",
		Summary: "Read the configuration file again", Description: "As SIGHUP does. Trunks, agents, queues, dial plan, codecs, phone " +
			"networks and the log level count from the next call on; calls that are up stay as they are. A file with anything wrong in it " +
			"changes nothing and is answered 422, with every problem's place, value and cure.",
		Errors: []int{http.StatusUnprocessableEntity}}), a.reload)
}

type gatewayOutput struct{ Body Gateway }

func (a *API) gateway(ctx context.Context, _ *struct{}) (*gatewayOutput, error) {
	if err := administers(ctx, "see how the gateway stands"); err != nil {
		return nil, err
	}
	return a.standing(), nil
}

func (a *API) drain(ctx context.Context, _ *struct{}) (*gatewayOutput, error) {
	if err := administers(ctx, "drain the gateway"); err != nil {
		return nil, err
	}
	a.cfg.Operations.Drain()
	return a.standing(), nil
}

func (a *API) reopen(ctx context.Context, _ *struct{}) (*gatewayOutput, error) {
	if err := administers(ctx, "open the gateway"); err != nil {
		return nil, err
	}
	if err := a.cfg.Operations.Reopen(); err != nil {
		return nil, huma.Error409Conflict(err.Error())
	}
	return a.standing(), nil
}

type reloadOutput struct{ Body Reloaded }

func (a *API) reload(ctx context.Context, _ *struct{}) (*reloadOutput, error) {
	if err := administers(ctx, "reload the configuration"); err != nil {
		return nil, err
	}
	done, err := a.cfg.Operations.Reload(ctx)
	var bad *BadConfig
	if errors.As(err, &bad) {
		var all []error
		for _, p := range bad.Problems {
			all = append(all, &huma.ErrorDetail{Message: p})
		}
		return nil, huma.Error422UnprocessableEntity("the configuration cannot be used; everything stays as it was", all...)
	}
	if err != nil {
		return nil, err
	}
	for _, list := range []*[]string{&done.Changed, &done.Restart, &done.Warnings} {
		if *list == nil {
			*list = []string{}
		}
	}
	return &reloadOutput{Body: done}, nil
}

func (a *API) standing() *gatewayOutput {
	s := a.cfg.Operations.Standing()
	return &gatewayOutput{Body: Gateway{Version: a.cfg.Version, Draining: s.Draining, DrainingSince: moment(s.DrainingSince), Calls: s.Calls}}
}

// administers is the refusal of whoever may not administer the gateway, nil for who may.
func administers(ctx context.Context, what string) error {
	if u := sessionOf(ctx).User; !u.May(access.Administer) {
		return huma.Error403Forbidden(fmt.Sprintf("user %q may not %s; ask somebody with the role admin", u.ID, what))
	}
	return nil
}

// refusedWhileDraining is the 503 for what would begin a call; nil: calls are taken.
func (a *API) refusedWhileDraining() error {
	s := a.cfg.Operations.Standing()
	if !s.Draining {
		return nil
	}
	wait := strconv.Itoa(max(1, int(s.RetryAfter.Seconds())))
	return huma.ErrorWithHeaders(huma.Error503ServiceUnavailable("the gateway is about to go away and takes no new calls; try again in "+wait+" seconds"),
		http.Header{"Retry-After": {wait}})
}
