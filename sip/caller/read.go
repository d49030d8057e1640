package caller

import (
	"slices"
	"strings"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip/field"
	"github.com/cordboard/cordboard/sip/number"
)

// Source is the header field that a caller was read from. The set is closed.
type Source string

// The sources.
const (
	From        Source = "from"
	Asserted    Source = "asserted"     // P-Asserted-Identity (RFC 3325)
	RemoteParty Source = "remote-party" // Remote-Party-ID, which never became an RFC
)

// Fields are the header fields of an INVITE that say who calls whom. Each element is one header field value; lists are
// taken apart here.
type Fields struct {
	RequestURI, From                                       string
	Asserted, RemoteParty, Privacy, Diversion, HistoryInfo []string
}

// Received is what an INVITE of a trunk says.
type Received struct {
	Number   call.Number // empty: withheld
	Name     string      // display name; empty when there is none, or when the number is withheld
	Withheld bool
	Source   Source
	Called   call.Number
	// Diverted is whom the caller dialled, when somebody sent the call on to us.
	Diverted Diverted
}

// Read reads who calls. Only of a trusted trunk are P-Asserted-Identity, Remote-Party-ID and the diversions believed (RFC
// 3325 section 5): of any other they are what the caller likes to say. A number is withheld when any of them asks for that,
// or From is anonymous: a carrier that has the number for the police has not been told that we may show it.
func Read(f Fields, p number.Plan, trusted bool) Received {
	r := Received{Source: From, Called: p.Read(f.RequestURI).Number}
	private := asksPrivacy(f.Privacy)
	said, name := identity(f.From, p)
	private = private || said.Withheld
	if trusted {
		if asserted, n, ok := asserted(f.Asserted, p); ok {
			said, r.Source = asserted, Asserted
			name = orElse(n, name)
		} else if party, ok := remoteParty(f.RemoteParty, p); ok {
			said, r.Source = party.said, RemoteParty
			name = orElse(party.name, name)
			private = private || party.private
		}
		r.Diverted = readDiverted(f, p, r.Called)
	}
	if private || said.Withheld {
		r.Withheld = true
		return r
	}
	r.Number, r.Name = said.Number, name
	return r
}

func orElse(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// identity reads one address. A name that only repeats the number, or says that there is none, is no name.
func identity(value string, p number.Plan) (number.Said, string) {
	a, err := field.ParseAddress(value)
	if err != nil {
		return number.Said{Withheld: true}, ""
	}
	said := p.Read(a.URI)
	name := readable(a.Display)
	if n, withheld := p.Normal(name); withheld || n == said.Number {
		name = ""
	}
	return said, name
}

const longestName = 80 // characters; a screen shows fewer

func readable(name string) string {
	name = strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(name, ""))
	if runes := []rune(name); len(runes) > longestName {
		name = string(runes[:longestName])
	}
	return strings.TrimSpace(name)
}

// asserted is the identity of P-Asserted-Identity. There may be two, a sip and a tel URI (RFC 3325 section 9.1): the one
// that is a number of the world is better.
func asserted(values []string, p number.Plan) (best number.Said, name string, ok bool) {
	for _, value := range values {
		for _, one := range field.List(value) {
			said, n := identity(one, p)
			name = orElse(name, n)
			if better := strings.HasPrefix(string(said.Number), "+"); !ok || better && !strings.HasPrefix(string(best.Number), "+") {
				best, ok = said, true
			}
		}
	}
	return best, name, ok
}

type party struct {
	said    number.Said
	name    string
	private bool
}

// remoteParty is the calling party of Remote-Party-ID, whose party parameter is "calling" when it is not there.
func remoteParty(values []string, p number.Plan) (party, bool) {
	for _, value := range values {
		for _, one := range field.List(value) {
			a, err := field.ParseAddress(one)
			if err != nil || !strings.EqualFold(orElse(a.Params.Value("party"), "calling"), "calling") {
				continue
			}
			said, name := identity(one, p)
			privacy := strings.ToLower(a.Params.Value("privacy"))
			return party{said, name, privacy != "" && privacy != "off"}, true
		}
	}
	return party{}, false
}

// asksPrivacy reports whether the caller's identity is not to be shown (RFC 3323 section 4.2, RFC 3325 section 9.3).
func asksPrivacy(values []string) bool {
	for _, value := range values {
		for _, v := range strings.FieldsFunc(strings.ToLower(value), func(r rune) bool { return r == ';' || r == ',' || r == ' ' }) {
			if slices.Contains([]string{"id", "user", "header"}, v) {
				return true
			}
		}
	}
	return false
}
