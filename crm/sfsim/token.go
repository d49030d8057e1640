package sfsim

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/subtle"
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"
)

// app is an external client app; see App.
type app struct {
	key    *rsa.PublicKey
	secret string
	runAs  string          // username of the client-credentials flow; empty: not enabled
	users  map[string]bool // usernames that are pre-authorised
}

// session is one access token's.
type session struct {
	token    string
	clientID string
	user     string // User id
	issued   time.Time
	expires  time.Time
}

// Trust registers the public key of an app for the JWT bearer flow, pre-authorised for username. A user of that name
// is created when there is none. Calling it again adds users and replaces the key.
func (o *Org) Trust(clientID, username string, key *rsa.PublicKey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.appFor(clientID, username).key = key
}

// TrustSecret registers the secret of an app for the client-credentials flow, with username as its run-as user, which
// is created when there is none. An empty username leaves the flow without its user, as a half-configured org does.
func (o *Org) TrustSecret(clientID, secret, username string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	a := o.appFor(clientID, username)
	a.secret, a.runAs = secret, username
}

// appFor finds or makes an app and its user. The caller holds mu.
func (o *Org) appFor(clientID, username string) *app {
	a := o.apps[clientID]
	if a == nil {
		a = &app{users: map[string]bool{}}
		o.apps[clientID] = a
	}
	if username != "" {
		a.users[username] = true
		o.ensureUser(username)
	}
	return a
}

// ensureUser makes the integration user of an app, as an administrator would. The caller holds mu.
func (o *Org) ensureUser(username string) {
	if o.userNamed(username) != nil {
		return
	}
	w := o.saverFor(adminID())
	_, _ = w.seed(o.schema.object("User"), map[string]any{ // cannot fail: the fields are ours, and Username is text
		"Username": username, "FirstName": "Integration", "LastName": "User", "Alias": "integ",
	})
	o.store.forget()
}

func (o *Org) userNamed(username string) *row {
	obj := o.schema.object("User")
	rows := o.store.lookup(obj, obj.field("Username"), username)
	if len(rows) == 0 {
		return nil
	}
	return rows[0]
}

func (o *Org) admit(a App) error {
	key, err := a.key()
	if err != nil {
		return err
	}
	if key != nil {
		o.Trust(a.ClientID, a.Username, key)
	}
	if a.Secret != "" {
		o.TrustSecret(a.ClientID, a.Secret, a.Username)
	}
	return nil
}

// key reads the app's public key; nil when it has none.
func (a App) key() (*rsa.PublicKey, error) {
	if a.PublicKey == "" {
		return nil, nil
	}
	return ParsePublicKey([]byte(a.PublicKey))
}

// ParsePublicKey reads an RSA public key or an X.509 certificate in PEM.
func ParsePublicKey(text []byte) (*rsa.PublicKey, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("not PEM")
	}
	var public any
	if cert, err := x509.ParseCertificate(block.Bytes); err == nil {
		public = cert.PublicKey
	} else if public, err = x509.ParsePKIXPublicKey(block.Bytes); err != nil {
		return nil, errors.New("neither a certificate nor a public key")
	}
	key, isRSA := public.(*rsa.PublicKey)
	if !isRSA {
		return nil, errors.New("not an RSA key: Salesforce takes RS256 only")
	}
	return key, nil
}

// oauthError is a fault of the token endpoint: its own shape, mostly with 400. [D] remoteaccess_oauth_flow_errors
type oauthError struct {
	Code        string `json:"error"`
	Description string `json:"error_description"`
}

func (e *oauthError) reply() reply {
	return reply{status: http.StatusBadRequest, body: e}.with("Cache-Control", "no-store")
}

func (o *Org) oauth(q *request, endpoint string) reply {
	form, err := url.ParseQuery(string(q.body))
	if err != nil {
		form = url.Values{}
	}
	for name, values := range q.query {
		form[name] = append(form[name], values...)
	}
	switch endpoint {
	case "token":
		return o.token(q, form)
	case "revoke":
		o.revoke(form.Get("token"))
		return reply{status: http.StatusOK} // also for a token that nobody knows [K]
	case "introspect":
		return o.introspect(form.Get("token"))
	case "userinfo":
		return o.userinfo(q)
	}
	return failed(errNotFound())
}

