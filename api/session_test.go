package api

import (
	"crypto/tls"
	"encoding/json"
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/cordboard/cordboard/access"
)

func TestLoginAndLogout(t *testing.T) {
	h := newHouse(t)
	var l Login
	a := h.want(200, "", "POST", "/login", map[string]string{"user": "1001", "password": "demo-anna"}, &l)
	if l.User.ID != "anna" || l.User.Extension != "1001" || l.User.Roles[0] != "agent" || time.Until(l.ExpiresAt) < 11*time.Hour {
		t.Errorf("login %+v", l)
	}
	if a.Header.Get("Cache-Control") != "no-store" || a.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("headers %v", a.Header)
	}
	if strings.Contains(string(a.body), "$schema") {
		t.Errorf("body %s", a.body)
	}
	h.want(200, l.Token, "GET", "/me", nil, nil)
	h.want(204, l.Token, "POST", "/logout", nil, nil)
	h.wantProblem(401, l.Token, "GET", "/me", nil, "logged out")
}

func TestLoginFailures(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Guard = newGuard(t, func(c *access.Config) { c.UserEvery = time.Hour })
	})
	body := func(user, password string) map[string]string {
		return map[string]string{"user": user, "password": password}
	}
	h.wantProblem(401, "", "POST", "/login", body("anna", "wrong"), "wrong user name or password")
	h.wantProblem(401, "", "POST", "/login", body("nobody", "wrong"), "wrong user name or password")
	h.wantProblem(422, "", "POST", "/login", map[string]string{"user": "anna"}, "password")
	h.wantProblem(422, "", "POST", "/login", body("", "x"), "body.user", "length")
	a := h.wantProblem(422, "", "POST", "/login", body("anna", strings.Repeat("geheim", 100)), "body.password")
	if strings.Contains(string(a.body), "geheim") {
		t.Errorf("a password is sent back: %s", a.body)
	}
	a = h.wantProblem(422, "", "POST", "/login", map[string]any{"user": 7, "password": "geheim"}, "body.user", "got 7")
	if strings.Contains(string(a.body), "geheim") {
		t.Errorf("a password is sent back: %s", a.body)
	}
	h.wantProblem(400, "", "POST", "/login", `{"user":`)
	h.wantProblem(422, "", "POST", "/login", `[]`)
	h.wantProblem(413, "", "POST", "/login", body(strings.Repeat("x", 70_000), "x"))

	for range 4 { // the first was above
		h.wantProblem(401, "", "POST", "/login", body("anna", "wrong"))
	}
	a = h.wantProblem(429, "", "POST", "/login", body("anna", "demo-anna"), "try again in")
	if wait, err := strconv.Atoi(a.Header.Get("Retry-After")); err != nil || wait < 3500 || wait > 3600 {
		t.Errorf("Retry-After %q", a.Header.Get("Retry-After"))
	}
	h.in("bo")
}

func TestLoginsAreLimitedByTheClientBehindTheProxy(t *testing.T) {
	h := newHouse(t, func(c *Config) {
		c.Guard = newGuard(t, func(c *access.Config) { c.AddressTries, c.AddressEvery = 2, time.Hour })
		c.TrustedProxies = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}
	})
	try := func(user, from string) int {
		r := httptest.NewRequest("POST", "/api/v1/login", strings.NewReader(`{"user":"`+user+`","password":"wrong"}`))
		r.Header.Set("Content-Type", "application/json")
		r.RemoteAddr = "127.0.0.1:4711"
		r.Header.Set("X-Forwarded-For", from)
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w.Code
	}
	for i, c := range []struct {
		user, from string
		status     int
	}{
		{"a", "198.51.100.1", 401}, {"b", "198.51.100.1", 401}, {"c", "198.51.100.1", 429},
		{"d", "203.0.113.9, 198.51.100.1", 429}, // what the client itself claims does not help
		{"e", "198.51.100.2", 401}, {"f", "garbage", 401},
	} {
		if got := try(c.user, c.from); got != c.status {
			t.Errorf("try %d: %d, want %d", i, got, c.status)
		}
	}
}

