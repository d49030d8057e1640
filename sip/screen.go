package sip

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// Bounds of a message. A fat INVITE of a carrier has 40 header fields and 4 KiB; a browser's SDP is 3 KiB.
const (
	maxHeaderBytes = 16 << 10
	maxHeaderCount = 128
	maxBody        = 16 << 10
	maxStartLine   = 2 << 10
	maxMethod      = 64
	maxFieldName   = 256
	maxTag         = 1 << 10
)

// fault is what is wrong with a message that must not reach the parser. Status 0: it is not answered.
type fault struct {
	status int
	why    string
}

// screen looks over the lines of a whole message without building anything. It finds what the library's parser would
// drop without an answer, and what is larger than any honest message.
func screen(data []byte) *fault {
	end := bytes.Index(data, []byte("\r\n\r\n"))
	if end < 0 {
		return screenStart(data, &fault{400, "no end of the header"})
	}
	if end > maxHeaderBytes {
		return screenStart(data, &fault{513, "header too large"})
	}
	first, rest, _ := bytes.Cut(data[:end+2], []byte("\r\n"))
	if f := screenStartLine(first); f != nil {
		return f
	}
	length, f := screenFields(rest)
	body := len(data) - end - 4
	switch {
	case f != nil:
	case body > maxBody:
		f = &fault{413, "body too large"}
	case length > body:
		f = &fault{400, "body shorter than Content-Length"} // RFC 3261 section 18.3
	}
	if f != nil && isResponseLine(first) {
		f.status = 0 // responses are not answered
	}
	return f
}

// screenStart gives f the status 0 unless data begins like a request.
func screenStart(data []byte, f *fault) *fault {
	first, _, _ := bytes.Cut(data, []byte("\r\n"))
	if len(first) > maxStartLine || screenStartLine(first) != nil || isResponseLine(first) {
		f.status = 0
	}
	return f
}

func isResponseLine(line []byte) bool {
	return len(line) >= 4 && bytes.EqualFold(line[:4], []byte("SIP/"))
}

// screenStartLine checks the request or status line (RFC 3261 sections 7.1 and 7.2).
func screenStartLine(line []byte) *fault {
	if len(line) > maxStartLine {
		return &fault{414, "start line too long"}
	}
	if isResponseLine(line) {
		parts := strings.SplitN(string(line), " ", 3)
		if len(parts) < 3 || !strings.EqualFold(parts[0], "SIP/2.0") || !isStatus(parts[1]) {
			return &fault{0, "status line"}
		}
		return nil
	}
	if trimmed := bytes.TrimRight(line, " \t"); len(trimmed) < len(line) {
		if f := screenStartLine(trimmed); f != nil {
			return f
		}
		return &fault{400, "space after the request line"}
	}
	parts := bytes.Split(line, []byte(" "))
	version := parts[len(parts)-1]
	if len(parts) < 3 || len(version) < 4 || !bytes.EqualFold(version[:4], []byte("SIP/")) || !isToken(parts[0], maxMethod) {
		return &fault{0, "not SIP"}
	}
	switch {
	case bytes.Equal(parts[0], []byte("ACK")):
		if len(parts) == 3 && bytes.EqualFold(version, []byte("SIP/2.0")) && sip.ParseUri(string(parts[1]), &sip.Uri{}) == nil {
			return nil
		}
		return &fault{0, "malformed ACK"} // an ACK is never answered
	case !bytes.EqualFold(version, []byte("SIP/2.0")):
		return &fault{505, "SIP version " + printable(version)}
	case len(parts) != 3:
		return &fault{400, "spaces in the request line"}
	}
	var uri sip.Uri
	if err := sip.ParseUri(string(parts[1]), &uri); err != nil || uri.Wildcard || bytes.ContainsAny(parts[1], `<>"`) {
		return &fault{400, "request URI"}
	}
	return nil
}

func isStatus(s string) bool {
	n, err := strconv.Atoi(s)
	return err == nil && len(s) == 3 && n >= 100 && n <= 699
}

func isToken(b []byte, most int) bool {
	for _, c := range b {
		fits := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || strings.IndexByte("-.!%*_+`'~", c) >= 0
		if !fits {
			return false
		}
	}
	return len(b) > 0 && len(b) <= most
}

