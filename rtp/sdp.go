package rtp

import (
	"errors"
	"strconv"
	"strings"
)

// maxDescription is the longest SDP we read: 64 KiB.
const maxDescription = 64 << 10

// maxLines bounds the m-lines of a description, each of which we have to answer.
const maxLines = 32

// attribute is an a= line.
type attribute struct{ key, value string }

// mediaLine is an m= line with what belongs to it (RFC 8866 section 5.14).
type mediaLine struct {
	kind       string // "audio", "video", "image" …
	port       int
	proto      string
	formats    []string
	address    string // of its own c= line; empty: none
	attributes []attribute
}

// description is what we read of an SDP of the far side. It is more patient than the RFC where phones are known to be
// sloppy: lines may end in LF, and what we do not use may look as it likes.
type description struct {
	address    string // of the session's c= line
	attributes []attribute
	media      []*mediaLine
}

var (
	errNoVersion = errors.New("it does not begin with v=0")
	errLine      = errors.New("a line is not of the form x=value")
	errMedia     = errors.New("an m= line is malformed")
	errAddress   = errors.New("a c= line is malformed")
	errManyLines = errors.New("it has too many m= lines")
)

func parseDescription(raw []byte) (*description, error) {
	if len(raw) > maxDescription {
		return nil, &Unacceptable{Why: "the session description is longer than " + strconv.Itoa(maxDescription) + " bytes"}
	}
	d := &description{}
	if err := d.parse(string(raw)); err != nil {
		return nil, &Unacceptable{Why: "the session description cannot be read: " + err.Error()}
	}
	return d, nil
}

func (d *description) parse(text string) error {
	if !strings.HasPrefix(text, "v=0\r") && !strings.HasPrefix(text, "v=0\n") {
		return errNoVersion
	}
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if strings.TrimSpace(line) == "" {
			continue
		}
		if len(line) < 2 || line[1] != '=' {
			return errLine
		}
		if err := d.read(line[0], line[2:]); err != nil {
			return err
		}
	}
	return nil
}

// read takes one line; it belongs to the m-line before it, or else to the session.
func (d *description) read(kind byte, value string) error {
	switch kind {
	case 'm':
		m, err := parseMedia(value)
		if err != nil {
			return err
		}
		if d.media = append(d.media, m); len(d.media) > maxLines {
			return errManyLines
		}
	case 'c':
		words := strings.Fields(value)
		if len(words) != 3 {
			return errAddress
		}
		*d.lastAddress(), _, _ = strings.Cut(words[2], "/") // a multicast address has a TTL
	case 'a':
		key, value, _ := strings.Cut(value, ":")
		a := attribute{key: strings.TrimSpace(key), value: strings.TrimSpace(value)}
		if n := len(d.media); n > 0 {
			d.media[n-1].attributes = append(d.media[n-1].attributes, a)
		} else {
			d.attributes = append(d.attributes, a)
		}
	}
	return nil
}

func (d *description) lastAddress() *string {
	if n := len(d.media); n > 0 {
		return &d.media[n-1].address
	}
	return &d.address
}

func parseMedia(value string) (*mediaLine, error) {
	words := strings.Fields(value)
	if len(words) < 3 {
		return nil, errMedia
	}
	number, _, _ := strings.Cut(words[1], "/") // "/2" would be two ports, which nobody uses for sound
	port, err := strconv.ParseUint(number, 10, 16)
	if err != nil {
		return nil, errMedia
	}
	for _, w := range words {
		if strings.ContainsFunc(w, func(r rune) bool { return r < '!' || r > '~' }) {
			return nil, errMedia // it would have to stand in our answer
		}
	}
	return &mediaLine{kind: words[0], port: int(port), proto: words[2], formats: words[3:],
		attributes: make([]attribute, 0, 12)}, nil // as many as most have
}

// attribute is the value of the first attribute of that name.
func (m *mediaLine) attribute(key string) (value string, has bool) {
	for _, a := range m.attributes {
		if a.key == key {
			return a.value, true
		}
	}
	return "", false
}

func (m *mediaLine) has(key string) bool {
	_, has := m.attribute(key)
	return has
}
