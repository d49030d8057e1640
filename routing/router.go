package routing

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/sony/gobreaker/v2"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
)

// House is what the router may ask about ourselves, to check advice.
type House interface {
	HasQueue(name string) bool
	// AgentOfUser returns the agent who is that Salesforce User.
	AgentOfUser(user string) (agent string, ok bool)
}

// Settings of a Router.
type Settings struct {
	Budget  time.Duration // how long advice is waited for; default 1.5 s: callers notice two seconds of silence
	HoldFor time.Duration // how long a caller waits for the agent the advice names before anyone will do; default 20 s
	Faults  uint32        // so many failures in a row and nobody is asked for Pause; default 5
	Pause   time.Duration // default 30 s
}

// Router decides. Safe for concurrent use.
type Router struct {
	plan       atomic.Pointer[Plan] // replaced as a whole
	house      House
	consultant Consultant
	settings   Settings
	breaker    *gobreaker.CircuitBreaker[Advice]
	asking     sync.WaitGroup
	decisions  *prometheus.CounterVec
	seconds    prometheus.Histogram
}

// New makes a router. consultant may be nil: then the plan alone decides.
func New(plan Plan, house House, consultant Consultant, s Settings, log *zap.Logger, metrics prometheus.Registerer) *Router {
	if s.Budget == 0 {
		s.Budget = 1500 * time.Millisecond
	}
	if s.HoldFor == 0 {
		s.HoldFor = 20 * time.Second
	}
	if s.Faults == 0 {
		s.Faults = 5
	}
	if s.Pause == 0 {
		s.Pause = 30 * time.Second
	}
	r := &Router{house: house, consultant: consultant, settings: s,
		decisions: prometheus.NewCounterVec(prometheus.CounterOpts{Name: "cordboard_routing_decisions_total", Help: "Calls routed, by what became of the advice: plan (nobody asked), followed, unchanged, unusable, late, failed, paused, left (the caller hung up)."}, []string{"outcome"}),
		seconds:   prometheus.NewHistogram(prometheus.HistogramOpts{Name: "cordboard_routing_seconds", Help: "Time that routing took of a caller's ringing.", Buckets: []float64{.001, .01, .05, .1, .25, .5, 1, 1.5, 2, 5}}),
	}
	r.Replace(plan)
	metrics.MustRegister(r.decisions, r.seconds)
	r.breaker = gobreaker.NewCircuitBreaker[Advice](gobreaker.Settings{
		Name: "smart routing", Timeout: s.Pause,
		ReadyToTrip: func(c gobreaker.Counts) bool { return c.ConsecutiveFailures >= s.Faults },
		// A caller who hangs up while we ask says nothing about the consultant.
		IsExcluded: func(err error) bool { return errors.Is(err, errLeft) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			log.Warn("smart routing breaker", zap.Stringer("from", from), zap.Stringer("to", to))
		},
	})
	return r
}

var errLeft = errors.New("the caller left")

// Close waits for consultants who have not answered yet; their contexts have ended.
func (r *Router) Close() { r.asking.Wait() }

// Plan is the dial plan the router follows.
func (r *Router) Plan() Plan { return *r.plan.Load() }

// Replace follows another plan from now on.
func (r *Router) Replace(plan Plan) { r.plan.Store(&plan) }

// Look says what the plan has for a number, without asking anyone.
func (r *Router) Look(called call.Number) (Entry, bool) { return r.Plan().Look(called) }

// Decide says where a call goes. It returns within the budget, with the plan's own decision whenever there is no advice
// that can be followed. The trace tells how it came to it; the match is whom the consultant found.
func (r *Router) Decide(ctx context.Context, e Entry, q Inquiry) (Decision, call.Trace, call.Match) {
	start := time.Now()
	trace := call.Trace{Plan: e.To.String()}
	d, outcome, match := r.decide(ctx, e, q, &trace)
	trace.Done = d.String()
	trace.Took = time.Since(start)
	r.decisions.WithLabelValues(outcome).Inc()
	r.seconds.Observe(trace.Took.Seconds())
	return d, trace, match
}

func (r *Router) decide(ctx context.Context, e Entry, q Inquiry, trace *call.Trace) (d Decision, outcome string, match call.Match) {
	if e.Flow == "" || r.consultant == nil {
		return e.To, "plan", match
	}
	if to, ok := e.To.(ToQueue); ok {
		q.Queue = to.Queue
	}
	trace.Asked = fmt.Sprintf("Flow %s: callerNumber %s, calledNumber %s, queueName %q", e.Flow, q.Caller, q.Called, q.Queue)
	advice, err := r.ask(ctx, e, q)
	if err != nil {
		trace.Answered, outcome = r.noAdvice(e, err)
		return e.To, outcome, match
	}
	d, trace.Answered, outcome = r.follow(e.To, advice)
	return d, outcome, advice.Match
}

