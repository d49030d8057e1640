package api

import (
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

const prefix = "/api/v1"

// Limits of what is read from a client.
const (
	maxBody     = 64 << 10
	bodyTimeout = 5 * time.Second
)

func newAPI(cfg Config) *API {
	a := &API{cfg: cfg, mux: http.NewServeMux(), hub: newHub(cfg), intents: newIntents()}
	a.register(a.huma())
	a.mux.HandleFunc(prefix+"/", a.notFound)
	return a
}

// huma is the library with our settings: JSON alone, no pages, no links to schemas.
func (a *API) huma() huma.API {
	cfg := huma.DefaultConfig("Cordboard", a.cfg.Version)
	cfg.Info.Description = "What pages and programs may ask of a Cordboard gateway. Errors are problem details (RFC 9457); " +
		"times are RFC 3339 in UTC; telephone numbers are E.164 where the gateway knows that form."
	cfg.Info.License = &huma.License{Name: "Apache-2.0", Identifier: "Apache-2.0"}
	cfg.Servers = []*huma.Server{{URL: prefix}}
	cfg.OpenAPIPath = "/openapi"
	cfg.DocsPath, cfg.SchemasPath = "", ""
	cfg.CreateHooks = nil // the only one adds $schema links
	cfg.Transformers = append(cfg.Transformers, a.nameTheProblem)
	cfg.Components.SecuritySchemes = map[string]*huma.SecurityScheme{
		"session": {Type: "http", Scheme: "bearer", Description: "The token of POST /login"},
		"stream": {Type: "apiKey", In: "query", Name: "access_token",
			Description: "The same token, for EventSource, which cannot send headers; only for the stream of events"},
	}
	api := humago.NewWithPrefix(a.mux, prefix, cfg)
	api.UseMiddleware(a.whoAsks(api))
	return api
}

// register lists the endpoints, in the order of the document.
func (a *API) register(api huma.API) {
	open := func(op huma.Operation) huma.Operation { return with(op) }
	session := func(op huma.Operation) huma.Operation {
		op.Security = []map[string][]string{{"session": {}}}
		op.Errors = append([]int{http.StatusUnauthorized}, op.Errors...)
		return with(op)
	}
	huma.Register(api, open(huma.Operation{OperationID: "login", Method: http.MethodPost, Path: "/login", Tags: []string{"session"},
		Summary: "Open a session", Description: "Five wrong passwords for a user, and each further try has to wait.",
		Errors: []int{http.StatusUnauthorized, http.StatusTooManyRequests}}), a.login)
	huma.Register(api, session(huma.Operation{OperationID: "logout", Method: http.MethodPost, Path: "/logout", Tags: []string{"session"},
		Summary: "End the session", DefaultStatus: http.StatusNoContent}), a.logout)

	huma.Register(api, session(huma.Operation{OperationID: "get-me", Method: http.MethodGet, Path: "/me", Tags: []string{"me"},
		Summary: "Who I am and how I stand"}), a.me)
	huma.Register(api, session(huma.Operation{OperationID: "set-availability", Method: http.MethodPut, Path: "/me/availability",
		Tags: []string{"me"}, Summary: "Change my availability", Errors: []int{http.StatusForbidden}}), a.setAvailability)
	huma.Register(api, session(huma.Operation{OperationID: "create-sip-credentials", Method: http.MethodPost, Path: "/me/sip-credentials",
		Tags: []string{"me"}, Summary: "Credentials for my phone",
		Description: "Good for a short time; ask for new ones before they end."}), a.sipCredentials)
	huma.Register(api, session(huma.Operation{OperationID: "list-my-calls", Method: http.MethodGet, Path: "/me/calls", Tags: []string{"me"},
		Summary: "My last calls, newest first"}), a.myCalls)
	huma.Register(api, session(huma.Operation{OperationID: "announce-call", Method: http.MethodPost, Path: "/me/calls", Tags: []string{"me"},
		Summary: "Announce a call that my phone will place", DefaultStatus: http.StatusCreated,
		Description: "Optional. The phone sends the token in the header X-Cordboard-Token of its INVITE within a minute; it tells " +
			"the gateway the display number and what the page knows of the call.",
		Errors: []int{http.StatusForbidden, http.StatusServiceUnavailable}}), a.announce)
	a.registerEvents(api, session)

	huma.Register(api, session(huma.Operation{OperationID: "list-calls", Method: http.MethodGet, Path: "/calls", Tags: []string{"calls"},
		Summary: "Everybody's last calls, newest first", Errors: []int{http.StatusForbidden}}), a.allCalls)
	huma.Register(api, session(huma.Operation{OperationID: "list-active-calls", Method: http.MethodGet, Path: "/calls/active",
		Tags: []string{"calls"}, Summary: "Calls that go on now, newest first",
		Description: "Supervisors see all, agents their own."}), a.activeCalls)
	huma.Register(api, session(huma.Operation{OperationID: "get-call", Method: http.MethodGet, Path: "/calls/{id}", Tags: []string{"calls"},
		Summary: "Everything known of a call", Description: "Supervisors see all, agents those they had a part in.",
		Errors: []int{http.StatusNotFound}}), a.getCall)
	huma.Register(api, session(huma.Operation{OperationID: "list-agents", Method: http.MethodGet, Path: "/agents", Tags: []string{"house"},
		Summary: "The directory of colleagues"}), a.agents)
	huma.Register(api, session(huma.Operation{OperationID: "list-queues", Method: http.MethodGet, Path: "/queues", Tags: []string{"house"},
		Summary: "The queues and their live figures"}), a.queues)
	a.registerTraces(api, session)
	a.registerCaptures(api, session)
	a.registerOperations(api, session)
	a.registerTrunks(api, session)
}

// with bounds what an operation reads.
func with(op huma.Operation) huma.Operation {
	op.MaxBodyBytes = maxBody
	op.BodyReadTimeout = bodyTimeout
	return op
}
