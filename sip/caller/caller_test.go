package caller

import (
	"strings"
	"testing"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/number"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var fi = number.Plan{Region: "FI"}

const us = "sip:+358293000100@cordboard"

func TestWhoCalls(t *testing.T) {
	for name, c := range map[string]struct {
		f       Fields
		trusted bool
		want    Received
	}{
		"From alone": {Fields{From: `"Anna Virtanen" <sip:0401234567@carrier>;tag=1`}, true,
			Received{Number: "+358401234567", Name: "Anna Virtanen", Source: From}},
		"a name that is the number": {Fields{From: `"040 1234567" <sip:+358401234567@carrier>`}, true,
			Received{Number: "+358401234567", Source: From}},
		"asserted before From": {Fields{From: "<sip:12@pbx>", Asserted: []string{`"Anna" <sip:+358401234567@carrier>`}}, true,
			Received{Number: "+358401234567", Name: "Anna", Source: Asserted}},
		"asserted by a stranger": {Fields{From: "<sip:12@pbx>", Asserted: []string{`"Anna" <sip:+358401234567@carrier>`}}, false,
			Received{Number: "12", Source: From}},
		"the better of two asserted": {Fields{From: "<sip:12@pbx>", Asserted: []string{`"Anna" <sip:anna@pbx>, <tel:+358-40-1234567>`}}, true,
			Received{Number: "+358401234567", Name: "Anna", Source: Asserted}},
		"Remote-Party-ID": {Fields{From: "<sip:12@pbx>", RemoteParty: []string{`<sip:x@y>;party=called, "Anna" <sip:0401234567@pbx>;screen=yes;privacy=off`}}, true,
			Received{Number: "+358401234567", Name: "Anna", Source: RemoteParty}},
		"Remote-Party-ID, private": {Fields{From: "<sip:12@pbx>", RemoteParty: []string{`"Anna" <sip:0401234567@pbx>;privacy=full`}}, true,
			Received{Withheld: true, Source: RemoteParty}},
		"Privacy: id": {Fields{From: "<sip:0401234567@carrier>", Asserted: []string{"<sip:+358401234567@carrier>"}, Privacy: []string{"id"}}, true,
			Received{Withheld: true, Source: Asserted}},
		"Privacy: user;id;critical": {Fields{From: "<sip:0401234567@carrier>", Privacy: []string{"user;ID; critical"}}, false,
			Received{Withheld: true, Source: From}},
		"Privacy: none": {Fields{From: "<sip:0401234567@carrier>", Privacy: []string{"none"}}, true,
			Received{Number: "+358401234567", Source: From}},
		"From anonymous, asserted all the same": {Fields{From: `"Anonymous" <sip:anonymous@anonymous.invalid>`, Asserted: []string{`"Anna" <sip:+358401234567@carrier>`}}, true,
			Received{Withheld: true, Source: Asserted}},
		"a name of anonymous, and a number": {Fields{From: `"Anonymous" <sip:0401234567@carrier>`}, true,
			Received{Number: "+358401234567", Source: From}},
		"no user": {Fields{From: "<sip:carrier>"}, true, Received{Withheld: true, Source: From}},
		"nothing": {Fields{}, true, Received{Withheld: true, Source: From}},
		"a name with control characters": {Fields{From: "\"An\x00na\t\" <sip:0401234567@carrier>"}, true,
			Received{Number: "+358401234567", Name: "An na", Source: From}},
	} {
		c.f.RequestURI = us
		c.want.Called = "+358293000100"
		if got := Read(c.f, fi, c.trusted); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
	}
}

func TestWhomTheCallerDialled(t *testing.T) {
	for name, c := range map[string]struct {
		diversion, history []string
		want               Diverted
	}{
		"one": {[]string{"<sip:+358293000200@carrier>;reason=no-answer;counter=1;privacy=off"}, nil,
			Diverted{Original: "+358293000200", Last: "+358293000200", Reason: "no-answer"}},
		"two: the last element was first": {[]string{"<sip:0293000300@c>;reason=user-busy", `"Sales" <tel:+358293000200>;reason=unconditional;privacy=full`}, nil,
			Diverted{Original: "+358293000200", Last: "+358293000300", Reason: "user-busy", Private: true}},
		"two in one header field": {[]string{"<sip:0293000300@c>;reason=x-odd, <sip:0293000200@c>"}, nil,
			Diverted{Original: "+358293000200", Last: "+358293000300", Reason: "unknown"}},
		"to ourselves":  {[]string{"<sip:0293000100@c>"}, nil, Diverted{}},
		"of nobody":     {[]string{"<sip:anonymous@anonymous.invalid>"}, nil, Diverted{}},
		"garbage":       {[]string{`"<sip:`, ""}, []string{`"<sip:`, "<sip:x@y>", "<sip:x@y>;index=a"}, Diverted{}},
		"nothing of it": {nil, []string{"<sip:+358293000100@c>;index=1"}, Diverted{}},
		"history": {[]string{"<sip:0293000999@c>"}, []string{"<sip:+358293000200@c?Reason=SIP%3Bcause%3D302&Privacy=history>;index=1, <sip:+358293000100@c;cause=302>;index=1.1;mp=1"},
			Diverted{Original: "+358293000200", Last: "+358293000200", Reason: "unconditional", Private: true}},
		"history of three, out of order": {nil, []string{"<sip:+358293000100@c;cause=486>;index=1.1.1;mp=1.1", "<sip:+358293000200@c>;index=1", "<sip:+358293000300@c;cause=408>;index=1.1;mp=1"},
			Diverted{Original: "+358293000200", Last: "+358293000300", Reason: "user-busy"}},
		"the same user at another address": {nil, []string{"<sip:+358293000200@c>;index=1, <sip:line7@192.0.2.1>;index=1.1;rc=1"}, Diverted{}},
		"a fork that failed before": {nil, []string{"<sip:+358293000200@c>;index=1, <sip:line7@192.0.2.1>;index=1.1;rc=1, <sip:+358293000100@c;cause=408>;index=1.2;mp=1"},
			Diverted{Original: "+358293000200", Last: "+358293000200", Reason: "no-answer"}},
		"RFC 4244": {nil, []string{"<sip:+358293000200@c?Reason=SIP%3Bcause%3D486>;index=1,<sip:+358293000100@c>;index=1.1"},
			Diverted{Original: "+358293000200", Last: "+358293000200", Reason: "user-busy"}},
		"RFC 4244 without a reason": {nil, []string{"<sip:+358293000200@c>;index=1,<sip:+358293000100@c>;index=1.1"},
			Diverted{Original: "+358293000200", Last: "+358293000200", Reason: "unknown"}},
	} {
		got := Read(Fields{RequestURI: us, From: "<sip:1@c>", Diversion: c.diversion, HistoryInfo: c.history}, fi, true).Diverted
		if got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if got := Read(Fields{RequestURI: us, From: "<sip:1@c>", Diversion: c.diversion, HistoryInfo: c.history}, fi, false).Diverted; got != (Diverted{}) {
			t.Errorf("%s: believed of a stranger", name)
		}
	}
}

// words are the header fields as they would stand in the message.
func words(s Shown) string {
	out := []string{"From: " + s.From.String()}
	for _, h := range s.Headers {
		out = append(out, h.Name+": "+h.Value)
	}
	return strings.Join(out, "\n") + "\nContact: " + s.ContactUser
}

func TestWhatATrunkIsTold(t *testing.T) {
	known := Call{Number: "+358293000100", Name: `Cordboard "Oy"`, Default: "+358293000000"}
	hidden := known
	hidden.Withheld = true
	const anonymous = `From: "Anonymous" <sip:anonymous@anonymous.invalid>`
	for name, c := range map[string]struct {
		policy Policy
		call   Call
		want   string
	}{
		"From": {Policy{}, known, `From: "Cordboard \"Oy\"" <sip:+358293000100@carrier>` + "\nContact: +358293000100"},
		"national, as a phone, without names": {Policy{Plan: number.Plan{Region: "FI", Form: number.National}, UserPhone: true, HideNames: true, Identity: InAsserted}, known,
			"From: <sip:0293000100@carrier;user=phone>\nP-Asserted-Identity: <sip:0293000100@carrier;user=phone>\nContact: 0293000100"},
		"preferred": {Policy{Identity: InPreferred, HideNames: true}, known,
			"From: <sip:+358293000100@carrier>\nP-Preferred-Identity: <sip:+358293000100@carrier>\nContact: +358293000100"},
		"Remote-Party-ID": {Policy{Identity: InRemoteParty, HideNames: true}, known,
			"From: <sip:+358293000100@carrier>\nRemote-Party-ID: <sip:+358293000100@carrier>;party=calling;screen=yes;privacy=off\nContact: +358293000100"},
		"an account": {Policy{Identity: InAsserted, HideNames: true, Account: "acme 7"}, known,
			"From: <sip:acme%207@carrier>\nP-Asserted-Identity: <sip:+358293000100@carrier>\nContact: acme%207"},
		"withheld":                    {Policy{Identity: InAsserted}, hidden, anonymous + "\nPrivacy: id\nContact: "},
		"withheld, with an account":   {Policy{Account: "acme"}, hidden, anonymous + "\nPrivacy: id\nContact: "},
		"withheld in Remote-Party-ID": {Policy{Identity: InRemoteParty}, hidden, anonymous + "\nPrivacy: id\nRemote-Party-ID: \"Anonymous\" <sip:anonymous@anonymous.invalid>;party=calling;screen=no;privacy=full\nContact: "},
		"withheld, and billed":        {Policy{Identity: InAsserted, AssertWithheld: true}, hidden, anonymous + "\nPrivacy: id\nP-Asserted-Identity: <sip:+358293000100@carrier>\nContact: "},
		"withheld, billed by RPID":    {Policy{Identity: InRemoteParty, AssertWithheld: true}, hidden, anonymous + "\nPrivacy: id\nRemote-Party-ID: <sip:+358293000100@carrier>;party=calling;screen=yes;privacy=full\nContact: "},
		"no number, and billed":       {Policy{Identity: InPreferred, AssertWithheld: true}, Call{Default: "+358293000000"}, anonymous + "\nPrivacy: id\nP-Preferred-Identity: <sip:+358293000000@carrier>\nContact: "},
		"no number at all":            {Policy{Identity: InAsserted, AssertWithheld: true}, Call{}, anonymous + "\nPrivacy: id\nContact: "},
		"Diversion": {Policy{Diversion: ByDiversion, HideNames: true}, Call{Number: "+358401234567", Diverted: "+358293000100", Reason: "no-answer"},
			"From: <sip:+358401234567@carrier>\nDiversion: <sip:+358293000100@carrier>;reason=no-answer;counter=1;privacy=off\nContact: +358401234567"},
		"History-Info": {Policy{Diversion: ByHistoryInfo, HideNames: true}, Call{Number: "+358401234567", Diverted: "+358293000100"},
			"From: <sip:+358401234567@carrier>\nHistory-Info: <sip:+358293000100@carrier?Reason=SIP%3Bcause%3D302>;index=1\nContact: +358401234567"},
		"no diversion for who does not ask": {Policy{}, Call{Number: "+358401234567", Diverted: "+358293000100"}, "From: <sip:+358401234567@carrier>\nContact: +358401234567"},
		"a number that would end the line":  {Policy{}, Call{Number: "1\r\nEvil: 1>"}, "From: <sip:1%0D%0AEvil%3A%201%3E@carrier>\nContact: 1%0D%0AEvil%3A%201%3E"},
	} {
		c.policy.Domain = "carrier"
		if got := words(c.policy.Show(c.call)); got != c.want {
			t.Errorf("%s:\n%s\nwant\n%s", name, got, c.want)
		}
	}
}

func TestB46_AWithheldNumberStandsNowhere(t *testing.T) {
	c := Call{Number: "+358293000100", Name: "Acme", Withheld: true, Default: "+358293000000", Diverted: "+358293000200"}
	for _, identity := range []Identity{OnlyFrom, InAsserted, InPreferred, InRemoteParty} {
		for _, diversion := range []Diversions{NoDiversion, ByDiversion, ByHistoryInfo} {
			for _, form := range []number.Form{number.E164, number.Bare, number.National, number.International} {
				p := Policy{Plan: number.Plan{Region: "FI", Form: form}, Domain: "carrier", Identity: identity, Diversion: diversion, Account: "293000100"}
				if got := words(p.Show(c)); strings.Contains(got, "293000") || strings.Contains(got, "Acme") || !strings.Contains(got, "Privacy: id") {
					t.Errorf("%+v:\n%s", p, got)
				}
			}
		}
	}
}

func TestWhatWeSayIsWhatWeWouldRead(t *testing.T) {
	for _, identity := range []Identity{OnlyFrom, InAsserted, InRemoteParty} {
		for _, withheld := range []bool{false, true} {
			p := Policy{Plan: fi, Domain: "carrier", Identity: identity, Diversion: ByDiversion, AssertWithheld: true}
			s := p.Show(Call{Number: "+358401234567", Name: "Anna", Withheld: withheld, Diverted: "+358293000200", Reason: "user-busy"})
			f := Fields{RequestURI: us, From: s.From.String()}
			for _, h := range s.Headers {
				switch h.Name {
				case "P-Asserted-Identity":
					f.Asserted = append(f.Asserted, h.Value)
				case "Remote-Party-ID":
					f.RemoteParty = append(f.RemoteParty, h.Value)
				case "Privacy":
					f.Privacy = append(f.Privacy, h.Value)
				case "Diversion":
					f.Diversion = append(f.Diversion, h.Value)
				}
			}
			got := Read(f, fi, true)
			if got.Withheld != withheld || !withheld && (got.Number != "+358401234567" || got.Name != "Anna" || got.Diverted.Original != "+358293000200" || got.Diverted.Reason != "user-busy") {
				t.Errorf("%s withheld %t: %+v", identity, withheld, got)
			}
		}
	}
}

func FuzzFields(f *testing.F) {
	f.Add(`"A" <sip:+358@h>;party=calling;privacy=full`, "<sip:a@h?Reason=SIP%3Bcause%3D302>;index=1, <sip:b@h;cause=486>;index=1.1;mp=1", "id;user")
	f.Add(`<tel:040;phone-context=+358>`, "<sip:a@h>;index=1.1.1.1;mp=9", "none")
	f.Fuzz(func(t *testing.T, identity, history, privacy string) {
		in := Fields{RequestURI: identity, From: identity, Asserted: []string{identity}, RemoteParty: []string{identity},
			Privacy: []string{privacy}, Diversion: []string{history}, HistoryInfo: []string{history}}
		got := Read(in, fi, true)
		if got.Withheld && (got.Number != "" || got.Name != "") || !got.Withheld && got.Number == "" {
			t.Errorf("%+v", got)
		}
		for _, id := range []Identity{OnlyFrom, InAsserted, InRemoteParty} {
			shown := Policy{Domain: "h", Identity: id, Diversion: ByHistoryInfo}.Show(Call{Number: got.Number, Name: got.Name, Diverted: got.Diverted.Original})
			if strings.Contains(strings.Join(append(values(shown.Headers), shown.From.String(), shown.ContactUser), ""), "\n") {
				t.Errorf("%+v", shown)
			}
		}
	})
}

func values(headers []field.Header) (out []string) {
	for _, h := range headers {
		out = append(out, h.Value)
	}
	return out
}
