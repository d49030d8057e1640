package sip

import (
	"slices"
	"strings"

	"github.com/emiago/sipgo/sip"
)

// dispatch decides what a request is (RFC 3261 section 8.2).
func (e *Endpoint) dispatch(req *sip.Request, tx *sip.ServerTx) {
	if req.IsAck() {
		return // heard by arrived; an ACK is never answered
	}
	if !e.wellFormed(req, tx) {
		return
	}
	if req.IsCancel() {
		e.cancel(req, tx)
		return
	}
	if a, first := e.invites.first(req); first {
		e.inbound(req, tx, a)
		return
	}
	tag, inDialog := req.To().Params.Get("tag")
	if !inDialog {
		e.outOfDialog(req, tx)
		return
	}
	d := e.dialogs.find(req.CallID().Value(), tag)
	if d == nil || !d.speaks(req) {
		e.reply(req, tx, 481, "")
		return
	}
	d.serve(req, tx)
}

func (e *Endpoint) outOfDialog(req *sip.Request, tx *sip.ServerTx) {
	switch req.Method {
	case sip.INVITE:
		e.inviteAgain(req, tx)
	case sip.REGISTER:
		e.register(req, tx)
	case sip.OPTIONS:
		e.options(req, tx)
	case sip.BYE, sip.INFO, sip.UPDATE, sip.PRACK, sip.NOTIFY, sip.REFER:
		e.reply(req, tx, 481, "") // only inside a dialog here
	default:
		e.reply(req, tx, 405, "", Header{"Allow", allow}) // MESSAGE, SUBSCRIBE, PUBLISH and what we never heard of
	}
}

// wellFormed answers what is not a proper request with 400, 505, 420, 416, 415 or 413.
func (e *Endpoint) wellFormed(req *sip.Request, tx *sip.ServerTx) bool {
	refuse := func(status int, headers ...Header) bool {
		e.reply(req, tx, status, "", headers...)
		return false
	}
	why := broken(req)
	switch {
	case !strings.EqualFold(req.SipVersion, "SIP/2.0"):
		return refuse(505)
	case why != "":
		return refuse(400, Warning(why))
	case req.Recipient.Scheme != "sip" && req.Recipient.Scheme != "sips" && req.Recipient.Scheme != "tel":
		return refuse(416)
	case len(req.Body()) > maxBody: // a stream brings more than a datagram does
		return refuse(413)
	case req.IsCancel():
		return true // carries none of the following (RFC 3261 section 9.1)
	}
	unsupported := slices.DeleteFunc(headerValues(req, "Require"), func(tag string) bool {
		return slices.ContainsFunc(splitList(supported), func(known string) bool { return strings.EqualFold(tag, known) })
	})
	if len(unsupported) > 0 {
		return refuse(420, Header{"Unsupported", strings.Join(unsupported, ", ")})
	}
	if enc := strings.ToLower(header(req, "Content-Encoding")); enc != "" && enc != "identity" && len(req.Body()) > 0 {
		return refuse(415, Header{"Accept-Encoding", "identity"})
	}
	return true
}

// broken says what is wrong with a request, "" when nothing is.
func broken(req *sip.Request) string {
	var seen [len(singles)]int
	for _, h := range req.Headers() {
		if i := single(h.Name()); i >= 0 {
			if seen[i]++; seen[i] > 1 {
				return "more than one " + singles[i]
			}
		}
	}
	cseq, from, to := req.CSeq(), req.From(), req.To()
	switch {
	case from == nil || !plainAddress(&from.Address):
		return "From"
	case to == nil || !plainAddress(&to.Address):
		return "To"
	case req.CallID() == nil || len(req.CallID().Value()) > maxTag:
		return "Call-ID"
	case cseq == nil || !strings.EqualFold(strings.TrimSpace(string(cseq.MethodName)), string(req.Method)):
		return "CSeq"
	case req.Via() == nil || req.Via().Host == "":
		return "Via"
	case seen[contentLength] > 0 && req.ContentLength() == nil:
		return "Content-Length"
	case seen[maxForwards] > 0 && (req.MaxForwards() == nil || req.MaxForwards().Val() > 255):
		return "Max-Forwards"
	}
	if tag, _ := from.Params.Get("tag"); tag == "" || len(tag) > maxTag {
		return "From tag"
	}
	if req.IsInvite() && contactURI(req) == nil {
		return "Contact"
	}
	return ""
}

