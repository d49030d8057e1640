package salesforce

import (
	"context"
	"crypto/rsa"
	"errors"
	"net/http"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
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
	Region   string        // home region of national numbers, "FI"
	Session  time.Duration // how long the org's sessions live; 2 h. Refreshed at four fifths
	Identify time.Duration // a lookup at most; 5 s
	Flow     time.Duration // a Flow at most, if the caller has no shorter budget; 5 s
	Write    time.Duration // a write at most; 30 s
	CacheFor time.Duration // an identified number is known for that long; 60 s
	Cache    int           // numbers known at once; 10000
	Reserve  float64       // share of the daily API calls kept for routing and identification; 0.05

	Transport http.RoundTripper     // nil: our own, keep-alive
	Registry  prometheus.Registerer // nil: not counted
}

// Client is one org.
type Client struct{}

var (
	_ crm.Identifier     = (*Client)(nil)
	_ routing.Consultant = (*Client)(nil)
)

// New checks the settings and makes a client. Nothing is sent yet.
func New(s Settings, log *zap.Logger) (*Client, error) { return nil, errors.New("not built yet") }

// Warm gets a token and opens a connection, so that the first call does not pay for them.
func (c *Client) Warm(ctx context.Context) error { return nil }

// Run keeps token and connection warm until ctx ends.
func (c *Client) Run(ctx context.Context) {}

// Close ends what is under way and waits for it.
func (c *Client) Close() {}

// Identify implements crm.Identifier: Contacts, Accounts and Leads under the number, verified by their digits.
func (c *Client) Identify(ctx context.Context, number call.Number) (call.Match, error) {
	return call.Match{}, nil
}

// Advise implements routing.Consultant: it identifies the caller, then asks the Flow. When the Flow fails, the Advice
// returned beside the error still says whom the number belongs to.
func (c *Client) Advise(ctx context.Context, flow string, q routing.Inquiry) (routing.Advice, error) {
	return routing.Advice{}, nil
}

// Tasks is the courier of kind crm.KindTask.
func (c *Client) Tasks() outbox.Courier { return nil }
