package agent

import (
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/call"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// The availability table as the mission has it.
func TestAvailabilityTable(t *testing.T) {
	for _, row := range []struct {
		of                      Type
		queue, direct, outbound bool
	}{
		{Available, true, true, true},
		{Busy, true, true, true},
		{DND, false, false, true},
		{OffWork, false, true, true},
		{"lunch", false, false, false},
	} {
		if row.of.Takes(QueueCall) != row.queue || row.of.Takes(DirectCall) != row.direct || row.of.Takes(OutboundCall) != row.outbound {
			t.Errorf("%s takes queue %v direct %v outbound %v", row.of, row.of.Takes(QueueCall), row.of.Takes(DirectCall), row.of.Takes(OutboundCall))
		}
	}
}

func TestOfManyCallersOneReservesTheAgent(t *testing.T) {
	d := NewDesk([]Profile{{ID: "anna"}})
	d.Devices("anna", 1)
	for range 50 {
		var won atomic.Int32
		var winner *Reservation
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				if r, ok := d.Reserve("anna", call.NewID(), QueueCall); ok {
					won.Add(1)
					winner = r
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d callers reserved her at once", won.Load())
		}
		winner.Release(0)
	}
}

func TestReservation(t *testing.T) {
	for _, c := range []struct {
		name    string
		type_   Type
		devices int
		kind    Kind
		want    bool
	}{
		{"a queue call for who is available", Available, 1, QueueCall, true},
		{"a queue call for who has gone home", OffWork, 1, QueueCall, false},
		{"a direct call for who has gone home", OffWork, 1, DirectCall, true},
		{"a direct call for who must not be disturbed", DND, 1, DirectCall, false},
		{"a call for who has no phone", Available, 0, DirectCall, false},
		{"she calls herself", DND, 0, OutboundCall, true},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := NewDesk([]Profile{{ID: "anna", Start: c.type_}})
			d.Devices("anna", c.devices)
			if _, ok := d.Reserve("anna", "c", c.kind); ok != c.want {
				t.Errorf("reserved %v, want %v", ok, c.want)
			}
		})
	}
}

func TestAnUnansweredRingChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDesk([]Profile{{ID: "anna"}})
		d.Devices("anna", 1)
		before, _ := d.Status("anna")
		time.Sleep(time.Minute)
		r, _ := d.Reserve("anna", "c", QueueCall)
		r.Ringing()
		if s, _ := d.Status("anna"); s.Work != Ringing || s.Call != "c" {
			t.Errorf("while it rings: %+v", s)
		}
		time.Sleep(time.Minute)
		r.Release(time.Hour)
		if after, _ := d.Status("anna"); after != before {
			t.Errorf("after a missed call %+v, before %+v", after, before)
		}
	})
}

func TestWrapUpEndsByItselfOrByHandAndNotTheNextOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDesk([]Profile{{ID: "anna"}})
		defer d.Close()
		d.Devices("anna", 1)
		talk := func(k Kind) {
			r, ok := d.Reserve("anna", "c", k)
			if !ok {
				t.Fatal("not reserved")
			}
			r.Connected()
			r.Release(30 * time.Second)
			r.Release(0) // more are ignored
		}
		want := func(w Work) {
			t.Helper()
			if s, _ := d.Status("anna"); s.Work != w {
				t.Errorf("at %v she is %s, want %s", time.Now(), s.Work, w)
			}
		}
		talk(QueueCall)
		want(WrapUp)
		if _, ok := d.Reserve("anna", "c", QueueCall); ok {
			t.Error("a queue call reached her in wrap-up")
		}
		time.Sleep(20 * time.Second)
		talk(DirectCall) // a colleague may call; wrap-up begins anew afterwards
		time.Sleep(20 * time.Second)
		want(WrapUp) // the first timer has not ended the second wrap-up
		d.Set("anna", Available, time.Time{})
		want(Idle)
	})
}

func TestATimedAvailabilityGoesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := NewDesk([]Profile{{ID: "anna"}})
		defer d.Close()
		told := make(chan Type, 5)
		d.Watch(func(s Status) { told <- s.Availability.Type })
		d.Set("anna", Busy, time.Now().Add(time.Hour))
		time.Sleep(time.Hour + time.Second)
		synctest.Wait()
		if s, _ := d.Status("anna"); s.Availability.Type != Available || !s.Availability.Until.IsZero() {
			t.Errorf("after the hour: %+v", s.Availability)
		}
		if len(told) != 2 || <-told != Busy || <-told != Available {
			t.Error("the watcher was not told of both changes, each once")
		}
	})
}

func TestFinding(t *testing.T) {
	d := NewDesk([]Profile{{ID: "anna", Extension: "1001", Salesforce: "005000000000001AAA"}})
	for name, found := range map[string]func() (Profile, bool){
		"id":                    func() (Profile, bool) { return d.Find("anna") },
		"extension":             func() (Profile, bool) { return d.Find("1001") },
		"user":                  func() (Profile, bool) { return d.BySalesforceUser("005000000000001AAA") },
		"user of 15 characters": func() (Profile, bool) { return d.BySalesforceUser("005000000000001") },
	} {
		if p, ok := found(); !ok || p.ID != "anna" {
			t.Errorf("by %s: %+v, %v", name, p, ok)
		}
	}
	for _, nobody := range []string{"", "carl", "1002"} {
		if _, ok := d.Find(nobody); ok {
			t.Errorf("%q was found", nobody)
		}
	}
	if d.Set("carl", Busy, time.Time{}) || d.Set("anna", "lunch", time.Time{}) {
		t.Error("an unknown agent or availability was set")
	}
}

func TestDisplayNumbers(t *testing.T) {
	p := Profile{Display: []DisplayNumber{{Number: "+3581"}, {Number: "+3582"}}}
	for wish, want := range map[call.Number]call.Number{"": "+3581", "+3582": "+3582"} {
		if n, ok := p.Shows(wish); !ok || n != want {
			t.Errorf("wish %q shows %q, %v", wish, string(n), ok)
		}
	}
	if _, ok := p.Shows("+3589"); ok {
		t.Error("she may show a number that is not hers")
	}
}

func TestWhoStaysOverAReplaceKeepsHerCallAndHerAvailability(t *testing.T) {
	d := NewDesk([]Profile{{ID: "anna"}, {ID: "bo"}})
	defer d.Close()
	var told []string
	d.Watch(func(s Status) { told = append(told, s.ID) })
	for _, id := range []string{"anna", "bo"} {
		d.Devices(id, 1)
	}
	d.Set("anna", Busy, time.Time{})
	hers, ok := d.Reserve("anna", "call", DirectCall)
	if !ok {
		t.Fatal("not reserved")
	}
	his, _ := d.Reserve("bo", "other", DirectCall)
	told = nil
	d.Replace([]Profile{{ID: "anna", Name: "Anna", Extension: "1001"}, {ID: "carl", Start: DND}})
	if s, _ := d.Status("anna"); s.Call != "call" || s.Availability.Type != Busy || s.Devices != 1 {
		t.Errorf("anna stands %+v", s)
	}
	if p, _ := d.Find("1001"); p.Name != "Anna" {
		t.Errorf("anna is %+v", p)
	}
	if s, ok := d.Status("carl"); !ok || s.Availability.Type != DND || len(told) != 1 || told[0] != "carl" {
		t.Errorf("carl stands %+v, told %q", s, told)
	}
	if _, ok := d.Status("bo"); ok {
		t.Error("bo is still here")
	}
	his.Connected() // the call of who has gone goes on, and ends as calls do
	his.Release(time.Second)
	if _, ok := d.Reserve("bo", "another", DirectCall); ok {
		t.Error("bo is offered another call")
	}
	hers.Release(0)
	if s, _ := d.Status("anna"); s.Work != Idle {
		t.Errorf("anna stands %+v", s)
	}
}
