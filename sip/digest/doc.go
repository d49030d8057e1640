// Package digest proves who somebody is without ever sending a password over the wire: HTTP digest authentication
// (RFC 7616, RFC 8760, RFC 2617) as SIP uses it (RFC 3261 section 22). A Verifier asks clients and checks what they answer; a
// Client answers servers.
//
// The Verifier stores no nonces: each carries its own time and a mark made with the server's secret, so they stay good over
// a restart. What is remembered, within bounds, is how often each nonce in use has been counted up.
package digest
