package crm

import "github.com/cordboard/cordboard/call"

// Forms are the ways in which people write a number down, as digits only and without repetition: international,
// national with its trunk prefix, national without. region is the home region, "FI". A number that cannot be looked up
// (withheld, letters, fewer than 2 or more than 20 digits) has none.
func Forms(number call.Number, region string) []string { return nil }

// Same reports whether what stands in a phone field is the number.
func Same(number call.Number, written, region string) bool { return false }
