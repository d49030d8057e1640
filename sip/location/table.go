package location

import (
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"
)

// What Register and the removals may refuse.
var (
	// ErrTooMany: the address of record has as many devices as one may have, or the table is full. Answer 503.
	ErrTooMany = errors.New("too many registered devices")
	// ErrOutOfOrder: a later request of the same Call-ID was served before (RFC 3261 section 10.3 step 7). Answer 500.
	ErrOutOfOrder = errors.New("register out of order")
	// ErrExpired: a registration that is over before it begins. Use Unregister for an expiry of zero.
	ErrExpired = errors.New("registration without a lifetime")
)

// Flow is the way on which a device's messages came and on which ours go to it. For a browser there is no other.
type Flow struct {
	Transport string         // "udp", "tcp", "tls" or "ws"
	Remote    netip.AddrPort // the other end, as seen from here
}

// Device is one binding: a phone or a browser that can be called under AOR.
type Device struct {
	AOR     string // the canonical address of record: the agent's id
	Contact string // the Contact URI as received, to be echoed so (pitfall S8)

	Instance string // +sip.instance, empty when the device has none
	RegID    int    // reg-id (RFC 5626), 0 when none
	CallID   string // of the REGISTER
	CSeq     uint32 // of the REGISTER

	Flow       Flow
	UserAgent  string
	Path       []string  // Path headers as received (RFC 3327)
	Registered time.Time // since when, kept over refreshes; set by Register
	Refreshed  time.Time // the last REGISTER; set by Register
	Expires    time.Time
}

// Limits bound the table. Zero values take the defaults.
type Limits struct {
	PerAOR int // devices of one address of record, 10
	Total  int // devices in all, 20,000
}

// Table holds the bindings. All methods are safe for concurrent use; devices are handed out as copies.
type Table struct {
	limits Limits

	mu      sync.Mutex
	devices map[string][]*Device // by AOR; guarded by mu
	byFlow  map[Flow][]*Device   // guarded by mu
	total   int                  // guarded by mu
	timer   *time.Timer          // fires at next; nil while the table is empty or closed; guarded by mu
	next    time.Time            // guarded by mu
	armed   int                  // counts the timers set, so that one overtaken does nothing; guarded by mu
	closed  bool                 // guarded by mu
	running sync.WaitGroup       // the timer's function

	telling  sync.Mutex                // orders what watchers are told
	watchers map[int]func(string, int) // guarded by mu
	watchID  int                       // guarded by mu
}

// New makes an empty table. Close it when done.
func New(l Limits) *Table {
	if l.PerAOR == 0 {
		l.PerAOR = 10
	}
	if l.Total == 0 {
		l.Total = 20_000
	}
	return &Table{
		limits:   l,
		devices:  make(map[string][]*Device),
		byFlow:   make(map[Flow][]*Device),
		watchers: make(map[int]func(string, int)),
	}
}

// Register adds d, or replaces the binding it renews: the one with the same instance and reg-id (RFC 5626 section 6), or
// with the same Contact. It returns all live devices of d.AOR, newest first: the Contacts of the 200.
func (t *Table) Register(d Device) ([]Device, error) {
	now := time.Now()
	if !d.Expires.After(now) {
		return nil, ErrExpired
	}
	t.mu.Lock()
	fresh, err := t.put(d, now)
	live := t.live(d.AOR, now)
	t.mu.Unlock()
	if err != nil {
		return nil, err
	}
	if fresh {
		t.tell(d.AOR)
	}
	return live, nil
}

// Unregister removes the binding that d would renew (Expires: 0). Removing what is not there is no error. It returns the
// devices that remain, newest first.
func (t *Table) Unregister(d Device) ([]Device, error) {
	now := time.Now()
	t.mu.Lock()
	old := t.find(d)
	if old != nil && outOfOrder(old, d.CallID, d.CSeq) {
		t.mu.Unlock()
		return nil, ErrOutOfOrder
	}
	if old != nil {
		t.remove(old)
	}
	live := t.live(d.AOR, now)
	t.mu.Unlock()
	if old != nil {
		t.tell(d.AOR)
	}
	return live, nil
}

// UnregisterAll removes every binding of the address of record ("Contact: *"), or none when one of them is newer than
// this request (RFC 3261 section 10.3 step 6). An empty callID asks no such question: the operator's removal.
func (t *Table) UnregisterAll(aor, callID string, cseq uint32) error {
	t.mu.Lock()
	all := slices.Clone(t.devices[aor])
	for _, d := range all {
		if callID != "" && outOfOrder(d, callID, cseq) {
			t.mu.Unlock()
			return ErrOutOfOrder
		}
	}
	for _, d := range all {
		t.remove(d)
	}
	t.mu.Unlock()
	if len(all) > 0 {
		t.tell(aor)
	}
	return nil
}

// Lookup returns the live devices of an address of record, the one heard of last first.
func (t *Table) Lookup(aor string) []Device {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.live(aor, time.Now())
}

// ByFlow returns the live devices that registered over this flow.
func (t *Table) ByFlow(f Flow) []Device {
	t.mu.Lock()
	defer t.mu.Unlock()
	return copies(t.byFlow[f], time.Now())
}

// DropFlow removes every device of a flow that is gone, and returns them.
func (t *Table) DropFlow(f Flow) []Device {
	t.mu.Lock()
	gone := slices.Clone(t.byFlow[f])
	dropped := copies(gone, time.Time{})
	for _, d := range gone {
		t.remove(d)
	}
	t.mu.Unlock()
	for _, aor := range aorsOf(dropped) {
		t.tell(aor)
	}
	return dropped
}

// Len is how many devices are registered, expired ones not counted once their moment has passed.
func (t *Table) Len() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.total
}

// Watch has f called whenever the devices of an address of record may have changed: registered, unregistered, expired,
// dropped, come back by another flow; not on a refresh. Calls come one at a time, and the last one always tells the present number. f may
// look things up, but not change the table, and must not block. stop ends it.
func (t *Table) Watch(f func(aor string, devices int)) (stop func()) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.watchID++
	id := t.watchID
	t.watchers[id] = f
	return func() {
		t.mu.Lock()
		defer t.mu.Unlock()
		delete(t.watchers, id)
	}
}

// Close stops the expiry. It returns when no watcher is being told anything by it any more.
func (t *Table) Close() {
	t.mu.Lock()
	t.closed = true
	if t.timer != nil && t.timer.Stop() {
		t.running.Done()
	}
	t.timer = nil
	t.armed++
	t.mu.Unlock()
	t.running.Wait()
}
