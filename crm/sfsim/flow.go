package sfsim

import (
	"context"
	"crypto/rand"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"
)

// Flow is an active autolaunched flow: a Go function in the place of what an administrator draws.
type Flow struct {
	Name    string // API name
	Label   string
	Inputs  []Variable
	Outputs []Variable
	Latency time.Duration // besides Options.FlowLatency
	// Run gets the inputs that were given, by name, and returns outputs. It may ask the org (Query) and takes ctx's end
	// for its own. An error is a fault inside the flow.
	Run func(ctx context.Context, o *Org, in map[string]any) (map[string]any, error)
}

// Variable is an input or output of a flow. Type as Salesforce describes it: STRING, NUMBER or BOOLEAN.
type Variable struct {
	Name string
	Type string
}

// Register makes a flow callable, in the place of one of the same name.
func (o *Org) Register(f Flow) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.flows[strings.ToLower(f.Name)] = &f
}

// actions answers /actions/custom/flow. [D] api-action guide
func (o *Org) actions(q *request) reply {
	switch path := q.path[1:]; {
	case len(path) == 0:
		return ok(map[string]string{"custom": "/services/data/" + q.version + "/actions/custom"})
	case path[0] != "custom":
		return failed(errNotFound())
	case len(path) == 1:
		return ok(map[string]string{"flow": "/services/data/" + q.version + "/actions/custom/flow"})
	case path[1] != "flow":
		return failed(errNotFound())
	case len(path) == 2:
		return o.listFlows(q)
	case len(path) == 3:
		return o.flowAction(q, path[2])
	}
	return failed(errNotFound())
}

func (o *Org) listFlows(q *request) reply {
	o.mu.Lock()
	defer o.mu.Unlock()
	list := []record{}
	for _, key := range slices.Sorted(maps.Keys(o.flows)) {
		f := o.flows[key]
		list = append(list, record{{"label", f.Label}, {"name", f.Name}, {"type", "FLOW"}, {"url", "/services/data/" + q.version + "/actions/custom/flow/" + f.Name}})
	}
	return ok(map[string]any{"actions": list})
}

func (o *Org) flowAction(q *request, name string) reply {
	o.mu.Lock()
	f := o.flows[strings.ToLower(name)]
	o.mu.Unlock()
	if f == nil {
		return failed(errNotFound()) // unknown or inactive [P]
	}
	if q.method == http.MethodGet {
		return ok(f.describe())
	}
	if q.method != http.MethodPost {
		return failed(errMethod(q.method))
	}
	var call struct {
		Inputs []map[string]any `json:"inputs"`
	}
	if err := q.decode(&call); err != nil {
		return failed(err)
	}
	if len(call.Inputs) == 0 {
		call.Inputs = []map[string]any{{}}
	}
	if d := f.Latency + o.opt.FlowLatency; d > 0 {
		wait(q.ctx, d)
	}
	status, results := http.StatusOK, make([]flowResult, 0, len(call.Inputs))
	for _, in := range call.Inputs { // several inputs are several interviews
		r := o.interview(q.ctx, f, in)
		if !r.Success {
			status = http.StatusBadRequest
		}
		results = append(results, r)
	}
	return reply{status: status, body: results}
}

// flowResult is the envelope of one interview. [P] a real answer of v63; the errors in it [K]
type flowResult struct {
	Action     string         `json:"actionName"`
	Errors     []savedError   `json:"errors"`
	Invocation *string        `json:"invocationId"`
	Success    bool           `json:"isSuccess"`
	Outcome    *string        `json:"outcome"`
	Outputs    map[string]any `json:"outputValues"`
	Sort       int            `json:"sortOrder"`
	Version    int            `json:"version"`
}

func (o *Org) interview(ctx context.Context, f *Flow, in map[string]any) flowResult {
	result := flowResult{Action: f.Name, Sort: -1, Version: 1}
	given := make(map[string]any, len(in))
	for _, name := range slices.Sorted(maps.Keys(in)) {
		i := slices.IndexFunc(f.Inputs, func(v Variable) bool { return v.Name == name }) // case matters [D]
		if i < 0 {
			result.Errors = []savedError{{"INVALID_API_INPUT", "The flow has no input variable " + name, []string{}}} // [K]
			return result
		}
		v, good := f.Inputs[i].take(in[name])
		if !good {
			result.Errors = []savedError{{"INVALID_ARGUMENT_TYPE", "The input " + name + " is not of type " + f.Inputs[i].Type, []string{}}} // [K]
			return result
		}
		given[name] = v
	}
	out, err := f.Run(ctx, o, given)
	if err != nil {
		result.Errors = []savedError{{"FLOW_EXCEPTION", "An unhandled fault has occurred in this flow: " + err.Error(), []string{}}} // [K]
		return result
	}
	result.Success, result.Outputs = true, map[string]any{}
	for _, v := range f.Outputs {
		result.Outputs[v.Name] = out[v.Name]
	}
	result.Outputs["Flow__InterviewGuid"] = strings.ToLower(rand.Text())
	result.Outputs["Flow__InterviewStatus"] = "Finished" // [D] Created, Started, Finished, Error, Waiting
	return result
}

// take turns an input into Go's form: string, float64 or bool; null stays.
func (v Variable) take(given any) (any, bool) {
	if given == nil {
		return nil, true
	}
	var as field
	switch v.Type {
	case "NUMBER":
		as.Type = "double"
	case "BOOLEAN":
		as.Type = "boolean"
	default:
		text, isText := given.(string)
		return text, isText
	}
	value, err := as.take(given)
	return value, err == nil
}

func (f *Flow) describe() map[string]any {
	return map[string]any{
		"label": f.Label, "name": f.Name, "type": "FLOW", "standard": false, "targetEntityName": nil,
		"inputs": describeVariables(f.Inputs), "outputs": describeVariables(f.Outputs),
	}
}

func describeVariables(list []Variable) []record {
	out := []record{}
	for _, v := range list {
		out = append(out, record{{"label", v.Name}, {"name", v.Name}, {"type", v.Type}, {"maxOccurs", 1}, {"required", false}, {"description", nil}})
	}
	return out
}