func TestOnlyTheStreamTakesATokenInItsAddress(t *testing.T) {
	h := newHouse(t)
	token := h.in("anna")
	h.want(401, "", "GET", "/me?access_token="+token, nil, nil)
	h.want(401, "", "GET", "/calls/active?access_token="+token, nil, nil)
	h.open(t, "", "?access_token="+token).next("hello")
}

func TestWhatIsNotThere(t *testing.T) {
	h := newHouse(t)
	token := h.in("anna")
	h.wantProblem(404, token, "GET", "/nothing", nil, "/api/v1/nothing", "openapi.json")
	h.wantProblem(404, "", "GET", "/docs", nil)
	h.wantProblem(404, "", "GET", "/schemas/Me.json", nil)
	a := h.wantProblem(405, token, "DELETE", "/me", nil, "DELETE", "GET")
	if a.Header.Get("Allow") != "GET" {
		t.Errorf("Allow %q", a.Header.Get("Allow"))
	}
	a = h.wantProblem(405, token, "PUT", "/me/calls", nil)
	if a.Header.Get("Allow") != "GET, POST" {
		t.Errorf("Allow %q", a.Header.Get("Allow"))
	}
}

func TestOurTroublesStayOurs(t *testing.T) {
	h := newHouse(t)
	h.calls.err = errors.New("disk of host db7 is full")
	token := h.in("sue")
	for _, path := range []string{"/me/calls", "/calls", "/calls/x"} {
		a := h.wantProblem(500, token, "GET", path, nil, "its log says what")
		if strings.Contains(string(a.body), "db7") {
			t.Errorf("%s tells a stranger %s", path, a.body)
		}
	}
}

func TestTheLogHoldsNeitherTokensNorNumbers(t *testing.T) {
	core, logs := observer.New(zap.DebugLevel)
	h := newHouse(t, func(c *Config) { c.Log = zap.New(core) })
	token := h.in("anna")
	h.ask(token, "GET", "/calls/+358400000001?access_token="+token, nil)
	h.calls.err = errors.New("disk full")
	h.ask(token, "GET", "/me/calls", nil)
	var text strings.Builder
	for _, e := range logs.All() {
		b, _ := json.Marshal(e.ContextMap())
		text.WriteString(e.Message + string(b) + "\n")
	}
	if strings.Contains(text.String(), token) || strings.Contains(text.String(), "358400000001") {
		t.Errorf("log:\n%s", &text)
	}
	for _, want := range []string{"GET /api/v1/calls/{id}", "disk full"} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("no word of %q in the log:\n%s", want, &text)
		}
	}
}

func TestHealthReadyMetrics(t *testing.T) {
	var trouble error
	registry := prometheus.NewRegistry()
	gauge := prometheus.NewGauge(prometheus.GaugeOpts{Name: "cordboard_calls_active"})
	registry.MustRegister(gauge)
	get := func(h http.Handler) (int, string) {
		w := httptest.NewRecorder()
		h.ServeHTTP(w, httptest.NewRequest("GET", "/", nil))
		return w.Code, w.Body.String()
	}
	if code, body := get(Health()); code != 200 || !strings.Contains(body, `"ok"`) {
		t.Error(code, body)
	}
	ready := Ready(func() error { return trouble })
	if code, body := get(ready); code != 200 || !strings.Contains(body, `"ready"`) {
		t.Error(code, body)
	}
	trouble = errors.New("draining")
	if code, body := get(ready); code != 503 || !strings.Contains(body, "draining") {
		t.Error(code, body)
	}
	if code, body := get(Metrics(registry)); code != 200 || !strings.Contains(body, "cordboard_calls_active 0") {
		t.Error(code, body)
	}
}

