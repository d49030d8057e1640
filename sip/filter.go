package sip

import (
	"net/netip"
	"strings"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"
)

// filter sees the bytes of every read before they are parsed. Returning nothing drops them; an error would close the
// listener, so there is never one (M7).
func (e *Endpoint) filter(from sip.TransportReadProps, data []byte) (pass []byte, _ error) {
	defer e.guard("filter", func() { pass = nil })
	if e.base.Err() != nil {
		return nil, nil // see settle
	}
	source, network := e.line.sourceOf(from)
	if network != "UDP" && network != "WS" {
		return data, nil // a piece of a stream: whoever is at its other end was checked when the connection was accepted
	}
	if network == "UDP" && !e.sources.known(source.Addr()) {
		e.metrics.dropped.WithLabelValues("unknown source").Inc()
		return nil, nil
	}
	if keepAlive(data) {
		if from.RemoteAddr == browsers && string(data) == "\r\n\r\n" {
			_ = e.line.speaking.SendText(data[:2]) // RFC 5626 section 3.5.1
		}
		return nil, nil
	}
	fault := screen(data)
	if fault == nil {
		return data, nil
	}
	e.metrics.dropped.WithLabelValues("malformed").Inc()
	e.log.Debug("malformed message", zap.Stringer("from", source), zap.String("why", fault.why))
	if fault.status != 0 {
		e.refuseRaw(from, source, data, fault)
	}
	return nil, nil
}

func keepAlive(data []byte) bool {
	return len(data) <= 4 && strings.Trim(string(data), "\r\n") == ""
}

// refuseRaw answers a message that cannot be parsed, where its lines let us (M8).
func (e *Endpoint) refuseRaw(from sip.TransportReadProps, source netip.AddrPort, data []byte, f *fault) {
	reply, port := rawResponse(data, source, f)
	if reply == nil {
		return
	}
	if from.RemoteAddr == browsers {
		_ = e.line.speaking.SendText(reply)
		return
	}
	for _, l := range e.listeners {
		if l.packet != nil && l.packet.LocalAddr().String() == from.LocalAddr.String() {
			_, _ = l.packet.WriteTo(reply, udpAddr(netip.AddrPortFrom(source.Addr(), port)))
			return
		}
	}
}
