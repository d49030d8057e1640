package sip

import (
	"context"
	"fmt"
	"strconv"
	"testing"
	"time"
)

func reliableTrunk(p Reliability) func(*Config) {
	return func(c *Config) {
		for i := range c.Trunks {
			c.Trunks[i].Reliable = p
		}
	}
}

// rings opens an endpoint that does with a call what the test sends on the channel, one step after the other.
func rings(t *testing.T, p Reliability) (*Endpoint, chan<- func(d *Dialog)) {
	t.Helper()
	steps := make(chan func(d *Dialog))
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		for {
			select {
			case step := <-steps:
				step(d)
			case <-ctx.Done():
				return
			}
		}
	}), reliableTrunk(p))
	return e, steps
}

func progress(status int, sdp string) func(d *Dialog) {
	return func(d *Dialog) {
		if sdp == "" {
			_ = d.Progress(status, nil)
			return
		}
		_ = d.Progress(status, []byte(sdp))
	}
}

func answer(sdp string) func(d *Dialog) {
	return func(d *Dialog) { _, _ = d.Answer(context.Background(), []byte(sdp)) }
}

// provisional reads the next provisional response but 100.
func (p *phone) provisional() msg {
	p.t.Helper()
	return p.until(func(m msg) bool { return m.status() > 100 && m.status() < 200 })
}

func (l *leg) prack(m msg, body string) msg {
	l.p.t.Helper()
	l.take(m)
	invite := cseqOf(m)
	return l.do("PRACK", body, fmt.Sprintf("RAck: %s %d INVITE", m.get("RSeq"), invite))
}

func TestAReliable183IsRepeatedUntilItsPRACKAndThe200NeedsNoMore(t *testing.T) {
	e, steps := rings(t, Supported)
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, "Supported: 100rel")
	invite := l.cseq
	steps <- progress(183, "v=0\r\nearly\r\n")
	first := l.p.provisional()
	rseq, err := strconv.Atoi(first.get("RSeq"))
	if err != nil || rseq < 1 || rseq > 1<<31-1 || first.get("Require") != "100rel" || first.get("Contact") == "" || first.body != "v=0\r\nearly\r\n" {
		t.Fatalf("%+v", first)
	}
	if again := l.p.provisional(); again.get("RSeq") != first.get("RSeq") {
		t.Errorf("RSeq %s, then %s", first.get("RSeq"), again.get("RSeq"))
	}
	l.take(first)
	if m := l.do("PRACK", "", fmt.Sprintf("RAck: %d %d INVITE", rseq+1, invite)); m.status() != 481 {
		t.Errorf("PRACK for something else: %s", m.start)
	}
	if m := l.do("PRACK", "", fmt.Sprintf("RAck: %d %d INVITE", rseq, invite)); m.status() != 200 {
		t.Errorf("PRACK: %s", m.start)
	}
	if m := l.do("PRACK", "", fmt.Sprintf("RAck: %d %d INVITE", rseq, invite)); m.status() != 481 {
		t.Errorf("a second PRACK for the same: %s", m.start)
	}
	for { // repetitions that were on their way
		if m, ok := l.p.readWithin(300 * time.Millisecond); !ok {
			break
		} else if m.status() != 183 {
			t.Fatal(m.start)
		}
	}
	steps <- progress(180, "")
	if m := l.p.provisional(); m.status() != 180 || m.get("RSeq") != "" {
		t.Errorf("an ordinary 180 became %s with RSeq %q", m.start, m.get("RSeq"))
	}
	go func() { steps <- answer("v=0\r\nfinal\r\n") }()
	m := l.p.final("INVITE")
	if m.status() != 200 || m.body != "" {
		t.Errorf("%s with %q: offer and answer were complete", m.start, m.body)
	}
	l.cseq = invite
	l.ack(200, "")
}

func TestReliableResponsesGoOneAfterTheOther(t *testing.T) {
	e, steps := rings(t, Supported)
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, "Require: 100rel")
	steps <- progress(180, "")
	steps <- progress(183, someSDP)
	first := l.p.provisional()
	for range 2 {
		if m := l.p.provisional(); m.status() != 180 {
			t.Fatalf("%s before the PRACK", m.start)
		}
	}
	l.prack(first, "")
	second := l.p.until(func(m msg) bool { return m.status() == 183 })
	if a, _ := strconv.Atoi(first.get("RSeq")); second.get("RSeq") != strconv.Itoa(a+1) {
		t.Errorf("RSeq %s, then %s", first.get("RSeq"), second.get("RSeq"))
	}
	go func() { steps <- answer(someSDP) }() // waits for the PRACK: the description in the 183 has not arrived for sure
	if m := l.p.until(func(m msg) bool { return m.status() > 100 }); m.status() != 183 {
		t.Errorf("%s overtook a reliable description", m.start)
	}
	l.prack(second, "")
	if m := l.p.final("INVITE"); m.status() != 200 || m.body != "" {
		t.Errorf("%s %q", m.start, m.body)
	}
}

