// Package sdes is SRTP whose keys travel in the session description (RFC 4568): what the crypto attributes say, what two
// parties agree to by them, and the packets that are sealed and opened with the keys.
//
//	Exchange ── a=crypto:… ──►  far side        who may say what, and what is agreed
//	   │
//	   └─► Agreed ─► Sender   Protect             our key
//	              └► Receiver Unprotect           theirs
package sdes
