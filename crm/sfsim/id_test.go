package sfsim

import "testing"

func TestIDsKnownFromConfigurationNeverChange(t *testing.T) {
	for name, want := range map[string]string{
		"anna": "005Dn000000annaIAA", "bo": "005Dn00000000boIAA", "carl": "005Dn000000carlIAA",
		"dina": "005Dn000000dinaIAA", "sue": "005Dn0000000sueIAA", "gateway": "005Dn000gatewayIAA",
	} {
		if got := DemoUserID(name); got != want {
			t.Errorf("DemoUserID(%q) = %s, want %s", name, got, want)
		}
	}
	if got := DemoQueueID("CustServ"); got != "00GDn00CustServMEC" {
		t.Errorf("queue id %s", got)
	}
}

// The pair is the example that Salesforce's help gives of the two forms.
func TestTheThreeLastCharactersSayWhichAreCapitals(t *testing.T) {
	if got := LongID("001D000000IRFma"); got != "001D000000IRFmaIAH" {
		t.Errorf("got %s", got)
	}
	for text, ok := range map[string]bool{
		"001D000000IRFma": true, "001D000000IRFmaIAH": true, "001D000000IRFmaIAX": false,
		"": false, "001D": false, "001D000000IRF-a": false, "INVALID_OWNER": false,
	} {
		if _, got := normalID(text); got != ok {
			t.Errorf("normalID(%q) ok = %v, want %v", text, got, ok)
		}
	}
}

func TestTheSameSeedGivesTheSameIDs(t *testing.T) {
	a, b, c := newIDSource("00T", 7), newIDSource("00T", 7), newIDSource("00T", 8)
	first := a.take()
	if first != b.take() || first == c.take() || first == a.take() {
		t.Error("ids do not follow from the seed")
	}
}
