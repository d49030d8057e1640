package salesforce

import (
	"context"
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// token is one session with the org.
type token struct {
	access   string
	instance *url.URL // where the org lives; never configured, because it changes when the org is moved
	made     time.Time
}

// String keeps the secret out of logs.
func (t *token) String() string { return "token of " + t.instance.Host }

// tokens hands out the session, and gets a new one when it is refused or near its end: one request, however many ask.
type tokens struct {
	session time.Duration
	fetch   func(ctx context.Context) (*token, error)
	start   func(ctx context.Context, limit time.Duration, f func(ctx context.Context)) bool

	mu      sync.Mutex
	now     *token  // guarded by mu
	flight  *flight // guarded by mu: the request under way
	failed  error   // guarded by mu: of the last request, nil if it went well
	retryAt time.Time
	pause   time.Duration
}

// flight is one token request that several may wait for.
type flight struct {
	landed chan struct{}
	token  *token
	err    error
}

const (
	loginTime    = 15 * time.Second // a token request at most
	loginPause   = time.Second      // after the first failure, then doubled, so that an org that is down is not hammered
	loginLongest = 30 * time.Second
)

var errClosed = errors.New("salesforce: the client is closed")

// get returns the session, unless it is the one that the org has just refused; then a new one.
func (t *tokens) get(ctx context.Context, refused *token) (*token, error) {
	t.mu.Lock()
	if refused != nil && t.now == refused {
		t.now = nil
	}
	if now := t.now; now != nil {
		age := time.Since(now.made)
		if age > t.session*4/5 {
			t.launch(ctx) // before it is needed
		}
		if age < t.session {
			t.mu.Unlock()
			return now, nil
		}
	}
	f := t.launch(ctx)
	err := t.failed
	t.mu.Unlock()
	if f == nil {
		return nil, err
	}
	select {
	case <-f.landed:
		return f.token, f.err
	case <-ctx.Done():
		return nil, fmt.Errorf("salesforce login: %w", context.Cause(ctx))
	}
}

// launch starts a request if none is under way and none has failed just now. Called with mu held.
func (t *tokens) launch(ctx context.Context) *flight {
	if t.flight != nil {
		return t.flight
	}
	if t.failed != nil && time.Now().Before(t.retryAt) {
		return nil
	}
	f := &flight{landed: make(chan struct{})}
	started := t.start(ctx, loginTime, func(ctx context.Context) {
		f.token, f.err = t.fetch(ctx)
		t.land(f)
	})
	if !started {
		t.failed = errClosed
		return nil
	}
	t.flight = f
	return f
}

func (t *tokens) land(f *flight) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.flight, t.failed = nil, f.err
	if f.err == nil {
		t.now, t.pause = f.token, 0
	} else {
		t.pause = min(max(2*t.pause, loginPause), loginLongest)
		t.retryAt = time.Now().Add(t.pause)
	}
	close(f.landed)
}

// login asks the token endpoint. Its errors carry what the org said, and nothing of what we sent.
func (c *Client) login(ctx context.Context) (*token, error) {
	form := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.set.ClientID}, "client_secret": {c.set.ClientSecret}}
	if c.set.Key != nil {
		assertion, err := assertion(c.set, time.Now())
		if err != nil {
			return nil, fmt.Errorf("salesforce login: sign: %w", err)
		}
		form = url.Values{"grant_type": {"urn:ietf:params:oauth:grant-type:jwt-bearer"}, "assertion": {assertion}}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, strings.TrimSuffix(c.set.LoginURL, "/")+"/services/oauth2/token",
		strings.NewReader(form.Encode()))
	if err != nil {
		return nil, errors.New("salesforce login: bad login URL")
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	repeatable(req)
	began := time.Now()
	r, err := c.send(req, "login", mostLogin)
	c.count.did("login", err, time.Since(began))
	if err != nil {
		return nil, err
	}
	var answer struct {
		AccessToken string `json:"access_token"`
		InstanceURL string `json:"instance_url"`
	}
	if err := json.Unmarshal(r.body, &answer); err != nil || answer.AccessToken == "" {
		return nil, errors.New("salesforce login: the answer holds no token")
	}
	instance, err := url.Parse(answer.InstanceURL)
	// Every later request carries the token to that host: not in the clear, unless the login was (a simulator).
	if err != nil || instance.Host == "" || instance.User != nil ||
		instance.Scheme != "https" && !strings.HasPrefix(c.set.LoginURL, "http://") {
		return nil, errors.New("salesforce login: the answer holds no usable instance URL")
	}
	return &token{access: answer.AccessToken, instance: &url.URL{Scheme: instance.Scheme, Host: instance.Host}, made: time.Now()}, nil
}

// mostLogin bounds the token answer, which has about 1 kB.
const mostLogin = 64 << 10

// assertion is a JWT (RFC 7523) signed with RS256 (RFC 7518 section 3.3), valid for three minutes: the longest that
// Salesforce takes.
func assertion(s Settings, now time.Time) (string, error) {
	claims, err := json.Marshal(map[string]any{
		"iss": s.ClientID, "sub": s.Username, "aud": strings.TrimSuffix(s.Audience, "/"), "exp": now.Add(3 * time.Minute).Unix(),
	})
	if err != nil {
		return "", err
	}
	signed := base64.RawURLEncoding.EncodeToString([]byte(`{"alg":"RS256"}`)) + "." + base64.RawURLEncoding.EncodeToString(claims)
	sum := sha256.Sum256([]byte(signed))
	signature, err := rsa.SignPKCS1v15(rand.Reader, s.Key, crypto.SHA256, sum[:])
	if err != nil {
		return "", err
	}
	return signed + "." + base64.RawURLEncoding.EncodeToString(signature), nil
}
