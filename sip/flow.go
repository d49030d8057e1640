package sip

import (
	"net/netip"
	"time"

	"go.uber.org/zap"
)

// flowClosed is told of each socket that is gone.
func (e *Endpoint) flowClosed(network string, remote netip.AddrPort) {
	defer e.guard("flow closed", nil)
	f := flow{Transport: network, Remote: remote}
	e.keeper.closed(f)
	for _, dev := range e.devices.DropFlow(f) {
		e.log.Info("device gone", zap.String("aor", dev.AOR), zap.String("transport", network))
	}
	if network == "udp" {
		return // an address is not a connection: whether the calls there go on, their media and BYEs tell
	}
	for _, d := range e.dialogs.onFlow(f) {
		d.flowLost()
	}
}

// flowLost starts the time of grace (W7): the sound may go on, and the page or the Wi-Fi come back.
func (d *Dialog) flowLost() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over || d.grace != nil {
		return
	}
	if d.phase == early {
		return // the transaction ends with its socket, and the call with its transaction
	}
	d.log.Info("socket lost", zap.Duration("grace", d.e.cfg.Timeouts.FlowGrace))
	d.grace = time.AfterFunc(d.e.cfg.Timeouts.FlowGrace, func() {
		defer d.e.guard("grace", nil)
		d.left(&Ended{Remote: true, Why: FlowLost})
	})
	d.drifted()
}

// drifted tells the dialog's user to look at Adrift.
func (d *Dialog) drifted() {
	select {
	case d.drifts <- struct{}{}:
	default: // told already
	}
}

// Drifts tells whenever the socket of the browser at the far end was lost or replaced: Adrift says which. Several such
// moments may be told as one. It is never closed.
func (d *Dialog) Drifts() <-chan struct{} { return d.drifts }

// Adrift reports whether the socket of the browser at the far end is lost and none has taken its place.
func (d *Dialog) Adrift() bool {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.grace != nil
}

// rebind moves the dialog to another socket of the same browser.
func (d *Dialog) rebind(to flow) {
	from := d.e.dialogs.move(d, to)
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.grace != nil {
		d.grace.Stop()
		d.grace = nil
	}
	if from != to {
		d.drifted()
		d.log.Info("socket replaced", zap.Stringer("to", to.Remote))
	}
}
