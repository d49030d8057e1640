package salesforce

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/crm"
	"github.com/cordboard/cordboard/routing"
)

// flowName is the API name of a Flow, with a namespace perhaps. Anything else would lead elsewhere on the org.
var flowName = regexp.MustCompile(`^[A-Za-z]\w{0,99}$`)

// Advise implements routing.Consultant: it identifies the caller, for half of the time there is, then asks the Flow.
// When the Flow fails, the Advice returned beside the error still says whom the number belongs to.
func (c *Client) Advise(ctx context.Context, flow string, q routing.Inquiry) (routing.Advice, error) {
	ctx, cancel := context.WithTimeout(ctx, c.set.Flow)
	defer cancel()
	if !q.Match.Looked {
		half := ctx
		if deadline, ok := ctx.Deadline(); ok {
			var stop context.CancelFunc
			half, stop = context.WithTimeout(ctx, time.Until(deadline)/2)
			defer stop()
		}
		if m, err := c.Identify(half, q.Caller); err == nil {
			q.Match = m
		}
	}
	advice := routing.Advice{Match: q.Match}
	outputs, err := c.runFlow(ctx, flow, inputs(q))
	if err != nil {
		return advice, err
	}
	read(outputs, &advice)
	return advice, nil
}

// inputs are the variables of the Flow, as the contract names them. What is not known is left out.
func inputs(q routing.Inquiry) map[string]any {
	in := map[string]any{
		"callId": string(q.Call), "callerNumber": string(q.Caller), "calledNumber": string(q.Called), "queueName": q.Queue,
	}
	if !q.Match.Looked {
		return in
	}
	in["matchCount"] = q.Match.Count
	if only, ok := q.Match.Only(); ok {
		if only.Object == "Contact" {
			in["contactId"] = only.ID
		}
		if only.AccountID != "" {
			in["accountId"] = only.AccountID
		}
	}
	return in
}

// runFlow invokes an autolaunched Flow (Actions API guide, "Flow Actions") and returns its output variables.
func (c *Client) runFlow(ctx context.Context, flow string, in map[string]any) (map[string]json.RawMessage, error) {
	if !flowName.MatchString(flow) {
		return nil, fmt.Errorf("salesforce flow: %q is not the API name of a Flow", clip(flow, 100))
	}
	body, err := json.Marshal(map[string]any{"inputs": []any{in}})
	if err != nil {
		return nil, fmt.Errorf("salesforce flow: %w", err)
	}
	r, err := c.do(ctx, ask{op: "flow", lane: urgent, method: http.MethodPost, repeat: true,
		path: c.data("/actions/custom/flow/" + flow), body: body})
	if err != nil {
		return nil, err
	}
	return readFlow(r.body)
}

// readFlow takes the outputs out of the one result there must be.
func readFlow(body []byte) (map[string]json.RawMessage, error) {
	var results []struct {
		IsSuccess bool                       `json:"isSuccess"`
		Errors    []fault                    `json:"errors"`
		Outputs   map[string]json.RawMessage `json:"outputValues"`
	}
	if err := json.Unmarshal(body, &results); err != nil {
		return nil, fmt.Errorf("salesforce flow: %w", err)
	}
	if len(results) != 1 {
		return nil, fmt.Errorf("salesforce flow: %d results for one question", len(results))
	}
	if !results[0].IsSuccess {
		e := &APIError{Op: "flow", Code: "FLOW_FAILED", Message: "the Flow failed"}
		if len(results[0].Errors) > 0 {
			e.take(results[0].Errors[0])
		}
		return nil, e
	}
	return results[0].Outputs, nil
}

const (
	longOutput     = 255  // characters of an output that are believed
	mostPriority   = 1000 // either way
	longestDialled = 32   // digits and a plus
)

var (
	languageTag = regexp.MustCompile(`^[A-Za-z]{2,8}([-_][A-Za-z0-9]{1,8}){0,3}$`) // BCP 47, near enough; Salesforce writes en_US
	dialable    = regexp.MustCompile(`^\+?[0-9*#]+$`)
)

// read takes the outputs of a Flow that somebody else wrote. A value that makes no sense is as good as none.
func read(outputs map[string]json.RawMessage, a *routing.Advice) {
	a.Action = routing.Action(strings.ToLower(text(outputs["action"])))
	a.Queue = text(outputs["targetQueue"])
	if id := text(outputs["targetUserId"]); crm.IsID(id) {
		a.UserID = id
	}
	number := strings.NewReplacer(" ", "", "-", "", "(", "", ")", "").Replace(text(outputs["targetNumber"]))
	if len(number) <= longestDialled && dialable.MatchString(number) {
		a.Number = call.Number(number)
	}
	a.Priority = whole(outputs["priority"])
	if tag := text(outputs["language"]); languageTag.MatchString(tag) {
		a.Language = strings.ReplaceAll(tag, "_", "-")
	}
	a.SkipLanguageMenu = yes(outputs["skipLanguageMenu"])
}

// text is an output of type Text: short, and without characters that have no place in a name or a log line.
func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil || len(s) > longOutput || strings.ContainsFunc(s, unicode.IsControl) {
		return ""
	}
	return strings.TrimSpace(s)
}

// whole is an output of type Number, or a Text that holds one: Flows have both.
func whole(raw json.RawMessage) int {
	var f float64
	if json.Unmarshal(raw, &f) != nil {
		var err error
		if f, err = strconv.ParseFloat(text(raw), 64); err != nil || math.IsNaN(f) {
			return 0
		}
	}
	return int(math.Max(-mostPriority, math.Min(mostPriority, f)))
}

func yes(raw json.RawMessage) bool {
	var b bool
	if json.Unmarshal(raw, &b) == nil {
		return b
	}
	return strings.EqualFold(text(raw), "true")
}
