package sip

import (
	"context"
	"fmt"
	"strings"
	"testing"
)

// signIn registers a UDP phone with its password and returns the last response.
func signIn(t *testing.T, l *leg, user, password string, lines ...string) msg {
	t.Helper()
	l.target = "sip:" + l.p.to
	m := l.do("REGISTER", "", lines...)
	if m.status() != 401 {
		return m
	}
	return l.do("REGISTER", "", append(lines, authorization(t, m.get("WWW-Authenticate"), "REGISTER", l.target, user, password))...)
}

func TestSeveralBindingsExpiriesAndTheWildcard(t *testing.T) {
	e := open(t, nil)
	a, b := newPhone(t, e), newPhone(t, e)
	la, lb := a.newLeg("anna"), b.newLeg("1001")
	if m := signIn(t, la, "anna", "secret-anna", "Contact: <"+a.contact()+">", "Expires: 100"); m.status() != 200 || !strings.HasSuffix(m.get("Contact"), ";expires=100") {
		t.Fatalf("%s %s", m.start, m.get("Contact"))
	}
	m := signIn(t, lb, "anna", "secret-anna", "Contact: <"+b.contact()+">")
	if m.status() != 200 || len(m.all("Contact")) != 2 {
		t.Fatalf("%s %q", m.start, m.all("Contact"))
	}
	for _, c := range m.all("Contact") {
		if strings.Contains(c, b.local) && !strings.HasSuffix(c, ";expires=300") {
			t.Errorf("without an expiry asked for: %s", c)
		}
	}
	if m := signIn(t, lb, "anna", "secret-anna", "Contact: <"+b.contact()+">;expires=99999"); !strings.Contains(strings.Join(m.all("Contact"), " "), ";expires=3600") {
		t.Errorf("too long: %q", m.all("Contact"))
	}
	if m := signIn(t, lb, "anna", "secret-anna", "Contact: <"+b.contact()+">;expires=5"); m.status() != 423 || m.get("Min-Expires") != "10" {
		t.Errorf("too short: %s %s", m.start, m.get("Min-Expires"))
	}
	if m := signIn(t, lb, "anna", "secret-anna", "Contact: <"+b.contact()+">;expires=0"); m.status() != 200 || len(m.all("Contact")) != 1 {
		t.Errorf("unregister: %s %q", m.start, m.all("Contact"))
	}
	if m := signIn(t, lb, "anna", "secret-anna", "Contact:"); m.status() != 200 || len(m.all("Contact")) != 1 { // asks only
		t.Logf("query: %s %q", m.start, m.all("Contact"))
	}
	if m := signIn(t, la, "anna", "secret-anna", "Contact: *", "Expires: 60"); m.status() != 400 {
		t.Errorf("* with an expiry: %s", m.start)
	}
	if m := signIn(t, la, "anna", "secret-anna", "Contact: *", "Expires: 0"); m.status() != 200 || len(e.Devices("anna")) != 0 {
		t.Errorf("*: %s, %d devices", m.start, len(e.Devices("anna")))
	}
}

func TestRegisterIsRefusedToStrangers(t *testing.T) {
	e := open(t, nil, func(c *Config) { c.Log = nil })
	for name, c := range map[string]struct {
		as, user, password string
		want               int
	}{
		"wrong password":  {"anna", "anna", "guess", 401},
		"unknown user":    {"anna", "eve", "secret-eve", 401},
		"somebody else":   {"anna", "bo", "secret-bo", 403},
		"nobody's number": {"4711", "bo", "secret-bo", 403},
	} {
		p := newPhone(t, e)
		if m := signIn(t, p.newLeg(c.as), c.user, c.password, "Contact: <"+p.contact()+">"); m.status() != c.want {
			t.Errorf("%s: %s, want %d", name, m.start, c.want)
		}
	}
	if n := e.devices.Len(); n != 0 {
		t.Errorf("%d devices", n)
	}
}

