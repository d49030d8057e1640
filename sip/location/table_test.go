package location

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func flow(port uint16) Flow {
	return Flow{Transport: "ws", Remote: netip.AddrPortFrom(netip.MustParseAddr("192.0.2.1"), port)}
}

// device is a registration of aor under this contact for a minute.
func device(aor, contact, callID string, cseq uint32) Device {
	return Device{AOR: aor, Contact: contact, CallID: callID, CSeq: cseq, Flow: flow(1000), Expires: time.Now().Add(time.Minute)}
}

func contacts(devices []Device) []string {
	var out []string
	for _, d := range devices {
		out = append(out, d.Contact)
	}
	return out
}

func wantContacts(t *testing.T, got []Device, want ...string) {
	t.Helper()
	if !slices.Equal(contacts(got), want) {
		t.Fatalf("devices %q, want %q", contacts(got), want)
	}
}

// register must succeed.
func register(t *testing.T, table *Table, d Device) []Device {
	t.Helper()
	live, err := table.Register(d)
	if err != nil {
		t.Fatal(err)
	}
	return live
}

func TestRegisterLookupUnregister(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{})
		defer table.Close()
		register(t, table, device("anna", "sip:a@1", "c1", 1))
		time.Sleep(time.Second)
		wantContacts(t, register(t, table, device("anna", "sip:b@1", "c2", 1)), "sip:b@1", "sip:a@1")
		time.Sleep(time.Second)
		wantContacts(t, register(t, table, device("anna", "sip:a@1", "c1", 2)), "sip:a@1", "sip:b@1") // a refresh is news
		register(t, table, device("bo", "sip:a@1", "c1", 1))                                          // another one's contact

		got := table.Lookup("anna")
		if d := got[0]; !d.Registered.Equal(d.Refreshed.Add(-2*time.Second)) || d.CSeq != 2 {
			t.Errorf("refreshed device %+v", d)
		}
		if live, err := table.Unregister(Device{AOR: "anna", Contact: "sip:b@1", CallID: "c2", CSeq: 2}); err != nil {
			t.Error(err)
		} else {
			wantContacts(t, live, "sip:a@1")
		}
		if live, err := table.Unregister(Device{AOR: "anna", Contact: "sip:none@1"}); err != nil || len(live) != 1 {
			t.Errorf("removing what is not there: %v %v", live, err)
		}
		if n := table.Len(); n != 2 {
			t.Errorf("%d devices, want 2", n)
		}
		wantContacts(t, table.Lookup("nobody"))
	})
}

func TestTheSameInstanceReplacesItsBinding(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{})
		defer table.Close()
		tab := func(contact, callID string, regID int, port uint16) Device {
			d := device("anna", contact, callID, 1)
			d.Instance, d.RegID, d.Flow = "<urn:uuid:1>", regID, flow(port)
			return d
		}
		register(t, table, tab("sip:x@old.invalid;transport=ws", "c1", 1, 1000))
		// The page was loaded again: another Contact, Call-ID and flow, the same instance.
		wantContacts(t, register(t, table, tab("sip:y@new.invalid;transport=ws", "c2", 1, 2000)), "sip:y@new.invalid;transport=ws")
		if got := table.ByFlow(flow(1000)); len(got) != 0 {
			t.Errorf("the old flow still leads to %v", got)
		}
		if got := table.ByFlow(flow(2000)); len(got) != 1 || got[0].AOR != "anna" {
			t.Errorf("the new flow leads to %v", got)
		}
		// A second flow of the same instance is a binding of its own (RFC 5626 section 4.2).
		if live := register(t, table, tab("sip:z@new.invalid;transport=ws", "c3", 2, 3000)); len(live) != 2 {
			t.Errorf("devices %v", live)
		}
	})
}

