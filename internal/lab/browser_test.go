package lab

import (
	"context"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/coder/websocket"
)

// door is the least a browser needs on the other side: a socket, a registrar that challenges, and a station behind.
type door struct {
	*station
	url     string
	ctx     context.Context
	refused string // an Origin that is not let in
}

func openDoor(t *testing.T, formats []Format) *door {
	t.Helper()
	far, err := NewBrowser(BrowserOptions{Formats: formats})
	if err != nil {
		t.Fatal(err)
	}
	d := &door{station: far.station, refused: "https://evil.example"}
	ctx, cancel := context.WithCancel(context.Background())
	d.ctx = ctx
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Origin") == d.refused {
			http.Error(w, "not from there", http.StatusForbidden)
			return
		}
		conn, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{"sip"}, InsecureSkipVerify: true})
		if err != nil {
			return
		}
		defer func() { _ = conn.CloseNow() }()
		flow := &wsWire{conn: conn, url: "browser", host: "door.invalid", ctx: ctx, done: make(chan struct{}), cancel: func() {}}
		close(flow.done)
		far.socket.mu.Lock()
		far.socket.current = flow
		far.socket.mu.Unlock()
		for {
			_, raw, err := conn.Read(ctx)
			if err != nil {
				return
			}
			if strings.HasPrefix(string(raw), "REGISTER") {
				d.register(raw, flow)
				continue
			}
			far.receive(raw, flow)
		}
	}))
	d.url = "ws" + strings.TrimPrefix(server.URL, "http") + "/sip"
	t.Cleanup(func() { cancel(); server.Close(); _ = far.Close() })
	return d
}

func (d *door) register(raw []byte, from flow) {
	m, err := parse(raw)
	if err != nil {
		return
	}
	if m.Get("authorization") == "" {
		_ = from.write([]byte(m.reply(401, "Unauthorized", "r").With("WWW-Authenticate", `Digest realm="lab", nonce="abc", qop="auth", algorithm=SHA-256`).String()))
		return
	}
	want := challenge{"realm": "lab", "nonce": "abc"}.checks(m.Get("authorization"), "secret-1000")
	if !want {
		_ = from.write([]byte(m.reply(403, "Forbidden", "r").String()))
		return
	}
	_ = from.write([]byte(m.reply(200, "OK", "r").With("Contact", m.Get("contact")).String()))
}

// checks computes the response again from what the client sent.
func (c challenge) checks(authorization, password string) bool {
	_, list, _ := strings.Cut(authorization, " ")
	got := challengeOf(list)
	h := func(parts ...string) string { return sha256Hex(strings.Join(parts, ":")) }
	secret, what := h(got["username"], c["realm"], password), h("REGISTER", got["uri"])
	return got["response"] == h(secret, c["nonce"], got["nc"], got["cnonce"], "auth", what)
}

