package salesforce

import (
	"context"
	"crypto/rsa"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/crm"
	"github.com/cordboard/cordboard/outbox"
	"github.com/cordboard/cordboard/routing"
)

// Settings say which org, as whom, and how patiently. The zero value of an optional field means its default.
type Settings struct {
	LoginURL string // https://login.salesforce.com, or the My Domain host (needed for client credentials)
	ClientID string // consumer key of the External Client App
	// JWT bearer: the user to act as and the private key whose certificate the app holds.
	Username string
	Key      *rsa.PrivateKey
	Audience string // empty: LoginURL
	// Client credentials, when Key is nil.
	ClientSecret string

	Version  string        // of the API; "67.0"
	Region   string        // home region of national numbers, "FI"; empty: only numbers with a country are understood
	Session  time.Duration // how long the org's sessions live; 2 h. Refreshed at four fifths
	Connect  time.Duration // TCP and TLS; 3 s
	Identify time.Duration // a lookup at most; 3 s
	Flow     time.Duration // a Flow at most, if the caller has no shorter budget; 5 s
	Write    time.Duration // a write at most; 30 s
	CacheFor time.Duration // an identified number is known for that long; 60 s
	Cache    int           // numbers known at once; 10000
	Reserve  float64       // share of the daily API calls kept for routing and identification; 0.05

	Transport http.RoundTripper     // nil: our own, keep-alive
	Registry  prometheus.Registerer // nil: not counted
}

func (s Settings) withDefaults() Settings {
	set := func(d *time.Duration, v time.Duration) {
		if *d <= 0 {
			*d = v
		}
	}
	set(&s.Session, 2*time.Hour)
	set(&s.Connect, 3*time.Second)
	set(&s.Identify, 3*time.Second)
	set(&s.Flow, 5*time.Second)
	set(&s.Write, 30*time.Second)
	set(&s.CacheFor, time.Minute)
	if s.Version == "" {
		s.Version = "67.0"
	}
	if s.Cache <= 0 {
		s.Cache = 10_000
	}
	if s.Reserve <= 0 || s.Reserve >= 1 {
		s.Reserve = 0.05
	}
	if s.Audience == "" {
		s.Audience = s.LoginURL
	}
	return s
}

func (s Settings) check() error {
	login, err := url.Parse(s.LoginURL)
	var errs []error
	switch {
	case err != nil || login.Host == "" || login.Scheme != "https" && login.Scheme != "http":
		errs = append(errs, fmt.Errorf("login URL %q: want https://host", s.LoginURL))
	case login.Scheme == "http" && !loopback(login.Hostname()):
		errs = append(errs, fmt.Errorf("login URL %q: want https, the session would travel in the clear", s.LoginURL))
	}
	if s.ClientID == "" {
		errs = append(errs, errors.New("no client id: the consumer key of the External Client App"))
	}
	switch {
	case s.Key != nil && s.Username == "":
		errs = append(errs, errors.New("a private key, but no username to act as"))
	case s.Key == nil && s.ClientSecret == "":
		errs = append(errs, errors.New("neither a private key (JWT bearer) nor a client secret (client credentials)"))
	}
	return errors.Join(errs...)
}

// loopback is where a simulator lives.
func loopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.IsLoopback()
}

// Client is one org. All methods are safe for concurrent use.
type Client struct {
	set    Settings
	log    *zap.Logger
	http   *http.Client
	tokens *tokens
	lanes  [lanes]chan struct{}
	usage  usage
	known  *people
	tasks  *tasks
	count  *metrics

	asked atomic.Int32 // how much is asked of the org's objects: an index of breadths

	work   sync.WaitGroup // what is shared between callers: token requests and lookups
	gate   sync.Mutex
	closed bool                          // guarded by gate
	shared map[uint64]context.CancelFunc // guarded by gate: what ends each of them
	last   uint64                        // guarded by gate: the number of the last one
}

var (
	_ crm.Identifier     = (*Client)(nil)
	_ routing.Consultant = (*Client)(nil)
)

