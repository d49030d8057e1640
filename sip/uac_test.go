package sip

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/emiago/sipgo/sip"
)

// placed is the outcome of an Invite.
type placed struct {
	d      *Dialog
	answer []byte
	err    error
}

// calling opens an endpoint with a trunk at a phone and places a call to it.
func calling(t *testing.T, ctx context.Context, inv Invitation, change ...func(*Config)) (*Endpoint, *phone, <-chan placed) {
	t.Helper()
	at := reserve(t)
	e := open(t, nil, append(change, trunkTo(at))...)
	p := newPhoneAt(t, e, at)
	if inv.To == nil {
		inv.To = ToTrunk{"out", "+358401111111"}
	}
	done := make(chan placed, 1)
	go func() {
		d, answer, err := e.Invite(ctx, inv)
		done <- placed{d, answer, err}
	}()
	return e, p, done
}

// connected is a call placed to a phone and answered by it.
func connected(t *testing.T, extra ...string) (*Endpoint, *leg, *Dialog) {
	t.Helper()
	e, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 200, "them", someSDP, extra...)
	p.request("ACK")
	r := wait(t, done, "the answer")
	if r.err != nil {
		t.Fatal(r.err)
	}
	return e, p.back(inv, "them"), r.d
}

func TestB5_D1_AnAnswerThatCrossesOurCANCELIsAcknowledgedAndHungUp(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	_, p, done := calling(t, ctx, Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 180, "them", "")
	time.Sleep(20 * time.Millisecond) // let the 180 be taken, so that the CANCEL goes out at once
	why := errors.New("no time left")
	cancel(why)
	if r := wait(t, done, "the end of Invite"); !errors.Is(r.err, why) {
		t.Errorf("Invite: %v", r.err)
	}
	c := p.request("CANCEL")
	if c.get("Via") != inv.get("Via") || tagOf(c.get("To")) != "" {
		t.Errorf("CANCEL is not the INVITE's: %q %q", c.get("Via"), c.get("To"))
	}
	p.reply(inv, 200, "them", someSDP) // it was on its way
	p.reply(c, 200, "them", "")
	p.request("ACK")
	p.reply(p.request("BYE"), 200, "", "")
}

func TestB7_D1_CANCELWaitsForAProvisionalResponse(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	e, p, done := calling(t, ctx, Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	cancel()
	wait(t, done, "the end of Invite")
	end := time.Now().Add(150 * time.Millisecond)
	for time.Now().Before(end) {
		if m, ok := p.readWithin(50 * time.Millisecond); ok && m.method() == "CANCEL" {
			t.Fatal("CANCEL before any response (RFC 3261 section 9.1)")
		}
	}
	p.reply(inv, 100, "", "")
	p.reply(p.request("CANCEL"), 200, "x", "")
	p.reply(inv, 487, "x", "")
	p.request("ACK")
	waitUntil(t, "the dialog to be over", func() bool { return e.dialogs.count() == 0 })
}

func waitUntil(t testing.TB, what string, ok func() bool) {
	t.Helper()
	end := time.Now().Add(patience)
	for !ok() {
		if time.Now().After(end) {
			t.Fatalf("did not happen: %s", what)
		}
		time.Sleep(2 * time.Millisecond)
	}
}

func TestHangupWhileItRingsIsACANCELWithItsReason(t *testing.T) {
	early := make(chan *Dialog, 1)
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP), Early: func(d *Dialog) { early <- d }})
	inv := p.request("INVITE")
	p.reply(inv, 180, "them", "")
	time.Sleep(20 * time.Millisecond)
	wait(t, early, "the dialog").Hangup(200, "Call completed elsewhere")
	var end *Ended
	if r := wait(t, done, "the end of Invite"); !errors.As(r.err, &end) || end.Why != Cancelled || end.Remote {
		t.Errorf("Invite: %v", r.err)
	}
	c := p.request("CANCEL")
	if got := c.get("Reason"); got != `SIP;cause=200;text="Call completed elsewhere"` {
		t.Errorf("Reason %q", got)
	}
	p.reply(c, 200, "x", "")
	p.reply(inv, 487, "them", "")
	p.request("ACK")
}

func TestD2_AnyNumberOfProvisionalResponses(t *testing.T) {
	const n = 60
	got := make(chan int, 2*n)
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP), Progress: func(s int, _ []byte) { got <- s }})
	inv := p.request("INVITE")
	for i := range n {
		p.reply(inv, 180+3*(i%2), "them", "")
		if s := wait(t, got, "progress"); s != 180+3*(i%2) {
			t.Fatalf("response %d came as %d", i, s)
		}
	}
	p.reply(inv, 200, "them", someSDP)
	p.request("ACK")
	if r := wait(t, done, "the answer"); r.err != nil {
		t.Fatal(r.err)
	}
}

