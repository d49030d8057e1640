package sip

import (
	"strings"
	"testing"
	"time"
)

// brisk is a session timer that a test can wait for.
var brisk = SessionTimer{Expires: 3 * time.Second, Min: time.Second}

func timedTrunk(timer SessionTimer) func(*Config) {
	return func(c *Config) {
		for i := range c.Trunks {
			c.Trunks[i].Timer = timer
		}
	}
}

// timed is a call that came in and was answered, with what its INVITE said besides, and our 200.
func timed(t *testing.T, timer SessionTimer, extra ...string) (*leg, *Dialog, msg) {
	t.Helper()
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), timedTrunk(timer))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, extra...)
	res := l.answered()
	return l, wait(t, dialogs, "the call"), res
}

func TestB9_TheSessionTimerOfACallerIsAgreedTo(t *testing.T) {
	half := SessionTimer{Expires: 30 * time.Minute}
	for name, c := range map[string]struct {
		policy         SessionTimer
		asks           []string
		agreed, demand string
	}{
		"as asked":                       {half, []string{"Supported: timer", "Session-Expires: 1200;refresher=uac"}, "1200;refresher=uac", "timer"},
		"we are to refresh":              {half, []string{"Supported: timer", "Session-Expires: 1200;refresher=uas"}, "1200;refresher=uas", "timer"},
		"whoever":                        {half, []string{"Supported: timer", "Session-Expires: 1200"}, "1200;refresher=uac", "timer"},
		"compact":                        {half, []string{"k: timer", "x: 1200;refresher=uac"}, "1200;refresher=uac", "timer"},
		"too long for us":                {half, []string{"Supported: timer", "Session-Expires: 7200;refresher=uac"}, "1800;refresher=uac", "timer"},
		"longer than we, and no less":    {half, []string{"Supported: timer", "Session-Expires: 7200;refresher=uac", "Min-SE: 3600"}, "3600;refresher=uac", "timer"},
		"not asked for":                  {half, []string{"Supported: timer"}, "1800;refresher=uas", "timer"},
		"a proxy asks, the caller can't": {half, []string{"Session-Expires: 1200"}, "1200;refresher=uas", ""},
		"nobody knows of it":             {half, nil, "1800;refresher=uas", ""},
		"we want none, they do":          {SessionTimer{}, []string{"Supported: timer", "Session-Expires: 90"}, "90;refresher=uac", "timer"},
		"nobody wants one":               {SessionTimer{}, []string{"Supported: timer"}, "", ""},
		"demanded":                       {SessionTimer{}, []string{"Require: timer", "Session-Expires: 600"}, "600;refresher=uac", "timer"},
		"nonsense":                       {SessionTimer{}, []string{"Supported: timer", "Session-Expires: soon"}, "", ""},
	} {
		t.Run(name, func(t *testing.T) {
			_, _, res := timed(t, c.policy, c.asks...)
			if got := res.get("Session-Expires"); got != c.agreed || res.get("Require") != c.demand || !strings.Contains(res.get("Supported"), "timer") {
				t.Errorf("Session-Expires %q, Require %q, Supported %q", got, res.get("Require"), res.get("Supported"))
			}
		})
	}
}

func TestAnIntervalTooBriefIsAnswered422WithOurs(t *testing.T) {
	dialogs := make(chan *Dialog, 2)
	e := open(t, answering(dialogs), timedTrunk(SessionTimer{Min: 2 * time.Minute}))
	l := newPhone(t, e).newLeg("1234")
	l.invite(someSDP, "Supported: timer", "Session-Expires: 90")
	m := l.p.final("INVITE")
	l.ack(422, "")
	if m.status() != 422 || m.get("Min-SE") != "120" {
		t.Fatalf("%s, Min-SE %q", m.start, m.get("Min-SE"))
	}
	l.cseq++
	l.invite(someSDP, "Supported: timer", "Session-Expires: 120", "Min-SE: 120")
	if got := l.answered().get("Session-Expires"); got != "120;refresher=uac" {
		t.Errorf("Session-Expires %q", got)
	}
	if m := l.do("UPDATE", "", "Supported: timer", "Session-Expires: 90"); m.status() != 422 || m.get("Min-SE") != "120" {
		t.Errorf("UPDATE: %s, Min-SE %q", m.start, m.get("Min-SE"))
	}
	if m := l.do("INVITE", someSDP, "Supported: timer", "Session-Expires: 90"); m.status() != 422 {
		t.Errorf("re-INVITE: %s", m.start)
	}
	l.ack(422, "")
	plain := newPhone(t, e).newLeg("1234") // a proxy's 90 s, of which the caller knows nothing, is raised instead
	plain.invite(someSDP, "Session-Expires: 90")
	if got := plain.answered().get("Session-Expires"); got != "120;refresher=uas" {
		t.Errorf("Session-Expires %q", got)
	}
}

