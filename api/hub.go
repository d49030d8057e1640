package api

import (
	"encoding/json"
	"errors"
	"slices"
	"sync"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
)

// Bounds of the hub.
const (
	maxWatchers   = 5_000  // streams in all
	maxPerUser    = 8      // streams of one user; the oldest makes room
	maxKnownCalls = 20_000 // calls whose agents are remembered
)

var errFull = errors.New("too many streams of events are open")

// event is one message of a stream, its data encoded once for all.
type event struct {
	name string
	data []byte
}

// watcher is one open stream.
type watcher struct {
	user   access.User
	token  string
	all    bool          // what concerns others as well
	events chan event    // never closed
	gone   chan struct{} // closed when the stream must end
}

// hub knows who watches and what concerns them.
type hub struct {
	log     *zap.Logger
	buffer  int
	arrived chan struct{} // somebody has begun to watch

	mu       sync.Mutex
	watchers map[string][]*watcher // by user id, the oldest first; guarded by mu
	everyone map[*watcher]bool     // those who watch everybody; guarded by mu
	count    int                   // guarded by mu
	parts    map[call.ID][]string  // the agents who have a part in a call going on; guarded by mu
	closed   bool                  // guarded by mu
}

func newHub(cfg Config) *hub {
	return &hub{log: cfg.Log, buffer: cfg.WatcherBuffer, arrived: make(chan struct{}, 1),
		watchers: make(map[string][]*watcher), everyone: make(map[*watcher]bool), parts: make(map[call.ID][]string)}
}

// watch opens a stream for the session's user.
func (h *hub) watch(s access.Session, all bool) (*watcher, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.closed || h.count >= maxWatchers {
		return nil, errFull
	}
	if mine := h.watchers[s.User.ID]; len(mine) >= maxPerUser {
		h.drop(mine[0])
	}
	w := &watcher{user: s.User, token: s.Token, all: all, events: make(chan event, h.buffer), gone: make(chan struct{})}
	h.watchers[s.User.ID] = append(h.watchers[s.User.ID], w)
	if all {
		h.everyone[w] = true
	}
	h.count++
	select {
	case h.arrived <- struct{}{}:
	default:
	}
	return w, nil
}

// leave ends a stream; it may have ended already.
func (h *hub) leave(w *watcher) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.drop(w)
}

// drop takes w out and tells it. h.mu is held.
func (h *hub) drop(w *watcher) {
	mine := h.watchers[w.user.ID]
	i := slices.Index(mine, w)
	if i < 0 {
		return
	}
	if mine = slices.Delete(mine, i, i+1); len(mine) == 0 {
		delete(h.watchers, w.user.ID)
	} else {
		h.watchers[w.user.ID] = mine
	}
	delete(h.everyone, w)
	h.count--
	close(w.gone)
}

// endSession ends the streams of a session that was logged out.
func (h *hub) endSession(token string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, w := range h.those(func(w *watcher) bool { return w.token == token }) {
		h.drop(w)
	}
}

func (h *hub) close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.closed = true
	for _, w := range h.those(func(*watcher) bool { return true }) {
		h.drop(w)
	}
}

// those lists the watchers that match. h.mu is held.
func (h *hub) those(match func(*watcher) bool) []*watcher {
	var found []*watcher
	for _, mine := range h.watchers {
		for _, w := range mine {
			if match(w) {
				found = append(found, w)
			}
		}
	}
	return found
}

// saw remembers who has a part in the call, and tells them. Usually nobody watches, and nothing is encoded.
func (h *hub) saw(e call.Event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if watchers := h.whom(h.note(e)); len(watchers) > 0 {
		h.encode("call", CallEvent{At: e.At.UTC(), Moment: string(e.Moment), Agent: e.Agent, Record: summaryShape(e.Record)}, watchers)
	}
	h.forget(e)
}

// note adds those an event names to those who have a part in its call. h.mu is held.
func (h *hub) note(e call.Event) []string {
	concerned, known := h.parts[e.Record.ID]
	before := len(concerned)
	for _, who := range [...]string{e.Agent, e.Record.Agent, e.Record.Customer.Agent} {
		if who != "" && !slices.Contains(concerned, who) {
			concerned = append(concerned, who)
		}
	}
	if len(concerned) > before && (known || len(h.parts) < maxKnownCalls) {
		h.parts[e.Record.ID] = concerned
	}
	return concerned
}

// forget takes out whoever has no part in the call any more. h.mu is held.
func (h *hub) forget(e call.Event) {
	switch {
	case e.Moment == call.Over:
		delete(h.parts, e.Record.ID)
	case e.Moment == call.Missed && e.Agent != e.Record.Agent:
		those := h.parts[e.Record.ID]
		if i := slices.Index(those, e.Agent); i >= 0 {
			h.parts[e.Record.ID] = slices.Delete(those, i, i+1)
		}
	}
}

// concerned says whether an agent has a part in a call going on.
func (h *hub) concerned(id call.ID, agent string) bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return slices.Contains(h.parts[id], agent)
}

func (h *hub) agentChanged(s agent.Status) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if watchers := h.whom([]string{s.ID}); len(watchers) > 0 {
		h.encode("agent", AgentEvent{ID: s.ID, Availability: availabilityShape(s.Availability), State: string(s.Work), Devices: s.Devices}, watchers)
	}
}

func (h *hub) queuesChanged(queues []Queue) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.encode("queues", queues, h.those(func(*watcher) bool { return true }))
}

// whom lists the watchers of what concerns these users. h.mu is held.
func (h *hub) whom(users []string) []*watcher {
	var found []*watcher
	for _, user := range users {
		found = append(found, h.watchers[user]...)
	}
	for w := range h.everyone {
		if !slices.Contains(users, w.user.ID) {
			found = append(found, w)
		}
	}
	return found
}

// encode makes an event and passes it on. h.mu is held.
func (h *hub) encode(name string, v any, watchers []*watcher) {
	data, err := json.Marshal(v)
	if err != nil {
		h.log.Error("event not encoded", zap.Error(err)) // cannot happen with these types
		return
	}
	h.tell(event{name, data}, watchers)
}

// tell passes an event on. A watcher whose buffer is full is dropped: it connects again and is told
// everything anew, and nobody waits for it. h.mu is held, which keeps events in order; the send never blocks.
func (h *hub) tell(e event, watchers []*watcher) {
	for _, w := range watchers {
		select {
		case w.events <- e:
		default:
			h.log.Info("watcher too slow, dropped", zap.String("user", w.user.ID))
			h.drop(w)
		}
	}
}

func (h *hub) empty() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.count == 0
}

// CallEvent is the data of the event "call".
type CallEvent struct {
	At     time.Time   `json:"at"`
	Moment string      `json:"moment" enum:"began,decided,queued,presented,missed,answered,held,resumed,away,returned,matched,over" doc:"What has just happened"`
	Agent  string      `json:"agent,omitempty" doc:"The agent concerned, when one is"`
	Record CallSummary `json:"record" doc:"The call as it stands now"`
}

// AgentEvent is the data of the event "agent".
type AgentEvent struct {
	ID           string       `json:"id"`
	Availability Availability `json:"availability"`
	State        string       `json:"state" enum:"idle,reserved,ringing,connected,wrapup,unreachable"`
	Devices      int          `json:"devices"`
}
