// Package door lets browsers in: it checks the HTTP request that would become a SIP WebSocket (RFC 7118), reads whole SIP
// messages from those that may come in, and sends them whole ones.
//
//	browser ──HTTP──▶ ServeHTTP: method, path, origin, subprotocol, limits, session
//	                     │ 101
//	                     ▼
//	        frames ─▶ Socket: pings answered, fragments joined, bounds, deadlines ─▶ Hear(socket, message)
//	        frames ◀─ Socket.Send(message)
//
// Thousands of browsers are silent at any moment: one of them costs a goroutine, and no buffer.
package door
