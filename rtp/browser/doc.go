// Package browser is a browser's WebRTC connection as an rtp.Session, behind the one UDP port that all browsers share.
//
//	                 ┌─ sound ─► Session (SRTP) ─► rtp.Core (sinks, Stream, quality)
//	socket.dispatch ─┼─ STUN ──► Session ─► ice.Agent ─► path
//	                 └─ DTLS ──► Session ─► handshake ─► keys
package browser
