package sip

import (
	"crypto/rand"
	"mime"
	"strings"

	"github.com/emiago/sipgo/sip"

	"github.com/cordboard/cordboard/sip/field"
)

// allMethods are the methods we know by name; those of allow we serve.
var allMethods = [...]string{ //nolint:gochecknoglobals // a constant
	"INVITE", "ACK", "CANCEL", "BYE", "OPTIONS", "REGISTER", "INFO", "UPDATE", "REFER", "NOTIFY", "PRACK",
	"MESSAGE", "SUBSCRIBE", "PUBLISH",
}

const (
	allow      = "INVITE, ACK, CANCEL, BYE, OPTIONS, REGISTER, INFO, UPDATE, REFER, NOTIFY, PRACK"
	accept     = "application/sdp"
	mimeSDP    = "application/sdp"
	supported  = "timer, 100rel, replaces" // option tags that a peer may require
	unreliable = "timer, replaces"         // where provisional responses are not acknowledged
)

// newTag makes a tag or Call-ID: 130 random bits, so that nobody guesses the name of a dialog.
func newTag() string { return strings.ToLower(rand.Text()) }

// response makes a response to req with what every response of ours carries.
func (e *Endpoint) response(req *sip.Request, status int, phrase string) *sip.Response {
	if phrase == "" {
		phrase = phraseOf(status)
	}
	res := sip.NewResponseFromRequest(req, status, clean(phrase), nil)
	res.SipVersion = "SIP/2.0" // the library echoes the request's
	for _, name := range [...]string{"From", "To", "Call-ID", "CSeq"} {
		if res.GetHeader(name) == nil { // malformed: echoed as it came, which is all we can do
			if h := req.GetHeader(name); h != nil {
				res.AppendHeader(sip.NewHeader(name, h.Value()))
			}
		}
	}
	if status != 100 {
		res.AppendHeader(sip.NewHeader("Server", e.cfg.UserAgent))
	}
	return res
}

// reply sends a final response without a body, and logs why it could not.
func (e *Endpoint) reply(req *sip.Request, tx *sip.ServerTx, status int, phrase string, headers ...Header) {
	res := e.response(req, status, phrase)
	for _, h := range headers {
		res.AppendHeader(sip.NewHeader(h.Name, clean(h.Value)))
	}
	e.respond(tx, res)
}

func (e *Endpoint) respond(tx *sip.ServerTx, res *sip.Response) {
	if err := tx.Respond(res); err != nil {
		e.log.Debug("response not sent", callIDField(res), statusField(res.StatusCode), errField(err))
		return
	}
	e.says(res)
}

// fields is a message as far as its header fields go. The library looks a field up by writing the name of each one there
// is in lower case, anew each time; we compare.
type fields interface{ Headers() []sip.Header }

// header is the first value of a header field, in its full or compact form.
func header(m fields, name string) string {
	short := compact(name)
	for _, h := range m.Headers() {
		if is(h, name, short) {
			return h.Value()
		}
	}
	return ""
}

// headerValues are all values of a header field, lists taken apart at the commas outside quotes and angle brackets.
func headerValues(m fields, name string) []string {
	short := compact(name)
	var out []string
	for _, h := range m.Headers() {
		if is(h, name, short) {
			out = append(out, splitList(h.Value())...)
		}
	}
	return out
}

func is(h sip.Header, name, short string) bool {
	n := h.Name()
	return len(n) == len(name) && strings.EqualFold(n, name) || len(n) == 1 && strings.EqualFold(n, short)
}

// compact is the short form of a field's name as we write it (RFC 3261 section 7.3.3), of those that the library leaves
// as they came.
func compact(name string) string {
	switch name {
	case "Contact":
		return "m"
	case "Supported":
		return "k"
	case "Refer-To":
		return "r"
	case "Referred-By":
		return "b"
	case "Event":
		return "o"
	case "Content-Encoding":
		return "e"
	case "Subject":
		return "s"
	case "Session-Expires":
		return "x"
	}
	return ""
}

// lists reports whether a header field has the token in its list.
func lists(m fields, name, token string) bool {
	short := compact(name)
	for _, h := range m.Headers() {
		if !is(h, name, short) {
			continue
		}
		for t := range strings.SplitSeq(h.Value(), ",") {
			if strings.EqualFold(strings.TrimSpace(t), token) {
				return true
			}
		}
	}
	return false
}

