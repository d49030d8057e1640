package limits

import (
	"errors"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func limits(t testing.TB, c Config) *Limits {
	t.Helper()
	l, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// why is the reason of a refusal, "" of none.
func why(t testing.TB, err error) Why {
	t.Helper()
	if err == nil {
		return ""
	}
	var r *Refusal
	if !errors.As(err, &r) || r.Reason == "" || r.Error() != r.Reason {
		t.Fatalf("%v is no refusal", err)
	}
	want := 403
	if r.Why == TooMany || r.Why == TooFast {
		want = 503
		if r.RetryAfter < time.Second {
			t.Errorf("Retry-After %s", r.RetryAfter)
		}
	}
	if r.Status != want {
		t.Errorf("%s is answered by %d", r.Why, r.Status)
	}
	return r.Why
}

func TestWhereACallMayGo(t *testing.T) {
	for name, c := range map[string]struct {
		cfg  Config
		want map[call.Number]Why
	}{
		"no rules": {Config{}, map[call.Number]Why{"+358401234567": "", "+18005551234": "", "112": "", "anna": "", "": ""}},
		"only home": {Config{Allow: []string{"+358"}}, map[call.Number]Why{
			"+358401234567": "", "+46701234567": Destination, "0401234567": Destination, "anna": Destination, "": Destination}},
		"the longest prefix wins": {Config{Allow: []string{"+358", "+358 600 1"}, Deny: []string{"+358600", "+3584012"}}, map[call.Number]Why{
			"+358401334567": "", "+358401234567": Destination, "+35860012345": "", "+35860022345": Destination}},
		"deny wins at the same length": {Config{Allow: []string{"+46"}, Deny: []string{"+46"}}, map[call.Number]Why{"+46701234567": Destination}},
		"all but one":                  {Config{Deny: []string{"+882"}}, map[call.Number]Why{"+88213000000": Destination, "+358401234567": ""}},
		"premium": {Config{DenyPremium: true}, map[call.Number]Why{
			"+358600123456": Premium, "+19005551234": Premium, "+449098790000": Premium, "+979123456789": Premium, "+358401234567": "", "112": "", "anna": ""}},
		"shared cost":                {Config{DenyShared: true}, map[call.Number]Why{"+491801234567": Premium, "+442079460000": ""}},
		"premium, one excepted":      {Config{DenyPremium: true, Allow: []string{"+", "+358600123456"}}, map[call.Number]Why{"+358600123456": "", "+358600123457": Premium}},
		"countries":                  {Config{DenyCountries: []string{"CU", "001"}}, map[call.Number]Why{"+5352345678": Country, "+53": "", "+881612345678": Country, "+8835100123456789": Country, "+18095551234": "", "+358401234567": ""}},
		"a country of the same code": {Config{DenyCountries: []string{"DO", "JM"}}, map[call.Number]Why{"+18092345678": Country, "+18765230123": Country, "+16502530000": "", "+14165550123": ""}},
		"no number of its plan":      {Config{DenyCountries: []string{"CU"}}, map[call.Number]Why{"+539999999999": Country}},
		"national premium":           {Config{DenyPremium: true, Region: "FI"}, map[call.Number]Why{"0600123456": Premium, "0401234567": ""}},
		"emergency":                  {Config{Region: "FI", Allow: []string{"+46"}, DenyCountries: []string{"FI"}}, map[call.Number]Why{"112": "", "1124": Destination, "+358401234567": Destination}},
	} {
		l := limits(t, c.cfg)
		for n, want := range c.want {
			release, err := l.Out(n)
			if got := why(t, err); got != want {
				t.Errorf("%s: %s is %q (%v), want %q", name, string(n), got, err, want)
			}
			if release != nil {
				release()
			}
		}
		if calls, _ := l.Active(); calls != 0 {
			t.Errorf("%s: %d calls left", name, calls)
		}
	}
}

func TestARefusalNamesNoNumber(t *testing.T) {
	_, err := limits(t, Config{Allow: []string{"+46"}}).Out("+358401234567")
	if got := err.Error(); got != "this trunk calls only numbers that begin with +46" {
		t.Error(got)
	}
}

func TestNoMoreCallsAtOnceThanThereAreLines(t *testing.T) {
	l := limits(t, Config{Calls: 10, Region: "FI"})
	var mu sync.Mutex
	var releases []func()
	var all sync.WaitGroup
	for i := range 50 {
		all.Go(func() {
			take := l.In
			if i%2 == 0 {
				take = func() (func(), error) { return l.Out("+358401234567") }
			}
			if release, err := take(); why(t, err) == "" {
				mu.Lock()
				defer mu.Unlock()
				releases = append(releases, release)
			}
		})
	}
	all.Wait()
	if len(releases) != 10 {
		t.Fatalf("%d calls", len(releases))
	}
	help, err := l.Out("112")
	if err != nil {
		t.Fatalf("no help: %v", err)
	}
	if calls, most := l.Active(); calls != 11 || most != 10 {
		t.Errorf("%d of %d", calls, most)
	}
	help()
	releases[0]()
	releases[0]() // twice is once
	if release, err := l.In(); err != nil {
		t.Error(err)
	} else {
		release()
	}
	if err := l.Change(Config{Calls: 5}); err != nil {
		t.Fatal(err)
	}
	if _, err := l.In(); why(t, err) != TooMany {
		t.Errorf("%v", err)
	}
	for _, release := range releases[1:] {
		release()
	}
	if calls, most := l.Active(); calls != 0 || most != 5 {
		t.Errorf("%d of %d", calls, most)
	}
}

func TestNoMoreCallsASecondThanTheCarrierTakes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := limits(t, Config{PerSecond: 5, Burst: 2})
		taken := 0
		for range 1000 { // 10 s, a hundred attempts a second
			if release, err := l.In(); why(t, err) == "" {
				taken++
				release()
			} else if why(t, err) != TooFast {
				t.Fatal(err)
			}
			if err := l.Change(Config{PerSecond: 5, Burst: 2}); err != nil { // a reload fills no bucket
				t.Fatal(err)
			}
			time.Sleep(10 * time.Millisecond)
		}
		if taken < 50 || taken > 52 {
			t.Errorf("%d calls in 10 s", taken)
		}
		slow := limits(t, Config{PerSecond: 0.1})
		if _, err := slow.In(); err != nil {
			t.Error(err)
		}
		_, err := slow.In()
		var r *Refusal
		if !errors.As(err, &r) || r.RetryAfter != 10*time.Second {
			t.Errorf("%+v", r)
		}
	})
}

func TestARefusedDestinationCostsNoPlace(t *testing.T) {
	l := limits(t, Config{PerSecond: 0.001, Deny: []string{"+882"}})
	for range 10 {
		if _, err := l.Out("+88213000000"); why(t, err) != Destination {
			t.Fatal(err)
		}
	}
	if _, err := l.Out("+358401234567"); err != nil {
		t.Error(err)
	}
}

func TestWhatCannotBeALimitIsNamed(t *testing.T) {
	for _, c := range []Config{{Calls: -1}, {PerSecond: -1}, {Burst: -1}, {Allow: []string{""}}, {Deny: []string{"abc"}}, {Allow: []string{"+"}, Deny: []string{"++"}}, {DenyCountries: []string{"Cuba"}}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v was taken", c)
		}
	}
}

func BenchmarkOut(b *testing.B) {
	l := limits(b, Config{Calls: 10, Region: "FI", Allow: []string{"+358", "+46"}, DenyPremium: true, DenyCountries: []string{"CU"}})
	b.ReportAllocs()
	for b.Loop() {
		release, err := l.Out("+358401234567")
		if err != nil {
			b.Fatal(err)
		}
		release()
	}
}
