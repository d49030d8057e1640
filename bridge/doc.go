// Package bridge puts signalling and sound together: a SIP dialog and an RTP session are a leg, the party's whole
// connection to us. It takes calls in, dials out, and lets the codecs of two legs suit each other.
package bridge
