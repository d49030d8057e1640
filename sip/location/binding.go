package location

import (
	"slices"
	"time"
)

// put adds or replaces; fresh says whether the number of devices grew, or one came by another flow. t.mu is held.
func (t *Table) put(d Device, now time.Time) (fresh bool, err error) {
	old := t.find(d)
	if old != nil && outOfOrder(old, d.CallID, d.CSeq) && old.Expires.After(now) {
		return false, ErrOutOfOrder
	}
	if old == nil && (t.closed || t.total >= t.limits.Total || len(t.devices[d.AOR]) >= t.limits.PerAOR) {
		return false, ErrTooMany
	}
	put := &d
	put.Path = slices.Clone(d.Path)
	put.Registered, put.Refreshed = now, now
	if old != nil {
		put.Registered = old.Registered
		t.remove(old)
	}
	t.devices[d.AOR] = append(t.devices[d.AOR], put)
	t.byFlow[d.Flow] = append(t.byFlow[d.Flow], put)
	t.total++
	t.arm(put.Expires)
	return old == nil || old.Flow != d.Flow, nil
}

// find returns the binding that d would renew, or nil. t.mu is held.
func (t *Table) find(d Device) *Device {
	for _, o := range t.devices[d.AOR] {
		sameInstance := d.Instance != "" && o.Instance == d.Instance && o.RegID == d.RegID
		if sameInstance || o.Contact == d.Contact {
			return o
		}
	}
	return nil
}

// outOfOrder is the rule of RFC 3261 section 10.3: within one Call-ID the CSeq must have grown.
func outOfOrder(old *Device, callID string, cseq uint32) bool {
	return old.CallID == callID && cseq <= old.CSeq
}

// remove takes d out. t.mu is held.
func (t *Table) remove(d *Device) {
	isD := func(o *Device) bool { return o == d }
	if t.devices[d.AOR] = slices.DeleteFunc(t.devices[d.AOR], isD); len(t.devices[d.AOR]) == 0 {
		delete(t.devices, d.AOR)
	}
	if t.byFlow[d.Flow] = slices.DeleteFunc(t.byFlow[d.Flow], isD); len(t.byFlow[d.Flow]) == 0 {
		delete(t.byFlow, d.Flow)
	}
	t.total--
}

// live copies the devices of aor that have not expired, newest first. t.mu is held.
func (t *Table) live(aor string, now time.Time) []Device {
	out := copies(t.devices[aor], now)
	slices.SortStableFunc(out, func(a, b Device) int { return b.Refreshed.Compare(a.Refreshed) })
	return out
}

// copies returns those of devices that are alive at now.
func copies(devices []*Device, now time.Time) []Device {
	var out []Device
	for _, d := range devices {
		if d.Expires.After(now) {
			c := *d
			c.Path = slices.Clone(d.Path)
			out = append(out, c)
		}
	}
	return out
}

// aorsOf lists each address of record once.
func aorsOf(devices []Device) []string {
	var out []string
	for _, d := range devices {
		if !slices.Contains(out, d.AOR) {
			out = append(out, d.AOR)
		}
	}
	return out
}

// tell reads the number at the moment of telling, so that of two changes told at once the later word is the truth.
func (t *Table) tell(aor string) {
	t.telling.Lock()
	defer t.telling.Unlock()
	t.mu.Lock()
	devices := len(copies(t.devices[aor], time.Now()))
	watchers := make([]func(string, int), 0, len(t.watchers))
	for _, f := range t.watchers {
		watchers = append(watchers, f)
	}
	t.mu.Unlock()
	for _, f := range watchers {
		f(aor, devices)
	}
}