func TestD5_ARefusalIsOurOwnError(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 503, "them", "", "Retry-After: 30")
	p.request("ACK")
	r := wait(t, done, "the refusal")
	var ref *Refused
	if !errors.As(r.err, &ref) || ref.Status != 503 || ref.Reason != "Service Unavailable" {
		t.Fatalf("%v", r.err)
	}
	found := false
	for _, h := range ref.Header {
		found = found || h == Header{"Retry-After", "30"}
	}
	if !found {
		t.Errorf("headers %v", ref.Header)
	}
}

func TestALostACKIsRepeatedForEachRepeated200(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 200, "them", someSDP)
	first := p.request("ACK")
	wait(t, done, "the answer")
	p.reply(inv, 200, "them", someSDP)
	if again := p.request("ACK"); again.get("CSeq") != first.get("CSeq") || again.tag("To") != "them" {
		t.Errorf("%+v", again)
	}
}

func TestTheSecondAnswerOfAForkIsHungUp(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 200, "one", someSDP)
	p.request("ACK")
	d := wait(t, done, "the answer").d
	p.reply(inv, 200, "two", someSDP)
	if ack := p.request("ACK"); ack.tag("To") != "two" {
		t.Errorf("ACK to %q", ack.get("To"))
	}
	bye := p.request("BYE")
	if bye.tag("To") != "two" {
		t.Errorf("BYE to %q", bye.get("To"))
	}
	p.reply(bye, 200, "", "")
	if d.Context().Err() != nil {
		t.Error("the first answer's call ended")
	}
}

func TestAnswersThatComeAfterTheTransactionAreServedAllTheSame(t *testing.T) {
	e, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 200, "one", someSDP)
	p.request("ACK")
	d := wait(t, done, "the answer").d
	late := func(tag string) { // what the library says of a response that it has no transaction for
		m, err := newParser().ParseSIP([]byte(replyText(p.contact(), inv, 200, tag, someSDP)))
		if err != nil {
			t.Fatal(err)
		}
		e.strayResponse(m.(*sip.Response))
	}
	late("one")
	if ack := p.request("ACK"); ack.tag("To") != "one" {
		t.Errorf("ACK to %q", ack.get("To"))
	}
	late("two")
	if ack := p.request("ACK"); ack.tag("To") != "two" {
		t.Errorf("ACK to %q", ack.get("To"))
	}
	bye := p.request("BYE")
	if bye.tag("To") != "two" {
		t.Errorf("BYE to %q", bye.get("To"))
	}
	p.reply(bye, 200, "", "")
	if d.Context().Err() != nil {
		t.Error("the call ended")
	}
}

func TestW5_ABYEThatOvertakesThe200EndsTheCall(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	inv := p.request("INVITE")
	p.reply(inv, 180, "them", "")
	l := p.back(inv, "them")
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("BYE: %s", m.start)
	}
	var end *Ended
	if r := wait(t, done, "the end"); !errors.As(r.err, &end) || end.Why != HungUp || !end.Remote {
		t.Errorf("%v", r.err)
	}
	p.reply(inv, 200, "them", someSDP)
	p.request("ACK")
}

func TestS2_AnOfferlessCallGetsItsAnswerInTheACK(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Answer: func(offer []byte) ([]byte, error) {
		if string(offer) != someSDP {
			t.Errorf("offer %q", offer)
		}
		return []byte("v=0\r\nours\r\n"), nil
	}})
	inv := p.request("INVITE")
	if inv.body != "" {
		t.Errorf("INVITE carries %q", inv.body)
	}
	p.reply(inv, 200, "them", someSDP)
	if ack := p.request("ACK"); ack.body != "v=0\r\nours\r\n" {
		t.Errorf("ACK carries %q", ack.body)
	}
	if r := wait(t, done, "the answer"); r.err != nil || string(r.answer) != someSDP {
		t.Errorf("%q %v", r.answer, r.err)
	}
}