func TestABrowserRegistersCallsAndIsCalled(t *testing.T) {
	for name, formats := range map[string][]Format{"opus": nil, "PCMU": {PCMU()}, "PCMA": {PCMA()}} {
		t.Run(name, func(t *testing.T) {
			ctx := deadline(t)
			far := openDoor(t, []Format{PCMA(), PCMU(), Opus()})
			o := BrowserOptions{URL: far.url, User: "1000", Password: "secret-1000", Formats: formats}
			if testing.Verbose() {
				o.Trace = func(line string) { t.Log(line) }
			}
			page, err := NewBrowser(o)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = page.Close() })
			if err := page.Open(ctx); err != nil {
				t.Fatal(err)
			}
			out, err := page.Call(ctx, "+358400000001", CallOptions{Sound: Tone(440, -12)})
			if err != nil {
				t.Fatal(err)
			}
			out.MustAnswer(t, 3*time.Second)
			in, err := far.NextCall(ctx, 0)
			if err != nil {
				t.Fatal(err)
			}
			in.MustAnswer(t, time.Second)
			in.Say(Tone(1000, -12))
			in.Ear().MustHear(t, 440, 3*time.Second, 500*time.Millisecond)
			out.Ear().MustHear(t, 1000, 3*time.Second, 500*time.Millisecond)
			if err := out.Hold(ctx); err != nil {
				t.Fatal(err)
			}
			out.Ear().MustBeSilent(t, 200*time.Millisecond)
			if err := out.Resume(ctx); err != nil {
				t.Fatal(err)
			}
			out.Ear().MustHear(t, 1000, 3*time.Second, 200*time.Millisecond)
			if err := out.Reinvite(ctx, "restart"); err != nil {
				t.Fatal(err)
			}
			out.Ear().MustHear(t, 1000, 3*time.Second, 200*time.Millisecond)
			if err := out.Digits(ctx, "42"); err != nil {
				t.Fatal(err)
			}
			if err := in.Ear().AwaitDigits(ctx, "42"); err != nil {
				t.Fatal(err)
			}
			if err := out.Bye(ctx); err != nil {
				t.Fatal(err)
			}
			in.MustEnd(t, time.Second)
			if r := in.Ear().Report(); r.SSRCs != 1 || r.Lost > 2 { // a busy machine may drop a packet of the first moment
				t.Fatal(r)
			}
		})
	}
}

func TestABrowserIsRungVanishesAndReloads(t *testing.T) {
	ctx := deadline(t)
	far := openDoor(t, []Format{PCMA(), PCMU(), Opus()})
	page, err := NewBrowser(BrowserOptions{URL: far.url, User: "1000", Password: "secret-1000"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = page.Close() })
	if err := page.Open(ctx); err != nil {
		t.Fatal(err)
	}
	page.Listen(func(c *Call) { c.Decline(486, "Busy Here") })
	out, err := far.dial(ctx, "sip:1000@x.invalid", CallOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if e := out.MustEnd(t, 2*time.Second); e.Status != 486 {
		t.Fatal(e)
	}
	page.Listen(func(c *Call) { _ = c.Answer(ctx) })
	if out, err = far.dial(ctx, "sip:1000@x.invalid", CallOptions{Sound: Tone(440, -12)}); err != nil {
		t.Fatal(err)
	}
	out.MustAnswer(t, 3*time.Second)
	in, err := page.NextCall(ctx, 1)
	if err != nil {
		t.Fatal(err)
	}
	in.Ear().MustHear(t, 440, 3*time.Second, 300*time.Millisecond)
	in.Dark(true)
	in.Ear().MustBeSilent(t, 200*time.Millisecond)
	in.Dark(false)
	in.Ear().MustHear(t, 440, 3*time.Second, 300*time.Millisecond)
	if err := page.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	if out, err = far.dial(ctx, "sip:1000@x.invalid", CallOptions{Sound: Tone(440, -12)}); err != nil {
		t.Fatal(err)
	}
	out.MustAnswer(t, 3*time.Second)
	calls := page.Calls()
	if err := calls[len(calls)-1].Bye(ctx); err != nil {
		t.Fatal(err)
	}
	out.MustEnd(t, time.Second)
}

func TestTheDoorRefusesAStrangeOriginAndAWrongPassword(t *testing.T) {
	ctx := deadline(t)
	far := openDoor(t, nil)
	for _, c := range []struct {
		origin, password string
		status           int
	}{{far.refused, "secret-1000", 403}, {"", "wrong", 403}} {
		page, err := NewBrowser(BrowserOptions{URL: far.url, User: "1000", Password: c.password, Origin: c.origin})
		if err != nil {
			t.Fatal(err)
		}
		err = page.Open(ctx)
		_ = page.Close()
		var refused *Refused
		if !errors.As(err, &refused) || refused.Status != c.status {
			t.Fatalf("origin %q password %q: %v", c.origin, c.password, err)
		}
	}
}
