package field

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestURIsOfEveryKindAreRead(t *testing.T) {
	for s, want := range map[string]URI{
		"sip:+358401@Example.COM:5070;transport=TCP;lr": {Scheme: "sip", User: "+358401", Host: "example.com", Port: 5070, Params: Params{{"transport", "TCP"}, {"lr", ""}}},
		"SIPS:[2001:DB8::1]:5061":                       {Scheme: "sips", Host: "2001:db8::1", Port: 5061},
		"sip:[2001:db8::1]":                             {Scheme: "sip", Host: "2001:db8::1"},
		"sip:a:b@192.0.2.1?Subject=x":                   {Scheme: "sip", User: "a", Password: "b", Host: "192.0.2.1", Headers: "Subject=x"},
		"sip:+358;npdi;rn=+35850@h":                     {Scheme: "sip", User: "+358;npdi;rn=+35850", Host: "h"},
		"sip:a?b@h":                                     {Scheme: "sip", User: "a?b", Host: "h"},
		"sip:a@good?x=@evil":                            {Scheme: "sip", User: "a", Host: "good", Headers: "x=@evil"},
		"sip:a@corp@proxy":                              {Scheme: "sip", User: "a@corp", Host: "proxy"},
		"tel:+358-40;isub=1411":                         {Scheme: "tel", User: "+358-40", Params: Params{{"isub", "1411"}}},
	} {
		if got, err := ParseURI(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v, want %+v", s, got, err, want)
		}
	}
	for s, want := range map[string]error{
		"": ErrMalformed, "sip": ErrMalformed, "sip:": ErrMalformed, "sip:a@": ErrMalformed, "sip:h:0": ErrMalformed, "sip:h:65536": ErrMalformed,
		"sip:h:": ErrMalformed, "sip:[::1": ErrMalformed, "sip:[1.2.3.4]": ErrMalformed, "sip:[::1]5060": ErrMalformed, "sip:[fe80::1%eth0]": ErrMalformed,
		"sip:h\r\nEvil: x": ErrMalformed, "sip:a b@h h": ErrMalformed, "tel:": ErrMalformed, "tel:;isub=1": ErrMalformed,
		"mailto:a@b": ErrScheme, "sip:" + strings.Repeat("x", 9000): ErrMalformed,
	} {
		if got, err := ParseURI(s); !errors.Is(err, want) {
			t.Errorf("%.40q: %+v %v, want %v", s, got, err, want)
		}
	}
}

func TestAddressesOfEveryKindAreRead(t *testing.T) {
	for s, want := range map[string]Address{
		`"A \"B\" <c>" <sip:a@h;lr>;tag=1`: {`A "B" <c>`, "sip:a@h;lr", Params{{"tag", "1"}}},
		`Anna Virtanen <sip:a@h>`:          {"Anna Virtanen", "sip:a@h", nil},
		`sip:a@h;tag=1;x`:                  {"", "sip:a@h", Params{{"tag", "1"}, {"x", ""}}},
		`<tel:+358>;reason="a;b,c"`:        {"", "tel:+358", Params{{"reason", "a;b,c"}}},
		`*`:                                {"", "*", nil},
	} {
		if got, err := ParseAddress(s); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v %v, want %+v", s, got, err, want)
		}
	}
	for _, s := range []string{"", `"a <sip:a@h>`, "<sip:a@h"} {
		if got, err := ParseAddress(s); err == nil {
			t.Errorf("%q was read as %+v", s, got)
		}
	}
}

func TestAListIsCutOnlyAtItsOwnCommas(t *testing.T) {
	got := List(` "a,b" <sip:a,b@h>;x="1,2", , <sip:c@h> ,d`)
	want := []string{`"a,b" <sip:a,b@h>;x="1,2"`, "<sip:c@h>", "d"}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%q", got)
	}
	if n := len(List(strings.Repeat("a,", 1000))); n != mostItems {
		t.Errorf("%d elements", n)
	}
}

func TestNothingWrittenEndsTheLine(t *testing.T) {
	a := Address{Display: "x\r\nEvil: 1", URI: "sip:a@h\r\n>", Params: Params{{"t\n", "a\r\nb"}}}
	if s := a.String(); strings.ContainsAny(s, "\r\n") {
		t.Errorf("%q", s)
	}
}

func TestSecondsAreReadWithWhatFollowsThem(t *testing.T) {
	for s, want := range map[string]time.Duration{
		"60": time.Minute, " 120 (I'm in a meeting)": 2 * time.Minute, "18000;duration=3600": 5 * time.Hour, "0": 0,
		"99999999999999999999": 1 << 31 * time.Second,
	} {
		if got, ok := Seconds(s); !ok || got != want {
			t.Errorf("%q: %s %t", s, got, ok)
		}
	}
	for _, s := range []string{"", "-1", "1.5", "x", "Thu, 01 Dec 1994 16:00:00 GMT"} {
		if got, ok := Seconds(s); ok {
			t.Errorf("%q was read as %s", s, got)
		}
	}
}

func TestSamePlaces(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want bool
	}{
		{"sip:a@h", "sip:a@H;ob", true}, {"sip:%61@h", "sip:a@h", true}, {"sip:a@h;transport=TCP", "sip:a@h;transport=tcp", true},
		{"sip:a@h", "sip:a@h:5060", false}, {"sip:a@h", "sips:a@h", false}, {"sip:a@h", "sip:A@h", false}, {"sip:a@h", "sip:a@h;transport=tcp", false},
	} {
		a, _ := ParseURI(c.a)
		b, _ := ParseURI(c.b)
		if SameURI(a, b) != c.want {
			t.Errorf("%s and %s: %t", c.a, c.b, !c.want)
		}
	}
}

func FuzzURI(f *testing.F) {
	for _, s := range []string{"sip:a:b@h:1;x=y?z", "sips:[::1]", "tel:+1;a", "sip:%41@h", "sip:a?b@c;d=\"e\""} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		u, err := ParseURI(s)
		if err != nil {
			if !errors.Is(err, ErrMalformed) && !errors.Is(err, ErrScheme) {
				t.Errorf("an error of no kind: %v", err)
			}
			return
		}
		if strings.ContainsAny(u.String(), "\r\n") {
			t.Errorf("%q writes a line break", u.String())
		}
		_ = EscapeUser(Unescape(u.User))
	})
}

func FuzzAddress(f *testing.F) {
	for _, s := range []string{`"a" <sip:a@h>;b="c"`, "sip:a@h;x", `a\"b <c>`, "<>", `"\`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		_, _ = Seconds(s)
		for _, item := range List(s) {
			a, err := ParseAddress(item)
			if err != nil {
				continue
			}
			again, err := ParseAddress(a.String())
			if len(a.String()) <= longest && a.URI != "" && (err != nil || again.URI != strings.TrimSpace(strings.NewReplacer("<", "", ">", "").Replace(clean(a.URI)))) {
				t.Errorf("%q became %q: %+v %v", item, a.String(), again, err)
			}
		}
	})
}
