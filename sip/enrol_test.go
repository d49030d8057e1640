package sip

import (
	"context"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/cordboard/cordboard/sip/registration"
)

// registering opens an endpoint with a trunk that registers at a phone.
func registering(t *testing.T, calls Calls, change ...func(*Config)) (*Endpoint, *phone) {
	t.Helper()
	place := reserve(t)
	e := open(t, calls, append([]func(*Config){func(c *Config) {
		c.Log = nil
		c.Trunks = append(c.Trunks, Trunk{Name: "out", Targets: at(place), Username: "we", Password: "secret", Domain: "carrier.example",
			Register: Register{User: "+358293000100", Expires: time.Minute}})
	}}, change...)...)
	return e, newPhoneAt(t, e, place)
}

// admits answers the next REGISTER with a challenge and then with 200.
func (p *phone) admits(extra ...string) msg {
	p.t.Helper()
	p.reply(p.request("REGISTER"), 401, "reg", "", `WWW-Authenticate: Digest realm="carrier.example", nonce="n1", algorithm=MD5, qop="auth"`,
		`WWW-Authenticate: Digest realm="carrier.example", nonce="n1", algorithm=SHA-256, qop="auth"`)
	reg := p.request("REGISTER")
	p.reply(reg, 200, "reg", "", append(extra, "Contact: "+reg.get("Contact"))...)
	return reg
}

func stateOf(e *Endpoint) registration.State {
	for _, s := range e.Trunks() {
		if s.Registration != nil {
			return s.Registration.State
		}
	}
	return ""
}

func TestB44_ATrunkRegistersByTheStrongestChallenge(t *testing.T) {
	e, p := registering(t, nil)
	reg := p.admits()
	if !strings.Contains(reg.get("Authorization"), "algorithm=SHA-256") || !strings.Contains(reg.get("Authorization"), "nc=00000001") {
		t.Errorf("Authorization %s", reg.get("Authorization"))
	}
	if reg.start != "REGISTER sip:carrier.example SIP/2.0" || !strings.HasPrefix(reg.get("To"), "<sip:+358293000100@carrier.example>") {
		t.Errorf("%s, To %s", reg.start, reg.get("To"))
	}
	if want := "<sip:+358293000100@" + udpOf(e).String() + ">;expires=60"; reg.get("Contact") != want {
		t.Errorf("Contact %s, want %s", reg.get("Contact"), want)
	}
	waitUntil(t, "the trunk to be registered", func() bool { return stateOf(e) == registration.Registered })
}

func TestDrainTakesTheRegistrationBackWhileCallsGoOn(t *testing.T) {
	e, p := registering(t, nil)
	p.admits()
	waitUntil(t, "the trunk to be registered", func() bool { return stateOf(e) == registration.Registered })
	e.Drain(time.Second)
	gone := p.request("REGISTER")
	if !strings.HasSuffix(gone.get("Contact"), ";expires=0") || gone.get("Expires") != "0" {
		t.Errorf("Contact %s, Expires %s", gone.get("Contact"), gone.get("Expires"))
	}
	p.reply(gone, 200, "reg", "")
	waitUntil(t, "the registration to end", func() bool { return stateOf(e) == registration.Stopped })
}

func TestCallsOfARegisteredTrunkFollowItsServiceRouteAndCarryItsCredentials(t *testing.T) {
	place := reserve(t)
	e, p := registering(t, nil)
	edge := newPhoneAt(t, e, place)
	p.admits("Service-Route: <sip:"+place+";lr>", "Service-Route: <sip:core.carrier.example;lr>")
	waitUntil(t, "the trunk to be registered", func() bool { return stateOf(e) == registration.Registered })
	done := callOut(t, e)
	inv := edge.request("INVITE")
	if want := []string{"<sip:" + place + ";lr>", "<sip:core.carrier.example;lr>"}; strings.Join(inv.all("Route"), ", ") != strings.Join(want, ", ") {
		t.Errorf("Route %q, want %q", inv.all("Route"), want)
	}
	if inv.start != "INVITE sip:+358401111111@carrier.example SIP/2.0" || !strings.Contains(inv.get("Authorization"), "nc=00000002") {
		t.Errorf("%s, Authorization %s", inv.start, inv.get("Authorization"))
	}
	edge.reply(inv, 486, "x", "")
	edge.request("ACK")
	wait(t, done, "the end")
}

// byDigest opens an endpoint whose trunks prove themselves, whatever their address is.
func byDigest(t *testing.T, origins chan<- Origin) *Endpoint {
	t.Helper()
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}
	return open(t, callsFunc(func(_ context.Context, d *Dialog) { origins <- d.Origin() }), func(c *Config) {
		c.Log, c.PhoneNetworks = nil, []netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")}
		c.Trunks = []Trunk{
			{Name: "pbx", Sources: everywhere, Challenge: Challenge{"pbx", "first"}},
			{Name: "branch", Sources: everywhere, Challenge: Challenge{"branch", "second"}},
			{Name: "near", Sources: []netip.Prefix{netip.MustParsePrefix("127.0.0.3/32")}},
		}
	})
}

func TestATrunkByDigestProvesItselfWithEachCall(t *testing.T) {
	origins := make(chan Origin, 1)
	e := byDigest(t, origins)
	for name, c := range map[string]struct {
		from, user, password, algorithm string
		status                          int
		origin                          Origin
	}{
		"the first":                      {"127.0.0.1:0", "pbx", "first", "SHA-256", 500, FromTrunk{"pbx"}}, // its story returns at once
		"the second":                     {"127.0.0.1:0", "branch", "second", "MD5", 500, FromTrunk{"branch"}},
		"another's password":             {"127.0.0.1:0", "pbx", "second", "SHA-256", 407, nil},
		"a user where no phones are":     {"127.0.0.1:0", "anna", "secret-anna", "SHA-256", 407, nil},
		"a user where phones are":        {"127.0.0.2:0", "anna", "secret-anna", "SHA-256", 500, FromUser{"anna"}},
		"a trunk from a phone's network": {"127.0.0.2:0", "pbx", "first", "SHA-256", 500, FromTrunk{"pbx"}},
	} {
		t.Run(name, func(t *testing.T) {
			l := newPhoneAt(t, e, c.from).newLeg("1234")
			l.invite(someSDP)
			asked := l.p.final("INVITE")
			if asked.status() != 407 {
				t.Fatalf("%s", asked.start)
			}
			l.ack(407, "")
			var challenge string
			for _, v := range asked.all("Proxy-Authenticate") {
				if strings.Contains(v, "algorithm="+c.algorithm) {
					challenge = v
				}
			}
			l.cseq++
			l.invite(someSDP, answerChallenge(t, "Proxy-Authorization", challenge, "INVITE", l.target, c.user, c.password))
			if c.origin != nil {
				if o := wait(t, origins, "the call"); o != c.origin {
					t.Errorf("%v, want %v", o, c.origin)
				}
			}
			if m := l.p.final("INVITE"); m.status() != c.status {
				t.Errorf("%s, want %d", m.start, c.status)
			}
		})
	}
}

func TestATrunkByAddressIsNotAskedBesideThoseByDigest(t *testing.T) {
	origins := make(chan Origin, 1)
	e := byDigest(t, origins)
	l := newPhoneAt(t, e, "127.0.0.3:0").newLeg("1")
	l.invite(someSDP)
	if o := wait(t, origins, "the call"); o != (FromTrunk{"near"}) {
		t.Errorf("%v", o)
	}
	l.p.final("INVITE")
}
