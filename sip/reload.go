package sip

import (
	"net/netip"
	"slices"
	"time"
)

// Reload replaces the trunks and the networks of desk phones: from the next message on the new ones count. Calls that are
// up go on, also those of a trunk that is no more: its address stays known while it is spoken to. The error says what is
// wrong with a trunk; nothing has changed then.
func (e *Endpoint) Reload(trunks []Trunk, phones []netip.Prefix) error {
	e.reloading.Lock()
	defer e.reloading.Unlock()
	before := e.sources.configured.Load().trunks
	now, fresh, err := e.trunksFrom(trunks, before)
	if err != nil {
		return err
	}
	k, err := e.readKeys(now)
	if err != nil {
		return err
	}
	n := newNetworks(now, phones)
	for _, d := range e.dialogs.live() {
		if a := d.farAddr().Unmap(); a.IsValid() && !n.hold(a) {
			e.sources.keep(a, longestCall)
		}
	}
	e.keys.Store(k)
	e.sources.configured.Store(n)
	for _, t := range before {
		if !slices.Contains(now, t) {
			t.stop()
			e.sources.forget(t)
		}
	}
	for _, t := range fresh {
		t.run()
	}
	return nil
}

// longestCall is how long the address of a call whose trunk is no more stays known: its BYE must be heard.
const longestCall = 24 * time.Hour

// farAddr is the address that the last message of the far side came from; invalid when nothing has come yet.
func (d *Dialog) farAddr() netip.Addr {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.source.Remote.Addr()
}
