package location

import "time"

// arm makes sure that the timer fires at the given moment or before. t.mu is held.
//
// One timer serves the whole table. It may fire for nothing, when the device it was set for has been refreshed since;
// then it is set for the next one. A refresh itself touches no timer.
func (t *Table) arm(at time.Time) {
	if t.closed || t.timer != nil && !at.Before(t.next) {
		return
	}
	if t.timer != nil && t.timer.Stop() {
		t.running.Done()
	}
	t.next = at
	t.armed++
	armed := t.armed
	t.running.Add(1)
	t.timer = time.AfterFunc(time.Until(at), func() { t.expire(armed) })
}

// expire removes what is over and sets the timer for what is over next.
func (t *Table) expire(armed int) {
	defer t.running.Done()
	now := time.Now()
	t.mu.Lock()
	if armed != t.armed { // it fired while arm was setting an earlier one, or Close had its turn
		t.mu.Unlock()
		return
	}
	gone, next := t.expired(now)
	for _, d := range gone {
		t.remove(d)
	}
	t.timer = nil
	if !next.IsZero() {
		t.arm(next)
	}
	t.mu.Unlock()

	told := make(map[string]bool, len(gone))
	for _, d := range gone {
		if !told[d.AOR] {
			told[d.AOR] = true
			t.tell(d.AOR)
		}
	}
}

// expired lists what is over at now, and the earliest moment at which more will be. t.mu is held.
func (t *Table) expired(now time.Time) (gone []*Device, next time.Time) {
	for _, devices := range t.devices {
		for _, d := range devices {
			switch {
			case !d.Expires.After(now):
				gone = append(gone, d)
			case next.IsZero() || d.Expires.Before(next):
				next = d.Expires
			}
		}
	}
	return gone, next
}