// New checks the settings and makes a client. Nothing is sent yet.
func New(s Settings, log *zap.Logger) (*Client, error) {
	if err := s.check(); err != nil {
		return nil, fmt.Errorf("salesforce: %w", err)
	}
	s = s.withDefaults()
	transport := s.Transport
	if transport == nil {
		transport = ours(s.Connect)
	}
	c := &Client{set: s, log: log, count: newMetrics(s.Registry)}
	c.http = &http.Client{
		Transport: transport,
		// A redirect would carry the bearer token to wherever it points; the API has none.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	c.shared = map[uint64]context.CancelFunc{}
	c.lanes = [lanes]chan struct{}{urgent: make(chan struct{}, mostUrgent), patient: make(chan struct{}, mostPatient)}
	c.tokens = &tokens{session: s.Session, start: c.start, fetch: func(ctx context.Context) (*token, error) {
		return guarded("login", func() (*token, error) { return c.login(ctx) })
	}}
	c.known = newPeople(s.Cache, s.CacheFor)
	c.tasks = &tasks{c: c}
	c.usage.reserve = s.Reserve
	c.count.watch(&c.usage)
	return c, nil
}

// ours keeps connections open, because a TLS handshake to another continent costs a routing budget's half.
func ours(connect time.Duration) *http.Transport {
	dialer := &net.Dialer{Timeout: connect, KeepAlive: 30 * time.Second}
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connect,
		ForceAttemptHTTP2:      true,
		MaxIdleConnsPerHost:    mostUrgent,
		IdleConnTimeout:        5 * time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// start runs what several callers share. It goes on when the caller who began it has gone, for at most limit, and ends
// with Close. It reports false after Close.
func (c *Client) start(ctx context.Context, limit time.Duration, f func(ctx context.Context)) bool {
	c.gate.Lock()
	defer c.gate.Unlock()
	if c.closed {
		return false
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), limit)
	c.last++
	number := c.last
	c.shared[number] = cancel
	c.work.Go(func() {
		defer c.ended(number)
		f(ctx)
	})
	return true
}

func (c *Client) ended(number uint64) {
	c.gate.Lock()
	defer c.gate.Unlock()
	c.shared[number]()
	delete(c.shared, number)
}

// guarded runs what reads the org's answers: a byte that we did not think of fails one question and not the process.
func guarded[T any](op string, f func() (T, error)) (result T, err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("salesforce %s: panic: %v\n%s", op, p, debug.Stack())
		}
	}()
	return f()
}

// Warm gets a token and opens a connection, so that the first call does not pay for them.
func (c *Client) Warm(ctx context.Context) error {
	if _, err := c.tokens.get(ctx, nil); err != nil {
		return err
	}
	return c.ping(ctx)
}

// ping asks for the list of versions, which costs no API call and needs no session.
func (c *Client) ping(ctx context.Context) error {
	_, err := c.do(ctx, ask{op: "ping", lane: urgent, method: http.MethodGet, path: "/services/data"})
	return err
}

// keepWarm is shorter than any idle timeout on the way that we know of.
const keepWarm = 45 * time.Second

// Run keeps token and connection warm until ctx ends.
func (c *Client) Run(ctx context.Context) {
	tick := time.NewTicker(keepWarm)
	defer tick.Stop()
	for ctx.Err() == nil {
		limited, cancel := context.WithTimeout(ctx, loginTime)
		if err := c.Warm(limited); err != nil && ctx.Err() == nil {
			c.log.Warn("salesforce is out of reach", zap.Error(err))
		}
		cancel()
		select {
		case <-tick.C:
		case <-ctx.Done():
		}
	}
}

// Close ends what is under way and waits for it.
func (c *Client) Close() {
	c.gate.Lock()
	c.closed = true
	for _, cancel := range c.shared {
		cancel()
	}
	c.gate.Unlock()
	c.work.Wait()
	c.http.CloseIdleConnections()
}

// Tasks is the courier of kind crm.KindTask.
func (c *Client) Tasks() outbox.Courier { return c.tasks }
