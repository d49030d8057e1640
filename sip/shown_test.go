package sip

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip/caller"
	"github.com/cordboard/cordboard/sip/limits"
	"github.com/cordboard/cordboard/sip/number"
)

// shownTo is the INVITE that a trunk gets.
func shownTo(t *testing.T, inv Invitation, change func(*Trunk)) msg {
	t.Helper()
	inv.Offer = []byte(someSDP)
	place := reserve(t)
	e := open(t, nil, func(c *Config) {
		out := Trunk{Name: "out", Targets: at(place), Numbers: number.Plan{Region: "FI"}, Caller: caller.Policy{Identity: caller.InAsserted}, DefaultNumber: "+358293000100"}
		change(&out)
		c.Trunks = append(c.Trunks, out)
	})
	p := newPhoneAt(t, e, place)
	done := make(chan error, 1)
	inv.To = ToTrunk{"out", "+358401111111"}
	go func() { _, _, err := e.Invite(t.Context(), inv); done <- err }()
	m := p.request("INVITE")
	p.reply(m, 486, "x", "")
	p.request("ACK")
	wait(t, done, "the refusal")
	return m
}

func TestB46_AWithheldNumberIsNowhereInTheINVITE(t *testing.T) {
	hidden := Invitation{Privacy: true, From: Address{Display: "Anna", User: "+358293001001"}}
	for _, identity := range []caller.Identity{caller.OnlyFrom, caller.InAsserted, caller.InPreferred, caller.InRemoteParty} {
		m := shownTo(t, hidden, func(c *Trunk) { c.Caller.Identity = identity })
		if m.get("Privacy") != "id" || !strings.HasPrefix(m.get("From"), `"Anonymous" <sip:anonymous@anonymous.invalid>`) {
			t.Errorf("%s: Privacy %q, From %s", identity, m.get("Privacy"), m.get("From"))
		}
		for _, told := range []string{"293001001", "293000100", "Anna"} {
			if strings.Contains(m.start+m.head+m.body, told) {
				t.Errorf("%s: the INVITE tells %s:\n%s\n%s", identity, told, m.start, m.head)
			}
		}
	}
}

func TestAWithheldNumberIsAssertedToTheTrunkThatNeedsIt(t *testing.T) {
	m := shownTo(t, Invitation{Privacy: true, From: Address{User: "+358293001001"}}, func(c *Trunk) { c.Caller.AssertWithheld = true })
	if m.get("Privacy") != "id" || !strings.HasPrefix(m.get("P-Asserted-Identity"), "<sip:+358293001001@127.0.0.1>") || strings.Contains(m.get("From")+m.get("Contact"), "293001001") {
		t.Errorf("Privacy %q, P-Asserted-Identity %q, From %q, Contact %q", m.get("Privacy"), m.get("P-Asserted-Identity"), m.get("From"), m.get("Contact"))
	}
}

func TestNumbersAreShownAsTheTrunkWantsThem(t *testing.T) {
	inv := Invitation{From: Address{Display: "Anna", User: "+358293001001"}}
	for name, c := range map[string]struct {
		change func(*Trunk)
		want   map[string]string
	}{
		"national": {func(c *Trunk) { c.Numbers.Form = number.National; c.Domain = "carrier.example" }, map[string]string{
			"": "INVITE sip:0401111111@carrier.example SIP/2.0", "From": `"Anna" <sip:0293001001@carrier.example>`, "P-Asserted-Identity": `"Anna" <sip:0293001001@carrier.example>`}},
		"bare, with a prefix, user=phone": {func(c *Trunk) {
			c.Numbers.Form, c.Numbers.Prefix, c.Caller.UserPhone, c.Domain = number.Bare, "77", true, "carrier.example"
		}, map[string]string{
			"": "INVITE sip:77358401111111@carrier.example;user=phone SIP/2.0", "To": "<sip:77358401111111@carrier.example;user=phone>"}},
		"an account in From": {func(c *Trunk) { c.Caller.Account, c.Domain = "trunk17", "carrier.example" }, map[string]string{
			"From": `"Anna" <sip:trunk17@carrier.example>`, "P-Asserted-Identity": `"Anna" <sip:+358293001001@carrier.example>`}},
		"Remote-Party-ID, no names": {func(c *Trunk) {
			c.Caller.Identity, c.Caller.HideNames, c.Domain = caller.InRemoteParty, true, "carrier.example"
		}, map[string]string{
			"From": "<sip:+358293001001@carrier.example>", "Remote-Party-ID": "<sip:+358293001001@carrier.example>;party=calling;screen=yes;privacy=off", "P-Asserted-Identity": ""}},
		"only From": {func(c *Trunk) { c.Caller.Identity, c.Domain = caller.OnlyFrom, "carrier.example" }, map[string]string{"P-Asserted-Identity": ""}},
	} {
		t.Run(name, func(t *testing.T) {
			m := shownTo(t, inv, c.change)
			for field, want := range c.want {
				got := m.start
				if field != "" {
					got, _, _ = strings.Cut(m.get(field), ";tag=")
				}
				if got != want {
					t.Errorf("%s %s\nwant %s", field, got, want)
				}
			}
		})
	}
}

