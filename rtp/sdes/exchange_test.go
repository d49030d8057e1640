package sdes

import (
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
)

func TestAnOfferIsAnsweredByPolicy(t *testing.T) {
	const savp, avp = "RTP/SAVP", "RTP/AVP"
	for _, c := range []struct {
		name    string
		policy  Policy
		proto   string
		crypto  []string
		tag     string // of our answer, with its suite; empty: plain
		refused string // part of the reason
	}{
		{"off, plain", Off, avp, nil, "", ""},
		{"off, plain with keys", Off, avp, []string{bare80}, "", ""},
		{"off, secure", Off, savp, []string{bare80}, "", "does not speak"},
		{"preferred, plain", Preferred, avp, nil, "", ""},
		{"preferred, plain with keys", Preferred, avp, []string{bare80}, "1 AES_CM_128_HMAC_SHA1_80", ""},
		{"preferred, plain with keys we cannot use", Preferred, avp, []string{"1 FOO inline:x"}, "", ""},
		{"preferred, secure", Preferred, savp, []string{bare32, bare80}, "2 AES_CM_128_HMAC_SHA1_32", ""},
		{"preferred, with feedback", Preferred, "RTP/SAVPF", []string{bareGCM}, "3 AEAD_AES_128_GCM", ""},
		{"preferred, plain with feedback", Preferred, "RTP/AVPF", []string{bareGCM}, "3 AEAD_AES_128_GCM", ""},
		{"preferred, secure without a key", Preferred, savp, nil, "", "it has none"},
		{"required, plain", Required, avp, nil, "", "it has none"},
		{"required, plain with keys", Required, avp, []string{bare80}, "1 AES_CM_128_HMAC_SHA1_80", ""},
		{"required, secure", Required, savp, []string{"9 AES_192_CM_HMAC_SHA1_80 inline:x", bare80}, "1 AES_CM_128_HMAC_SHA1_80", ""},
		{"required, nothing to use", Required, savp, []string{"9 AES_192_CM_HMAC_SHA1_80 inline:x", bare80 + " KDR=1", bare32 + " UNENCRYPTED_SRTP"},
			"", `unknown suite "AES_192_CM_HMAC_SHA1_80"; keys that are derived anew (KDR); sound that is not encrypted`},
		{"unauthenticated", Required, savp, []string{bare80 + " UNAUTHENTICATED_SRTP"}, "", "not authenticated"},
		{"a suite that is not wanted", Required, savp, []string{bare256}, "", "AEAD_AES_256_GCM is not wanted"},
		{"RTCP in clear", Required, savp, []string{bare80 + " UNENCRYPTED_SRTCP WSH=128"}, "1 AES_CM_128_HMAC_SHA1_80", ""},
		{"DTLS", Preferred, "UDP/TLS/RTP/SAVP", []string{bare80}, "", "UDP/TLS/RTP/SAVP"},
	} {
		x := NewExchange(c.policy, AES128GCM, AES128CM80, AES128CM32)
		before := *x
		ours, a, err := x.Answer(c.proto, c.crypto)
		var refused *Refused
		switch {
		case c.refused != "":
			if !errors.As(err, &refused) || !strings.Contains(refused.Why, c.refused) {
				t.Errorf("%s: %v; want %q", c.name, err, c.refused)
			}
			if !reflect.DeepEqual(before, *x) {
				t.Errorf("%s: a refusal changed something", c.name)
			}
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.tag == "":
			if len(ours) != 0 || a != nil || x.Agreed() != nil {
				t.Errorf("%s: %v, %v", c.name, ours, a)
			}
		case len(ours) != 1 || !strings.HasPrefix(ours[0], c.tag+" inline:") || a == nil || a.Ours.Suite != a.Theirs.Suite:
			t.Errorf("%s: %v, %v", c.name, ours, a)
		default:
			clear := strings.HasSuffix(ours[0], " UNENCRYPTED_SRTCP")
			if clear != strings.Contains(c.crypto[0], "UNENCRYPTED_SRTCP") || clear != a.Ours.Params.UnencryptedRTCP {
				t.Errorf("%s: a shared parameter is not repeated in %s", c.name, ours[0])
			}
		}
	}
}

