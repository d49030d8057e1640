package sfsim

import (
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.uber.org/zap"
)

// Options say what kind of org it is. The zero value is the demo org with a two-hour session life.
type Options struct {
	Seed        uint64           // ids and jitter follow from it; 0 counts as 1
	Now         func() time.Time // default time.Now
	Log         *zap.Logger      // default: silent
	InstanceURL string           // in token answers and links; empty: the scheme and host that the client used
	SessionLife time.Duration    // of an access token; default 2 h [K]
	DailyLimit  int              // API requests in 24 h; default 5,000,000, as a full sandbox [D]
	BatchSize   int              // rows of one query answer; default 2,000 [D]
	IndexDelay  time.Duration    // until search finds a new or changed record; default 0. A real org takes seconds [C]
	FlowLatency time.Duration    // each flow takes this long; default 0
	Keep        int              // so many records of an object, then the oldest are forgotten: for load tests; 0: all
	Contents    *Contents        // nil: Demo()
}

func (opt Options) withDefaults() Options {
	if opt.Seed == 0 {
		opt.Seed = 1
	}
	if opt.Now == nil {
		opt.Now = time.Now
	}
	if opt.Log == nil {
		opt.Log = zap.NewNop()
	}
	if opt.SessionLife == 0 {
		opt.SessionLife = 2 * time.Hour
	}
	if opt.DailyLimit == 0 {
		opt.DailyLimit = 5_000_000
	}
	if opt.BatchSize == 0 {
		opt.BatchSize = 2000
	}
	opt.InstanceURL = strings.TrimSuffix(opt.InstanceURL, "/")
	if opt.Contents == nil {
		opt.Contents = Demo()
	}
	return opt
}

// Org is the simulated org: an http.Handler for /services/…, /id/…, /_sim/… and the record pages. Safe for concurrent use.
type Org struct {
	opt       Options
	schema    *schema
	faults    *faults
	requests  *requestLog
	templates *template.Template
	zips      sync.Pool // of *gzip.Writer

	mu       sync.Mutex
	store    *store              // guarded by mu
	id       string              // of the Organization record; guarded by mu
	apps     map[string]*app     // by consumer key; guarded by mu
	sessions map[string]*session // by access token; guarded by mu
	flows    map[string]*Flow    // by lower-case API name; guarded by mu
	cursors  cursors             // open queries; guarded by mu
	usage    allowance           // guarded by mu
}

// New returns an org that holds opt.Contents. Contents come from Demo or ReadContents, which check them; a record that
// is written by hand and names a field that does not exist is a mistake in the program, and panics.
func New(opt Options) *Org {
	o := &Org{
		opt: opt.withDefaults(), schema: loadSchema(), requests: newRequestLog(), templates: loadPages(),
		apps: map[string]*app{}, flows: map[string]*Flow{},
	}
	o.faults = newFaults(o.opt.Seed)
	for _, f := range builtInFlows() {
		o.Register(f)
	}
	o.Reset()
	for _, a := range o.opt.Contents.Apps {
		if err := o.admit(a); err != nil {
			panic(fmt.Sprintf("sfsim: app %s: %v", a.ClientID, err))
		}
	}
	return o
}

// Handler returns the org itself, for those who look for a method of this name.
func (o *Org) Handler() http.Handler { return o }

// Reset brings the org back to its contents at the start: records, faults, sessions, request log and usage. Trusted apps
// stay.
func (o *Org) Reset() {
	fresh := newStore(o.schema, o.opt.Seed)
	fresh.keep = o.opt.Keep
	org, err := fill(fresh, o.opt.Contents, o.opt.Now())
	if err != nil {
		panic(fmt.Sprintf("sfsim: contents: %v", err)) // see New
	}
	o.faults.clear()
	o.requests.clear()
	o.mu.Lock()
	defer o.mu.Unlock()
	o.store, o.id = fresh, org
	o.sessions = map[string]*session{}
	o.cursors = cursors{}
	o.usage = allowance{}
	for _, a := range o.apps {
		for name := range a.users {
			o.ensureUser(name)
		}
	}
}

// saverFor writes as the session's user. The caller holds mu.
func (o *Org) saverFor(user string) saver {
	return saver{store: o.store, user: user, now: o.opt.Now(), indexIn: o.opt.IndexDelay}
}

// allowance counts API requests. Salesforce's window rolls; ours begins with the first request of the day. [D], simpler
type allowance struct {
	used  int
	since time.Time
	rule  int // which setting of the faults it was counted under: a new one counts anew
}

// spend counts one API request. usage is the value of Sforce-Limit-Info.
func (o *Org) spend() (usage string, err *apiError) {
	limit, rule := o.faults.dailyLimit()
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.opt.Now()
	if now.Sub(o.usage.since) >= 24*time.Hour || o.usage.rule != rule {
		o.usage = allowance{since: now, rule: rule}
	}
	if limit == 0 {
		limit = o.opt.DailyLimit
	}
	if o.usage.used >= limit {
		return usageOf(o.usage.used, limit), &apiError{HTTP: http.StatusForbidden, Code: "REQUEST_LIMIT_EXCEEDED", Message: "TotalRequests Limit exceeded."} // [D]
	}
	o.usage.used++
	return usageOf(o.usage.used, limit), nil
}

func usageOf(used, limit int) string { // [W] jsforce reads it with api-usage=(\d+)\/(\d+)
	return "api-usage=" + strconv.Itoa(used) + "/" + strconv.Itoa(limit)
}