func TestATrunksINVITESaysWhoCallsWhom(t *testing.T) {
	for name, c := range map[string]struct {
		trusted bool
		user    string
		extra   []string
		want    Introduction
	}{
		"national digits, From": {false, "0293000100", nil, Introduction{Caller: call.Party{Number: "+358400000001"}, Called: "+358293000100"}},
		"P-Asserted-Identity of who is not trusted": {false, "0293000100", []string{"P-Asserted-Identity: <tel:+358501111111>"},
			Introduction{Caller: call.Party{Number: "+358400000001"}, Called: "+358293000100"}},
		"P-Asserted-Identity": {true, "+358293000100", []string{`P-Asserted-Identity: "Maija" <tel:+358501111111>`},
			Introduction{Caller: call.Party{Number: "+358501111111", Name: "Maija"}, Called: "+358293000100"}},
		"withheld": {true, "+358293000100", []string{"P-Asserted-Identity: <tel:+358501111111>", "Privacy: id"}, Introduction{Called: "+358293000100"}},
		"Diversion": {true, "+358293000100", []string{"Diversion: <sip:+358401234567@x>;reason=unconditional"},
			Introduction{Caller: call.Party{Number: "+358400000001"}, Called: "+358293000100", Diverted: "+358401234567"}},
		"History-Info": {true, "+358293000100", []string{"History-Info: <sip:+358401234567@x?Reason=SIP%3Bcause%3D302>;index=1, <sip:+358293000100@y>;index=1.1;mp=1"},
			Introduction{Caller: call.Party{Number: "+358400000001"}, Called: "+358293000100", Diverted: "+358401234567"}},
		"Diversion of who is not trusted": {false, "+358293000100", []string{"Diversion: <sip:+358401234567@x>;reason=unconditional"},
			Introduction{Caller: call.Party{Number: "+358400000001"}, Called: "+358293000100"}},
	} {
		t.Run(name, func(t *testing.T) {
			said := make(chan Introduction, 1)
			e := open(t, callsFunc(func(_ context.Context, d *Dialog) { said <- d.Introduction() }), func(cfg *Config) {
				cfg.Trunks[0].Trusted, cfg.Trunks[0].Numbers = c.trusted, number.Plan{Region: "FI"}
			})
			l := newPhone(t, e).newLeg(c.user)
			l.invite(someSDP, c.extra...)
			if got := wait(t, said, "the call"); got != c.want {
				t.Errorf("%+v\nwant %+v", got, c.want)
			}
			l.p.final("INVITE")
		})
	}
}

// A registrar calls us by our Contact; the number stands elsewhere.
func TestACallToOurContactIsForTheNumberInTo(t *testing.T) {
	said := make(chan Introduction, 1)
	_, p := registering(t, callsFunc(func(_ context.Context, d *Dialog) { said <- d.Introduction() }), func(c *Config) {
		c.Trunks[1].Register.User, c.Trunks[1].Sources = "account17", []netip.Prefix{netip.MustParsePrefix("127.0.0.1/32")}
	})
	p.admits()
	for want, extra := range map[call.Number][]string{"+358293000177": {"P-Called-Party-ID: <sip:+358293000177@carrier.example>"}, "+358293000100": nil} {
		l := p.newLeg("account17")
		l.to = "<sip:+358293000100@carrier.example>"
		l.invite(someSDP, extra...)
		if got := wait(t, said, "the call"); got.Called != want {
			t.Errorf("called %s, want %s", string(got.Called), string(want))
		}
		l.ack(p.final("INVITE").status(), "")
	}
}

func TestALimitOfATrunkIsToldInBothDirections(t *testing.T) {
	place := reserve(t)
	e := open(t, callsFunc(func(ctx context.Context, _ *Dialog) { <-ctx.Done() }), func(c *Config) {
		c.Log = nil
		c.Trunks = []Trunk{{Name: "out", Targets: at(place), Limits: limits.Config{Calls: 1, Region: "FI", Deny: []string{"+99"}, DenyPremium: true}}}
	})
	p := newPhoneAt(t, e, place)
	first := p.newLeg("1")
	first.invite(someSDP)
	waitUntil(t, "the call to be counted", func() bool { return e.Trunks()[0].Calls == 1 })

	second := newPhone(t, e).newLeg("1")
	second.invite(someSDP)
	m := second.p.final("INVITE")
	if m.status() != 503 || m.get("Retry-After") != "5" || !strings.Contains(m.get("Warning"), "all 1 lines") {
		t.Errorf("%s, Retry-After %q, Warning %q", m.start, m.get("Retry-After"), m.get("Warning"))
	}
	second.ack(503, "")
	for number, status := range map[string]int{"+358401111111": 503, "+9912345678": 403, "+35860012345": 403} {
		_, _, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"out", number}, Offer: []byte(someSDP)})
		var r *Refused
		if !errors.As(err, &r) || r.Status != status || !r.Ours || r.Err != nil {
			t.Errorf("%s: %v, want %d", number, err, status)
		}
	}
	first.p.send(first.text("CANCEL", first.branch, first.cseq, ""))
	first.p.final("INVITE")
	waitUntil(t, "the place to be given back", func() bool { return e.Trunks()[0].Calls == 0 })
}
