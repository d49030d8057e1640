package sip

import (
	"maps"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// dialogs finds a dialog by Call-ID and our own tag. The far side's tag is checked by the dialog, which may not know it
// yet: a BYE can overtake the 200 that brings it (W5).
type dialogs struct {
	gauge prometheus.Gauge

	mu     sync.RWMutex
	byName map[dialogName]*Dialog          // guarded by mu
	byFlow map[flow]map[*Dialog]struct{}   // guarded by mu; dialogs bound to a socket
	byUnit map[device]map[*Dialog]struct{} // guarded by mu; dialogs with a device that may come back by another socket
	over   map[*Dialog]time.Time           // guarded by mu; ended ones, until when they are kept for late messages
	most   int                             // guarded by mu; how many byName had at most since it was made
}

type dialogName struct{ callID, tag string }

// device names a piece of equipment across sockets (RFC 5626 section 4.1).
type device struct{ aor, instance string }

func newDialogs(gauge prometheus.Gauge) *dialogs {
	return &dialogs{
		gauge: gauge, byName: map[dialogName]*Dialog{}, byFlow: map[flow]map[*Dialog]struct{}{},
		byUnit: map[device]map[*Dialog]struct{}{}, over: map[*Dialog]time.Time{},
	}
}

func (t *dialogs) find(callID, tag string) *Dialog {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return t.byName[dialogName{callID, tag}]
}

func (t *dialogs) add(d *Dialog) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.byName[d.name] = d
	t.most = max(t.most, len(t.byName))
	t.gauge.Inc()
	bind(t.byFlow, d.boundFlow, d, d.bound)
	bind(t.byUnit, d.unit, d, d.unit.instance != "")
}

// live are the dialogs whose last word has not been said.
func (t *dialogs) live() []*Dialog {
	t.mu.RLock()
	defer t.mu.RUnlock()
	out := make([]*Dialog, 0, len(t.byName))
	for _, d := range t.byName {
		if _, over := t.over[d]; !over {
			out = append(out, d)
		}
	}
	return out
}

func (t *dialogs) count() int {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return len(t.byName) - len(t.over)
}

// ended lets a dialog be forgotten after a while: repetitions of what it heard may still come.
func (t *dialogs) ended(d *Dialog) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, twice := t.over[d]; twice {
		return
	}
	t.over[d] = time.Now().Add(rememberFor)
	t.gauge.Dec()
	unbind(t.byFlow, d.boundFlow, d)
	unbind(t.byUnit, d.unit, d)
}

func (t *dialogs) sweep(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for d, until := range t.over {
		if now.After(until) {
			delete(t.over, d)
			delete(t.byName, d.name)
		}
	}
	t.fit()
}

// fit gives memory back after a rush: a map keeps the room for as many as it once had. The caller holds mu.
func (t *dialogs) fit() {
	const few = 256
	if t.most < few || len(t.byName) > t.most/4 {
		return
	}
	byName, over := make(map[dialogName]*Dialog, len(t.byName)), make(map[*Dialog]time.Time, len(t.over))
	maps.Copy(byName, t.byName)
	maps.Copy(over, t.over)
	t.byName, t.over, t.most = byName, over, len(byName)
}

// move binds a dialog to another socket.
func (t *dialogs) move(d *Dialog, to flow) (from flow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	from = d.boundFlow
	if _, over := t.over[d]; over {
		return from
	}
	unbind(t.byFlow, from, d)
	d.boundFlow = to
	bind(t.byFlow, to, d, true)
	return from
}

// flowOf is the socket a dialog is bound to.
func (t *dialogs) flowOf(d *Dialog) flow {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return d.boundFlow
}

func (t *dialogs) onFlow(f flow) []*Dialog {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return keys(t.byFlow[f])
}

func (t *dialogs) ofUnit(u device) []*Dialog {
	t.mu.RLock()
	defer t.mu.RUnlock()
	return keys(t.byUnit[u])
}

func bind[K comparable](m map[K]map[*Dialog]struct{}, k K, d *Dialog, yes bool) {
	if !yes {
		return
	}
	if m[k] == nil {
		m[k] = map[*Dialog]struct{}{}
	}
	m[k][d] = struct{}{}
}

func unbind[K comparable](m map[K]map[*Dialog]struct{}, k K, d *Dialog) {
	delete(m[k], d)
	if len(m[k]) == 0 {
		delete(m, k)
	}
}

func keys(m map[*Dialog]struct{}) []*Dialog {
	out := make([]*Dialog, 0, len(m))
	for d := range m {
		out = append(out, d)
	}
	return out
}
