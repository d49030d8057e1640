package sip

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// ear is a tap that remembers.
type ear struct {
	mu   sync.Mutex
	seen []Passage     // guarded by mu
	more chan struct{} // closed when something more is heard; guarded by mu, nil: nobody waits
}

func (s *ear) Passed(p Passage) {
	p.Text = slices.Clone(p.Text)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seen = append(s.seen, p)
	if s.more != nil {
		close(s.more)
		s.more = nil
	}
}

// heard are the messages under a Call-ID, as soon as there are n of them: who is answered may be faster than whoever tells
// the tap of the answer.
func (s *ear) heard(t *testing.T, callID string, n int) []string {
	t.Helper()
	for limit := time.After(5 * time.Second); ; {
		s.mu.Lock()
		if s.more == nil {
			s.more = make(chan struct{})
		}
		more := s.more
		s.mu.Unlock()
		all := s.of(t, callID)
		if len(all) >= n {
			return all
		}
		select {
		case <-more:
		case <-limit:
			return all
		}
	}
}

// of lists the messages under a Call-ID: "> INVITE", "< 200 INVITE".
func (s *ear) of(t *testing.T, callID string) (all []string) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range s.seen {
		if p.CallID != callID {
			continue
		}
		arrow := "<"
		if p.In {
			arrow = ">"
		}
		first, _, _ := strings.Cut(string(p.Text), "\r\n")
		words := strings.Fields(first)
		what := words[0]
		if what == "SIP/2.0" {
			what = words[1] + " " + p.Method
		}
		if !p.Local.IsValid() || !p.Remote.IsValid() || p.At.IsZero() || !strings.Contains(string(p.Text), callID) {
			t.Errorf("passage %+v", p)
		}
		all = append(all, fmt.Sprintf("%s %s %s", p.Network, arrow, what))
	}
	return all
}

func TestATapHearsEveryMessageOfACallOverUDP(t *testing.T) {
	s := &ear{}
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs), func(c *Config) { c.Tap = s })
	l, d := called(t, e, dialogs)
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Fatal(m.start)
	}
	want := []string{"udp > INVITE", "udp < 100 INVITE", "udp < 200 INVITE", "udp > ACK", "udp > BYE", "udp < 200 BYE"}
	if got := s.heard(t, d.CallID(), len(want)); !slices.Equal(got, want) {
		t.Errorf("heard %q\nwant  %q", got, want)
	}
}

func TestATapHearsWhatIsRepeated(t *testing.T) {
	s := &ear{}
	dialogs := make(chan *Dialog, 1)
	e := open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		dialogs <- d
		_, _ = d.Answer(ctx, []byte(someSDP)) // nobody acknowledges it
	}), func(c *Config) { c.Tap = s })
	newPhone(t, e).newLeg("1").invite(someSDP)
	d := wait(t, dialogs, "the call")
	wait(t, d.Context().Done(), "the end without an ACK")
	if got := strings.Join(s.of(t, d.CallID()), ","); strings.Count(got, "< 200 INVITE") < 3 {
		t.Errorf("heard %s", got)
	}
}

func TestATapHearsWhatABrowserIsTold(t *testing.T) {
	s := &ear{}
	e := open(t, nil, bySession, func(c *Config) { c.Tap = s })
	p := newBrowser(t, doorway(t, e), "anna")
	p.register("anna", instance)
	done := make(chan placed, 1)
	go func() {
		d, answer, err := e.Invite(t.Context(), Invitation{To: ToDevice{e.Devices("anna")[0]}, Offer: []byte(someSDP)})
		done <- placed{d, answer, err}
	}()
	invite := p.request("INVITE")
	p.reply(invite, 180, "them", "")
	p.reply(invite, 200, "them", someSDP)
	p.request("ACK")
	r := wait(t, done, "the answer")
	want := []string{"ws < INVITE", "ws > 180 INVITE", "ws > 200 INVITE", "ws < ACK"}
	if got := s.heard(t, r.d.CallID(), len(want)); !slices.Equal(got, want) {
		t.Errorf("heard %q\nwant  %q", got, want)
	}
}

func TestATapHearsACallByATCPTrunk(t *testing.T) {
	s := &ear{}
	place, accepted := tcpTrunk(t)
	e := open(t, nil, func(c *Config) {
		c.Tap = s
		c.Trunks = append(c.Trunks, Trunk{Name: "tcp", Targets: at(place + ";transport=tcp")})
	})
	done := make(chan placed, 1)
	go func() {
		d, a, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"tcp", "+358401111111"}, Offer: []byte(someSDP)})
		done <- placed{d, a, err}
	}()
	p := wait(t, accepted, "the connection")
	inv := p.request("INVITE")
	p.reply(inv, 200, "them", someSDP)
	p.request("ACK")
	r := wait(t, done, "the answer")
	if m := p.back(inv, "them").do("BYE", ""); m.status() != 200 {
		t.Fatal(m.start)
	}
	want := []string{"tcp < INVITE", "tcp > 200 INVITE", "tcp < ACK", "tcp > BYE", "tcp < 200 BYE"}
	got := s.heard(t, r.d.CallID(), len(want))
	slices.Sort(got) // two goroutines tell of what goes out and what comes in
	slices.Sort(want)
	if !slices.Equal(got, want) {
		t.Errorf("heard %q\nwant  %q", got, want)
	}
}

// deaf is a tap that does nothing: what it costs is ours.
type deaf struct{}

func (deaf) Passed(Passage) {}

func TestATapCostsACallFewAllocations(t *testing.T) {
	e := open(t, answering(make(chan *Dialog, 1000)), func(c *Config) { c.Tap = deaf{} })
	p := newPhone(t, e)
	fewAllocations(t, 540, func() {
		l := p.newLeg("1234")
		l.invite(someSDP)
		l.answered()
		if m := l.do("BYE", ""); m.status() != 200 {
			t.Fatal(m.start)
		}
	})
}
