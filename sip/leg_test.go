package sip

import (
	"fmt"
	"strings"
)

// leg is a dialog seen from the phone.
type leg struct {
	p        *phone
	callID   string
	from, to string // name-addr with tags, from the phone's side
	target   string // request URI
	cseq     int
	branch   string
}

func (p *phone) newLeg(user string) *leg {
	return &leg{
		p: p, callID: newTag(), from: fmt.Sprintf("<sip:+358400000001@%s>;tag=%s", p.local, newTag()[:8]),
		to: fmt.Sprintf("<sip:%s@%s>", user, p.to), target: fmt.Sprintf("sip:%s@%s", user, p.to), cseq: 100,
	}
}

// text writes a request of the leg; cseq 0 is the next one. Extra lines come without CRLF.
func (l *leg) text(method, branch string, cseq int, body string, extra ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s SIP/2.0\r\n", method, l.target)
	fmt.Fprintf(&b, "Via: SIP/2.0/%s %s;branch=%s;rport\r\n", l.p.transport, l.p.local, branch)
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %d %s\r\nMax-Forwards: 70\r\n", l.from, l.to, l.callID, cseq, method)
	contact := fmt.Sprintf("Contact: <%s>", l.p.contact())
	for _, x := range extra {
		if strings.HasPrefix(x, "Contact:") {
			contact = ""
		}
		if x != "Contact:" {
			fmt.Fprintf(&b, "%s\r\n", x)
		}
	}
	if contact != "" {
		b.WriteString(contact + "\r\n")
	}
	if body != "" && !strings.Contains(strings.Join(extra, "\n"), "Content-Type:") {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// contact is the URI the phone is reached by.
func (p *phone) contact() string {
	switch p.transport {
	case "WS":
		return "sip:abcdefgh@xyz.invalid;transport=ws"
	case "TCP":
		return "sip:phone@" + p.local + ";transport=tcp"
	}
	return "sip:phone@" + p.local
}

func newBranch() string { return "z9hG4bK" + newTag()[:12] }

// invite sends the INVITE.
func (l *leg) invite(body string, extra ...string) {
	l.p.t.Helper()
	l.branch = newBranch()
	l.p.send(l.text("INVITE", l.branch, l.cseq, body, extra...))
}

// ack acknowledges the last INVITE: a final response of the given status.
func (l *leg) ack(status int, body string) {
	l.p.t.Helper()
	branch := l.branch
	if status < 300 {
		branch = newBranch()
	}
	l.p.send(l.text("ACK", branch, l.cseq, body))
}

// answered reads the 2xx, takes the dialog from it and acknowledges.
func (l *leg) answered() msg {
	l.p.t.Helper()
	m := l.p.final("INVITE")
	if m.status() != 200 {
		l.p.t.Fatalf("not answered: %s", m.start)
	}
	l.take(m)
	l.ack(200, "")
	return m
}

// take takes tag and target from a response.
func (l *leg) take(m msg) {
	l.to = m.get("To")
	if c := m.get("Contact"); c != "" {
		c, _, _ = strings.Cut(strings.TrimPrefix(c, "<"), ">")
		l.target = c
	}
}

// do sends a request inside the dialog and returns the final response.
func (l *leg) do(method, body string, extra ...string) msg {
	l.p.t.Helper()
	l.cseq++
	l.branch = newBranch()
	l.p.send(l.text(method, l.branch, l.cseq, body, extra...))
	return l.p.final(method)
}

// reply answers a request of the endpoint.
func (p *phone) reply(req msg, status int, tag, body string, extra ...string) {
	p.t.Helper()
	p.send(replyText(p.contact(), req, status, tag, body, extra...))
}

func replyText(uri string, req msg, status int, tag, body string, extra ...string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SIP/2.0 %d %s\r\n", status, phraseOf(status))
	for _, v := range req.all("Via") {
		fmt.Fprintf(&b, "Via: %s\r\n", v)
	}
	to := req.get("To")
	if tag != "" && tagOf(to) == "" {
		to += ";tag=" + tag
	}
	fmt.Fprintf(&b, "From: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: %s\r\n", req.get("From"), to, req.get("Call-ID"), req.get("CSeq"))
	contact := true
	for _, x := range extra {
		contact = contact && !strings.HasPrefix(x, "Contact:")
		fmt.Fprintf(&b, "%s\r\n", x)
	}
	if contact {
		fmt.Fprintf(&b, "Contact: <%s>\r\n", uri)
	}
	if body != "" {
		b.WriteString("Content-Type: application/sdp\r\n")
	}
	fmt.Fprintf(&b, "Content-Length: %d\r\n\r\n%s", len(body), body)
	return b.String()
}

// back is the leg of a call that the endpoint placed to the phone.
func (p *phone) back(invite msg, tag string) *leg {
	to := invite.get("To")
	if tagOf(to) == "" {
		to += ";tag=" + tag
	}
	c, _, _ := strings.Cut(strings.TrimPrefix(invite.get("Contact"), "<"), ">")
	return &leg{p: p, callID: invite.get("Call-ID"), from: to, to: invite.get("From"), target: c, cseq: 500}
}