func TestWeRefreshByUPDATEAtHalfTimeAndGoOnToDoSo(t *testing.T) {
	t.Parallel()
	l, d, _ := timed(t, brisk, "Supported: timer", "Session-Expires: 3;refresher=uas", "Allow: INVITE, UPDATE")
	for range 2 {
		u := l.p.request("UPDATE")
		if u.body != "" || u.get("Session-Expires") != "3;refresher=uac" || !strings.Contains(u.get("Supported"), "timer") || u.get("Contact") == "" {
			t.Errorf("%+v", u)
		}
		l.p.reply(u, 200, "", "", "Session-Expires: 3;refresher=uac", "Require: timer")
	}
	if d.Context().Err() != nil {
		t.Error(d.how())
	}
}

func TestWeRefreshByReINVITEWhoKnowsNoUPDATE(t *testing.T) {
	t.Parallel()
	for name, allow := range map[string]string{"it says so": "Allow: INVITE, ACK, BYE", "it says otherwise": "Allow: INVITE, UPDATE"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, d, _ := timed(t, brisk, "Supported: timer", "Session-Expires: 3;refresher=uas", allow)
			got := make(chan string, 1)
			d.Refresh(func() ([]byte, error) { return []byte("v=0\r\nas it is\r\n"), nil }, func(answer []byte) error { got <- string(answer); return nil })
			if name == "it says otherwise" {
				l.p.reply(l.p.request("UPDATE"), 405, "", "")
			}
			re := l.p.request("INVITE")
			if re.body != "v=0\r\nas it is\r\n" || re.get("Session-Expires") != "3;refresher=uac" {
				t.Errorf("%+v", re)
			}
			l.p.reply(re, 200, "", someSDP, "Session-Expires: 3;refresher=uac")
			l.p.request("ACK")
			if a := wait(t, got, "the answer"); a != someSDP {
				t.Errorf("answer %q", a)
			}
		})
	}
}

func TestASessionThatNobodyRefreshesEndsWithItsReason(t *testing.T) {
	t.Parallel()
	l, d, _ := timed(t, brisk, "Supported: timer", "Session-Expires: 3;refresher=uac")
	bye := l.p.request("BYE")
	l.p.reply(bye, 200, "", "")
	if got := bye.get("Reason"); !strings.HasPrefix(got, `SIP;cause=408;text="Session Expired"`) {
		t.Errorf("Reason %q", got)
	}
	if end := endOf(t, d); end.Why != Expired || end.Remote {
		t.Error(end)
	}
}

func TestTheirRefreshKeepsTheSession(t *testing.T) {
	t.Parallel()
	for name, how := range map[string]func(l *leg) msg{
		"UPDATE": func(l *leg) msg { return l.do("UPDATE", "", "Supported: timer", "Session-Expires: 3;refresher=uac") },
		"re-INVITE": func(l *leg) msg {
			m := l.do("INVITE", someSDP, "Supported: timer", "Session-Expires: 3;refresher=uac")
			l.ack(200, "")
			return m
		},
		"UPDATE that forgets the timer": func(l *leg) msg { return l.do("UPDATE", "", "Supported: timer") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, d, _ := timed(t, brisk, "Supported: timer", "Session-Expires: 3;refresher=uac")
			go func() {
				for {
					select {
					case r := <-d.Requests():
						_, _ = r.Respond(200, "", []byte(someSDP))
					case <-d.Context().Done():
						return
					}
				}
			}()
			begun := time.Now()
			for range 3 { // the session would be over after 2 s
				if _, ok := l.p.readWithin(time.Second); ok {
					t.Fatal("something came")
				}
				if m := how(l); m.status() != 200 || m.get("Session-Expires") != "3;refresher=uac" || m.get("Require") != "timer" {
					t.Fatalf("%s, Session-Expires %q", m.start, m.get("Session-Expires"))
				}
			}
			l.p.reply(l.p.request("BYE"), 200, "", "")
			if lasted := time.Since(begun); lasted < 5*time.Second {
				t.Errorf("the session ended after %v", lasted)
			}
		})
	}
}

