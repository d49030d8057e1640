package sfsim

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// Fault is something that goes wrong with API requests, as PUT /_sim/faults takes it. All of it falls on the same
// requests: those that match, and of these each Every-th.
type Fault struct {
	Latency      int      `json:"latency_ms,omitempty"`    // before the request is looked at
	Jitter       int      `json:"jitter_ms,omitempty"`     // up to so much more, evenly spread
	Status       int      `json:"status,omitempty"`        // answer with this; 5xx without an error code has an HTML body, as Salesforce's edge has
	ErrorCode    string   `json:"error_code,omitempty"`    // such as UNABLE_TO_LOCK_ROW; "CODE:words" chooses the message that begins with these words
	Message      string   `json:"message,omitempty"`       // instead of the usual one
	Every        int      `json:"every,omitempty"`         // 0 or 1: each matching request
	Times        int      `json:"times,omitempty"`         // so often, then no more; 0: for ever
	Methods      []string `json:"methods,omitempty"`       // empty: all
	Paths        []string `json:"paths,omitempty"`         // the path contains one of these; empty: all under /services
	DropReply    bool     `json:"drop_reply,omitempty"`    // the work is done, then the connection is cut without an answer
	ExpireTokens bool     `json:"expire_tokens,omitempty"` // all sessions end when the fault falls; without Every and Times: once, now
	DailyLimit   int      `json:"daily_limit,omitempty"`   // so many more API requests are allowed in these 24 hours
	PerRecord    bool     `json:"per_record,omitempty"`    // the error code is given to each Every-th record of a collection, not to the request
}

// faults decides for each request whether something goes wrong with it.
type faults struct {
	mu      sync.Mutex
	rules   []*rule    // guarded by mu
	random  *rand.Rand // guarded by mu
	setting int        // counts the changes; guarded by mu
}

// rule is a fault in force.
type rule struct {
	Fault
	matched, fell int // requests, or records with PerRecord
}

// hit is what befalls one request.
type hit struct {
	fell   bool
	delay  time.Duration
	reply  *reply
	drop   bool
	expire bool
}

func newFaults(seed uint64) *faults {
	return &faults{random: rand.New(rand.NewPCG(seed, 0xfa17))}
}

func (f *faults) set(list []Fault) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.setting++
	f.rules = nil
	for _, one := range list {
		if one.ExpireTokens && one.Every == 0 && one.Times == 0 {
			one.Times = 1
		}
		f.rules = append(f.rules, &rule{Fault: one})
	}
}

func (f *faults) clear() { f.set(nil) }

func (f *faults) list() []Fault {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := []Fault{}
	for _, r := range f.rules {
		list = append(list, r.Fault)
	}
	return list
}

// next counts a request and says what befalls it. Of several rules that fall at once, delays add up and the first answer
// counts.
func (f *faults) next(method, path string) hit {
	f.mu.Lock()
	defer f.mu.Unlock()
	var h hit
	for _, r := range f.rules {
		if r.PerRecord || !r.matches(method, path) || !r.falls() {
			continue
		}
		h.fell = true
		h.delay += time.Duration(r.Latency) * time.Millisecond
		if r.Jitter > 0 {
			h.delay += time.Duration(f.random.Int64N(int64(r.Jitter) * int64(time.Millisecond)))
		}
		h.drop = h.drop || r.DropReply
		h.expire = h.expire || r.ExpireTokens
		if h.reply == nil && (r.Status != 0 || r.ErrorCode != "") {
			a := r.answer(path)
			h.reply = &a
		}
	}
	return h
}

// recordError gives a record of a collection its error, if its turn has come.
func (f *faults) recordError(method, path string) *apiError {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.PerRecord && r.matches(method, path) && r.falls() {
			return r.apiError()
		}
	}
	return nil
}

func (f *faults) dailyLimit() (limit, setting int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, r := range f.rules {
		if r.DailyLimit > 0 {
			return r.DailyLimit, f.setting
		}
	}
	return 0, 0
}

