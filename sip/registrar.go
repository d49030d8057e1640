package sip

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/emiago/sipgo/sip"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip/location"
)

// Lifetimes of a registration, in seconds.
const (
	minExpires     = 10   // below, the refreshes are a load and no help: 423
	maxExpires     = 3600 // a device that is gone is forgotten within the hour at last
	defaultExpires = 300  // when nothing was asked for
	maxContacts    = 8    // in one REGISTER
)

// register serves REGISTER (RFC 3261 section 10.3).
func (e *Endpoint) register(req *sip.Request, tx *sip.ServerTx) {
	f := flowOf(req)
	if f.Transport != "ws" && !e.sources.phone(f.Remote.Addr()) {
		e.reply(req, tx, 403, "")
		return
	}
	aor, ok := "", false
	if e.cfg.Users != nil {
		aor, ok = e.cfg.Users.AOR(addressOf("", &req.To().Address).User)
	}
	session, bySession := "", false
	if f.Transport == "ws" {
		session, bySession = e.door.Session(f.Remote)
		bySession = bySession && session != ""
	}
	if !bySession {
		who, proved := e.authenticate(req, tx, 401, e.users)
		if !proved {
			return
		}
		if user, is := who.(FromUser); is {
			session = user.AOR
		}
	}
	if !ok || session != aor { // W2; and nobody learns which users there are
		e.log.Warn("register for somebody else", zap.String("who", session), zap.String("from", req.Source()))
		e.reply(req, tx, 403, "")
		return
	}
	e.bindContacts(req, tx, aor, f)
}

func (e *Endpoint) bindContacts(req *sip.Request, tx *sip.ServerTx, aor string, f flow) {
	contacts, err := contactsOf(req)
	if err != nil {
		e.reply(req, tx, 400, "")
		return
	}
	callID, cseq := req.CallID().Value(), req.CSeq().SeqNo
	if len(contacts) == 1 && contacts[0].uri == "*" {
		if contacts[0].expires != 0 {
			e.reply(req, tx, 400, "")
			return
		}
		err = e.devices.UnregisterAll(aor, callID, cseq)
		contacts = nil
	}
	for _, c := range contacts {
		if c.expires > 0 && c.expires < minExpires {
			e.reply(req, tx, 423, "", Header{"Min-Expires", strconv.Itoa(minExpires)})
			return
		}
	}
	for _, c := range contacts {
		dev := location.Device{
			AOR: aor, Contact: c.text, Instance: c.instance, RegID: c.regID, CallID: callID, CSeq: cseq, Flow: f,
			UserAgent: clean(header(req, "User-Agent")), Path: headerValues(req, "Path"),
			Expires: time.Now().Add(time.Duration(c.expires) * time.Second),
		}
		if c.expires == 0 {
			_, err = e.devices.Unregister(dev)
		} else if _, err = e.devices.Register(dev); err == nil {
			e.registered(dev)
		}
		if err != nil {
			break
		}
	}
	switch {
	case errors.Is(err, location.ErrOutOfOrder):
		e.reply(req, tx, 500, "Out Of Order")
		return
	case err != nil:
		e.reply(req, tx, 503, "", Header{"Retry-After", "60"})
		return
	}
	e.respond(tx, e.bindings(req, aor))
}

// registered keeps the flow alive from now on, and brings home the calls of a device that has come by another socket (W7).
func (e *Endpoint) registered(dev location.Device) {
	e.keeper.keep(dev.Flow, dev.AOR)
	if dev.Instance == "" {
		return
	}
	for _, d := range e.dialogs.ofUnit(device{dev.AOR, dev.Instance}) {
		if d.bound {
			d.rebind(dev.Flow)
		}
	}
}