func TestARefreshWaitsForAReINVITEOfOursWhichIsOneItself(t *testing.T) {
	t.Parallel()
	l, d, _ := timed(t, brisk, "Supported: timer", "Session-Expires: 3;refresher=uas", "Allow: UPDATE")
	go func() { _, _ = d.Reoffer(t.Context(), []byte(someSDP)) }()
	re := l.p.request("INVITE")
	if got := re.get("Session-Expires"); got != "3;refresher=uac" {
		t.Errorf("Session-Expires %q", got)
	}
	if m, ok := l.p.readWithin(1800 * time.Millisecond); ok && m.method() != "INVITE" { // at 1.5 s the refresh is due
		t.Fatalf("%s beside a re-INVITE", m.start)
	}
	l.p.reply(re, 200, "", someSDP, "Session-Expires: 3;refresher=uac")
	l.p.request("ACK")
	answered := time.Now()
	l.p.reply(l.p.request("UPDATE"), 200, "", "", "Session-Expires: 3;refresher=uac")
	if after := time.Since(answered); after < time.Second {
		t.Errorf("refreshed again %v after a re-INVITE", after)
	}
}

func TestARefreshRefusedForNowIsTriedAgain(t *testing.T) {
	t.Parallel()
	long := SessionTimer{Expires: 8 * time.Second, Min: time.Second}
	l, d, _ := timed(t, long, "Supported: timer", "Session-Expires: 3;refresher=uas", "Allow: UPDATE")
	l.p.reply(l.p.request("UPDATE"), 422, "", "", "Min-SE: 6")
	u := l.p.request("UPDATE")
	if u.get("Session-Expires") != "6;refresher=uac" || u.get("Min-SE") != "6" {
		t.Errorf("Session-Expires %q, Min-SE %q", u.get("Session-Expires"), u.get("Min-SE"))
	}
	l.p.reply(u, 500, "", "", "Retry-After: 0")
	l.p.reply(l.p.request("UPDATE"), 200, "", "", "Session-Expires: 6;refresher=uac")
	if d.Context().Err() != nil {
		t.Error(d.how())
	}
}

func TestARefreshThatFindsNobodyEndsTheCall(t *testing.T) {
	t.Parallel()
	for status, why := range map[int]Why{481: HungUp, 403: Expired} {
		l, d, _ := timed(t, brisk, "Supported: timer", "Session-Expires: 3;refresher=uas", "Allow: UPDATE")
		go func() {
			for {
				m, ok := l.p.readWithin(patience)
				switch {
				case !ok:
					return
				case m.method() == "UPDATE":
					l.p.reply(m, status, "", "")
				case m.method() == "BYE":
					l.p.reply(m, 200, "", "")
				}
			}
		}()
		if end := endOf(t, d); end.Why != why {
			t.Errorf("%d: %v", status, end)
		}
	}
}

func TestOurCallAsksForASessionTimerAndTakes422(t *testing.T) {
	t.Parallel()
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	if inv.get("Session-Expires") != "" || !strings.Contains(inv.get("Supported"), "timer") {
		t.Errorf("a trunk without: Session-Expires %q, Supported %q", inv.get("Session-Expires"), inv.get("Supported"))
	}
	p.reply(inv, 486, "x", "")
	wait(t, done, "the refusal")

	at := reserve(t)
	e := open(t, nil, trunkTo(at), timedTrunk(SessionTimer{Expires: 2 * time.Second, Min: time.Second}))
	p = newPhoneAt(t, e, at)
	go func() {
		_, _, _ = e.Invite(t.Context(), Invitation{To: ToTrunk{"out", "+358401111111"}, Offer: []byte(someSDP)})
	}()
	first := p.request("INVITE")
	if first.get("Session-Expires") != "2" {
		t.Errorf("Session-Expires %q", first.get("Session-Expires"))
	}
	p.reply(first, 422, "a", "", "Min-SE: 4")
	p.request("ACK")
	again := p.request("INVITE")
	if again.get("Session-Expires") != "4" || again.get("Min-SE") != "4" || cseqOf(again) != cseqOf(first)+1 || again.get("Call-ID") != first.get("Call-ID") {
		t.Errorf("Session-Expires %q, Min-SE %q, CSeq %s", again.get("Session-Expires"), again.get("Min-SE"), again.get("CSeq"))
	}
	p.reply(again, 200, "them", someSDP, "Session-Expires: 4;refresher=uac", "Require: timer", "Allow: INVITE, UPDATE")
	p.request("ACK")
	u := p.request("UPDATE")
	if u.get("Session-Expires") != "4;refresher=uac" || u.get("Min-SE") != "4" {
		t.Errorf("Session-Expires %q, Min-SE %q", u.get("Session-Expires"), u.get("Min-SE"))
	}
	p.reply(u, 200, "", "", "Session-Expires: 4;refresher=uas") // from now on they do it
	p.reply(p.request("BYE"), 200, "", "")
}

func TestACalleeWhoKnowsNoTimerIsNotHeldToOne(t *testing.T) {
	t.Parallel()
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 200, "them", someSDP)
	p.request("ACK")
	d := wait(t, done, "the answer").d
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.life.interval != 0 || d.life.timer != nil {
		t.Errorf("interval %v", d.life.interval)
	}
}