func TestTheServersTimeOutsAreForRequestsNotForStreams(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Heartbeat = 50 * time.Millisecond })
	server := NewServer(h.API, zap.NewNop())
	if server.ReadHeaderTimeout == 0 || server.ReadTimeout == 0 || server.WriteTimeout == 0 || server.IdleTimeout == 0 || server.MaxHeaderBytes == 0 {
		t.Errorf("a bound is missing: %+v", server)
	}
	server.ReadHeaderTimeout, server.ReadTimeout, server.WriteTimeout = 200*time.Millisecond, 200*time.Millisecond, 200*time.Millisecond
	test := httptest.NewUnstartedServer(nil)
	test.Config = server
	test.Start()
	t.Cleanup(test.Close)
	t.Cleanup(h.API.Close)
	h.url = test.URL + "/api/v1"
	s := h.open(t, h.in("anna"), "")
	s.next("hello")
	for start := time.Now(); time.Since(start) < 500*time.Millisecond; {
		if _, text, err := s.read(); text != "still here" || err != nil {
			t.Fatalf("after %v: %q %v", time.Since(start), text, err)
		}
	}
}

func TestPagesMayBeFramedByThoseNamedOnly(t *testing.T) {
	page := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusTeapot) })
	w := httptest.NewRecorder()
	framed := newHouse(t, func(c *Config) { c.FrameAncestors = []string{"https://*.lightning.force.com"} })
	framed.Pages(page).ServeHTTP(w, httptest.NewRequest("GET", "/phone/", nil))
	csp := w.Header().Get("Content-Security-Policy")
	for _, want := range []string{"default-src 'self'", "frame-ancestors 'self' https://*.lightning.force.com", "object-src 'none'"} {
		if !strings.Contains(csp, want) {
			t.Errorf("policy %q lacks %q", csp, want)
		}
	}
	if strings.Contains(csp, "script-src") || w.Code != http.StatusTeapot || w.Header().Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%d %v", w.Code, w.Header())
	}
	if w.Header().Get("Strict-Transport-Security") != "" {
		t.Error("a page without TLS promises TLS")
	}
	w = httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/phone/", nil)
	r.TLS = &tls.ConnectionState{}
	newHouse(t).Pages(page).ServeHTTP(w, r)
	if !strings.HasSuffix(w.Header().Get("Content-Security-Policy"), "frame-ancestors 'self'") || w.Header().Get("Strict-Transport-Security") == "" {
		t.Errorf("%v", w.Header())
	}
}

func TestPagesOfAllowedOriginsMayAsk(t *testing.T) {
	h := newHouse(t, func(c *Config) { c.Origins = []string{"https://crm.example.com/"} })
	ask := func(method, origin, wish string) *httptest.ResponseRecorder {
		r := httptest.NewRequest(method, "/api/v1/me", nil)
		if origin != "" {
			r.Header.Set("Origin", origin)
		}
		if wish != "" {
			r.Header.Set("Access-Control-Request-Method", wish)
		}
		w := httptest.NewRecorder()
		h.ServeHTTP(w, r)
		return w
	}
	for _, c := range []struct {
		method, origin, wish string
		status               int
		allowed              string
	}{
		{"OPTIONS", "https://crm.example.com", "PUT", 204, "https://crm.example.com"},
		{"OPTIONS", "https://crm.example.com", "", 405, "https://crm.example.com"},
		{"GET", "https://crm.example.com", "", 401, "https://crm.example.com"},
		{"OPTIONS", "https://evil.example", "PUT", 405, ""},
		{"GET", "https://evil.example", "", 401, ""},
		{"GET", "", "", 401, ""},
	} {
		w := ask(c.method, c.origin, c.wish)
		if got := w.Header().Get("Access-Control-Allow-Origin"); w.Code != c.status || got != c.allowed {
			t.Errorf("%s from %q: %d, allowed %q; want %d, %q", c.method, c.origin, w.Code, got, c.status, c.allowed)
		}
		if w.Header().Get("Access-Control-Allow-Credentials") != "" {
			t.Error("cookies are let in")
		}
	}
	h = newHouse(t)
	if w := ask("GET", "https://crm.example.com", ""); w.Header().Get("Access-Control-Allow-Origin") != "" {
		t.Error("no origin is allowed, and one is let in")
	}
}