func TestOrderOfRequestsOfOneCallID(t *testing.T) {
	for name, c := range map[string]struct {
		callID string
		cseq   uint32
		want   error
	}{
		"the next one":              {"c1", 6, nil},
		"the same again":            {"c1", 5, ErrOutOfOrder},
		"an earlier one":            {"c1", 4, ErrOutOfOrder},
		"an earlier one of another": {"c2", 1, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				table := New(Limits{})
				defer table.Close()
				fill := func() { table.Close(); table = New(Limits{}); register(t, table, device("anna", "sip:a@1", "c1", 5)) }
				fill()
				if _, err := table.Register(device("anna", "sip:a@1", c.callID, c.cseq)); !errors.Is(err, c.want) {
					t.Errorf("register: %v, want %v", err, c.want)
				}
				fill()
				if _, err := table.Unregister(device("anna", "sip:a@1", c.callID, c.cseq)); !errors.Is(err, c.want) {
					t.Errorf("unregister: %v, want %v", err, c.want)
				}
				fill()
				register(t, table, device("anna", "sip:b@1", "c9", 1))
				err := table.UnregisterAll("anna", c.callID, c.cseq)
				if left := len(table.Lookup("anna")); !errors.Is(err, c.want) || (c.want == nil) != (left == 0) {
					t.Errorf("all: %v with %d left, want %v", err, left, c.want)
				}
			})
		})
	}
	t.Run("the operator asks no order", func(t *testing.T) {
		table := New(Limits{})
		defer table.Close()
		register(t, table, device("anna", "sip:a@1", "", 5))
		if err := table.UnregisterAll("anna", "", 0); err != nil || table.Len() != 0 {
			t.Errorf("%v, %d left", err, table.Len())
		}
	})
}

func TestBounds(t *testing.T) {
	table := New(Limits{PerAOR: 2, Total: 3})
	defer table.Close()
	full := func(aor, contact string) error {
		_, err := table.Register(device(aor, contact, "c", 1))
		return err
	}
	for _, c := range []struct {
		aor, contact string
		want         error
	}{
		{"anna", "sip:1@x", nil}, {"anna", "sip:2@x", nil}, {"anna", "sip:3@x", ErrTooMany},
		{"bo", "sip:1@x", nil}, {"carl", "sip:1@x", ErrTooMany},
	} {
		if err := full(c.aor, c.contact); !errors.Is(err, c.want) {
			t.Errorf("%s %s: %v, want %v", c.aor, c.contact, err, c.want)
		}
	}
	if _, err := table.Register(device("anna", "sip:1@x", "c", 2)); err != nil {
		t.Errorf("a refresh in a full table: %v", err)
	}
	late := device("dina", "sip:1@x", "c", 1)
	late.Expires = time.Now()
	if _, err := table.Register(late); !errors.Is(err, ErrExpired) {
		t.Errorf("no lifetime: %v", err)
	}
}

func TestExpiry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{})
		defer table.Close()
		type word struct {
			at      time.Duration
			aor     string
			devices int
		}
		start := time.Now()
		var told []word
		table.Watch(func(aor string, devices int) { told = append(told, word{time.Since(start), aor, devices}) })
		for i, life := range []time.Duration{60, 30, 90} {
			d := device("anna", fmt.Sprintf("sip:%d@x", i), fmt.Sprint(i), 1)
			d.Expires = start.Add(life * time.Second)
			register(t, table, d)
		}
		time.Sleep(20 * time.Second)
		d := device("anna", "sip:1@x", "1", 2) // refreshed: now until 80 s
		register(t, table, d)
		time.Sleep(41 * time.Second)
		synctest.Wait()
		wantContacts(t, table.Lookup("anna"), "sip:1@x", "sip:2@x")
		time.Sleep(time.Hour)
		synctest.Wait()
		want := []word{{0, "anna", 1}, {0, "anna", 2}, {0, "anna", 3}, {60 * time.Second, "anna", 2},
			{80 * time.Second, "anna", 1}, {90 * time.Second, "anna", 0}}
		if !slices.Equal(told, want) {
			t.Errorf("told %v\nwant %v", told, want)
		}
		if n := table.Len(); n != 0 {
			t.Errorf("%d devices for ever", n)
		}
		if table.timer != nil || len(table.byFlow) != 0 || len(table.devices) != 0 {
			t.Error("an empty table keeps something")
		}
	})
}

