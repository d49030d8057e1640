// Package access knows who is asking and what they may do: people by their password, their pages by a session token, their
// phones by digest.
//
// Nothing is kept on disk. Session tokens and the short-lived SIP credentials are signed with one secret, so both stay good
// over a restart; what is remembered, within bounds, are logouts and how often somebody tried.
package access