// singles are the header fields that may be there once only (RFC 3261 section 7.3.1).
var singles = [...]string{"From", "To", "Call-ID", "CSeq", "Max-Forwards", "Content-Length"} //nolint:gochecknoglobals // a constant

// Positions in singles.
const (
	maxForwards   = 4
	contentLength = 5
)

func single(name string) int {
	for i, s := range singles {
		if len(name) == len(s) && strings.EqualFold(name, s) || len(name) == 1 && fullName(strings.ToLower(name)) == s {
			return i
		}
	}
	return -1
}

// plainAddress reports whether a parsed address has no trace of brackets and quotes that were not closed.
func plainAddress(uri *sip.Uri) bool {
	return uri.Scheme != "" && !strings.ContainsAny(uri.Scheme, `<>" `) && !strings.ContainsAny(uri.User, `<>"`) &&
		!strings.ContainsAny(uri.Host, `<>" `)
}

// endsWell reports whether quotes and angle brackets of an address are closed.
func endsWell(s string) bool {
	quoted, bracket := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			bracket++
		case c == '>':
			bracket--
		}
	}
	return !quoted && bracket == 0
}

// contactURI is the address in the first Contact, nil when there is none that can be read.
func contactURI(m fields) *sip.Uri {
	values := headerValues(m, "Contact")
	if len(values) == 0 || values[0] == "*" {
		return nil
	}
	var uri sip.Uri
	var params sip.HeaderParams
	if _, err := sip.ParseAddressValue(values[0], &uri, &params); err != nil || uri.Host == "" {
		return nil
	}
	return &uri
}

// cancel serves a CANCEL that met no transaction (RFC 3261 section 9.2).
func (e *Endpoint) cancel(req *sip.Request, tx *sip.ServerTx) {
	d, ok := e.invites.cancelled(req)
	if !ok {
		e.reply(req, tx, 481, "")
		return
	}
	e.reply(req, tx, 200, "")
	if d != nil {
		d.cancelledBy(header(req, "Reason"))
	}
}

// inviteAgain answers an INVITE that has been here before (D12).
func (e *Endpoint) inviteAgain(req *sip.Request, tx *sip.ServerTx) {
	status, phrase, same := e.invites.final(req)
	if same && status == 482 {
		return // a repetition whose transaction is gone; the first one is being served
	}
	e.reply(req, tx, status, phrase)
}

// options says that we are here and what we can do (RFC 3261 section 11).
func (e *Endpoint) options(req *sip.Request, tx *sip.ServerTx) {
	if retry, draining := e.draining(); draining {
		e.reply(req, tx, 503, "", retry)
		return
	}
	e.reply(req, tx, 200, "", capabilities()...)
}

func capabilities() []Header {
	return []Header{{"Allow", allow}, {"Accept", accept}, {"Accept-Encoding", "identity"}, {"Accept-Language", "en"}, {"Supported", supported}}
}

// sdpOf is the session description of a message, also out of a multipart body (RFC 5621); other says that there is a body
// of a kind we do not understand.
func sdpOf(m interface {
	fields
	Body() []byte
}) (sdp []byte, other bool) {
	body := m.Body()
	if len(body) == 0 {
		return nil, false
	}
	value := header(m, "Content-Type")
	switch kind := contentType(value); {
	case kind == mimeSDP:
		return slices.Clone(body), false
	case strings.HasPrefix(kind, "multipart/"):
		if sdp := sdpPart(value, body); sdp != nil {
			return sdp, false
		}
	}
	return nil, true
}
