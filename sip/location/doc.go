// Package location knows where everybody can be reached: the bindings that phones and browsers have registered
// (RFC 3261 section 10), each with the flow on which it is to be called (RFC 5626).
package location