func TestAReliable180DoesNotHoldUpThe200(t *testing.T) {
	e, steps := rings(t, Supported)
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, "Require: 100rel")
	steps <- progress(180, "")
	ringing := l.p.provisional()
	go func() { steps <- answer(someSDP) }()
	m := l.p.final("INVITE")
	if m.status() != 200 || m.body != someSDP {
		t.Errorf("%s %q", m.start, m.body)
	}
	l.take(m)
	if late := l.do("PRACK", "", fmt.Sprintf("RAck: %s %d INVITE", ringing.get("RSeq"), cseqOf(ringing))); late.status() != 200 {
		t.Errorf("its late PRACK: %s", late.start)
	}
	if again := l.p.final("INVITE"); again.status() != 200 {
		t.Errorf("a PRACK passed for the ACK: %s", again.start)
	}
}

func TestAReliableResponseNeverAcknowledgedEndsTheCall(t *testing.T) {
	e, steps := rings(t, Supported)
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, "Require: 100rel")
	steps <- progress(180, "")
	if m := l.p.final("INVITE"); m.status() != 504 {
		t.Error(m.start)
	}
	l.ack(504, "")
}

func TestWhoMustAcknowledgeAndWhoMayNot(t *testing.T) {
	for name, c := range map[string]struct {
		policy   Reliability
		asks     []string
		status   int
		want     Header
		reliable bool
	}{
		"off, insisted on":        {Unsupported, []string{"Require: 100rel"}, 420, Header{"Unsupported", "100rel"}, false},
		"off, supported":          {Unsupported, []string{"Supported: 100rel"}, 180, Header{}, false},
		"supported, not known":    {Supported, nil, 180, Header{}, false},
		"supported, insisted on":  {Supported, []string{"Require: 100rel"}, 180, Header{"Require", "100rel"}, true},
		"required, not known":     {Required, nil, 421, Header{"Require", "100rel"}, false},
		"required, supported":     {Required, []string{"Supported: timer, 100rel"}, 180, Header{"Require", "100rel"}, true},
		"required, in short form": {Required, []string{"k: 100rel"}, 180, Header{"Require", "100rel"}, true},
	} {
		t.Run(name, func(t *testing.T) {
			e, steps := rings(t, c.policy)
			l := newPhone(t, e).newLeg("1234")
			l.invite(someSDP, c.asks...)
			if c.status < 200 {
				steps <- progress(180, "")
			}
			m := l.p.until(func(m msg) bool { return m.status() > 100 })
			if m.status() != c.status || c.want.Name != "" && m.get(c.want.Name) != c.want.Value || (m.get("RSeq") != "") != c.reliable {
				t.Errorf("%s\n%s", m.start, m.head)
			}
		})
	}
}

func TestAnOfferlessCallIsOfferedEarlyAndAnsweredByPRACK(t *testing.T) {
	e, steps := rings(t, Supported)
	l := newPhone(t, e).newLeg("1234")
	l.invite("", "Require: 100rel")
	invite := l.cseq
	early := make(chan bool, 2)
	steps <- func(d *Dialog) {
		early <- d.OffersEarly()
		_ = d.Progress(180, []byte(someSDP))
		early <- d.OffersEarly()
	}
	if !<-early || <-early {
		t.Error("the first reliable response, and only that, carries the offer (RFC 3261 section 13.2.1)")
	}
	if m := l.prack(l.p.provisional(), "v=0\r\nanswer\r\n"); m.status() != 200 {
		t.Errorf("PRACK: %s", m.start)
	}
	got := make(chan string, 1)
	go func() {
		steps <- func(d *Dialog) { b, _ := d.Answer(t.Context(), []byte("v=0\r\nunsaid\r\n")); got <- string(b) }
	}()
	if m := l.p.final("INVITE"); m.body != "" {
		t.Errorf("200 with %q", m.body)
	}
	l.cseq = invite
	l.ack(200, "")
	if b := wait(t, got, "the answer"); b != "v=0\r\nanswer\r\n" {
		t.Errorf("answer %q", b)
	}
}

