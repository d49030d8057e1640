// Package lab is the far side of every house test: a telephone company (Trunk), a desk phone (Phone) and a browser
// (Browser), with mouths that speak tones and ears that recognise them. It shares no code with the gateway, so that one
// misunderstanding of a standard cannot hide on both ends of a wire.
//
//	Trunk, Phone ─► station ─► Call ─► Mouth, Ear      own SIP over UDP, TCP, WebSocket; plain RTP
//	Browser      ─►                                    or a pion PeerConnection
package lab