func TestD8_TheRouteSetIsFollowed(t *testing.T) {
	for name, c := range map[string]struct{ rr, uri, routes string }{
		"loose":  {"<sip:%s;lr>", "sip:callee@192.0.2.9:5099", "<sip:%s;lr>"},
		"strict": {"<sip:%s>", "sip:%s", "<sip:callee@192.0.2.9:5099>"},
	} {
		t.Run(name, func(t *testing.T) {
			_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
			inv := p.request("INVITE")
			at := func(s string) string {
				if strings.Contains(s, "%s") {
					return fmt.Sprintf(s, p.local)
				}
				return s
			}
			// The proxy nearest to us is the last in the list, and is the phone's own address.
			p.reply(inv, 200, "them", someSDP, "Record-Route: <sip:192.0.2.1;lr>, "+at(c.rr), "Contact: <sip:callee@192.0.2.9:5099>")
			ack := p.request("ACK")
			d := wait(t, done, "the answer").d
			d.Hangup(0, "")
			bye := p.request("BYE")
			for _, m := range []msg{ack, bye} {
				if m.start != m.method()+" "+at(c.uri)+" SIP/2.0" {
					t.Errorf("%s, want URI %s", m.start, at(c.uri))
				}
				got := strings.Join(m.all("Route"), ", ")
				want := at(c.routes) + ", <sip:192.0.2.1;lr>"
				if name == "strict" {
					want = "<sip:192.0.2.1;lr>, " + at(c.routes)
				}
				if got != want {
					t.Errorf("%s Route %s\nwant %s", m.method(), got, want)
				}
			}
			p.reply(bye, 200, "", "")
		})
	}
}

func TestD10_AChallengingTrunkIsAnsweredByTheStrongestAlgorithm(t *testing.T) {
	const sha, md5 = `Digest realm="r", nonce="n1", algorithm=SHA-256, qop="auth"`, `Digest realm="r", nonce="n1", algorithm=MD5, qop="auth"`
	cases := map[string]struct {
		status     int
		challenges []string
		answer     string
		want       []string // in the answer
	}{
		"401 md5":           {401, []string{"WWW-Authenticate: " + md5}, "Authorization", []string{"MD5", `username="we"`, "nc=00000001", "qop=auth"}},
		"401 both, md5 1st": {401, []string{"WWW-Authenticate: " + md5, "WWW-Authenticate: " + sha}, "Authorization", []string{"SHA-256"}},
		"407 both":          {407, []string{"Proxy-Authenticate: " + sha, "Proxy-Authenticate: " + md5}, "Proxy-Authorization", []string{"SHA-256"}},
		"unknown and md5":   {401, []string{`WWW-Authenticate: Digest realm="r", nonce="x", algorithm=TOKEN`, "WWW-Authenticate: " + md5}, "Authorization", []string{"MD5"}},
		"no qop":            {401, []string{`WWW-Authenticate: Digest realm="r", nonce="n2"`}, "Authorization", []string{`nonce="n2"`}},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
			inv := p.request("INVITE")
			p.reply(inv, c.status, "a", "", c.challenges...)
			p.request("ACK")
			again := p.request("INVITE")
			got := again.get(c.answer)
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("%s: %s, want %s", c.answer, got, w)
				}
			}
			if again.get("CSeq") == inv.get("CSeq") || again.get("Call-ID") != inv.get("Call-ID") || again.get("Via") == inv.get("Via") {
				t.Errorf("CSeq %s after %s", again.get("CSeq"), inv.get("CSeq"))
			}
			p.reply(again, 200, "them", someSDP)
			if ack := p.request("ACK"); ack.get("CSeq") != strings.Replace(again.get("CSeq"), "INVITE", "ACK", 1) {
				t.Errorf("ACK has CSeq %s", ack.get("CSeq"))
			}
			r := wait(t, done, "the answer")
			if r.err != nil {
				t.Fatal(r.err)
			}
			r.d.Hangup(0, "")
			bye := p.request("BYE")
			if cseqOf(bye) <= cseqOf(again) {
				t.Errorf("BYE has CSeq %s after %s", bye.get("CSeq"), again.get("CSeq"))
			}
			p.reply(bye, 200, "", "")
		})
	}
}

func cseqOf(m msg) int {
	var n int
	_, _ = fmt.Sscan(m.get("CSeq"), &n)
	return n
}

func TestD10_AWrongPasswordIsNotTriedTwiceAndAStaleNonceIs(t *testing.T) {
	_, p, done := calling(t, t.Context(), Invitation{Offer: []byte(someSDP)})
	p.reply(p.request("INVITE"), 401, "a", "", `WWW-Authenticate: Digest realm="r", nonce="n1"`)
	p.request("ACK")
	p.reply(p.request("INVITE"), 401, "a", "", `WWW-Authenticate: Digest realm="r", nonce="n2", stale=true`)
	p.request("ACK")
	third := p.request("INVITE")
	if !strings.Contains(third.get("Authorization"), `nonce="n2"`) {
		t.Errorf("Authorization %s", third.get("Authorization"))
	}
	p.reply(third, 401, "a", "", `WWW-Authenticate: Digest realm="r", nonce="n3"`)
	p.request("ACK")
	var ref *Refused
	if r := wait(t, done, "the refusal"); !errors.As(r.err, &ref) || ref.Status != 401 {
		t.Errorf("%v", r.err)
	}
}
