package registration

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/cordboard/cordboard/sip/digest"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/targets"
)

// Asker sends a request and waits for its final response. The error wraps ErrSilent when there was none in time; any
// other means that it could not be sent.
type Asker interface {
	Ask(ctx context.Context, r Request) (Response, error)
}

// ErrSilent is what an Asker returns for a request that nobody answered.
var ErrSilent = errors.New("no answer")

// Request is one REGISTER.
type Request struct {
	Hop     targets.Hop
	URI     string // the Request-URI
	From    string // an address with its tag
	To      string // an address
	CallID  string
	CSeq    uint32
	Headers []field.Header // Route, Contact, Expires, Supported, Authorization …
}

// Response is what came back.
type Response struct {
	Status  int
	Reason  string // the reason phrase
	Headers []field.Header
}

// values are all values of a header field, lists not taken apart.
func (r Response) values(name string) []string {
	var out []string
	for _, h := range r.Headers {
		if strings.EqualFold(h.Name, name) {
			out = append(out, h.Value)
		}
	}
	return out
}

// list are all values of a header field, lists taken apart.
func (r Response) list(name string) []string {
	var out []string
	for _, v := range r.values(name) {
		out = append(out, field.List(v)...)
	}
	return out
}

// seconds is a header field that is a number of seconds; 0 when it is not there.
func (r Response) seconds(name string) time.Duration {
	for _, v := range r.values(name) {
		if d, ok := field.Seconds(v); ok {
			return d
		}
	}
	return 0
}

// Places are the registrars: *targets.Targets.
type Places interface {
	Plan(ctx context.Context) ([]targets.Try, error)
	Locate(ctx context.Context, uri string) ([]targets.Hop, error)
	Report(h targets.Hop, o targets.Outcome)
}

// Config is what a trunk says of its registration. AOR, Contact and Places have no useful zero value.
type Config struct {
	AOR       string // what is registered: "sip:+358293000@carrier.example"
	Registrar string // the Request-URI; the host of AOR when empty
	// Contact is the URI under which the hop reaches us, without parameters of the header field. It is asked before each
	// request, because our address may change; the binding of the old one is taken back then.
	Contact func(h targets.Hop) (string, error)
	Params  field.Params   // of the Contact header field: +sip.instance, reg-id, q
	Routes  []string       // of the REGISTER (an outbound proxy), as they stand in the header field
	Headers []field.Header // whatever else a carrier wants
	Places  Places
	Client  *digest.Client // nil: challenges are not answered
	// Expires is what we ask for. 10 min: a registrar that lost its memory knows us again after that at the latest.
	Expires time.Duration
	Timeouts
	// Rand(n) is a number in [0, n); nil: a random one.
	Rand func(n int64) int64
	// Told hears every change, from Run's goroutine: log Refused as an error. It must not block.
	Told func(Status)
}

// Timeouts are the waits of a registration. Zero means the default.
type Timeouts struct {
	// Ask is how long one registrar may take. 10 s: five transmissions over UDP.
	Ask time.Duration
	// Retry is the wait after a first failure, doubled after each further one up to RetryMost, of which a random half to
	// the whole is waited (RFC 5626 section 4.5). 5 s and 5 min.
	Retry, RetryMost time.Duration
	// Refused is the wait after a refusal that waiting does not cure, doubled up to RefusedMost. 10 min and 1 h: carriers
	// lock accounts that keep trying a wrong password.
	Refused, RefusedMost time.Duration
	// RetryAfterMost bounds what a Retry-After may ask. 30 min.
	RetryAfterMost time.Duration
	// Goodbye is how long the removal at the end may take. 2 s.
	Goodbye time.Duration
}

func (c Config) withDefaults() Config {
	or(&c.Expires, 10*time.Minute)
	or(&c.Ask, 10*time.Second)
	or(&c.Retry, 5*time.Second)
	or(&c.RetryMost, 5*time.Minute)
	or(&c.Refused, 10*time.Minute)
	or(&c.RefusedMost, time.Hour)
	or(&c.RetryAfterMost, 30*time.Minute)
	or(&c.Goodbye, 2*time.Second)
	if c.Client == nil {
		c.Client = &digest.Client{}
	}
	if c.Rand == nil {
		c.Rand = rand.Int64N
	}
	if c.Told == nil {
		c.Told = func(Status) {}
	}
	if u, err := field.ParseURI(c.AOR); err == nil && c.Registrar == "" {
		c.Registrar = field.URI{Scheme: u.Scheme, Host: u.Host, Port: u.Port}.String()
	}
	return c
}

func or(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}