// screenFields checks that every line is a header field or the continuation of one, and reads Content-Length; 0 when
// there is none.
func screenFields(lines []byte) (length int, _ *fault) {
	count, seen := 0, false
	for len(lines) > 0 {
		var line []byte
		line, lines, _ = bytes.Cut(lines, []byte("\r\n"))
		if bytes.IndexByte(line, '\r') >= 0 {
			return 0, &fault{400, "lone CR in the header"}
		}
		if len(line) > 0 && (line[0] == ' ' || line[0] == '\t') {
			if count == 0 {
				return 0, &fault{400, "continuation of the start line"}
			}
			continue
		}
		colon := bytes.IndexByte(line, ':')
		if colon < 1 || !isToken(bytes.TrimRight(line[:colon], " \t"), maxFieldName) {
			return 0, &fault{400, "header line without a name"}
		}
		if count++; count > maxHeaderCount {
			return 0, &fault{513, "too many header fields"}
		}
		name := bytes.TrimRight(line[:colon], " \t")
		if !bytes.EqualFold(name, []byte("Content-Length")) && !bytes.EqualFold(name, []byte("l")) {
			continue
		}
		n, err := strconv.ParseUint(string(bytes.TrimSpace(line[colon+1:])), 10, 31)
		if err != nil || seen && int(n) != length {
			// A folded value is legal; it is rare enough to be read by the parser alone.
			if len(bytes.TrimSpace(line[colon+1:])) == 0 {
				continue
			}
			return 0, &fault{400, "Content-Length"}
		}
		length, seen = int(n), true
	}
	return length, nil
}

func printable(b []byte) string {
	if len(b) > 16 {
		b = b[:16]
	}
	return fmt.Sprintf("%q", b)
}

// rawResponse builds a response out of the lines of a request that cannot be parsed, and says to which port of the source
// it goes (RFC 3261 section 18.2.2, RFC 3581). It is nil when a line is missing without which nobody could match it.
func rawResponse(data []byte, source netip.AddrPort, f *fault) ([]byte, uint16) {
	if end := bytes.Index(data, []byte("\r\n\r\n")); end >= 0 {
		data = data[:end+2]
	}
	if len(data) > maxHeaderBytes {
		data = data[:maxHeaderBytes]
	}
	var vias []string
	var from, to, callID, cseq string
	for _, line := range strings.Split(unfold(string(data)), "\r\n")[1:] {
		name, value, ok := strings.Cut(line, ":")
		if !ok {
			continue
		}
		value = clean(strings.TrimSpace(value))
		switch strings.ToLower(strings.TrimSpace(name)) {
		case "via", "v":
			vias = append(vias, value)
		case "from", "f":
			from = value
		case "to", "t":
			to = value
		case "call-id", "i":
			callID = value
		case "cseq":
			cseq = value
		}
	}
	if len(vias) == 0 || from == "" || callID == "" || cseq == "" {
		return nil, 0
	}
	port := stampVia(vias, source)
	var b bytes.Buffer
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", f.status, phraseOf(f.status))
	for _, v := range vias {
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	if to != "" && !strings.Contains(to, "tag=") {
		to += ";tag=" + newTag()
	}
	for _, h := range [...]Header{{"From", from}, {"To", to}, {"Call-ID", callID}, {"CSeq", cseq}} {
		if h.Value != "" {
			fmt.Fprintf(&b, "%s: %s\r\n", h.Name, h.Value)
		}
	}
	fmt.Fprintf(&b, "Warning: 399 cordboard %q\r\nContent-Length: 0\r\n\r\n", f.why)
	return b.Bytes(), port
}

func unfold(s string) string {
	return strings.NewReplacer("\r\n ", " ", "\r\n\t", " ").Replace(s)
}

// stampVia writes received and rport into the topmost Via, and returns the port to answer to.
func stampVia(vias []string, source netip.AddrPort) uint16 {
	top := vias[0]
	port := uint16(5060)
	sentBy := top
	if fields := strings.Fields(top); len(fields) > 1 {
		sentBy = fields[1]
	}
	sentBy, _, _ = strings.Cut(sentBy, ";")
	if _, p, err := splitHostPort(sentBy, 5060); err == nil && p > 0 {
		port = uint16(p)
	}
	if strings.Contains(top, ";rport") && !strings.Contains(top, ";rport=") {
		top = strings.Replace(top, ";rport", fmt.Sprintf(";rport=%d", source.Port()), 1)
		port = source.Port()
	}
	vias[0] = top + ";received=" + source.Addr().String()
	return port
}

func udpAddr(a netip.AddrPort) *net.UDPAddr { return net.UDPAddrFromAddrPort(a) }
