package sip

import (
	"errors"
	"fmt"
	"net/url"
	"testing"
)

func TestS6_WhatAREFERAsksFor(t *testing.T) {
	dialogs := make(chan *Dialog, 2)
	e := open(t, answering(dialogs), func(c *Config) { c.Trunks = nil })
	p := newPhone(t, e)
	first, d := calledBy(t, p, dialogs, "anna")
	second, other := calledBy(t, p, dialogs, "anna")
	stranger, _ := calledBy(t, newPhone(t, e), dialogs, "bo")
	replaces := func(l *leg, swapped bool) string {
		to, from := tagOf(l.to), tagOf(l.from)
		if swapped {
			to, from = from, to
		}
		return url.QueryEscape(l.callID + ";to-tag=" + to + ";from-tag=" + from)
	}
	for name, c := range map[string]struct {
		to     string
		user   string
		there  bool
		lost   bool
		status int
	}{
		"blind":             {"<sip:1002@cordboard>", "1002", false, false, 0},
		"bare":              {"sip:1002@cordboard;x=y", "1002", false, false, 0},
		"named":             {`"Bo, B." <sip:1002@cordboard;user=phone>`, "1002", false, false, 0},
		"tel":               {"<tel:+358401234567;phone-context=x>", "+358401234567", false, false, 0},
		"escaped":           {"<sip:%2b358401234567@cordboard>", "+358401234567", false, false, 0},
		"attended":          {"<sip:bo@cordboard?Replaces=" + replaces(second, false) + ">", "bo", true, false, 0},
		"attended, swapped": {"<sip:bo@cordboard?a=b&replaces=" + replaces(second, true) + ">", "bo", true, false, 0},
		"of nobody":         {"<sip:bo@cordboard?Replaces=x%3Bto-tag%3Da%3Bfrom-tag%3Db>", "bo", false, true, 0},
		"of somebody else":  {"<sip:bo@cordboard?Replaces=" + replaces(stranger, false) + ">", "bo", false, true, 0},
		"of itself":         {"<sip:bo@cordboard?Replaces=" + replaces(first, false) + ">", "bo", false, true, 0},
		"a wrong tag":       {"<sip:bo@cordboard?Replaces=" + url.QueryEscape(second.callID+";to-tag="+tagOf(second.to)+";from-tag=x") + ">", "bo", false, true, 0},
		"two":               {"<sip:1002@a>, <sip:1003@a>", "", false, false, 400},
		"unreadable":        {"<>", "", false, false, 400},
		"not a call":        {"<sip:1002@cordboard;method=SUBSCRIBE>", "", false, false, 403},
		"not a telephone":   {"<http://example.com>", "", false, false, 416},
	} {
		first.cseq++
		p.send(first.text("REFER", newBranch(), first.cseq, "", "Refer-To: "+c.to))
		r := wait(t, d.Requests(), "the REFER: "+name)
		got, err := r.Referral()
		var refused *Refused
		if c.status != 0 {
			if !errors.As(err, &refused) || refused.Status != c.status {
				t.Errorf("%s: %v, want %d", name, err, c.status)
			}
		} else if err != nil || got.To.User != c.user || (got.Instead == other) != c.there || got.Lost != c.lost {
			t.Errorf("%s: %+v %v", name, got, err)
		}
		_, _ = r.Respond(603, "", nil)
		p.final("REFER")
	}
	first.cseq++
	p.send(first.text("REFER", newBranch(), first.cseq, ""))
	r := wait(t, d.Requests(), "the REFER without a target")
	if _, err := r.Referral(); err == nil {
		t.Error("there is nobody to call")
	}
	_, _ = r.Respond(400, "", nil)
}

// calledBy is a call of one of our own users.
func calledBy(t *testing.T, p *phone, dialogs <-chan *Dialog, user string) (*leg, *Dialog) {
	t.Helper()
	l := p.newLeg("1234")
	l.from = fmt.Sprintf("<sip:%s@cordboard>;tag=%s", user, newTag()[:8])
	l.invite(someSDP)
	m := p.final("INVITE")
	l.ack(m.status(), "")
	l.cseq++
	l.branch = newBranch()
	p.send(l.text("INVITE", l.branch, l.cseq, someSDP, answerChallenge(t, "Proxy-Authorization", m.get("Proxy-Authenticate"), "INVITE", l.target, user, "secret-"+user)))
	l.answered()
	return l, wait(t, dialogs, "the call")
}