// splitList takes a comma-separated header value apart (RFC 3261 section 7.3.1).
func splitList(s string) []string { return splitOutside(s, ',') }

// splitOutside takes a text apart at a separator outside quotes and angle brackets.
func splitOutside(s string, separator byte) []string {
	var out []string
	quoted, bracket, start := false, 0, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			bracket++
		case c == '>' && bracket > 0:
			bracket--
		case c == separator && bracket == 0:
			out = appendTrimmed(out, s[start:i])
			start = i + 1
		}
	}
	return appendTrimmed(out, s[start:])
}

func appendTrimmed(out []string, s string) []string {
	if s = strings.TrimSpace(s); s != "" {
		return append(out, s)
	}
	return out
}

// clean keeps a text of ours from ending its line: control characters become spaces.
func clean(s string) string {
	if strings.IndexFunc(s, isControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

// quotedText escapes a display name for the quotes the library puts around it (RFC 3261 section 25.1, quoted-string).
func quotedText(s string) string {
	s = clean(s)
	if !strings.ContainsAny(s, `\"`) {
		return s
	}
	return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s)
}

func unquotedText(s string) string {
	if !strings.Contains(s, `\`) {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+1 < len(s) {
			i++
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// contentType is the media type without parameters, in lower case.
func contentType(value string) string {
	t, _, err := mime.ParseMediaType(value)
	if err != nil {
		t, _, _ = strings.Cut(strings.ToLower(value), ";")
	}
	return strings.TrimSpace(t)
}

// addressOf reads a From or To header.
func addressOf(display string, uri *sip.Uri) Address {
	a := Address{Display: unquotedText(display), User: field.Unescape(uri.User), Host: uri.Host}
	if uri.Scheme == "tel" { // RFC 3966
		a.User, a.Host = field.Unescape(uri.Raw()), ""
	}
	a.User = plainNumber(a.User)
	return a
}

// plainNumber is a telephone number without its parameters. One that is local to a country's code becomes global by it
// (RFC 3966 section 5.1.5), and the marks that make it easier to read are left out.
func plainNumber(user string) string {
	number, params, parameters := strings.Cut(user, ";")
	global := strings.HasPrefix(number, "+")
	if !global && !parameters || strings.Trim(number, "+0123456789-.()*#") != "" {
		return user
	}
	number = strings.Map(func(r rune) rune {
		if strings.ContainsRune("-.()", r) {
			return -1
		}
		return r
	}, number)
	for p := range strings.SplitSeq(params, ";") {
		k, v, _ := strings.Cut(p, "=")
		if strings.EqualFold(k, "phone-context") && strings.HasPrefix(v, "+") && !global {
			return v + number
		}
	}
	return number
}

// phrases are the usual reason phrases (RFC 3261 section 21).
var phrases = map[int]string{ //nolint:gochecknoglobals // a constant
	100: "Trying", 180: "Ringing", 181: "Call Is Being Forwarded", 182: "Queued", 183: "Session Progress",
	200: "OK", 202: "Accepted", 400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found",
	405: "Method Not Allowed", 407: "Proxy Authentication Required", 408: "Request Timeout",
	413: "Request Entity Too Large", 415: "Unsupported Media Type", 416: "Unsupported URI Scheme",
	420: "Bad Extension", 421: "Extension Required", 422: "Session Interval Too Small", 423: "Interval Too Brief", 480: "Temporarily Unavailable",
	481: "Call/Transaction Does Not Exist", 482: "Loop Detected", 483: "Too Many Hops", 486: "Busy Here",
	487: "Request Terminated", 488: "Not Acceptable Here", 489: "Bad Event", 491: "Request Pending",
	500: "Server Internal Error", 501: "Not Implemented", 503: "Service Unavailable", 504: "Server Time-out",
	505: "Version Not Supported", 513: "Message Too Large", 600: "Busy Everywhere", 603: "Decline",
	606: "Not Acceptable",
}

func phraseOf(status int) string {
	if p, ok := phrases[status]; ok {
		return p
	}
	return "Status"
}