// Two of us come to the same keys, whoever offers, and keep them over re-INVITEs in both directions.
func TestKeysStayOverReINVITEs(t *testing.T) {
	for _, policy := range []Policy{Preferred, Required} {
		us, them := NewExchange(policy), NewExchange(Required)
		first := exchange(t, us, them)
		if want := map[Policy]string{Preferred: Plain, Required: Secure}[policy]; us.proto != want {
			t.Errorf("policy %d agreed on %s", policy, us.proto)
		}
		if first.Ours.Suite != AES128GCM {
			t.Errorf("agreed on %s", first.Ours.Suite)
		}
		second := exchange(t, us, them)
		back := exchange(t, them, us)
		if !first.Ours.Same(&second.Ours) || !first.Theirs.Same(&second.Theirs) || !back.Theirs.Same(&first.Ours) || !back.Ours.Same(&first.Theirs) {
			t.Error("a re-INVITE changed the keys")
		}
		if back.Ours.Tag != first.Ours.Tag {
			t.Errorf("the tag went from %d to %d", first.Ours.Tag, back.Ours.Tag)
		}
		us.Rekey()
		if asked := exchange(t, us, them); asked.Ours.Same(&first.Ours) || !asked.Theirs.Same(&first.Theirs) {
			t.Error("Rekey is for our own key, and for it alone")
		}
	}
}

// exchange is one offer and its answer; what is agreed is returned from the offerer's side.
func exchange(t *testing.T, from, to *Exchange) *Agreed {
	t.Helper()
	proto, lines := from.Offer()
	answer, theirs, err := to.Answer(proto, lines)
	if err != nil {
		t.Fatal(err)
	}
	ours, err := from.Accept(proto, answer)
	if err != nil {
		t.Fatal(err)
	}
	if !ours.Ours.Same(&theirs.Theirs) || !ours.Theirs.Same(&theirs.Ours) {
		t.Fatalf("we: %v, they: %v", ours, theirs)
	}
	return ours
}

// A suite once agreed is kept while it is offered, wherever it then stands.
func TestTheSuiteStaysWhileItIsOffered(t *testing.T) {
	x := NewExchange(Preferred)
	if _, _, err := x.Answer(Secure, []string{bare80, bare32}); err != nil {
		t.Fatal(err)
	}
	_, a, err := x.Answer(Secure, []string{bareGCM, strings.Replace(bare80, "1 ", "7 ", 1)})
	if err != nil || a.Ours.Suite != AES128CM80 || a.Ours.Tag != 7 {
		t.Fatalf("%v, %v", a, err)
	}
	before := a.Ours
	if _, a, err = x.Answer(Secure, []string{bareGCM}); err != nil || a.Ours.Suite != AES128GCM {
		t.Fatalf("%v, %v", a, err)
	}
	if _, a, err = x.Answer(Plain, []string{bare80}); err != nil || !a.Ours.Same(&before) {
		t.Fatalf("our key of a suite is for life: %v, %v", a, err)
	}
	if _, a, err = x.Answer(Plain, nil); err != nil || a != nil {
		t.Fatalf("they have gone plain: %v, %v", a, err)
	}
	if proto, lines := x.Offer(); proto != Plain || len(lines) != 0 {
		t.Errorf("after that we offer %s, %v", proto, lines)
	}
}