func TestAnOfferInAPRACKAndAnUPDATEBeforeTheAnswerAreNegotiated(t *testing.T) {
	e, steps := rings(t, Supported)
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, "Supported: 100rel")
	serve := func(d *Dialog) {
		go func() {
			for {
				select {
				case r := <-d.Requests():
					_, _ = r.Respond(200, "", append([]byte("re:"), r.Body...))
				case <-d.Context().Done():
					return
				}
			}
		}()
	}
	steps <- serve
	steps <- progress(180, "")
	l.take(l.p.provisional())
	if m := l.do("UPDATE", "v=0\r\nfirst\r\n"); m.status() != 500 || m.get("Retry-After") == "" { // RFC 3311 section 5.2
		t.Errorf("UPDATE before the offer was answered: %s, Retry-After %q", m.start, m.get("Retry-After"))
	}
	if m := l.do("UPDATE", ""); m.status() != 200 {
		t.Errorf("UPDATE without an offer: %s", m.start)
	}
	l.cseq = 100
	steps <- progress(183, someSDP)
	m := l.p.provisional()
	l.cseq = 110
	if m := l.prack(m, "v=0\r\nin PRACK\r\n"); m.status() != 200 || m.body != "re:v=0\r\nin PRACK\r\n" {
		t.Errorf("PRACK: %s %q", m.start, m.body)
	}
	if m := l.do("UPDATE", "v=0\r\nsecond\r\n"); m.status() != 200 || m.body != "re:v=0\r\nsecond\r\n" {
		t.Errorf("UPDATE: %s %q", m.start, m.body)
	}
}

// An INFO or a re-INVITE that overtakes the ACK of an offerless call does not stand for it: the ACK has the answer.
func TestW5_WhatOvertakesTheACKOfAnOfferlessCallDoesNotLoseTheAnswer(t *testing.T) {
	dialogs, got := make(chan *Dialog, 1), make(chan string, 1)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		dialogs <- d
		b, err := d.Answer(ctx, []byte(someSDP))
		if err != nil {
			t.Error(err)
		}
		got <- string(b)
		<-ctx.Done()
	}))
	l := newPhone(t, e).newLeg("1234")
	l.invite("")
	invite := l.cseq
	d := wait(t, dialogs, "the call")
	l.take(l.p.final("INVITE"))
	go func() {
		for {
			select {
			case r := <-d.Requests():
				_, _ = r.Respond(200, "", nil)
			case <-d.Context().Done():
				return
			}
		}
	}()
	if m := l.do("INFO", "Signal=5", "Content-Type: application/dtmf-relay"); m.status() != 200 {
		t.Errorf("INFO: %s", m.start)
	}
	l.cseq++
	l.branch = newBranch()
	l.p.send(l.text("INVITE", l.branch, l.cseq, someSDP))
	if m := l.p.until(func(m msg) bool { return m.status() >= 200 && cseqOf(m) == l.cseq }); m.status() != 491 {
		t.Errorf("re-INVITE while our offer is unanswered: %s", m.start)
	}
	l.ack(491, "")
	if again := l.p.final("INVITE"); again.status() != 200 { // well after T1: it is still repeated
		t.Errorf("came %s, not the 200 again", again.start)
	}
	time.Sleep(100 * time.Millisecond) // longer than T1
	l.cseq = invite
	l.ack(200, "v=0\r\nanswer\r\n")
	if b := wait(t, got, "the answer"); b != "v=0\r\nanswer\r\n" {
		t.Errorf("answer %q", b)
	}
	if d.Context().Err() != nil {
		t.Error(d.how())
	}
}

func TestWhoWaitsLongIsRemindedThatItRings(t *testing.T) {
	for name, c := range map[string]struct {
		sdp      string
		asks     []string
		again    string // the description of the repetition
		reliable bool
	}{
		"ringing":         {"", nil, "", false},
		"early sound":     {someSDP, nil, someSDP, false},
		"early, reliable": {someSDP, []string{"Supported: 100rel"}, "", false},
		"always reliable": {"", []string{"Require: 100rel"}, "", true},
	} {
		t.Run(name, func(t *testing.T) {
			steps := make(chan func(d *Dialog))
			e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
				(<-steps)(d)
				<-ctx.Done()
			}), func(cfg *Config) { cfg.Timeouts.Remind = 150 * time.Millisecond })
			l := newPhone(t, e).newLeg("1234")
			l.invite(someSDP, c.asks...)
			invite := l.cseq
			steps <- progress(183, c.sdp)
			first := l.p.provisional()
			if first.get("RSeq") != "" {
				l.prack(first, "")
			}
			for range 2 {
				again := l.p.until(func(m msg) bool {
					return m.status() == 183 && (m.get("RSeq") == "" || m.get("RSeq") != first.get("RSeq"))
				})
				if again.body != c.again || (again.get("RSeq") != "") != c.reliable {
					t.Errorf("again: RSeq %q, %q", again.get("RSeq"), again.body)
				}
				if first = again; c.reliable {
					l.prack(again, "")
				}
			}
			l.cseq = invite
			l.p.send(l.text("CANCEL", l.branch, invite, ""))
		})
	}
}
