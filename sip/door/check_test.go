package door

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

func TestW2_TheDoorChecksWhoComesIn(t *testing.T) {
	registry := prometheus.NewRegistry()
	h := newHouse(t, Config{
		Origins: []string{"https://phone.example.com", "https://Other.example/"}, Metrics: registry,
		Authenticate: func(r *http.Request) (string, error) {
			switch r.URL.Query().Get("access_token") {
			case "":
				return "", nil
			case "anna's":
				return "anna", nil
			}
			return "", errors.New("no")
		},
	})
	h.serveSIP(t)
	set := func(name string, values ...string) func(*http.Request) {
		return func(r *http.Request) { r.Header[http.CanonicalHeaderKey(name)] = values }
	}
	cases := []struct {
		name   string
		change func(*http.Request)
		status int
	}{
		{"as it should be", func(*http.Request) {}, 101},
		{"another path", func(r *http.Request) { r.URL.Path = "/sip/x" }, 404},
		{"not GET", func(r *http.Request) { r.Method = http.MethodPost }, 405},
		{"an allowed origin", set("Origin", "https://phone.example.com"), 101},
		{"an allowed origin in other letters", set("Origin", "https://OTHER.example"), 101},
		{"an allowed host with another scheme", set("Origin", "http://phone.example.com"), 403},
		{"a foreign origin", set("Origin", "https://evil.example"), 403},
		{"a foreign origin that ends like ours", set("Origin", "https://phone.example.com.evil.example"), 403},
		{"the null origin of a sandbox", set("Origin", "null"), 403},
		{"an empty origin", set("Origin", ""), 403},
		{"two origins", set("Origin", "http://"+h.addr, "https://evil.example"), 403},
		{"an origin with our name as user", set("Origin", "http://"+h.addr+"@evil.example"), 403},
		{"no origin, hence no browser", set("Origin"), 101},
		{"no upgrade", set("Upgrade"), 426},
		{"another upgrade", set("Upgrade", "h2c"), 426},
		{"an old version", set("Sec-WebSocket-Version", "8"), 426},
		{"no key", set("Sec-WebSocket-Key", "short"), 400},
		{"no subprotocol", set("Sec-WebSocket-Protocol"), 400},
		{"another subprotocol", set("Sec-WebSocket-Protocol", "xmpp"), 400},
		{"sip among several", set("Sec-WebSocket-Protocol", "xmpp, sip"), 101},
		{"a session", func(r *http.Request) { r.URL.RawQuery = "access_token=anna's" }, 101},
		{"an invalid session", func(r *http.Request) { r.URL.RawQuery = "access_token=bo's" }, 401},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			r := h.request()
			c.change(r)
			b, resp := h.knock(t, r)
			if resp.StatusCode != c.status {
				t.Fatalf("status %d, want %d", resp.StatusCode, c.status)
			}
			if c.status != http.StatusSwitchingProtocols {
				return
			}
			if got := resp.Header.Get("Sec-WebSocket-Accept"); got != "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=" { // RFC 6455 section 1.3
				t.Errorf("accept %q", got)
			}
			if got := resp.Header.Get("Sec-WebSocket-Protocol"); got != "sip" {
				t.Errorf("subprotocol %q", got)
			}
			b.wantOK("hello")
		})
	}
	if n := valueOf(t, h.door.metrics.refused.WithLabelValues("origin")); n != 7 {
		t.Errorf("refused for their origin: %v, want 7", n)
	}
	families, err := registry.Gather()
	if err != nil || !slices.ContainsFunc(families, func(f *dto.MetricFamily) bool { return f.GetName() == "cordboard_browser_sockets" }) {
		t.Errorf("the gauge is not registered: %v %v", families, err)
	}
}

