package lab

import (
	"crypto/md5"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"strings"
)

var errNoChallenge = errors.New("no digest challenge that we understand")

// authorize answers the first challenge of a 401 or 407 whose algorithm we know (RFC 7616, RFC 8760).
func authorize(response *Message, method, uri, user, password string) (Header, error) {
	ask, answer := "www-authenticate", "Authorization"
	if response.Status == 407 {
		ask, answer = "proxy-authenticate", "Proxy-Authorization"
	}
	for _, h := range response.Headers {
		scheme, rest, _ := strings.Cut(h.Value, " ")
		if h.Name != ask || !strings.EqualFold(scheme, "digest") {
			continue
		}
		c := challengeOf(rest)
		var algorithm func() hash.Hash
		switch strings.ToUpper(c["algorithm"]) {
		case "", "MD5":
			algorithm = md5.New
		case "SHA-256":
			algorithm = sha256.New
		default:
			continue
		}
		return Header{answer, c.respond(algorithm, method, uri, user, password)}, nil
	}
	return Header{}, errNoChallenge
}

type challenge map[string]string

func challengeOf(list string) challenge {
	c := challenge{}
	for list != "" {
		name, rest, ok := strings.Cut(list, "=")
		if !ok {
			break
		}
		var value string
		if rest = strings.TrimLeft(rest, " "); strings.HasPrefix(rest, `"`) {
			value, list, _ = strings.Cut(rest[1:], `"`)
		} else {
			value, list, _ = strings.Cut(rest, ",")
		}
		c[strings.ToLower(strings.Trim(name, " ,\t"))] = strings.TrimSpace(value)
	}
	return c
}

func (c challenge) respond(algorithm func() hash.Hash, method, uri, user, password string) string {
	h := func(parts ...string) string {
		d := algorithm()
		d.Write([]byte(strings.Join(parts, ":")))
		return hex.EncodeToString(d.Sum(nil))
	}
	secret, what := h(user, c["realm"], password), h(method, uri)
	out := fmt.Sprintf(`Digest username="%s", realm="%s", nonce="%s", uri="%s"`, user, c["realm"], c["nonce"], uri)
	if strings.Contains(c["qop"], "auth") {
		cnonce := token(16)
		out += fmt.Sprintf(`, qop=auth, nc=00000001, cnonce="%s", response="%s"`, cnonce,
			h(secret, c["nonce"], "00000001", cnonce, "auth", what))
	} else {
		out += fmt.Sprintf(`, response="%s"`, h(secret, c["nonce"], what))
	}
	if v := c["algorithm"]; v != "" {
		out += ", algorithm=" + v
	}
	if v := c["opaque"]; v != "" {
		out += fmt.Sprintf(`, opaque="%s"`, v)
	}
	return out
}

// token makes n random hexadecimal characters.
func token(n int) string {
	b := make([]byte, (n+1)/2)
	_, _ = rand.Read(b) // never fails, see crypto/rand
	return hex.EncodeToString(b)[:n]
}
