// Package trace keeps what passed on the wire of the last calls, so that an operator sees one call after the fact: its SIP
// messages as a ladder, how its sound was, and, asked for while it goes on, its packets as a file for Wireshark.
package trace