func TestAnAnswerMustBeToWhatWasOffered(t *testing.T) {
	for _, c := range []struct {
		name    string
		policy  Policy
		proto   string
		crypto  []string
		secure  bool
		refused string
	}{
		{"with a key", Required, Secure, []string{bare80}, true, ""},
		{"best effort", Preferred, Plain, []string{bare80}, true, ""},
		{"best effort, answered as secure", Preferred, Secure, []string{bare80}, true, ""},
		{"best effort, overlooked", Preferred, Plain, nil, false, ""},
		{"off, with keys nobody asked for", Off, Plain, []string{bare80}, false, ""},
		{"off, as secure", Off, Secure, []string{bare80}, false, "was not offered"},
		{"required, overlooked", Required, Plain, nil, false, "has no key"},
		{"secure without a key", Preferred, Secure, nil, false, "has no key"},
		{"another tag", Required, Secure, []string{"2" + bare80[1:]}, false, "nothing that was offered"},
		{"another suite", Required, Secure, []string{"1" + bare32[1:]}, false, "not wanted"},
		{"two to choose from", Required, Secure, []string{bare80, bare32}, false, "several"},
		{"a parameter nobody offered", Required, Secure, []string{bare80 + " UNENCRYPTED_SRTCP"}, false, "nothing that was offered"},
		{"a window is theirs to ask for", Required, Secure, []string{bare80 + " WSH=256"}, true, ""},
		{"nonsense", Required, Secure, []string{"1"}, false, "malformed"},
	} {
		x := NewExchange(c.policy, AES128CM80)
		if _, err := x.Accept(c.proto, c.crypto); err == nil {
			t.Errorf("%s: accepted without an offer", c.name)
		}
		proto, lines := x.Offer()
		a, err := x.Accept(c.proto, c.crypto)
		var refused *Refused
		if c.refused != "" {
			if !errors.As(err, &refused) || !strings.Contains(refused.Why, c.refused) {
				t.Errorf("%s: %v", c.name, err)
			}
			if again, same := x.Offer(); again != proto || !slices.Equal(same, lines) || x.Agreed() != nil {
				t.Errorf("%s: a refusal changed something", c.name)
			}
			continue
		}
		if err != nil || (a != nil) != c.secure {
			t.Errorf("%s: %v, %v", c.name, a, err)
		}
	}
}

// A 183 may be plain and the 200 that follows it secure, or the other way round, or of somebody else.
func TestB25AnotherAnswerMayFollow(t *testing.T) {
	x := NewExchange(Preferred, AES128CM80)
	x.Offer()
	for i, crypto := range [][]string{nil, {bare80}, {strings.Replace(bare80, "d0Rm", "e0Rm", 1)}, nil, {bare80}} {
		a, err := x.Accept(Plain, crypto)
		if err != nil || (a != nil) != (crypto != nil) {
			t.Fatalf("answer %d: %v, %v", i, a, err)
		}
	}
	if _, _, err := x.Answer(Plain, nil); err != nil {
		t.Fatal(err)
	}
	if _, err := x.Accept(Plain, nil); err == nil {
		t.Error("an answer came after the far side had offered anew")
	}
}

// One who negotiates codecs and keys together must be able to go back when the one fails after the other.
func TestACopyIsIndependent(t *testing.T) {
	x := NewExchange(Preferred)
	if _, _, err := x.Answer(Secure, []string{bare80}); err != nil {
		t.Fatal(err)
	}
	before := x.Agreed().Ours
	next := *x
	if _, _, err := next.Answer(Secure, []string{bareGCM}); err != nil {
		t.Fatal(err)
	}
	next.Rekey()
	next.Offer()
	if !x.Agreed().Ours.Same(&before) {
		t.Error("the copy changed the original")
	}
	if _, lines := x.Offer(); len(lines) != 1 || !strings.HasPrefix(lines[0], "1 AES_CM_128_HMAC_SHA1_80 ") {
		t.Errorf("the original offers %v", lines)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add("RTP/SAVP", bare80+"\n"+bareGCM, uint8(1))
	f.Add("RTP/AVP", twoKeys, uint8(2))
	f.Fuzz(func(t *testing.T, proto, lines string, policy uint8) {
		x := NewExchange(Policy(policy % 3))
		ours, a, err := x.Answer(proto, strings.Split(lines, "\n"))
		if (a != nil) != (len(ours) == 1) || err != nil && a != nil {
			t.Fatalf("%v, %v, %v", ours, a, err)
		}
		if a == nil {
			return
		}
		if err := (&Receiver{}).Use(a.Theirs); err != nil {
			t.Fatal(err)
		}
		if err := (&Sender{}).Use(a.Ours); err != nil {
			t.Fatal(err)
		}
		if c, err := Parse(ours[0]); err != nil || !c.Same(&a.Ours) {
			t.Fatalf("our answer %q: %v", ours[0], err)
		}
	})
}
