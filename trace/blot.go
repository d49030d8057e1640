package trace

import (
	"bytes"
	"strings"
)

// Blotted is a copy of a message in which what must stay secret is stars, as many as there were characters, so that
// Content-Length stays right: credentials, keys of SRTP and ICE, and whatever header calls itself a token, key or secret.
func Blotted(message []byte) string {
	var b strings.Builder
	b.Grow(len(message))
	for len(message) > 0 {
		line := message
		if i := bytes.IndexByte(message, '\n'); i >= 0 {
			line = message[:i+1]
		}
		message = message[len(line):]
		keep := len(line)
		if n, secret := secretIn(line); secret {
			keep = n
		}
		b.Write(line[:keep])
		for _, c := range line[keep:] {
			if c != '\r' && c != '\n' {
				c = '*'
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}

// secretIn says from where on a line is secret. A line that continues a header of several lines is not looked at: we
// write none, and the parser joins those of others.
func secretIn(line []byte) (from int, secret bool) {
	if len(line) > 1 && line[1] == '=' {
		return secretAttribute(line)
	}
	name, value, ok := bytes.Cut(line, []byte{':'})
	if !ok || len(name) == 0 || len(name) > 64 {
		return 0, false
	}
	lower := strings.ToLower(string(bytes.TrimSpace(name)))
	switch {
	case lower == "authorization" || lower == "proxy-authorization":
		scheme, _, _ := bytes.Cut(bytes.TrimLeft(value, " "), []byte{' '})
		return len(name) + 1 + bytes.Index(value, scheme) + len(scheme), true
	case lower == "authentication-info" || lower == "proxy-authentication-info":
	case strings.HasSuffix(lower, "-token"), strings.HasSuffix(lower, "-key"), strings.HasSuffix(lower, "-secret"),
		strings.HasSuffix(lower, "-password"), lower == "cookie", lower == "identity":
	default:
		return 0, false
	}
	return len(name) + 1, true
}

func secretAttribute(line []byte) (from int, secret bool) {
	for _, a := range [...]string{"a=crypto:", "a=key-mgmt:", "a=ice-pwd:", "a=key:"} {
		if len(line) > len(a) && strings.EqualFold(string(line[:len(a)]), a) {
			return len(a), true
		}
	}
	if bytes.HasPrefix(line, []byte("k=")) {
		return 2, true
	}
	return 0, false
}