func TestD10_ARegisteredPhoneProvesItselfBeforeItCalls(t *testing.T) {
	origins := make(chan Origin, 1)
	e := open(t, callsFunc(func(_ context.Context, d *Dialog) {
		origins <- d.Origin()
		d.Hangup(486, "")
	}))
	p := newPhone(t, e)
	signIn(t, p.newLeg("1001"), "anna", "secret-anna", "Contact: <"+p.contact()+">")
	l := p.newLeg("1002")
	l.invite(someSDP)
	m := p.final("INVITE")
	if m.status() != 407 || len(m.all("Proxy-Authenticate")) != 2 {
		t.Fatalf("%s %q", m.start, m.all("Proxy-Authenticate"))
	}
	l.to = m.get("To")
	l.ack(407, "")
	l.to, _, _ = strings.Cut(l.to, ";tag=")
	l.cseq++
	l.invite(someSDP, answerChallenge(t, "Proxy-Authorization", m.get("Proxy-Authenticate"), "INVITE", l.target, "anna", "secret-anna"))
	if m := p.final("INVITE"); m.status() != 486 {
		t.Fatalf("%s", m.start)
	}
	if o := wait(t, origins, "the call"); o != (FromUser{"anna"}) {
		t.Errorf("origin %v", o)
	}
	// The same address with another port is no phone of ours, but the trunk.
	other := newPhone(t, e).newLeg("1002")
	other.invite(someSDP)
	if o := wait(t, origins, "the trunk's call"); o != (FromTrunk{"lab"}) {
		t.Errorf("origin %v", o)
	}
	if m := other.p.final("INVITE"); m.status() != 486 {
		t.Errorf("%s", m.start)
	}
}

func TestContactsKeepEveryByteButTheExpiry(t *testing.T) {
	for in, want := range map[string]string{
		`<sip:a@b;expires=5>;expires=60`:                         `<sip:a@b;expires=5>`,
		`<sip:a@b>;Expires=60;q=0.5`:                             `<sip:a@b>;q=0.5`,
		`"x;expires=1" <sip:a@b;c="d;e">; expires = 7 ;+sip.ice`: `"x;expires=1" <sip:a@b;c="d;e">;+sip.ice`,
		`sip:a@b;expires=60`:                                     `sip:a@b`,
		`<sip:a@b>`:                                              `<sip:a@b>`,
		`<sip:a@b>;+sip.instance="<urn:uuid:1>";expires="9"`:     `<sip:a@b>;+sip.instance="<urn:uuid:1>"`,
	} {
		c, err := parseContact(in, 300)
		if err != nil || c.text != want {
			t.Errorf("%s\nbecame %s (%v)\nwant   %s", in, c.text, err, want)
		}
	}
}

func TestListsAreSplitOutsideQuotesAndBrackets(t *testing.T) {
	got := fmt.Sprintf("%q", splitList(`"a, \"b" <sip:x,y@z;c>;d, , sip:e ,<f>`))
	if want := `["\"a, \\\"b\" <sip:x,y@z;c>;d" "sip:e" "<f>"]`; got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}

func TestD10_APhoneThatDoesNotUnderstandTheChallengeIsOfferedMD5Alone(t *testing.T) {
	e := open(t, nil)
	p := newPhone(t, e)
	ask := func() []string {
		l := p.newLeg("anna")
		l.target = "sip:" + p.to
		l.from = strings.Replace(l.from, "+358400000001", "anna", 1)
		return l.do("REGISTER", "", "Contact: <"+p.contact()+">").all("WWW-Authenticate")
	}
	if first := ask(); len(first) != 2 {
		t.Errorf("first %q", first)
	}
	if again := ask(); len(again) != 1 || !strings.Contains(again[0], "algorithm=MD5") {
		t.Errorf("again %q", again)
	}
	l := p.newLeg("anna")
	l.from = strings.Replace(l.from, "+358400000001", "anna", 1)
	signIn(t, l, "anna", "secret-anna", "Contact: <"+p.contact()+">")
	l2 := p.newLeg("anna")
	l2.from = l.from
	l2.target = l.target
	if m := l2.do("REGISTER", "", "Contact: <"+p.contact()+">"); len(m.all("WWW-Authenticate")) != 1 {
		t.Errorf("a phone that was helped once is asked in vain again: %q", m.all("WWW-Authenticate"))
	}
	l3 := p.newLeg("anna")
	l3.from = l.from
	l3.invite(someSDP)
	if m := p.final("INVITE"); m.status() != 407 || len(m.all("Proxy-Authenticate")) != 1 {
		t.Errorf("its first call: %d %q", m.status(), m.all("Proxy-Authenticate"))
	}
}
