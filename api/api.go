package api

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/queue"
)

// ErrNotFound is what Calls.Get wraps when there is no such call.
var ErrNotFound = errors.New("not found")

// Desk is package agent's Desk.
type Desk interface {
	Profile(id string) (agent.Profile, bool)
	Status(id string) (agent.Status, bool)
	All() []agent.Status
	// Set changes an availability; false: no such agent or type.
	Set(id string, t agent.Type, until time.Time) bool
}

// Calls are the calls that go on and those that were.
type Calls interface {
	// Active are the calls that go on now, in any order.
	Active() []call.Record
	// Recent are past calls, newest first: of this agent, or of everybody when agent is empty. limit is 1 to 500.
	Recent(ctx context.Context, agent string, limit int) ([]call.Record, error)
	// Get is one call, going on or past. It wraps ErrNotFound when there is none.
	Get(ctx context.Context, id call.ID) (call.Record, error)
}

// Queues are the queues with their live figures.
type Queues interface {
	Figures() []queue.Figures
	// Memberships are the queues an agent belongs to, by name, and whether she takes their calls now.
	Memberships(agent string) []Membership
}

// Membership is an agent's place in a queue.
type Membership struct {
	Name   string `json:"name" doc:"Name of the queue"`
	Active bool   `json:"active" doc:"Whether the agent takes calls of this queue now"`
}

// Config is what an API is made of. Guard, Desk, Calls, Queues, Operations and Traces are required.
type Config struct {
	Guard      *access.Guard
	Desk       Desk
	Calls      Calls
	Queues     Queues
	Operations Operations
	Traces     Traces

	Version string // of the gateway, for the OpenAPI document; "dev" when empty
	Domain  string // of SIP addresses: sip:anna@<domain>; "cordboard" when empty
	SIPPath string // where the SIP WebSocket is, as the browser sees it; "/sip" when empty
	// TrustedProxies are the reverse proxies whose X-Forwarded-For names the client when logins are limited.
	TrustedProxies []netip.Prefix
	// Origins are the web origins besides our own whose pages may use the API ("https://crm.example.com"); "*": all.
	Origins []string
	// FrameAncestors may show our pages in a frame, as Content-Security-Policy writes them: "https://*.lightning.force.com".
	FrameAncestors []string

	// Heartbeat is how often a stream of events says something when nothing happens, 15 s when zero: shorter than the
	// patience of the proxies in between.
	Heartbeat time.Duration
	// QueuePulse is how often the figures of the queues are looked at, 1 s when zero.
	QueuePulse time.Duration
	// WatcherBuffer is how many events may wait for a watcher before it is dropped, 64 when zero.
	WatcherBuffer int
	// WriteTimeout is how long a watcher may refuse what is written to it, 5 s when zero.
	WriteTimeout time.Duration

	Log *zap.Logger
}

// API is the HTTP API, and a witness of what happens (switchboard.Witness). Its methods are safe for concurrent use.
type API struct {
	cfg     Config
	mux     *http.ServeMux
	hub     *hub
	intents *intents
}

// New makes the API. Its streams learn of queues while Run runs.
func New(cfg Config) *API {
	return newAPI(cfg.withDefaults())
}

// ServeHTTP serves /api/v1/.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.serve(w, r) }

// Saw passes a moment of a call on to the watchers it concerns. It never blocks.
func (a *API) Saw(e call.Event) { a.hub.saw(e) }

// AgentChanged passes a change of an agent's availability, work or devices on to her watchers. It never blocks.
func (a *API) AgentChanged(s agent.Status) { a.hub.agentChanged(s) }

// Run tells watchers about the queues until ctx ends.
func (a *API) Run(ctx context.Context) { a.pulse(ctx) }

// Close ends every stream, telling its watcher to connect again, so that an http.Server can shut down. New ones get 503.
func (a *API) Close() { a.hub.close() }

// Intent is what a page announced of a call before its phone places it (POST /api/v1/me/calls).
type Intent struct {
	Agent   string            // who announced it
	To      string            // as typed or clicked
	Display call.Number       // the display number wished for; empty: the default
	Context map[string]string // what the page knows of the call: record_id, record_name …
}

// Take returns the intent behind the token that an INVITE of this agent carries in X-Cordboard-Token. It is good once,
// within a minute.
func (a *API) Take(token, agent string) (Intent, bool) {
	return a.intents.take(token, agent, time.Now())
}

func (c Config) withDefaults() Config {
	orText(&c.Version, "dev")
	orText(&c.Domain, "cordboard")
	orText(&c.SIPPath, "/sip")
	orTime(&c.Heartbeat, 15*time.Second)
	orTime(&c.QueuePulse, time.Second)
	orTime(&c.WriteTimeout, 5*time.Second)
	if c.WatcherBuffer == 0 {
		c.WatcherBuffer = 64
	}
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	return c
}

func orText(s *string, def string) {
	if *s == "" {
		*s = def
	}
}

func orTime(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}
