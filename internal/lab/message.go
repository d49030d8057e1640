package lab

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Message is one SIP request (Method and URI set) or response (Status set).
type Message struct {
	Method, URI string
	Status      int
	Reason      string
	Headers     []Header
	Body        []byte
	At          time.Time // when it was received; zero for one of ours

	from flow // whence it came
}

// Header is one header line. Received names are in their long form, lower case.
type Header struct{ Name, Value string }

var errBadMessage = errors.New("not a SIP message")

// parse reads one whole message. The body is what Content-Length says, at most what there is.
func parse(raw []byte) (*Message, error) {
	head, body, found := bytes.Cut(raw, []byte("\r\n\r\n"))
	if !found {
		return nil, errBadMessage
	}
	lines := strings.Split(string(head), "\r\n")
	m := &Message{Body: body, At: time.Now()}
	first := strings.SplitN(lines[0], " ", 3)
	switch {
	case len(first) == 3 && first[0] == "SIP/2.0":
		m.Status, _ = strconv.Atoi(first[1])
		m.Reason = first[2]
		if m.Status < 100 || m.Status > 699 {
			return nil, errBadMessage
		}
	case len(first) == 3 && first[2] == "SIP/2.0":
		m.Method, m.URI = first[0], first[1]
	default:
		return nil, errBadMessage
	}
	for _, line := range lines[1:] {
		if line != "" && (line[0] == ' ' || line[0] == '\t') && len(m.Headers) > 0 {
			last := &m.Headers[len(m.Headers)-1] // a folded line, RFC 3261 section 7.3.1
			last.Value += " " + strings.TrimSpace(line)
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		m.Headers = append(m.Headers, Header{longName(name), strings.TrimSpace(value)})
	}
	if n, err := strconv.Atoi(m.Get("content-length")); err == nil && n >= 0 && n < len(m.Body) {
		m.Body = m.Body[:n]
	}
	return m, nil
}

// longName knows the compact forms (RFC 3261 section 20, RFC 3515, RFC 4028).
func longName(name string) string {
	name = strings.ToLower(strings.TrimSpace(name))
	switch name {
	case "v":
		return "via"
	case "f":
		return "from"
	case "t":
		return "to"
	case "i":
		return "call-id"
	case "m":
		return "contact"
	case "l":
		return "content-length"
	case "c":
		return "content-type"
	case "k":
		return "supported"
	case "r":
		return "refer-to"
	case "x":
		return "session-expires"
	}
	return name
}

// Get returns the first header of that name, or "".
func (m *Message) Get(name string) string {
	for i := range m.Headers {
		if strings.EqualFold(m.Headers[i].Name, name) {
			return m.Headers[i].Value
		}
	}
	return ""
}

// All returns every value of a header; a line that holds a list gives several.
func (m *Message) All(name string) []string {
	var all []string
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, name) {
			all = append(all, splitList(h.Value)...)
		}
	}
	return all
}

// splitList splits at commas that are neither quoted nor inside angle brackets.
func splitList(value string) []string {
	var parts []string
	quoted, depth, start := false, 0, 0
	for i, c := range value {
		switch {
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			depth++
		case c == '>':
			depth--
		case c == ',' && depth == 0:
			parts = append(parts, strings.TrimSpace(value[start:i]))
			start = i + 1
		}
	}
	return append(parts, strings.TrimSpace(value[start:]))
}

// With appends a header and returns the message.
func (m *Message) With(name, value string) *Message {
	m.Headers = append(m.Headers, Header{name, value})
	return m
}

// WithSDP sets a session description as the body; an empty one leaves the message without a body.
func (m *Message) WithSDP(sdp string) *Message {
	if sdp == "" {
		return m
	}
	m.Body = []byte(sdp)
	return m.With("Content-Type", "application/sdp")
}

// CSeq returns number and method.
func (m *Message) CSeq() (int, string) {
	number, method, _ := strings.Cut(m.Get("cseq"), " ")
	n, _ := strconv.Atoi(number)
	return n, strings.TrimSpace(method)
}

func (m *Message) branch() string {
	vias := m.All("via")
	if len(vias) == 0 {
		return ""
	}
	return param(vias[0], "branch")
}

// String is the message on the wire, with its Content-Length.
func (m *Message) String() string {
	var b strings.Builder
	if m.Status != 0 {
		fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", m.Status, m.Reason)
	} else {
		fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", m.Method, m.URI)
	}
	for _, h := range m.Headers {
		if strings.EqualFold(h.Name, "content-length") {
			continue
		}
		b.WriteString(h.Name + ": " + h.Value + "\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(m.Body), m.Body)
	return b.String()
}

// reply makes a response that repeats what RFC 3261 section 8.2.6.2 wants repeated; tag goes into To unless it has one.
func (m *Message) reply(status int, reason, tag string) *Message {
	r := &Message{Status: status, Reason: reason}
	for _, h := range m.Headers {
		switch h.Name {
		case "via":
			r.With("Via", h.Value)
		case "from":
			r.With("From", h.Value)
		case "to":
			if tag != "" && param(h.Value, "tag") == "" {
				h.Value += ";tag=" + tag
			}
			r.With("To", h.Value)
		case "call-id":
			r.With("Call-ID", h.Value)
		case "cseq":
			r.With("CSeq", h.Value)
		case "record-route":
			r.With("Record-Route", h.Value)
		}
	}
	return r
}

// uriOf takes the URI out of a name-addr or an addr-spec (RFC 3261 section 20.10).
func uriOf(value string) string {
	if _, after, ok := strings.Cut(value, "<"); ok {
		uri, _, _ := strings.Cut(after, ">")
		return uri
	}
	uri, _, _ := strings.Cut(value, ";")
	return strings.TrimSpace(uri)
}

// param returns a header parameter, looked for behind the angle brackets.
func param(value, name string) string {
	if i := strings.LastIndexByte(value, '>'); i >= 0 {
		value = value[i+1:]
	}
	for _, p := range strings.Split(value, ";")[1:] {
		k, v, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(k, name) {
			return strings.Trim(v, `"`)
		}
	}
	return ""
}

// hostPort returns the host and port of a SIP URI, "" when the host is a name that nobody can be reached under
// (RFC 7118 section 5.1: a browser's Contact is under .invalid).
func hostPort(uri string) string {
	_, rest, ok := strings.Cut(uri, ":")
	if !ok {
		return ""
	}
	rest, _, _ = strings.Cut(rest, ";")
	rest, _, _ = strings.Cut(rest, "?")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	host, _, hasPort := strings.Cut(rest, ":")
	if strings.HasSuffix(host, ".invalid") || host == "" {
		return ""
	}
	if !hasPort {
		rest += ":5060"
	}
	return rest
}
