package digest

import (
	"fmt"
	"strconv"
	"strings"
)

// Bounds of what a client may send. Ours are far shorter.
const (
	maxHeader = 4096
	maxParams = 32
)

// credentials are the parameters of an Authorization header (RFC 7616 section 3.4).
type credentials struct {
	username, realm, nonce, uri, response, cnonce string

	algorithm Algorithm
	qop       string // "" or "auth"
	nc        uint32 // 0 without qop
	ncText    string // as received: it is part of what was hashed
}

// parse reads a header value. It accepts what RFC 7616 allows and refuses parameters given twice.
func parse(value string) (credentials, error) {
	if len(value) > maxHeader {
		return credentials{}, fmt.Errorf("%w: longer than %d bytes", ErrMalformed, maxHeader)
	}
	scheme, rest, _ := strings.Cut(strings.TrimSpace(value), " ")
	if scheme == "" {
		return credentials{}, ErrMissing
	}
	if !strings.EqualFold(scheme, "Digest") {
		return credentials{}, fmt.Errorf("%w: the scheme must be Digest", ErrUnsupported)
	}
	params, err := parameters(rest)
	if err != nil {
		return credentials{}, err
	}
	return fromParameters(params)
}

// fromParameters checks that what must be there is there.
func fromParameters(p map[string]string) (credentials, error) {
	c := credentials{
		username: p["username"], realm: p["realm"], nonce: p["nonce"], uri: p["uri"],
		response: p["response"], cnonce: p["cnonce"], qop: strings.ToLower(p["qop"]), ncText: p["nc"],
	}
	for _, name := range []string{"username", "realm", "nonce", "uri", "response"} {
		if p[name] == "" {
			return credentials{}, fmt.Errorf("%w: %s is missing", ErrMalformed, name)
		}
	}
	switch algorithm := p["algorithm"]; {
	case algorithm == "" || strings.EqualFold(algorithm, string(MD5)):
		c.algorithm = MD5 // RFC 7616 section 3.4: absent means MD5
	case strings.EqualFold(algorithm, string(SHA256)):
		c.algorithm = SHA256
	default:
		return credentials{}, fmt.Errorf("%w: algorithm %.20q", ErrUnsupported, algorithm)
	}
	switch c.qop {
	case "":
		return c, nil
	case "auth":
	default:
		return credentials{}, fmt.Errorf("%w: qop %.20q", ErrUnsupported, c.qop)
	}
	nc, err := strconv.ParseUint(c.ncText, 16, 32)
	if err != nil || len(c.ncText) != 8 || nc == 0 {
		return credentials{}, fmt.Errorf("%w: nc must be 8 hex digits, from 1", ErrMalformed)
	}
	if c.cnonce == "" {
		return credentials{}, fmt.Errorf("%w: cnonce is missing", ErrMalformed)
	}
	c.nc = uint32(nc)
	return c, nil
}

// parameters splits `a=b, c="d"`. Names are lowered; a quoted value is unquoted (RFC 3261 section 25.1 quoted-string).
func parameters(s string) (map[string]string, error) {
	params := make(map[string]string, 12)
	for s = strings.TrimLeft(s, " \t,"); s != ""; s = strings.TrimLeft(s, " \t,") {
		name, rest, ok := strings.Cut(s, "=")
		name = strings.ToLower(strings.TrimSpace(name))
		if !ok || !isToken(name) {
			return nil, fmt.Errorf("%w: a parameter is not name=value", ErrMalformed)
		}
		value, rest, err := takeValue(strings.TrimLeft(rest, " \t"))
		if err != nil {
			return nil, err
		}
		if _, twice := params[name]; twice || len(params) >= maxParams {
			return nil, fmt.Errorf("%w: parameter %.20q given twice, or too many of them", ErrMalformed, name)
		}
		params[name] = value
		s = strings.TrimLeft(rest, " \t")
		if s != "" && s[0] != ',' {
			return nil, fmt.Errorf("%w: a comma is missing after %.20q", ErrMalformed, name)
		}
	}
	return params, nil
}

// takeValue takes a quoted string or everything up to the next comma or space.
func takeValue(s string) (value, rest string, err error) {
	if !strings.HasPrefix(s, `"`) {
		end := strings.IndexAny(s, ", \t")
		if end < 0 {
			end = len(s)
		}
		return s[:end], s[end:], nil
	}
	var b strings.Builder
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '"':
			return b.String(), s[i+1:], nil
		case '\\':
			if i++; i == len(s) {
				return "", "", fmt.Errorf("%w: a quoted string ends in a backslash", ErrMalformed)
			}
		}
		b.WriteByte(s[i])
	}
	return "", "", fmt.Errorf("%w: a quoted string does not end", ErrMalformed)
}

// isToken says whether s is a token of RFC 3261 section 25.1, and not empty.
func isToken(s string) bool {
	for _, r := range s {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && !strings.ContainsRune("-.!%*_+`'~", r) {
			return false
		}
	}
	return s != ""
}
