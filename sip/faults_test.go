package sip

import (
	"bytes"
	"context"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestM8_MalformedMessagesAreAnsweredWhereAnAnswerCanBeBuilt(t *testing.T) {
	e := open(t, callsFunc(func(_ context.Context, d *Dialog) { d.Hangup(486, "") }))
	sub := func(old, new string) func(string) string {
		return func(s string) string {
			if !strings.Contains(s, old) {
				t.Fatalf("no %q in %q", old, s)
			}
			return strings.Replace(s, old, new, 1)
		}
	}
	cases := map[string]struct {
		method string
		change func(string) string
		want   int
	}{
		"other version":          {"OPTIONS", sub("SIP/2.0\r\n", "SIP/7.0\r\n"), 505},
		"space in the URI":       {"OPTIONS", sub("OPTIONS sip:", "OPTIONS sip: "), 400},
		"brackets round URI":     {"OPTIONS", sub("OPTIONS sip:1234@", "OPTIONS <sip:1234@"), 400},
		"no such URI scheme":     {"OPTIONS", sub("OPTIONS sip:", "OPTIONS nobody:"), 416},
		"line without a colon":   {"OPTIONS", sub("Max-Forwards: 70", "Max-Forwards"), 400},
		"From not an address":    {"OPTIONS", sub("From: <sip:", "From: \"<sip:"), 400},
		"To unclosed":            {"OPTIONS", sub("To: <sip:1234@", "To: <sip:1234<@"), 400},
		"no From tag":            {"INVITE", sub(";tag=", ";notag="), 400},
		"CSeq of other method":   {"OPTIONS", sub("100 OPTIONS", "100 INVITE"), 400},
		"CSeq not a number":      {"OPTIONS", sub("CSeq: 100", "CSeq: x"), 400},
		"CSeq too large":         {"OPTIONS", sub("CSeq: 100", "CSeq: 9292394834772304023312"), 400},
		"two From":               {"OPTIONS", sub("Max-Forwards: 70", "From: <sip:x@y>;tag=1"), 400},
		"no To":                  {"OPTIONS", sub("To: ", "X-To: "), 400},
		"no Call-ID":             {"OPTIONS", sub("Call-ID: ", "X-Call-ID: "), 400},
		"INVITE without Contact": {"INVITE", sub("Contact: ", "X-Contact: "), 400},
		"body cut off":           {"INVITE", sub("Content-Length: ", "Content-Length: 9"), 400},
		"Content-Length words":   {"INVITE", sub("Content-Length: ", "Content-Length: x"), 400},
		"Max-Forwards 0":         {"INVITE", sub("Max-Forwards: 70", "Max-Forwards: 0"), 483},
		"Max-Forwards 300":       {"INVITE", sub("Max-Forwards: 70", "Max-Forwards: 300"), 400},
		"extension required":     {"INVITE", sub("Max-Forwards: 70", "Require: 100rel, nothingSupportsThis"), 420},
		"unknown body":           {"INVITE", sub("application/sdp", "application/unknown"), 415},
		"unknown encoding":       {"INVITE", sub("Max-Forwards: 70", "Content-Encoding: gzip"), 415},
		"MESSAGE":                {"MESSAGE", sub("Max-Forwards: 70", "Max-Forwards: 69"), 405},
		"a method of nobody":     {"NEWMETHOD", sub("Max-Forwards: 70", "Max-Forwards: 69"), 405},
		"all well":               {"OPTIONS", sub("Max-Forwards: 70", "Max-Forwards: 69"), 200},
		"all well, a call":       {"INVITE", sub("Max-Forwards: 70", "Max-Forwards: 69"), 486},
		"header too large":       {"OPTIONS", sub("Max-Forwards: 70", "X: "+strings.Repeat("x", 20000)), 513},
		"too many fields":        {"OPTIONS", sub("Max-Forwards: 70", strings.Repeat("X: y\r\n", 200)+"Y: z"), 513},
		"body too large":         {"INVITE", sub("\r\n\r\nv=0", "\r\n\r\n"+strings.Repeat("v", 40000)), 413},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			l := newPhone(t, e).newLeg("1234")
			body := ""
			if c.method == "INVITE" {
				body = someSDP
			}
			l.p.send(c.change(l.text(c.method, newBranch(), l.cseq, body)))
			m := l.p.until(func(m msg) bool { return m.status() >= 200 })
			if m.status() != c.want || !strings.HasPrefix(m.start, "SIP/2.0 ") {
				t.Fatalf("%s, want %d", m.start, c.want)
			}
			if via := m.get("Via"); !strings.Contains(via, "received=127.0.0.1") || !strings.Contains(via, "rport=") {
				t.Errorf("Via %s: RFC 3581", via)
			}
			switch c.want {
			case 405:
				if !strings.Contains(m.get("Allow"), "INVITE") {
					t.Errorf("Allow %q", m.get("Allow"))
				}
			case 420:
				if m.get("Unsupported") != "nothingSupportsThis" {
					t.Errorf("Unsupported %q", m.get("Unsupported"))
				}
			case 415:
				if m.get("Accept")+m.get("Accept-Encoding") == "" {
					t.Error("neither Accept nor Accept-Encoding")
				}
			}
		})
	}
}

func TestOPTIONSTellsWhatWeCanDo(t *testing.T) {
	e := open(t, nil)
	m := newPhone(t, e).newLeg("1234").do("OPTIONS", "")
	if m.status() != 200 || m.get("Accept") != "application/sdp" || !strings.Contains(m.get("Allow"), "UPDATE") || len(m.all("Supported")) != 1 {
		t.Errorf("%+v", m)
	}
}

