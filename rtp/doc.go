// Package rtp carries sound. A Session is one party's media; it takes an SDP offer and gives the answer, receives
// packets and sends one outgoing Stream for life. What a Stream plays is switched by Hear: another session (passed
// through when both speak the same codec, otherwise transcoded behind a jitter buffer), music, a prompt, or silence.
//
//	network ─► Session ─► Sink, Sink …        Source ─► Stream ─► network
//	           (receive, quality)             (one SSRC, sequence and clock)
package rtp
