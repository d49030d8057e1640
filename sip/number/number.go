package number

import (
	"strconv"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip/field"
)

// Form is how a trunk writes the numbers of the world. The set is closed.
type Form string

// The forms, of a Finnish number on a Finnish trunk.
const (
	E164          Form = "e164"          // +358401234567
	Bare          Form = "bare"          // 358401234567
	International Form = "international" // 00358401234567
	National      Form = "national"      // 0401234567; a foreign number as International
)

const (
	longest   = 64 // characters of a user part; no number and no name that leads anywhere has more
	mostE164  = 15 // digits (E.164 section 6)
	leastE164 = 7  // digits; fewer with a plus are nobody's number, but are kept as they are
)

// Plan is how one trunk writes numbers.
type Plan struct {
	Region string // the home region, "FI"; empty: only international numbers are understood
	Form   Form   // of what we send; E164 when empty
	// BareIn says that digits without a plus are international on this trunk: 358401234567. Else they are national first.
	BareIn bool
	// Exit is what stands for the plus in International and National, "00"; empty: that of the region.
	Exit string
	// Prefix is put before each number that we send: the tech prefix that some carriers route by.
	Prefix string
}

// Said is what a URI or a text says of a number.
type Said struct {
	Number     call.Number // E.164 where it can be; else as it was written; empty: withheld
	Withheld   bool
	Extension  string // ;ext= of a tel URI
	Subaddress string // ;isub= (RFC 3966 section 5.3)
	Ported     bool   // ;npdi: the number portability database was asked (RFC 4694)
	Routing    string // ;rn=: where the number was ported to
}

// Read reads a sip or tel URI, or what is no URI at all as a number. It never fails: what cannot be understood is kept as
// it was written.
func (p Plan) Read(s string) Said {
	u, err := field.ParseURI(s)
	if err != nil {
		return p.read(s, nil)
	}
	if u.Scheme == "tel" {
		return p.read(u.User, u.Params)
	}
	if u.Host == "anonymous.invalid" { // RFC 3323 section 4.1.1.3
		return Said{Withheld: true}
	}
	user, params, _ := strings.Cut(u.User, ";")
	all := field.ParseParams(field.Unescape(params))
	return p.read(field.Unescape(user), append(all, u.Params...)) // some write them behind the host
}

func (p Plan) read(text string, params field.Params) Said {
	said := Said{
		Extension: digitsOnly(params.Value("ext")), Subaddress: shortened(params.Value("isub")),
		Ported: params.Has("npdi"), Routing: shortened(params.Value("rn")),
	}
	if region := regionOf(params.Value("phone-context")); region != "" {
		p.Region, p.BareIn = region, false
	}
	said.Number, said.Withheld = p.Normal(text)
	return said
}

// Normal brings a number as it was written into E.164, where that can be done. Short codes, extensions and names stay as
// they are. withheld says that it is a word for no number at all.
func (p Plan) Normal(text string) (n call.Number, withheld bool) {
	text = shortened(strings.TrimSpace(text))
	switch strings.ToLower(text) {
	case "", "anonymous", "restricted", "private", "withheld", "unavailable", "unknown", "anonym", "id unavailable":
		return "", true
	}
	digits, ok := dialled(text)
	if !ok {
		return call.Number(text), false
	}
	if international, ok := strings.CutPrefix(digits, "+"); ok {
		if len(international) < leastE164 || len(international) > mostE164 {
			return call.Number(digits), false
		}
		if n, ok := valid(digits, "ZZ"); ok {
			return n, false // and without a zero that does not belong there: +358 (0)40
		}
		return call.Number(digits), false
	}
	return p.national(digits), false
}

