// Package number turns what a trunk calls a number (E.164, national, with 00, in a sip or tel URI, a name, nothing) into
// one of ours, and one of ours into what the trunk wants to read (RFC 3966, RFC 4694, E.164).
package number
