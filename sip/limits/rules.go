package limits

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nyaruka/phonenumbers"

	"github.com/cordboard/cordboard/call"
)

// Config is what a trunk may carry. The zero value allows everything.
type Config struct {
	Calls     int     // at once, both directions together; 0: any number
	PerSecond float64 // new calls, both directions together; 0: any number
	Burst     int     // how many of these may come at once; 0: PerSecond, at least 1

	// Region is the home region, "FI": its emergency numbers are always reached.
	Region string
	// Allow and Deny are beginnings of numbers in E.164 ("+358", "+"), or of short codes. The longest that fits decides,
	// and Deny when both are as long. When there is an Allow, what fits nothing is denied. A number that stands in Allow
	// as a whole is allowed whatever the lists below say.
	Allow, Deny []string
	// DenyPremium denies premium-rate numbers, DenyShared those whose cost is shared with the caller.
	DenyPremium, DenyShared bool
	// DenyCountries are regions ("CU") that are not called; "001" is what belongs to no country: satellites, global networks.
	DenyCountries []string
}

// Why is why a call was refused. The set is closed: it labels a metric.
type Why string

// The reasons.
const (
	TooMany     Why = "concurrent"  // calls at once
	TooFast     Why = "rate"        // calls a second
	Destination Why = "destination" // a prefix
	Premium     Why = "premium"     // the kind of number
	Country     Why = "country"
)

// Refusal is the error of a call that may not be.
type Refusal struct {
	Why        Why
	Status     int           // what a SIP caller is answered: 503 or 403
	RetryAfter time.Duration // of a 503: when it may be tried again
	Reason     string        // for people; it names no number
}

func (r *Refusal) Error() string { return r.Reason }

// rules are a Config made ready.
type rules struct {
	Config
	allow, deny []string
}

// check makes a Config ready. The error names what is wrong with it.
func check(c Config) (rules, error) {
	r := rules{Config: c}
	if c.Calls < 0 || !(c.PerSecond >= 0) || c.Burst < 0 {
		return r, fmt.Errorf("limits below zero: %d calls, %g a second, %d at once", c.Calls, c.PerSecond, c.Burst)
	}
	var err error
	if r.allow, err = prefixes(c.Allow); err != nil {
		return r, err
	}
	if r.deny, err = prefixes(c.Deny); err != nil {
		return r, err
	}
	known := phonenumbers.GetSupportedRegions()
	for _, country := range c.DenyCountries {
		if !known[country] && country != phonenumbers.REGION_CODE_FOR_NON_GEO_ENTITY {
			return r, fmt.Errorf("no country: %.10q", country)
		}
	}
	return r, nil
}

// prefixes takes the spaces out of what people write.
func prefixes(written []string) ([]string, error) {
	var out []string
	for _, w := range written {
		p := strings.Map(func(r rune) rune {
			if strings.ContainsRune(" -./()", r) {
				return -1
			}
			return r
		}, w)
		if p == "" || strings.Trim(strings.TrimPrefix(p, "+"), "0123456789*#") != "" {
			return nil, fmt.Errorf("no beginning of a number: %.30q", w)
		}
		out = append(out, p)
	}
	return out, nil
}

// emergency reports whether a number must be reached whatever the rules say: the number itself, not what begins with it, which
// leads elsewhere.
func (r *rules) emergency(to call.Number) bool {
	return r.Region != "" && phonenumbers.IsEmergencyNumber(string(to), r.Region)
}

// destination refuses numbers that may not be called.
func (r *rules) destination(to call.Number) *Refusal {
	n := string(to)
	allowed, denied := longestOf(r.allow, n), longestOf(r.deny, n)
	switch {
	case denied >= 0 && denied >= allowed:
		return forbidden(Destination, "calls to numbers that begin with "+n[:denied]+" are not allowed on this trunk")
	case allowed < 0 && len(r.allow) > 0:
		return forbidden(Destination, "this trunk calls only numbers that begin with "+sample(r.allow))
	case allowed == len(n) && allowed > 0:
		return nil
	}
	return r.kind(n)
}

// kind refuses by what the numbering plans say of a number.
func (r *rules) kind(n string) *Refusal {
	if !r.DenyPremium && !r.DenyShared && len(r.DenyCountries) == 0 {
		return nil
	}
	region := r.Region
	if region == "" {
		region = "ZZ"
	}
	parsed, err := phonenumbers.Parse(n, region)
	if err != nil {
		return nil // no number of the world: an extension, a name
	}
	switch phonenumbers.GetNumberType(parsed) {
	case phonenumbers.PREMIUM_RATE:
		if r.DenyPremium {
			return forbidden(Premium, "premium-rate numbers are not called on this trunk")
		}
	case phonenumbers.SHARED_COST:
		if r.DenyShared {
			return forbidden(Premium, "shared-cost numbers are not called on this trunk")
		}
	default:
	}
	if len(r.DenyCountries) == 0 || !strings.HasPrefix(n, "+") && !phonenumbers.IsValidNumber(parsed) {
		return nil // digits that nobody has here belong to no country
	}
	country := phonenumbers.GetRegionCodeForNumber(parsed)
	if country == "" { // not valid, and yet it would be dialled: its country code tells
		country = phonenumbers.GetRegionCodeForCountryCode(int(parsed.GetCountryCode()))
	}
	if slices.Contains(r.DenyCountries, country) {
		return forbidden(Country, "numbers of "+country+" are not called on this trunk")
	}
	return nil
}

func forbidden(why Why, reason string) *Refusal {
	return &Refusal{Why: why, Status: 403, Reason: reason}
}

// longestOf is the length of the longest prefix that fits, -1 when none does.
func longestOf(prefixes []string, n string) int {
	longest := -1
	for _, p := range prefixes {
		if strings.HasPrefix(n, p) {
			longest = max(longest, len(p))
		}
	}
	return longest
}

// sample names a few.
func sample(prefixes []string) string {
	const few = 5
	if len(prefixes) > few {
		return strings.Join(prefixes[:few], ", ") + " …"
	}
	return strings.Join(prefixes, ", ")
}
