package sip

import "testing"

func TestATelephoneNumberIsReadOutOfItsURI(t *testing.T) {
	for user, want := range map[string]string{
		"+358401234567":                  "+358401234567",
		"+358-40-123.45(67)":             "+358401234567",
		"+358401234567;npdi;rn=+358":     "+358401234567",
		"0401234567":                     "0401234567",
		"0401234567;phone-context=+358":  "+3580401234567",
		"401234567;phone-context=+358":   "+358401234567",
		"1001;phone-context=example.com": "1001",
		"anna":                           "anna",
		"anna;x=y":                       "anna;x=y",
		"a+b":                            "a+b",
		"*31#":                           "*31#",
		"":                               "",
		"+":                              "+",
	} {
		if got := plainNumber(user); got != want {
			t.Errorf("%q is read as %q, want %q", user, got, want)
		}
	}
}
