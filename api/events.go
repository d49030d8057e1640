package api

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/call"
)

// Hello is the data of the event "hello", the first of every stream: how everything stands now, so that whoever was away
// needs no history.
type Hello struct {
	At           time.Time     `json:"at"`
	ID           string        `json:"id" doc:"Whose stream it is"`
	Availability Availability  `json:"availability"`
	State        string        `json:"state" enum:"idle,reserved,ringing,connected,wrapup,unreachable"`
	Devices      int           `json:"devices"`
	Calls        []CallSummary `json:"calls" nullable:"false" doc:"The calls going on that the stream will tell of"`
	Queues       []Queue       `json:"queues" nullable:"false"`
	Draining     bool          `json:"draining" doc:"The gateway refuses new calls; see the event gateway"`
}

// Reconnect is the data of the event "reconnect", the last of a stream that the gateway ends.
type Reconnect struct {
	AfterMS int `json:"after_ms" doc:"Wait so long, milliseconds, and open the stream again"`
}

const reconnectAfterMS = 1000

type eventsInput struct {
	Scope string `query:"scope" enum:"mine,all" default:"mine" doc:"all: everybody's calls and agents, for supervisors"`
}

func (a *API) registerEvents(api huma.API, session func(huma.Operation) huma.Operation) {
	op := session(huma.Operation{OperationID: "watch", Method: http.MethodGet, Path: "/me/events", Tags: []string{"me"},
		Summary: "What happens, as server-sent events",
		Description: "First hello, then call, agent, queues and gateway as things happen, and a comment every 15 seconds. A watcher that does " +
			"not keep up is sent reconnect and dropped. There is no history to ask for: hello says how things stand.",
		Errors: []int{http.StatusForbidden, http.StatusServiceUnavailable}})
	op.Security = append(op.Security, map[string][]string{"stream": {}})
	op.Responses = map[string]*huma.Response{"200": {Description: "The stream", Content: map[string]*huma.MediaType{
		"text/event-stream": {Schema: streamSchema(api.OpenAPI().Components.Schemas)}}}}
	huma.Register(api, op, a.events)
}

func (a *API) events(ctx context.Context, in *eventsInput) (*huma.StreamResponse, error) {
	s := sessionOf(ctx)
	all := in.Scope == "all"
	if all && !s.User.May(access.SeeAllCalls) {
		return nil, huma.Error403Forbidden(fmt.Sprintf("user %q may not watch everybody; leave scope out", s.User.ID))
	}
	w, err := a.hub.watch(s, all)
	if err != nil {
		return nil, huma.ErrorWithHeaders(huma.Error503ServiceUnavailable(err.Error()+"; try again in a minute"),
			http.Header{"Retry-After": {"60"}})
	}
	return &huma.StreamResponse{Body: func(ctx huma.Context) {
		defer a.hub.leave(w)
		_, response := humago.Unwrap(ctx)
		if err := a.stream(ctx.Context(), response, w, s.Expires); err != nil {
			a.cfg.Log.Debug("stream of events broke", zap.String("user", s.User.ID), zap.Error(err))
		}
	}}, nil
}

// stream writes until the watcher is dropped, its session ends or it goes away. The error says why writing failed.
func (a *API) stream(ctx context.Context, response http.ResponseWriter, w *watcher, ends time.Time) error {
	h := response.Header()
	h.Set("Content-Type", "text/event-stream")
	h.Set("X-Accel-Buffering", "no") // nginx would hold events back
	out := &eventWriter{w: response, control: http.NewResponseController(response), timeout: a.cfg.WriteTimeout}
	if err := out.control.SetReadDeadline(time.Time{}); err != nil { // the server's time-out is for requests, not for this
		return err
	}
	if err := out.send(event{"hello", a.hello(w)}); err != nil {
		return err
	}
	heartbeat := time.NewTicker(a.cfg.Heartbeat)
	defer heartbeat.Stop()
	over := time.NewTimer(time.Until(ends))
	defer over.Stop()
	for {
		var err error
		select {
		case e := <-w.events:
			err = out.send(e)
		case <-heartbeat.C:
			err = out.write([]byte(": still here\n\n"))
		case <-over.C:
			return nil
		case <-w.gone:
			return out.send(event{"reconnect", encode(Reconnect{AfterMS: reconnectAfterMS})})
		case <-ctx.Done():
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// hello is taken after the watcher was entered, so that nothing falls in between; what happens meanwhile comes twice.
func (a *API) hello(w *watcher) []byte {
	me := a.meShape(w.user)
	calls := a.cfg.Calls.Active()
	if !w.all {
		calls = slices.DeleteFunc(calls, func(r call.Record) bool { return !a.concerns(r, w.user.ID) })
	}
	return encode(Hello{At: time.Now().UTC(), ID: w.user.ID, Availability: me.Availability, State: me.State, Devices: me.Devices,
		Calls: callsShape(calls).Body.Calls, Queues: queueShapes(a.cfg.Queues.Figures()), Draining: a.cfg.Operations.Standing().Draining})
}

// eventWriter writes events of a stream, each with a deadline.
type eventWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	timeout time.Duration
}

func (o *eventWriter) send(e event) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "event: %s\ndata: %s\n\n", e.name, e.data)
	return o.write(b.Bytes())
}

func (o *eventWriter) write(b []byte) error {
	if err := o.control.SetWriteDeadline(time.Now().Add(o.timeout)); err != nil {
		return err
	}
	if _, err := o.w.Write(b); err != nil {
		return err
	}
	return o.control.Flush()
}

// encode makes JSON on one line, as a data field must be.
func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		return []byte("{}") // cannot happen with these types
	}
	return b
}

// waitingPulse is how often figures are told for no other reason than that callers wait longer.
const waitingPulse = 5 * time.Second

// pulse tells of the queues as long as anybody watches, and rests otherwise.
func (a *API) pulse(ctx context.Context) {
	for {
		select {
		case <-a.hub.arrived:
			a.tellQueues(ctx)
		case <-ctx.Done():
			return
		}
	}
}

// tellQueues looks at the queues and tells what has changed, until nobody watches any more.
func (a *API) tellQueues(ctx context.Context) {
	tick := time.NewTicker(a.cfg.QueuePulse)
	defer tick.Stop()
	var last []Queue
	var told time.Time
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-tick.C:
			if a.hub.empty() {
				return
			}
			queues := queueShapes(a.cfg.Queues.Figures())
			if sameCounts(queues, last) && (!anyoneWaits(queues) || now.Sub(told) < waitingPulse) {
				continue
			}
			a.hub.queuesChanged(queues)
			last, told = queues, now
		}
	}
}

// sameCounts compares all but the waiting time, which a page counts on by itself.
func sameCounts(a, b []Queue) bool {
	return slices.EqualFunc(a, b, func(x, y Queue) bool {
		x.OldestWaitSeconds, y.OldestWaitSeconds = 0, 0
		return x == y
	})
}

func anyoneWaits(queues []Queue) bool {
	return slices.ContainsFunc(queues, func(q Queue) bool { return q.Waiting > 0 })
}