func TestW2_TheSessionStaysWithTheSocket(t *testing.T) {
	h := newHouse(t, Config{Authenticate: func(*http.Request) (string, error) { return "anna", nil }})
	gone := make(chan netip.AddrPort, 10)
	h.door.OnClose(func(s *Socket) { gone <- s.Remote() })
	h.serveSIP(t)
	b := h.open(t)
	b.wantOK("hello")
	if aor, ok := h.door.Session(b.name()); aor != "anna" || !ok {
		t.Errorf("session %q %v", aor, ok)
	}
	if _, ok := h.door.Session(netip.MustParseAddrPort("127.0.0.1:1")); ok {
		t.Error("a session for a socket that is not there")
	}
	h.door.Drop(b.name())
	b.wantClosed(closePolicy)
	if who := receive(t, gone); who != b.name() {
		t.Errorf("told of %s, want %s", who, b.name())
	}
	if _, ok := h.door.Session(b.name()); ok {
		t.Error("the session outlives its socket")
	}
	if err := h.door.KeepAlive(b.name()); !errors.Is(err, ErrNoSocket) {
		t.Errorf("keep-alive for nobody: %v", err)
	}
	select {
	case <-gone:
		t.Error("told twice")
	default:
	}
}

func TestLimits(t *testing.T) {
	count := func(t *testing.T, h *house) float64 { return valueOf(t, h.door.metrics.sockets) }
	for name, c := range map[string]struct {
		cfg    Config
		status int
	}{
		"in all":           {Config{MaxSockets: 2}, 503},
		"from one address": {Config{PerAddress: 2}, 429},
	} {
		t.Run(name, func(t *testing.T) {
			h := newHouse(t, c.cfg)
			gone := make(chan netip.AddrPort, 10)
			h.door.OnClose(func(s *Socket) { gone <- s.Remote() })
			h.serveSIP(t)
			first := h.open(t)
			h.open(t).wantOK("second")
			_, resp := h.knock(t, h.request())
			if resp.StatusCode != c.status || resp.Header.Get("Retry-After") == "" {
				t.Errorf("status %d, Retry-After %q; want %d and a value", resp.StatusCode, resp.Header.Get("Retry-After"), c.status)
			}
			if n := count(t, h); n != 2 {
				t.Errorf("gauge %v, want 2", n)
			}
			first.send(0x80|opClose, "\x03\xe8")
			first.wantClosed(closeNormal)
			receive(t, gone)
			var again *browser
			for resp.StatusCode = 0; resp.StatusCode != http.StatusSwitchingProtocols; { // free when the callback has returned
				again, resp = h.knock(t, h.request())
			}
			again.wantOK("the place is free again")
			if n := count(t, h); n != 2 {
				t.Errorf("gauge %v, want 2", n)
			}
		})
	}
}

func TestTheClientBehindAProxy(t *testing.T) {
	d := New(Config{TrustedProxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}})
	for _, c := range []struct{ peer, forwarded, want string }{
		{"192.0.2.1:5000", "", "192.0.2.1"},
		{"192.0.2.1:5000", "198.51.100.7", "192.0.2.1"},
		{"10.0.0.1:5000", "198.51.100.7", "198.51.100.7"},
		{"10.0.0.1:5000", "1.1.1.1, 198.51.100.7, 10.9.9.9", "198.51.100.7"},
		{"10.0.0.1:5000", "garbage", "10.0.0.1"},
		{"10.0.0.1:5000", "", "10.0.0.1"},
		{"[::ffff:10.0.0.1]:5000", "2001:db8::1", "2001:db8::1"},
		{"not an address", "", "invalid IP"},
	} {
		r := httptest.NewRequest(http.MethodGet, "/sip", nil)
		r.RemoteAddr = c.peer
		if c.forwarded != "" {
			r.Header.Set("X-Forwarded-For", c.forwarded)
		}
		if got := d.clientAddr(r).String(); got != c.want {
			t.Errorf("%s, %q: %s, want %s", c.peer, c.forwarded, got, c.want)
		}
	}
}

func TestHTTPWithoutHijackIsTold(t *testing.T) {
	d := New(Config{})
	h := &house{door: d, addr: "door.example"}
	w := httptest.NewRecorder()
	r := h.request()
	r.RemoteAddr = "192.0.2.1:5000"
	d.ServeHTTP(w, r)
	if w.Code != http.StatusHTTPVersionNotSupported {
		t.Errorf("status %d", w.Code)
	}
	if n := valueOf(t, d.metrics.sockets); n != 0 {
		t.Errorf("gauge %v after a refusal", n)
	}
}

// valueOf reads a gauge or a counter.
func valueOf(t *testing.T, m prometheus.Metric) float64 {
	t.Helper()
	var out dto.Metric
	if err := m.Write(&out); err != nil {
		t.Fatal(err)
	}
	return out.GetGauge().GetValue() + out.GetCounter().GetValue()
}