func TestM7_AnUnknownSourceIsDroppedAndLeavesNothingBehind(t *testing.T) {
	only := func(c *Config) {
		c.Trunks[0].Sources = []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
		c.PhoneNetworks = nil
	}
	e := open(t, nil, only)
	before := e.transport.Pool("udp").Size()
	for range 200 {
		l := newPhone(t, e).newLeg("1234")
		l.p.send(l.text("OPTIONS", newBranch(), 1, ""))
		l.p.hangup()
	}
	l := newPhoneAt(t, e, "127.0.0.2:0").newLeg("1234") // after them in the socket's queue
	if m := l.do("OPTIONS", ""); m.status() != 200 {
		t.Errorf("a known source: %s", m.start)
	}
	if grown := e.transport.Pool("udp").Size() - before; grown > 1 {
		t.Errorf("%d connections were kept", grown)
	}
	stranger := newPhone(t, e)
	stranger.send(l.text("OPTIONS", newBranch(), 2, ""))
	if m, ok := stranger.readWithin(200 * time.Millisecond); ok {
		t.Errorf("a stranger got %s", m.start)
	}
	c, err := net.Dial("tcp4", tcpOf(e).String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetReadDeadline(time.Now().Add(patience))
	if _, err := c.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("a stranger's TCP connection was kept: %v", err)
	}
}

func TestTheLongestPrefixNamesTheTrunk(t *testing.T) {
	origins := make(chan Origin, 1)
	e := open(t, callsFunc(func(_ context.Context, d *Dialog) { origins <- d.Origin() }), func(c *Config) {
		c.Trunks = append(c.Trunks, Trunk{Name: "near", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")}})
	})
	for at, want := range map[string]string{"127.0.0.3:0": "near", "127.0.0.4:0": "lab"} {
		l := newPhoneAt(t, e, at).newLeg("1")
		l.invite(someSDP)
		if o := wait(t, origins, "the call"); o != (FromTrunk{want}) {
			t.Errorf("from %s: %v, want %s", at, o, want)
		}
		l.ack(l.p.final("INVITE").status(), "")
	}
}

// torture are the messages of RFC 4475, which the library carries in its tests.
func torture(t testing.TB) map[string][]byte {
	t.Helper()
	dir, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "github.com/emiago/sipgo").Output()
	if err != nil {
		t.Skip("no go command to find the module with")
	}
	files, err := filepath.Glob(filepath.Join(strings.TrimSpace(string(dir)), "sip", "testdata", "torture", "*", "*.dat"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no torture messages: %v", err)
	}
	out := map[string][]byte{}
	for _, f := range files {
		if out[filepath.Base(f)], err = os.ReadFile(f); err != nil {
			t.Fatal(err)
		}
	}
	return out
}

func TestD6_TheTortureMessagesOfRFC4475DoNotStopTheService(t *testing.T) {
	e := open(t, callsFunc(func(_ context.Context, d *Dialog) { d.Hangup(486, "") }), func(c *Config) { c.Log = nil })
	messages := torture(t)
	if len(messages) != 50 {
		t.Errorf("%d messages", len(messages))
	}
	answered := 0
	for name, m := range messages {
		p := newPhone(t, e)
		// They have no rport: let the Via lead back here, and the loss of an answer be ours.
		if err := p.write(m); err != nil {
			t.Fatal(err)
		}
		s := newTCPPhone(t, e)
		_ = s.write(m)
		s.hangup()
		_ = name
	}
	for range 3 {
		if m := newPhone(t, e).newLeg("1").do("OPTIONS", ""); m.status() == 200 {
			answered++
		}
	}
	if answered != 3 || counted(t, e.metrics.panics) != 0 {
		t.Errorf("%d of 3 answered afterwards, %v panics", answered, counted(t, e.metrics.panics))
	}
}

func TestM8_TheTortureMessagesGetAnAnswer(t *testing.T) {
	e := open(t, callsFunc(func(_ context.Context, d *Dialog) { d.Hangup(486, "") }), func(c *Config) { c.Log = nil })
	var silent []string
	for name, m := range torture(t) {
		if strings.HasPrefix(string(m), "SIP/") {
			continue // a response
		}
		p := newPhone(t, e)
		m = withRport(m)
		if err := p.write(m); err != nil {
			t.Fatal(err)
		}
		if r, ok := p.readWithin(300 * time.Millisecond); !ok {
			silent = append(silent, name)
		} else if testing.Verbose() {
			t.Logf("%-20s %s %s", name, r.start, r.get("Warning"))
		}
	}
	t.Logf("%d unanswered: %v", len(silent), silent)
	if len(silent) > 8 {
		t.Errorf("%d of the torture messages were not answered: %v", len(silent), silent)
	}
}

// withRport asks for the answer at the port we send from, and makes the branch this message's own: several of them share
// one.
func withRport(m []byte) []byte {
	top := regexp.MustCompile(`(?is)\r\nv(ia)?[ \t]*:[^;\r,]*`)
	m = bytes.ReplaceAll(m, []byte("branch=z9hG4bKkdjuw"), []byte("branch="+newBranch()))
	at := top.FindIndex(m)
	if at == nil {
		return m
	}
	return slices.Concat(m[:at[1]], []byte(";rport"), m[at[1]:])
}
