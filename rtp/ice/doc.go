// Package ice finds and keeps the way to one browser (RFC 8445) on a socket that it shares with all others: a state machine
// moved by packets and by time, without a goroutine, a lock, a clock or a socket of its own.
//
//	socket ─► Packet ─┐               ┌─► Outbox ─► socket
//	timer  ─► Due  ───┼─► Agent ──────┤
//	SDP    ─► Begin ──┘               └─► Path, State, Next
package ice
