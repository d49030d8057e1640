package field

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// URI is a sip, sips or tel URI.
type URI struct {
	Scheme   string // "sip", "sips" or "tel"
	User     string // as written, escapes and user parameters included; of a tel URI the number
	Password string // as written; nobody should send one
	Host     string // in lower case; an IPv6 address without its brackets; empty in a tel URI
	Port     int    // 0: none written
	Params   Params
	Headers  string // what follows the question mark, as written
}

// ParseURI reads a URI without angle brackets.
func ParseURI(s string) (URI, error) {
	s = strings.TrimSpace(s)
	if len(s) > longest || strings.ContainsAny(s, "\r\n\x00<>\"") {
		return URI{}, fmt.Errorf("%w: not a URI", ErrMalformed)
	}
	scheme, rest, ok := strings.Cut(s, ":")
	if !ok {
		return URI{}, fmt.Errorf("%w: a URI without a scheme", ErrMalformed)
	}
	u := URI{Scheme: strings.ToLower(scheme)}
	switch u.Scheme {
	case "sip", "sips":
		return u, u.readSIP(rest)
	case "tel":
		number, params, _ := strings.Cut(rest, ";")
		if u.User = number; number == "" {
			return URI{}, fmt.Errorf("%w: a tel URI without a number", ErrMalformed)
		}
		u.Params = ParseParams(params)
		return u, nil
	}
	return URI{}, fmt.Errorf("%w: %.20q", ErrScheme, u.Scheme)
}

// readSIP reads what follows the scheme. A user part may hold ? and ; (RFC 3261 section 25.1, user-unreserved), and of
// careless peers an @, so that headers begin after the first @ and the host after the last one before them.
func (u *URI) readSIP(s string) error {
	if at := strings.IndexByte(s, '@'); at >= 0 {
		s, u.Headers, _ = cutFrom(s, at, '?')
		at = strings.LastIndexByte(s, '@')
		u.User, u.Password, _ = strings.Cut(s[:at], ":")
		s = s[at+1:]
	} else {
		s, u.Headers, _ = strings.Cut(s, "?")
	}
	hostport, params, _ := strings.Cut(s, ";")
	u.Params = ParseParams(params)
	var err error
	u.Host, u.Port, err = ParseHostPort(hostport)
	return err
}

func cutFrom(s string, from int, c byte) (before, after string, found bool) {
	if i := strings.IndexByte(s[from:], c); i >= 0 {
		return s[:from+i], s[from+i+1:], true
	}
	return s, "", false
}

// ParseHostPort reads host, host:port, [IPv6] or [IPv6]:port. port 0 is none. The host comes back in lower case and an
// IPv6 address without brackets.
func ParseHostPort(s string) (host string, port int, err error) {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "[") {
		end := strings.IndexByte(s, ']')
		if end < 0 {
			return "", 0, fmt.Errorf("%w: a bracket is missing after an IPv6 address", ErrMalformed)
		}
		a, err := netip.ParseAddr(s[1:end])
		if err != nil || !a.Is6() || a.Zone() != "" {
			return "", 0, fmt.Errorf("%w: no IPv6 address in the brackets", ErrMalformed)
		}
		port, err = parsePort(s[end+1:])
		return a.String(), port, err
	}
	host, rest := s, ""
	if i := strings.IndexByte(s, ':'); i >= 0 {
		host, rest = s[:i], s[i:]
	}
	if !hostName(host) {
		return "", 0, fmt.Errorf("%w: no host", ErrMalformed)
	}
	port, err = parsePort(rest)
	return strings.ToLower(host), port, err
}

// parsePort reads ":5060", or nothing.
func parsePort(s string) (int, error) {
	if s == "" {
		return 0, nil
	}
	n, err := strconv.ParseUint(strings.TrimPrefix(s, ":"), 10, 16)
	if err != nil || s[0] != ':' || n == 0 {
		return 0, fmt.Errorf("%w: no port", ErrMalformed)
	}
	return int(n), nil
}

// hostName takes letters, digits, dots, dashes and the underscores of Windows and of SRV names.
func hostName(s string) bool {
	for i := 0; i < len(s); i++ {
		if !alphanumeric(s[i]) && strings.IndexByte(".-_", s[i]) < 0 {
			return false
		}
	}
	return s != "" && len(s) <= 255
}

// String writes the URI.
func (u URI) String() string {
	var b strings.Builder
	b.WriteString(u.Scheme + ":" + u.User)
	if u.Scheme != "tel" {
		if u.Password != "" {
			b.WriteString(":" + u.Password)
		}
		if u.User != "" {
			b.WriteByte('@')
		}
		b.WriteString(HostPort(u.Host, u.Port))
	}
	b.WriteString(u.Params.String())
	if u.Headers != "" {
		b.WriteString("?" + u.Headers)
	}
	return b.String()
}

// HostPort joins a host and a port; port 0 is left out, an IPv6 address is put into brackets.
func HostPort(host string, port int) string {
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if port == 0 {
		return host
	}
	return host + ":" + strconv.Itoa(port)
}

// Unescape replaces %41 by A. An escape that is none stays as it is.
func Unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if v, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(v))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// EscapeUser escapes what may not stand in the user part of a SIP URI (RFC 3261 section 25.1, user).
func EscapeUser(s string) string {
	const others = "-_.!~*'()&=+$,;?/"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if c := s[i]; alphanumeric(c) || strings.IndexByte(others, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// SameURI reports whether two URIs name the same place: scheme, user, host and port, and the transport (RFC 3261 section
// 19.1.4, without the parameters that peers drop on the way).
func SameURI(a, b URI) bool {
	return a.Scheme == b.Scheme && Unescape(a.User) == Unescape(b.User) && a.Host == b.Host && a.Port == b.Port &&
		strings.EqualFold(a.Params.Value("transport"), b.Params.Value("transport"))
}
