// Package browser is a browser's WebRTC connection as an rtp.Session: a pion peer connection behind the one UDP port
// that all browsers share.
//
//	Network (UDP port, certificate, API) ─► Session (peer connection) ─► rtp.Core (sinks, Stream, quality)
package browser
