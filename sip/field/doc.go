// Package field reads and writes what stands in the header fields of a SIP message: URIs, addresses, parameters, lists
// and waits (RFC 3261 sections 7.3.1, 19.1, 20 and 25.1; RFC 3966 for tel). It is lenient where peers are careless and
// bounded where they are hostile.
package field

import "errors"

// What may be wrong with a value. Errors of this package are one of these, wrapped with particulars.
var (
	// ErrMalformed: it cannot be read.
	ErrMalformed = errors.New("malformed header field")
	// ErrScheme: a URI that is none of sip, sips and tel.
	ErrScheme = errors.New("unsupported URI scheme")
)

// Bounds of what is read; all far above what anybody sends in earnest.
const (
	longest    = 8192 // bytes of a value
	mostParams = 64   // parameters of one address
	mostItems  = 64   // elements of a list
)
