package sfsim

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve opens an org on a loopback port.
func serve(t testing.TB, opt Options) (*Org, string) {
	t.Helper()
	o := New(opt)
	s := httptest.NewServer(o)
	t.Cleanup(s.Close)
	return o, s.URL
}

// client speaks to an org in raw requests, so that a test shows what is on the wire.
type client struct {
	t     testing.TB
	org   *Org
	at    string
	token string
	last  *http.Response // of the last answer; its body is read
}

func newClient(t testing.TB, opt Options) *client {
	t.Helper()
	o, at := serve(t, opt)
	o.TrustSecret(DemoClientID, "s3cret", DemoUsername)
	c := &client{t: t, org: o, at: at}
	c.login()
	return c
}

func (c *client) login() {
	c.t.Helper()
	status, body := c.form("/services/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {DemoClientID}, "client_secret": {"s3cret"},
	})
	if status != http.StatusOK {
		c.t.Fatalf("login: %d %s", status, body)
	}
	var answer struct {
		Token string `json:"access_token"`
	}
	if err := json.Unmarshal([]byte(body), &answer); err != nil {
		c.t.Fatal(err)
	}
	c.token = answer.Token
}

func (c *client) form(path string, values url.Values) (int, string) {
	c.t.Helper()
	r, err := http.NewRequestWithContext(c.t.Context(), http.MethodPost, c.at+path, strings.NewReader(values.Encode()))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return c.send(r)
}

// do sends a request; a path without a leading slash is under /services/data/v67.0/.
func (c *client) do(method, path, body string, header ...string) (int, string) {
	c.t.Helper()
	if !strings.HasPrefix(path, "/") {
		path = "/services/data/v67.0/" + path
	}
	r, err := http.NewRequestWithContext(c.t.Context(), method, c.at+path, strings.NewReader(body))
	if err != nil {
		c.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+c.token)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	return c.send(r)
}

func (c *client) send(r *http.Request) (int, string) {
	c.t.Helper()
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		c.last = nil
		return 0, err.Error()
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	if err != nil {
		return 0, err.Error()
	}
	c.last = resp
	return resp.StatusCode, string(body)
}

// want sends a request and holds the answer against a status and pieces that its body must have.
func (c *client) want(method, path, body string, status int, pieces ...string) string {
	c.t.Helper()
	got, text := c.do(method, path, body)
	if got != status {
		c.t.Errorf("%s %s: %d, want %d: %s", method, path, got, status, text)
	}
	for _, p := range pieces {
		if !strings.Contains(text, p) {
			c.t.Errorf("%s %s: no %s in %s", method, path, p, text)
		}
	}
	return text
}

// soql runs a query over HTTP and returns the answer.
func (c *client) soql(q string, status int, pieces ...string) string {
	c.t.Helper()
	return c.want(http.MethodGet, "query?q="+url.QueryEscape(q), "", status, pieces...)
}

// idOf reads the id of a save result.
func idOf(t testing.TB, text string) string {
	t.Helper()
	var r saveResult
	if err := json.Unmarshal([]byte(text), &r); err != nil || r.ID == "" {
		t.Fatalf("no id in %s", text)
	}
	return r.ID
}
