// Package door lets browsers in: it checks the HTTP request that would become a SIP WebSocket (RFC 7118), and hands the
// ones that may come in to the SIP stack as finished connections.
//
// The stack behind the door accepts from Listener. What it reads there has been made harmless before: every connection
// begins with an upgrade request of our own, answered into the void, and goes on with one whole text frame per SIP
// message.
//
//	browser ──HTTP──▶ ServeHTTP: method, path, origin, subprotocol, limits, session
//	                     │ 101
//	                     ▼
//	        frames ─▶ socket: pings answered, fragments joined, bounds, deadlines ─▶ Listener ─▶ SIP stack
package door