// national reads digits without a plus.
func (p Plan) national(digits string) call.Number {
	bare := func() (call.Number, bool) {
		if strings.HasPrefix(digits, "0") || len(digits) < leastE164 || len(digits) > mostE164 {
			return "", false
		}
		return valid("+"+digits, "ZZ")
	}
	if p.BareIn {
		if n, ok := bare(); ok {
			return n
		}
	}
	if p.Region == "" {
		if after, ok := strings.CutPrefix(digits, "00"); ok {
			if n, ok := valid("+"+after, "ZZ"); ok {
				return n
			}
		}
		return call.Number(digits)
	}
	parsed, err := phonenumbers.Parse(digits, p.Region)
	if err != nil || !phonenumbers.IsPossibleNumber(parsed) || phonenumbers.IsPossibleShortNumberForRegion(parsed, p.Region) {
		return call.Number(digits)
	}
	if !phonenumbers.IsValidNumber(parsed) {
		if n, ok := bare(); ok {
			return n // nobody's number here, and somebody's abroad
		}
	}
	return call.Number(phonenumbers.Format(parsed, phonenumbers.E164))
}

// valid is the E.164 form of a number that exists in its numbering plan.
func valid(text, region string) (call.Number, bool) {
	n, err := phonenumbers.Parse(text, region)
	if err != nil || !phonenumbers.IsValidNumber(n) {
		return "", false
	}
	return call.Number(phonenumbers.Format(n, phonenumbers.E164)), true
}

// Write is a number as the trunk wants to read it. What is not E.164 (a short code, a name) is written as it is.
func (p Plan) Write(n call.Number) string {
	digits, ok := strings.CutPrefix(string(n), "+")
	if !ok || digits == "" || strings.Trim(digits, "0123456789") != "" {
		return string(n)
	}
	switch p.Form {
	case Bare:
		return p.Prefix + digits
	case International:
		return p.Prefix + p.exit() + digits
	case National:
		parsed, err := phonenumbers.Parse(string(n), "ZZ")
		if err == nil && p.Region != "" && phonenumbers.GetRegionCodeForNumber(parsed) == p.Region {
			return p.Prefix + digitsOnly(phonenumbers.Format(parsed, phonenumbers.NATIONAL))
		}
		return p.Prefix + p.exit() + digits
	case E164, "":
	}
	return p.Prefix + "+" + digits
}

// exit is what is dialled for the plus. A region may have several prefixes and none that is preferred; most of the world
// dials 00.
func (p Plan) exit() string {
	if p.Exit != "" || p.Region == "" {
		return orZeroZero(p.Exit)
	}
	elsewhere := "GB"
	if p.Region == "GB" {
		elsewhere = "FI"
	}
	example := phonenumbers.GetExampleNumber(elsewhere)
	if example == nil {
		return "00"
	}
	prefix, _, found := strings.Cut(phonenumbers.FormatOutOfCountryCallingNumber(example, p.Region), " ")
	if !found || strings.Trim(prefix, "0123456789") != "" {
		return "00"
	}
	return prefix
}

func orZeroZero(s string) string {
	if s == "" {
		return "00"
	}
	return s
}

// regionOf is the country of a phone-context that is a global number (RFC 3966 section 5.1.5). The context is no prefix to
// the number: 911 belongs to +1, and +1911 is nobody.
func regionOf(context string) string {
	digits, ok := dialled(context)
	digits, plus := strings.CutPrefix(digits, "+")
	if !ok || !plus {
		return ""
	}
	for n := 1; n <= min(3, len(digits)); n++ {
		code, err := strconv.Atoi(digits[:n])
		if err != nil {
			return ""
		}
		if regions := phonenumbers.GetRegionCodesForCountryCode(code); len(regions) > 0 {
			return regions[0]
		}
	}
	return ""
}

// dialled takes away what people put between digits (RFC 3966 visual separators). ok: what is left can be dialled.
func dialled(s string) (digits string, ok bool) {
	digits = strings.Map(func(r rune) rune {
		if strings.ContainsRune(" -./()\u00a0", r) {
			return -1
		}
		return r
	}, s)
	rest := strings.TrimPrefix(digits, "+")
	return digits, rest != "" && strings.Trim(rest, "0123456789") == ""
}

func digitsOnly(s string) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, shortened(s))
}

// shortened keeps what comes from outside readable and short.
func shortened(s string) string {
	s = strings.ToValidUTF8(s, "")
	if len(s) > longest {
		s = strings.ToValidUTF8(s[:longest], "")
	}
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f {
			return -1
		}
		return r
	}, s)
}
