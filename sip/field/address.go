package field

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Address is a name-addr or addr-spec with the parameters of its header field: From, Contact, Diversion, Route.
type Address struct {
	Display string // without quotes; may be empty
	URI     string // as written, without angle brackets
	Params  Params // of the header field, not of the URI
}

// ParseAddress reads one address. Without angle brackets all parameters are the header field's (RFC 3261 section 20.10).
func ParseAddress(s string) (Address, error) {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > longest {
		return Address{}, fmt.Errorf("%w: no address", ErrMalformed)
	}
	open, quoted := -1, false
	for i := 0; i < len(s) && open < 0; i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == '<' && !quoted:
			open = i
		}
	}
	if quoted {
		return Address{}, fmt.Errorf("%w: a quoted name does not end", ErrMalformed)
	}
	if open < 0 {
		uri, params, _ := strings.Cut(s, ";")
		return Address{URI: strings.TrimSpace(uri), Params: ParseParams(params)}, nil
	}
	end := strings.IndexByte(s[open:], '>')
	if end < 0 {
		return Address{}, fmt.Errorf("%w: a bracket is missing", ErrMalformed)
	}
	return Address{
		Display: Unquote(strings.TrimSpace(s[:open])),
		URI:     strings.TrimSpace(s[open+1 : open+end]),
		Params:  ParseParams(s[open+end+1:]),
	}, nil
}

// String writes the address with angle brackets, which nothing that follows can be mistaken in.
func (a Address) String() string {
	s := "<" + strings.NewReplacer("<", "", ">", "").Replace(clean(a.URI)) + ">" + a.Params.String()
	if a.Display != "" {
		return Quote(a.Display) + " " + s
	}
	return s
}

// Seconds reads delta-seconds, as in Expires, Min-Expires and Retry-After, with whatever comment or parameter follows
// them (RFC 3261 section 20.33). More than 2^31 seconds count as that many.
func Seconds(s string) (time.Duration, bool) {
	s = strings.TrimSpace(s)
	end := 0
	for end < len(s) && s[end] >= '0' && s[end] <= '9' {
		end++
	}
	if end == 0 || end < len(s) && strings.IndexByte(" \t;(,", s[end]) < 0 {
		return 0, false
	}
	n, err := strconv.ParseUint(s[:end], 10, 64)
	if err != nil || n > 1<<31 {
		n = 1 << 31
	}
	return time.Duration(n) * time.Second, true
}
