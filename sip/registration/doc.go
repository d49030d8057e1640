// Package registration keeps a trunk registered at its carrier: it asks, refreshes, answers challenges, moves on when a
// registrar is silent, waits when it is told to, and says goodbye (RFC 3261 section 10.2).
//
//	          200                      refresh in time
//	Asking ─────────▶ Registered ◀──────────────────────┐
//	  ▲  │ 5xx, silence     │ the refresh fails until the binding expires
//	  │  ▼                  ▼
//	  └─ Waiting ◀──────────┘      401 again, 403, 404 … ──▶ Refused (tried rarely; somebody must look)
//
// It knows no sockets: whoever runs it sends its requests.
package registration
