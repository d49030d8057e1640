// Package targets knows where the requests of a trunk go: which addresses its targets have (RFC 3263), which of these
// answer, and in which order a call tries them.
//
//	configured target ── Resolver (SRV, A, AAAA; cached) ──▶ hops ── health (probes, calls) ──▶ plan
//
// NAPTR is not asked: a client without it asks for the SRV records of each transport it supports (RFC 3263 section 4.1),
// and who publishes NAPTR publishes those too. The transport is the operator's choice anyway.
package targets