// bindings is the 200 to a REGISTER: each Contact as it came, with the time that is left (S8).
func (e *Endpoint) bindings(req *sip.Request, aor string) *sip.Response {
	res := e.response(req, 200, "")
	for _, dev := range e.devices.Lookup(aor) {
		left := int(time.Until(dev.Expires).Round(time.Second) / time.Second)
		res.AppendHeader(sip.NewHeader("Contact", fmt.Sprintf("%s;expires=%d", dev.Contact, max(left, 1))))
	}
	res.AppendHeader(sip.NewHeader("Date", time.Now().UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")))
	return res
}

// contact is one Contact of a REGISTER.
type contact struct {
	text     string // as received, without expires
	uri      string
	instance string
	regID    int
	expires  int // seconds
}

var errContact = errors.New("malformed Contact")

func contactsOf(req *sip.Request) ([]contact, error) {
	values := headerValues(req, "Contact")
	if len(values) > maxContacts {
		return nil, errContact
	}
	fallback := defaultExpires
	if h := header(req, "Expires"); h != "" {
		if n, err := strconv.ParseUint(h, 10, 32); err == nil { // malformed: as if not there (section 10.2.1.1)
			fallback = int(min(n, maxExpires))
		}
	}
	out := make([]contact, 0, len(values))
	for _, v := range values {
		c, err := parseContact(v, fallback)
		if err != nil || c.uri == "*" && len(values) > 1 {
			return nil, errContact
		}
		out = append(out, c)
	}
	return out, nil
}

func parseContact(v string, expires int) (contact, error) {
	if v == "*" {
		return contact{uri: "*", expires: expires}, nil
	}
	var uri sip.Uri
	var params sip.HeaderParams
	if len(v) > 1024 || !endsWell(v) {
		return contact{}, errContact
	}
	if _, err := sip.ParseAddressValue(v, &uri, &params); err != nil || uri.Host == "" || uri.Scheme != "sip" && uri.Scheme != "sips" {
		return contact{}, errContact
	}
	c := contact{text: withoutExpires(v), uri: uri.String(), expires: expires}
	for _, p := range params {
		value := strings.Trim(p.V, `"`)
		switch strings.ToLower(strings.TrimSpace(p.K)) {
		case "expires":
			if n, err := strconv.ParseUint(value, 10, 32); err == nil {
				c.expires = int(min(n, maxExpires))
			}
		case "+sip.instance":
			c.instance = strings.Trim(value, "<>")
		case "reg-id":
			c.regID, _ = strconv.Atoi(value)
		}
	}
	return c, nil
}

// withoutExpires takes the expires parameter out of a Contact and leaves every other byte as it is.
func withoutExpires(v string) string {
	params := 0 // where the header parameters begin
	if i := strings.LastIndexByte(v, '>'); i >= 0 && strings.IndexByte(v, '<') >= 0 {
		params = lastBracket(v)
	}
	head, tail := v[:params], v[params:]
	parts := splitParams(tail)
	kept := parts[:0]
	for i, p := range parts {
		name, _, _ := strings.Cut(p, "=")
		if i > 0 && strings.EqualFold(strings.TrimSpace(name), "expires") {
			continue
		}
		kept = append(kept, p)
	}
	return head + strings.Join(kept, ";")
}

// lastBracket is the position after the bracket that closes the address.
func lastBracket(v string) int {
	quoted, open := false, false
	for i := 0; i < len(v); i++ {
		switch c := v[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '<':
			open = true
		case c == '>' && open:
			return i + 1
		}
	}
	return 0
}

// splitParams splits at the semicolons outside quotes.
func splitParams(s string) []string {
	var out []string
	quoted, start := false, 0
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ';' && !quoted:
			out = append(out, s[start:i])
			start = i + 1
		}
	}
	return append(out, s[start:])
}

// Devices are the live registrations of an address of record, the newest first.
func (e *Endpoint) Devices(aor string) []Device {
	found := e.devices.Lookup(aor)
	out := make([]Device, 0, len(found))
	for _, d := range found {
		out = append(out, deviceOf(d))
	}
	return out
}

// Watch has fn called whenever the number of devices of an address of record may have changed, one call at a time, until
// stop. fn must not block.
func (e *Endpoint) Watch(fn func(aor string)) (stop func()) {
	return e.devices.Watch(func(aor string, _ int) { fn(aor) })
}
