package crm

import (
	"slices"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/call"
)

func TestANumberIsLookedForAsPeopleWriteItDown(t *testing.T) {
	for _, tc := range []struct {
		number call.Number
		region string
		want   string
	}{
		{"+358400835862", "FI", "358400835862 0400835862 400835862"},
		{"0400835862", "FI", "358400835862 0400835862 400835862"},
		{"00358400835862", "fi", "358400835862 0400835862 400835862"},
		{"+358 (0)40 083-5862", "FI", "358400835862 0400835862 400835862"},
		{"+46701234567", "FI", "46701234567 0701234567 701234567"},
		{"+14155552671", "US", "14155552671 4155552671"},
		{"+390612345678", "IT", "390612345678 0612345678"}, // Italy's zero belongs to the number
		{"+358293000100", "", "358293000100 0293000100 293000100"},
		{"0400835862", "", "0400835862"}, // no home region: as it was shown
		{"112", "FI", "112"},
		{"1001", "FI", "1001"},
		{"16300", "FI", "16300"},
		{"", "FI", ""},
		{"7", "FI", ""},
		{"anonymous", "FI", ""},
		{"+358400835862;ext=12", "FI", ""},
		{"sip:anna@example.org", "FI", ""},
		{"+", "FI", ""},
		{call.Number(strings.Repeat("1", 21)), "FI", ""},
		{call.Number(strings.Repeat("(", 1000) + "12"), "FI", ""},
		{"400} OR {1", "FI", ""},
	} {
		if got := strings.Join(Forms(tc.number, tc.region), " "); got != tc.want {
			t.Errorf("%q in %s: %q, want %q", string(tc.number), tc.region, got, tc.want)
		}
	}
}

func TestAHitIsBelievedWhenItsDigitsAreTheNumber(t *testing.T) {
	for _, tc := range []struct {
		number  call.Number
		written string
		want    bool
	}{
		{"+358400835862", "+358 40 083 5862", true},
		{"+358400835862", "040-0835862", true},
		{"+358400835862", "(040) 083 58 62", true},
		{"+358400835862", "400835862", true},
		{"+358400835862", "00358 40 0835862", true},
		{"+358400835862", "+358 (0)40 083 5862", true},
		{"+358400835862", "+358 40 083 5862 ext. 12", true},
		{"0400835862", "+358400835862", true},
		{"+358400835862", "+46 40 083 5862", false},
		{"+46400835862", "040 083 5862", false}, // that is a number of ours
		{"+447400123456", "07400 123456", true}, // that is none of ours, and the digits fit
		{"+358400835862", "+358 40 083 5863", false},
		{"+358400835862", "0835862", false},
		{"+358400835862", "", false},
		{"+358400835862", "call me", false},
		{"+358400835862", strings.Repeat("4", 500), false},
		{"112", "112", true},
		{"112", "0112", false},
		{"", "", false},
	} {
		if got := Same(tc.number, tc.written, "FI"); got != tc.want {
			t.Errorf("%q and %q: %v", string(tc.number), tc.written, got)
		}
	}
}

func FuzzForms(f *testing.F) {
	for _, s := range []string{"+358400835862", "112", "anonymous", "", "00358400835862", "+1 (415) 555-2671", "\x00+0", "+++", "0000000000"} {
		f.Add(s, "FI", s)
	}
	f.Add("0400", "ZZ", "+999999999999999")
	f.Fuzz(func(t *testing.T, number, region, written string) {
		forms := Forms(call.Number(number), region)
		if len(forms) > 3 {
			t.Errorf("%q: %v", number, forms)
		}
		for i, form := range forms {
			if len(form) < shortest || len(form) > longest || strings.Trim(form, "0123456789") != "" || slices.Contains(forms[:i], form) {
				t.Errorf("%q: %q", number, forms)
			}
		}
		if Same(call.Number(number), written, region) && len(forms) == 0 {
			t.Errorf("%q is no number and the same as %q", number, written)
		}
	})
}

func BenchmarkForms(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		Forms("+358400835862", "FI")
	}
}
