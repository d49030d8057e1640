// Package digest asks SIP clients for their password and checks what they answer, without ever seeing it on the wire:
// the server side of HTTP digest authentication (RFC 7616, RFC 8760, RFC 2617) as SIP uses it (RFC 3261 section 22).
//
// Nonces are not stored: each carries its own time and a mark made with the server's secret, so they stay good over a
// restart. What is remembered, within bounds, is how often each nonce in use has been counted up.
package digest
