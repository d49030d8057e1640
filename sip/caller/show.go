package caller

import (
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/number"
)

// Identity is in which header field a trunk wants the number beside From. The set is closed.
type Identity string

// The identities.
const (
	OnlyFrom      Identity = "from"
	InAsserted    Identity = "p-asserted-identity"
	InPreferred   Identity = "p-preferred-identity" // of a trunk that does not trust us (RFC 3325 section 9.2)
	InRemoteParty Identity = "remote-party-id"
)

// Diversions are how a trunk wants to be told that a call was made to somebody else. The set is closed.
type Diversions string

// The diversions.
const (
	NoDiversion   Diversions = "none"
	ByDiversion   Diversions = "diversion"
	ByHistoryInfo Diversions = "history-info"
)

// Policy is what a trunk is told of callers. The zero value shows the number in From.
type Policy struct {
	Plan      number.Plan
	Domain    string // host (and port) of our URIs
	Identity  Identity
	Diversion Diversions
	// Account stands in From for carriers that know us by it; the number is in the identity then. Withheld is withheld all
	// the same.
	Account string
	// AssertWithheld names a withheld number to the trunk in the identity, with Privacy: id. Only for a carrier that needs
	// it, to bill or to find us in an emergency, and keeps it to itself (RFC 3325 section 7).
	AssertWithheld bool
	UserPhone      bool // adds ;user=phone
	HideNames      bool // no display names
}

// Call is who is shown to the called party.
type Call struct {
	Number   call.Number // empty: withheld
	Name     string
	Withheld bool
	Default  call.Number // of the trunk: named in the identity when the shown number is withheld and may be asserted
	// Diverted is the number that was called before we sent the call on; empty: none.
	Diverted call.Number
	Reason   string // of that, in the words of RFC 5806
}

// Shown is what goes into the INVITE.
type Shown struct {
	From    field.Address // without its tag
	Headers []field.Header
	// ContactUser is the user part of our Contact: empty when the number is withheld, so that it is not told there.
	ContactUser string
}

// Show says what a trunk is told. When the number is withheld, it stands in none of the header fields but an identity that
// the trunk needs, and the diverting number, which is not the caller's, is kept back too.
func (p Policy) Show(c Call) Shown {
	if c.Withheld || c.Number == "" {
		return p.withheld(c)
	}
	name := c.Name
	if p.HideNames {
		name = ""
	}
	uri := p.uri(c.Number)
	s := Shown{From: field.Address{Display: name, URI: uri}, ContactUser: field.EscapeUser(p.Plan.Write(c.Number))}
	if p.Account != "" {
		s.From.URI = "sip:" + field.EscapeUser(p.Account) + "@" + p.Domain
		s.ContactUser = field.EscapeUser(p.Account)
	}
	who := field.Address{Display: name, URI: uri}
	switch p.Identity {
	case InAsserted:
		s.add("P-Asserted-Identity", who.String())
	case InPreferred:
		s.add("P-Preferred-Identity", who.String())
	case InRemoteParty:
		who.Params = field.Params{{Name: "party", Value: "calling"}, {Name: "screen", Value: "yes"}, {Name: "privacy", Value: "off"}}
		s.add("Remote-Party-ID", who.String())
	case OnlyFrom, "":
	}
	p.divert(&s, c)
	return s
}

// withheld is RFC 3323 section 4.1.1.3 and RFC 3325 section 9.3.
func (p Policy) withheld(c Call) Shown {
	s := Shown{From: field.Address{Display: "Anonymous", URI: "sip:anonymous@anonymous.invalid"}}
	s.add("Privacy", "id")
	n := c.Number
	if n == "" {
		n = c.Default
	}
	if !p.AssertWithheld || n == "" {
		if p.Identity == InRemoteParty { // some read nothing else
			s.add("Remote-Party-ID", `"Anonymous" <sip:anonymous@anonymous.invalid>;party=calling;screen=no;privacy=full`)
		}
		return s
	}
	who := field.Address{URI: p.uri(n)}
	switch p.Identity {
	case InAsserted:
		s.add("P-Asserted-Identity", who.String())
	case InPreferred:
		s.add("P-Preferred-Identity", who.String())
	case InRemoteParty:
		who.Params = field.Params{{Name: "party", Value: "calling"}, {Name: "screen", Value: "yes"}, {Name: "privacy", Value: "full"}}
		s.add("Remote-Party-ID", who.String())
	case OnlyFrom, "":
	}
	return s
}

func (s *Shown) add(name, value string) {
	s.Headers = append(s.Headers, field.Header{Name: name, Value: value})
}

// uri is a number as a URI of ours. The text of a number may come from outside: it is escaped.
func (p Policy) uri(n call.Number) string {
	u := "sip:" + field.EscapeUser(p.Plan.Write(n)) + "@" + p.Domain
	if p.UserPhone {
		u += ";user=phone"
	}
	return u
}

// divert tells who sent the call on (RFC 5806, RFC 7044).
func (p Policy) divert(s *Shown, c Call) {
	if c.Diverted == "" {
		return
	}
	reason := known(orElse(c.Reason, "unconditional"))
	switch p.Diversion {
	case ByDiversion:
		a := field.Address{URI: p.uri(c.Diverted), Params: field.Params{{Name: "reason", Value: reason}, {Name: "counter", Value: "1"}, {Name: "privacy", Value: "off"}}}
		s.add("Diversion", a.String())
	case ByHistoryInfo:
		// The entry of the new target is the request itself, which the carrier's proxy adds (RFC 7044 section 9.1).
		s.add("History-Info", "<"+p.uri(c.Diverted)+"?Reason=SIP%3Bcause%3D"+causeOf(reason)+">;index=1")
	case NoDiversion, "":
	}
}

// causeOf is reasonOf backwards.
func causeOf(reason string) string {
	switch reason {
	case "user-busy":
		return "486"
	case "no-answer":
		return "408"
	case "deflection":
		return "480"
	case "unavailable":
		return "503"
	case "unconditional":
		return "302"
	}
	return "404"
}