// ask puts the question and waits no longer than the budget, even for a consultant who ignores his context.
func (r *Router) ask(ctx context.Context, e Entry, q Inquiry) (Advice, error) {
	return r.breaker.Execute(func() (Advice, error) {
		budget := r.budget(e)
		asking, cancel := context.WithTimeout(ctx, budget)
		defer cancel()
		type answer struct {
			Advice
			error
		}
		answered := make(chan answer, 1)
		r.asking.Go(func() { // a consultant who overstays answers into the buffer
			defer func() {
				if p := recover(); p != nil {
					answered <- answer{error: fmt.Errorf("consultant panicked: %v", p)}
				}
			}()
			a, err := r.consultant.Advise(asking, e.Flow, q)
			answered <- answer{a, err}
		})
		select {
		case a := <-answered:
			if a.error != nil && ctx.Err() != nil {
				return Advice{}, errLeft
			}
			return a.Advice, a.error
		case <-asking.Done():
			if ctx.Err() != nil {
				return Advice{}, errLeft
			}
			return Advice{}, asking.Err()
		}
	})
}

func (r *Router) budget(e Entry) time.Duration {
	if e.Budget > 0 {
		return e.Budget
	}
	return r.settings.Budget
}

func (r *Router) noAdvice(e Entry, err error) (words, outcome string) {
	switch {
	case errors.Is(err, errLeft):
		return "the caller hung up meanwhile", "left"
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		return fmt.Sprintf("not asked: %d failures in a row, next try within %s", r.settings.Faults, r.settings.Pause), "paused"
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Sprintf("no answer within %s", r.budget(e)), "late"
	}
	return "failed: " + err.Error(), "failed"
}

// follow turns advice into a decision; every name in it must be one of ours.
func (r *Router) follow(plan Decision, a Advice) (d Decision, words, outcome string) {
	const highest = 100 // a Flow may reorder callers, not overflow an integer
	a.Priority = max(-highest, min(a.Priority, highest))
	switch a.Action {
	case Queue:
		if !r.house.HasQueue(a.Queue) {
			return plan, fmt.Sprintf("queue %q, which does not exist", clip(a.Queue)), "unusable"
		}
		to := ToQueue{Queue: a.Queue, Priority: a.Priority, Language: a.Language}
		if q, ok := plan.(ToQueue); ok {
			to.Early = q.Early
		}
		if id, ok := r.house.AgentOfUser(a.UserID); ok {
			to.Preferred, to.HoldFor = id, r.settings.HoldFor
		}
		return to, to.String(), "followed"
	case Agent:
		id, ok := r.house.AgentOfUser(a.UserID)
		if !ok {
			return plan, fmt.Sprintf("user %q, who is no agent here", clip(a.UserID)), "unusable"
		}
		if q, ok := plan.(ToQueue); ok { // the queue stands behind her when she does not answer
			q.Preferred, q.HoldFor, q.Priority, q.Language = id, r.settings.HoldFor, a.Priority, a.Language
			return q, q.String(), "followed"
		}
		return ToAgent{Agent: id}, "agent " + id, "followed"
	case External:
		n := r.Plan().Normal(string(a.Number))
		exit, ok := r.Plan().Exit(n)
		if !ok {
			return plan, fmt.Sprintf("number %q, to which no trunk leads", call.Number(clip(string(a.Number)))), "unusable"
		}
		return ToNumber{Trunk: exit.Trunk, Number: n, Shown: exit.Shown}, "number " + n.String(), "followed"
	case Continue, "":
	default:
		return plan, fmt.Sprintf("action %q, which is none of continue, queue, agent, external", clip(string(a.Action))), "unusable"
	}
	q, ok := plan.(ToQueue)
	if !ok || a.Priority == 0 && a.Language == "" {
		return plan, "continue", "unchanged"
	}
	q.Priority, q.Language = a.Priority, a.Language
	return q, "continue: " + q.String(), "followed"
}

// clip bounds a text from outside that goes into a record.
func clip(s string) string {
	const most = 80
	if len(s) > most {
		return s[:most] + "…"
	}
	return s
}

// Dial says where a number goes that an agent dialled: a colleague, one of our own numbers, or out by a trunk showing
// shown (empty: the number of that way out).
func (r *Router) Dial(dialled string, shown call.Number) (Decision, call.Trace) {
	n := r.Plan().Normal(dialled)
	d := r.dial(n, shown)
	return d, call.Trace{Plan: d.String(), Done: d.String()}
}

func (r *Router) dial(n, shown call.Number) Decision {
	if e, ok := r.Plan().Numbers[n]; ok {
		return e.To
	}
	if exit, ok := r.Plan().Exit(n); ok {
		return ToNumber{Trunk: exit.Trunk, Number: n, Shown: cmp.Or(shown, exit.Shown)}
	}
	return Refuse{Ending: call.Ending{By: call.ByUs, Reason: call.NotFound}, Why: fmt.Sprintf("no colleague, queue or trunk for %s", n)}
}
