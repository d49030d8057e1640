package sfsim

import (
	"crypto/rsa"
	"net/http"
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
	IndexDelay  time.Duration    // until search finds a new or changed record; default 0. A real org takes seconds [C]
	FlowLatency time.Duration    // each flow takes this long; default 0
	Contents    *Contents        // nil: Demo()
}

// Contents is what an org holds at the start and after a reset; also the file of `sfsim --org`.
type Contents struct {
	Records map[string][]map[string]any `json:"records"` // object → records; a given Id is kept
	Apps    []App                       `json:"apps,omitempty"`
}

// App is an external client app that the org trusts, for one user.
type App struct {
	ClientID  string `json:"client_id"`
	Secret    string `json:"client_secret,omitempty"`  // client credentials flow
	PublicKey string `json:"public_key_pem,omitempty"` // JWT bearer flow: PEM of an RSA public key or certificate
	Username  string `json:"username"`
}

// Org is the simulated org: an http.Handler for /services/…, /id/…, /_sim/… and the record pages. Safe for concurrent use.
type Org struct {
	opt Options
}

// New returns an org that holds opt.Contents.
func New(opt Options) *Org { return &Org{opt: opt} }

// ServeHTTP answers one request.
func (o *Org) ServeHTTP(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) }

// Handler returns the org itself, for those who look for a method of this name.
func (o *Org) Handler() http.Handler { return o }

// Trust registers the public key of an app for the JWT bearer flow, pre-authorised for username. A user of that name
// is created when there is none. Calling it again adds users and replaces the key.
func (o *Org) Trust(clientID, username string, key *rsa.PublicKey) {}

// TrustSecret registers the secret of an app for the client-credentials flow, with username as its run-as user, which
// is created when there is none.
func (o *Org) TrustSecret(clientID, secret, username string) {}