func TestADroppedFlowTakesItsDevicesWithIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{})
		defer table.Close()
		for i, aor := range []string{"anna", "bo", "anna", "carl"} {
			d := device(aor, fmt.Sprintf("sip:%d@x", i), "c", 1)
			if aor == "carl" {
				d.Flow = flow(2000)
			}
			register(t, table, d)
		}
		told := map[string]int{}
		stop := table.Watch(func(aor string, devices int) { told[aor] = devices + 100 })
		wantContacts(t, table.DropFlow(flow(1000)), "sip:0@x", "sip:1@x", "sip:2@x")
		if len(told) != 2 || told["anna"] != 100 || told["bo"] != 100 {
			t.Errorf("told %v", told)
		}
		stop()
		wantContacts(t, table.DropFlow(flow(2000)), "sip:3@x")
		wantContacts(t, table.DropFlow(flow(2000)))
		if _, heard := told["carl"]; heard {
			t.Error("told after stop")
		}
	})
}

// A device that has come back by another flow is told of, though there are as many as before: who waits for it must hear
// of it. A refresh is not.
func TestADeviceThatComesBackByAnotherFlowIsToldOf(t *testing.T) {
	table := New(Limits{})
	defer table.Close()
	d := device("anna", "sip:a@1", "c", 1)
	d.Instance = "urn:uuid:1"
	register(t, table, d)
	told := 0
	table.Watch(func(_ string, devices int) {
		told++
		if devices != 1 {
			t.Errorf("%d devices", devices)
		}
	})
	d.CSeq++
	register(t, table, d)
	if told != 0 {
		t.Error("told of a refresh")
	}
	d.Flow, d.Contact, d.CallID = flow(2000), "sip:b@1", "d"
	register(t, table, d)
	if told != 1 {
		t.Errorf("told %d times of another flow", told)
	}
}

func TestDevicesAreCopies(t *testing.T) {
	table := New(Limits{})
	defer table.Close()
	d := device("anna", "sip:a@1", "c", 1)
	d.Path = []string{"<sip:edge;lr>"}
	got := register(t, table, d)
	d.Path[0], got[0].Path[0], got[0].AOR = "changed", "changed", "changed"
	if again := table.Lookup("anna"); again[0].Path[0] != "<sip:edge;lr>" || again[0].AOR != "anna" {
		t.Errorf("%+v", again)
	}
}

func TestTheLastWordIsTrueHoweverManySpeakAtOnce(t *testing.T) {
	table := New(Limits{PerAOR: 100})
	defer table.Close()
	var last int
	table.Watch(func(_ string, devices int) { last = devices })
	var wg sync.WaitGroup
	for i := range 40 {
		wg.Go(func() {
			for n := range uint32(50) {
				d := device("anna", fmt.Sprintf("sip:%d@x", i), fmt.Sprint(i), 2*n+1)
				d.Flow = flow(uint16(i))
				if _, err := table.Register(d); err != nil {
					t.Error(err)
				}
				if i%2 == 0 {
					table.DropFlow(d.Flow)
				}
			}
		})
	}
	wg.Wait()
	if last != 20 || len(table.Lookup("anna")) != 20 {
		t.Errorf("told %d, there are %d, want 20", last, len(table.Lookup("anna")))
	}
}

func TestCloseStopsTheTimer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		table := New(Limits{})
		register(t, table, device("anna", "sip:a@1", "c", 1))
		table.Close()
		if _, err := table.Register(device("bo", "sip:a@1", "c", 1)); err == nil {
			t.Error("a closed table takes registrations")
		}
	})
}

func BenchmarkRefresh(b *testing.B) {
	table := New(Limits{Total: 20_000})
	defer table.Close()
	d := device("", "sip:a@1", "c", 0)
	d.Expires = time.Now().Add(time.Hour)
	aors := make([]string, 10_000)
	for i := range aors {
		aors[i] = fmt.Sprintf("agent%d", i)
		d.AOR, d.Flow = aors[i], flow(uint16(i))
		_, _ = table.Register(d)
	}
	b.ReportAllocs()
	for b.Loop() {
		d.CSeq++
		i := int(d.CSeq) % len(aors)
		d.AOR, d.Flow = aors[i], flow(uint16(i))
		if _, err := table.Register(d); err != nil {
			b.Fatal(err)
		}
	}
}
