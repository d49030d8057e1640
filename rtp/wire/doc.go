// Package wire reads the sockets of all calls from a few threads, and writes to them without waiting.
//
//	socket ─┐
//	socket ─┼─► loop: one reader, one epoll ─► Reader: decrypt, rewrite, Send, before the next datagram
//	socket ─┘
//
// A datagram that passes through is read and written by the same thread, so that nobody has to be woken for it. What
// that is worth is in docs/performance.md; why there are threads at all, in docs/decisions/0008.
package wire
