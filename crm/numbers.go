package crm

import (
	"slices"
	"strings"

	"github.com/nyaruka/phonenumbers"

	"github.com/cordboard/cordboard/call"
)

const (
	shortest      = 2  // digits; Salesforce searches no shorter word
	longest       = 20 // digits; E.164 has 15, exotic dial prefixes some more
	longestText   = 64 // characters of a phone field that are read
	longestNumber = 40 // characters of a caller's number that are read
	shortCode     = 6  // numbers of up to that many digits belong to no country
)

// Forms are the ways in which people write a number down, as digits only and without repetition: international,
// national with its trunk prefix, national without. region is the home region, "FI". A number that cannot be looked up
// (withheld, letters, fewer than 2 or more than 20 digits) has none.
func Forms(number call.Number, region string) []string {
	digits, ok := dialled(string(number))
	if !ok {
		return nil
	}
	parsed, ok := parse(string(number), region)
	if !ok {
		return []string{digits}
	}
	var forms []string
	for _, form := range []string{
		phonenumbers.Format(parsed, phonenumbers.E164),
		phonenumbers.Format(parsed, phonenumbers.NATIONAL),
		phonenumbers.GetNationalSignificantNumber(parsed),
	} {
		form = onlyDigits(form)
		if len(form) >= shortest && len(form) <= longest && !slices.Contains(forms, form) {
			forms = append(forms, form)
		}
	}
	return forms
}

// Same reports whether what stands in a phone field is the number. A field that is a valid number of the home region is
// that number and no foreign one with the same national digits; any other national writing is compared by its digits.
func Same(number call.Number, written, region string) bool {
	if len(written) > longestText {
		return false
	}
	forms := Forms(number, region)
	if len(forms) == 0 {
		return false
	}
	if there, ok := parse(written, region); ok {
		international := onlyDigits(phonenumbers.Format(there, phonenumbers.E164))
		if international == forms[0] {
			return true
		}
		if hasPrefix(written) || phonenumbers.IsValidNumber(there) {
			return false
		}
	}
	return slices.Contains(forms, onlyDigits(written))
}

// parse reads a full number: one that says its country, or that is long enough to be one of the home region's.
func parse(text, region string) (*phonenumbers.PhoneNumber, bool) {
	if len(onlyDigits(text)) <= shortCode && !hasPrefix(text) {
		return nil, false
	}
	number, err := phonenumbers.Parse(text, strings.ToUpper(region))
	if err != nil || !phonenumbers.IsPossibleNumber(number) {
		return nil, false
	}
	return number, true
}

// dialled takes the digits of a number as it came over the line, where punctuation is harmless and letters mean that it
// is a name ("anonymous", "restricted").
func dialled(number string) (digits string, ok bool) {
	if len(number) > longestNumber {
		return "", false
	}
	for _, r := range number {
		if !strings.ContainsRune("0123456789+ -().", r) {
			return "", false
		}
	}
	digits = onlyDigits(number)
	return digits, len(digits) >= shortest && len(digits) <= longest
}

func hasPrefix(text string) bool { return strings.HasPrefix(strings.TrimSpace(text), "+") }

func onlyDigits(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return r
		}
		return -1
	}, s)
}