func (r *rule) matches(method, path string) bool {
	if len(r.Methods) > 0 && !slices.Contains(r.Methods, method) {
		return false
	}
	return len(r.Paths) == 0 || slices.ContainsFunc(r.Paths, func(part string) bool { return strings.Contains(path, part) })
}

// falls counts a matching request and tells whether the fault falls on it.
func (r *rule) falls() bool {
	r.matched++
	if r.Every > 1 && r.matched%r.Every != 0 || r.Times > 0 && r.fell >= r.Times {
		return false
	}
	r.fell++
	return true
}

func (r *rule) answer(path string) reply {
	if r.ErrorCode == "" && r.Status >= 500 {
		return htmlPage(r.Status)
	}
	e := r.apiError()
	if strings.Contains(path, "/oauth2/") {
		a := (&oauthError{e.Code, e.Message}).reply()
		if r.Status != 0 {
			a.status = r.Status
		}
		return a
	}
	return failed(e)
}

// known are the codes with their status and usual words; see the table of errors, [P] unless said.
func knownFault(code string) (status int, messages []string) {
	switch code {
	case "REQUEST_LIMIT_EXCEEDED": // one code for two cases, told by the message [D]
		return 403, []string{"TotalRequests Limit exceeded.", "ConcurrentPerOrgLongTxn Limit exceeded."}
	case "UNABLE_TO_LOCK_ROW":
		return 400, []string{"unable to obtain exclusive access to this record or 1 records: 003Dn0000000001AAA"}
	case "INVALID_SESSION_ID":
		return 401, []string{"Session expired or invalid", "This session is not valid for use with the REST API", "Connected app is not attached to Agent"} // the last two: [C] jsforce
	case "API_DISABLED_FOR_ORG", "API_CURRENTLY_DISABLED":
		return 403, []string{"API is disabled for this organization"}
	case "SERVER_UNAVAILABLE":
		return 503, []string{"The server is temporarily unavailable"}
	case "UNKNOWN_EXCEPTION":
		return 500, []string{"An unexpected error occurred. Please include this ErrorId if you contact support: 12345-6789 (-1234)"}
	case "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY":
		return 400, []string{"TaskTrigger: execution of AfterInsert caused by: System.DmlException: UNABLE_TO_LOCK_ROW, unable to obtain exclusive access to this record"} // [K]
	case "QUERY_TIMEOUT":
		return 400, []string{"Your query request was running for too long."}
	case "invalid_app_access":
		return 400, []string{"user is not admin approved to access this app"} // [K]
	case "invalid_grant":
		return 400, []string{"user hasn't approved this consumer", "audience is invalid", "authentication failure"}
	}
	return 400, []string{"injected fault"}
}

func (r *rule) apiError() *apiError {
	code, words, _ := strings.Cut(r.ErrorCode, ":")
	status, messages := knownFault(code)
	e := &apiError{HTTP: status, Code: code, Message: messages[0]}
	for _, m := range messages {
		if words != "" && strings.HasPrefix(strings.ToLower(m), strings.ToLower(words)) {
			e.Message = m
		}
	}
	if r.Status != 0 {
		e.HTTP = r.Status
	}
	if r.Message != "" {
		e.Message = r.Message
	}
	if e.Code == "" {
		e.Code = strings.ToUpper(strings.ReplaceAll(http.StatusText(e.HTTP), " ", "_"))
	}
	return e
}

// htmlPage is what the edge sends when the org is away: not JSON. [P]
func htmlPage(status int) reply {
	text := fmt.Sprintf("<!DOCTYPE html><html><head><title>%d %s</title></head><body><h1>We are down for maintenance.</h1><p>Sorry for the inconvenience. We will be back shortly.</p></body></html>", status, http.StatusText(status))
	return reply{status: status, raw: []byte(text), kind: "text/html;charset=UTF-8"}
}
