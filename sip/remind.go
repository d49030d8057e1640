package sip

import "time"

// remind says a provisional response again after a while: a proxy on the way gives up on an INVITE of which it hears
// nothing for three minutes (RFC 3261 section 13.3.1.1), and a caller may wait for longer than that.
func (d *Dialog) remind(status int, sdp []byte) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over || d.phase != early {
		return
	}
	if d.reliable != nil {
		sdp = nil // it has arrived, and would be another offer
	}
	if d.reminder != nil {
		d.reminder.Stop()
	}
	d.reminder = time.AfterFunc(d.e.cfg.Timeouts.Remind, func() {
		defer d.e.guard("reminder", nil)
		_ = d.Progress(status, sdp)
	})
}

// remindNoMore ends it; the caller holds mu.
func (d *Dialog) remindNoMore() {
	if d.reminder != nil {
		d.reminder.Stop()
		d.reminder = nil
	}
}