func (o *Org) token(q *request, form url.Values) reply {
	if q.method != http.MethodPost {
		return (&oauthError{"invalid_request", "must use HTTP POST"}).reply() // [K]
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	var user *row
	var err *oauthError
	clientID, scope := form.Get("client_id"), "api id"
	switch form.Get("grant_type") {
	case "urn:ietf:params:oauth:grant-type:jwt-bearer":
		clientID, user, err = o.bearer(form.Get("assertion"), q)
	case "client_credentials":
		if id, secret, basic := basicAuth(q.header); basic {
			form.Set("client_id", id)
			form.Set("client_secret", secret)
			clientID = id
		}
		user, err = o.credentials(form, q.base)
	case "":
		err = &oauthError{"unsupported_grant_type", "grant type not supported"}
	default: // also "password", which is blocked in new orgs [C]
		err = &oauthError{"unsupported_grant_type", "grant type not supported"}
	}
	if err != nil {
		return err.reply()
	}
	s := o.open(clientID, user.id)
	id := q.base + "/id/" + o.id + "/" + user.id
	answer := map[string]string{
		"access_token": s.token, "scope": scope, "instance_url": q.base, "id": id, "token_type": "Bearer",
	}
	if form.Get("grant_type") == "client_credentials" { // the JWT answer has neither [D]
		answer["issued_at"] = strconv.FormatInt(s.issued.UnixMilli(), 10)
		mac := hmac.New(sha256.New, []byte(o.apps[clientID].secret))
		mac.Write([]byte(id + answer["issued_at"]))
		answer["signature"] = base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return ok(answer).with("Cache-Control", "no-store")
}

func basicAuth(h http.Header) (id, secret string, ok bool) {
	r := http.Request{Header: h}
	return r.BasicAuth()
}

// credentials is the client-credentials flow. [P]
func (o *Org) credentials(form url.Values, base string) (*row, *oauthError) {
	host := base[strings.Index(base, "://")+3:]
	if host == "login.salesforce.com" || host == "test.salesforce.com" {
		return nil, &oauthError{"invalid_grant", "request not supported on this domain"} // [P] ten independent repositories
	}
	a := o.apps[form.Get("client_id")]
	switch {
	case a == nil:
		return nil, &oauthError{"invalid_client_id", "client identifier invalid"}
	case a.secret == "" || subtle.ConstantTimeCompare([]byte(a.secret), []byte(form.Get("client_secret"))) != 1:
		return nil, &oauthError{"invalid_client", "invalid client credentials"}
	case a.runAs == "":
		return nil, &oauthError{"invalid_grant", "no client credentials user enabled"} // [P] striim.com
	}
	return o.active(a.runAs)
}

// active finds a user who may log in.
func (o *Org) active(username string) (*row, *oauthError) {
	user := o.userNamed(username)
	switch {
	case user == nil:
		return nil, &oauthError{"invalid_grant", "user hasn't approved this consumer"}
	case user.get("IsActive") != true:
		return nil, &oauthError{"inactive_user", "user is inactive"} // [K]
	}
	return user, nil
}

// open begins a session. The caller holds mu. A real session slides while it is used [K]; ours ends when its life is over,
// which is the harder case for a client.
func (o *Org) open(clientID, user string) *session {
	now := o.opt.Now()
	for token, old := range o.sessions { // a stress test logs in often
		if now.After(old.expires) {
			delete(o.sessions, token)
		}
	}
	token := o.id[:15] + "!AR8A" + rand.Text() + rand.Text()
	s := &session{token: token, clientID: clientID, user: user, issued: now, expires: now.Add(o.opt.SessionLife)}
	o.sessions[token] = s
	return s
}

// sessionOf finds the session of a request's bearer token.
func (o *Org) sessionOf(q *request) (*session, *apiError) {
	kind, token, _ := strings.Cut(q.header.Get("Authorization"), " ")
	if token == "" || !strings.EqualFold(kind, "Bearer") && !strings.EqualFold(kind, "OAuth") {
		return nil, &apiError{HTTP: http.StatusUnauthorized, Code: "INVALID_AUTH_HEADER", Message: "INVALID_HEADER_TYPE"} // [P]
	}
	if s := o.sessionByToken(token); s != nil {
		return s, nil
	}
	return nil, errSession()
}

func (o *Org) sessionByToken(token string) *session {
	o.mu.Lock()
	defer o.mu.Unlock()
	s := o.sessions[token]
	if s == nil || !o.opt.Now().Before(s.expires) {
		delete(o.sessions, token)
		return nil
	}
	return s
}

func (o *Org) revoke(token string) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.sessions, token)
}

func (o *Org) expireSessions() {
	o.mu.Lock()
	defer o.mu.Unlock()
	clear(o.sessions)
}
