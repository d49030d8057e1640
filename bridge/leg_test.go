package bridge

import (
	"context"
	"errors"
	"sync"
	"testing"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/internal/lab"
	"github.com/cordboard/cordboard/sip"
)

// talks answers a call from outside.
func (h *house) talks(o lab.CallOptions) (*lab.Call, *told) {
	h.t.Helper()
	c, story := h.comes(o, lab.PCMA(), lab.PCMU())
	h.answer(story, c)
	return c, story
}

// A re-INVITE becomes a wish when it begins or ends a hold, whichever way it says so (RFC 3264 section 8.4).
func TestHoldByAnyDirectionIsOneWish(t *testing.T) {
	h := newHouse(t)
	c, story := h.talks(lab.CallOptions{})
	for _, step := range []struct {
		direction string
		want      call.Wish // nil: none
	}{
		{"sendonly", call.Hold{}}, {"inactive", nil}, {"sendrecv", call.Resume{}},
		{"inactive", call.Hold{}}, {"sendrecv", call.Resume{}},
		{"recvonly", nil}, {"sendonly", call.Hold{}}, {"recvonly", call.Resume{}}, {"sendrecv", nil},
	} {
		if err := c.Reinvite(h.soon(), step.direction); err != nil {
			t.Fatalf("%s: %v", step.direction, err)
		}
		if step.want != nil {
			if got := h.wished(story); got != step.want {
				t.Errorf("%s is the wish %T, want %T", step.direction, got, step.want)
			}
		}
	}
	// Everything is served in order: what comes now comes after the wishes of all that went before.
	if err := c.Info(h.soon(), '5'); err != nil {
		t.Fatal(err)
	}
	if got := h.wished(story); got != (call.Digits{Tones: "5"}) {
		t.Errorf("another wish came: %#v", got)
	}
}

func TestAnInviteWithoutAnOffer(t *testing.T) {
	h := newHouse(t)
	c, story := h.talks(lab.CallOptions{NoSDP: true, Sound: lab.Tone(440, -16)})
	story.Audio().Hear(story.Audio()) // he hears himself
	c.Ear().MustHear(t, 440, patience, 300e6)
}

func TestAReInviteWithoutAnOffer(t *testing.T) {
	h := newHouse(t)
	c, story := h.talks(lab.CallOptions{Sound: lab.Tone(440, -16)})
	story.Audio().Hear(story.Audio())
	if err := c.Reinvite(h.soon(), "late"); err != nil {
		t.Fatal(err)
	}
	c.Ear().MustHear(t, 440, patience, 300e6)
}

// A re-INVITE that cannot be served is refused and leaves the sound as it was (RFC 3261 section 14.2).
func TestB35_ARefusedReInviteLeavesTheCall(t *testing.T) {
	h := newHouse(t)
	c, story := h.talks(lab.CallOptions{Sound: lab.Tone(440, -16)})
	story.Audio().Hear(story.Audio())
	c.Ear().MustHear(t, 440, patience, 300e6)
	for _, sdp := range []string{
		"v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 4000 RTP/AVP 3\r\n",
		"v=0\r\no=- 1 3 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=video 4000 RTP/AVP 96\r\n",
	} {
		r, err := c.Request(h.soon(), "UPDATE", "application/sdp", sdp)
		if err != nil || r.Status != 488 {
			t.Errorf("%v %v", r, err)
		}
	}
	c.Ear().MustHear(t, 440, patience, 300e6)
	if story.Context().Err() != nil {
		t.Errorf("the call ended: %v", call.EndingOf(story.Context()))
	}
}

// Keys told by signalling; what does not name any is answered as the fault it is, and the call goes on.
func TestKeysByInfo(t *testing.T) {
	h := newHouse(t)
	c, story := h.talks(lab.CallOptions{})
	for _, i := range []struct {
		kind, body string
		status     int
		tones      string
	}{
		{"application/dtmf-relay", "Signal=7\r\nDuration=100\r\n", 200, "7"},
		{"application/dtmf", "#", 200, "#"},
		{"application/dtmf-relay", "Signal=hello\r\n", 400, ""},
		{"application/dtmf-relay", "", 400, ""},
		{"text/plain", "7", 415, ""},
	} {
		if i.body == "" {
			i.body = "\r\n"
		}
		r, err := c.Request(h.soon(), "INFO", i.kind, i.body)
		if err != nil || r.Status != i.status {
			t.Errorf("INFO %s %q: %v %v, want %d", i.kind, i.body, r, err, i.status)
		}
		if i.tones != "" {
			if w := h.wished(story); w != (call.Digits{Tones: i.tones}) {
				t.Errorf("%q is the wish %#v", i.body, w)
			}
		}
	}
}

func TestWhatIsNotOfferedIsRefusedPolitely(t *testing.T) {
	h := newHouse(t)
	c, story := h.talks(lab.CallOptions{})
	var refused *lab.Refused
	if err := c.Refer(h.soon(), "sip:1002@cordboard"); !errors.As(err, &refused) || refused.Status != 403 {
		t.Errorf("REFER: %v", err)
	}
	if r, err := c.Request(h.soon(), "MESSAGE", "text/plain", "hello"); err != nil || r.Status < 400 || r.Status > 501 {
		t.Errorf("MESSAGE: %v %v", r, err)
	}
	if r, err := c.Request(h.soon(), "INFO", "", ""); err != nil || r.Status != 200 {
		t.Errorf("an INFO that says nothing, as some SBCs send for a sign of life: %v %v", r, err)
	}
	if story.Context().Err() != nil {
		t.Errorf("the call ended: %v", call.EndingOf(story.Context()))
	}
}

// How a call that came in ends, as the caller sees it.
func TestRefusingACall(t *testing.T) {
	h := newHouse(t)
	for reason, status := range map[call.Reason]int{call.NotFound: 404, call.Busy: 486, call.Declined: 603, call.Unreachable: 480,
		call.NoAnswer: 480, call.Forbidden: 403, call.Overloaded: 503, call.Stopped: 503, call.Failed: 500, call.NotAcceptable: 488} {
		c, story := h.comes(lab.CallOptions{}, lab.PCMA())
		if err := story.Ring(h.soon()); err != nil {
			t.Fatal(err)
		}
		c.MustRing(t, patience)
		story.Hangup(call.Ending{By: call.ByUs, Reason: reason})
		story.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup}) // the first one stands
		if e := c.MustEnd(t, patience); e.Status != status {
			t.Errorf("%s: the caller gets %v, want %d", reason, e, status)
		}
		if e := h.over(story); e != (call.Ending{By: call.ByUs, Reason: reason}) {
			t.Errorf("the leg ended %v", e)
		}
	}
}

// How the far side of a call that came in ends it.
func TestTheFarSideEndsTheCall(t *testing.T) {
	h := newHouse(t)
	for name, step := range map[string]struct {
		o    lab.CallOptions
		do   func(c *lab.Call, s *told)
		want call.Ending
	}{
		"gives up": {do: func(c *lab.Call, s *told) {
			_ = s.Ring(h.soon())
			c.MustRing(t, patience)
			c.Cancel()
		}, want: call.Ending{By: call.ByCustomer, Reason: call.Cancelled}},
		"hangs up": {do: func(c *lab.Call, s *told) {
			h.answer(s, c)
			_ = c.Bye(h.soon())
		}, want: call.Ending{By: call.ByCustomer, Reason: call.Hungup}},
		"never acknowledges": {o: lab.CallOptions{NoACK: true}, do: func(_ *lab.Call, s *told) {
			if err := s.Answer(h.soon()); err == nil {
				t.Error("answered without an ACK")
			}
		}, want: call.Ending{By: call.ByUs, Reason: call.SignalLost}},
	} {
		c, story := h.comes(step.o, lab.PCMA())
		step.do(c, story)
		if e := h.over(story); e != step.want {
			t.Errorf("%s: the leg ended %v, want %v", name, e, step.want)
		}
	}
}

// The vocabulary of sip in that of the house, for either far side.
func TestHowDialogsEnd(t *testing.T) {
	for _, c := range []struct {
		err  error
		far  call.By
		want call.Ending
	}{
		{&sip.Ended{Why: sip.HungUp, Remote: true, Status: 200}, call.ByAgent, call.Ending{By: call.ByAgent, Reason: call.Hungup}},
		{&sip.Ended{Why: sip.HungUp}, call.ByAgent, call.Ending{By: call.ByUs, Reason: call.Hungup}},
		{&sip.Ended{Why: sip.Cancelled, Remote: true, Status: 487}, call.ByCustomer, call.Ending{By: call.ByCustomer, Reason: call.Cancelled}},
		{&sip.Ended{Why: sip.Rejected, Remote: true, Status: 486}, call.ByCustomer, call.Ending{By: call.ByCustomer, Reason: call.Busy, Code: 486}},
		{&sip.Ended{Why: sip.NoACK}, call.ByCustomer, call.Ending{By: call.ByUs, Reason: call.SignalLost}},
		{&sip.Ended{Why: sip.FlowLost, Remote: true}, call.ByAgent, call.Ending{By: call.ByAgent, Reason: call.SignalLost}},
		{&sip.Ended{Why: sip.TimedOut, Remote: true, Status: 408}, call.ByAgent, call.Ending{By: call.ByAgent, Reason: call.Unreachable, Code: 408}},
		{&sip.Ended{Why: sip.Broken, Err: errors.New("x")}, call.ByAgent, call.Ending{By: call.ByUs, Reason: call.Failed}},
		{&sip.Ended{Why: sip.Stopped, Remote: true}, call.ByAgent, call.Ending{By: call.ByUs, Reason: call.Stopped}},
		{&sip.Refused{Status: 486}, call.ByAgent, call.Ending{By: call.ByAgent, Reason: call.Busy, Code: 486}},
		{&sip.Refused{Status: 408, Err: errors.New("no answer at all")}, call.ByAgent, call.Ending{By: call.ByAgent, Reason: call.Unreachable, Code: 408}},
		{&sip.Refused{Status: 503, Err: errors.New("nowhere to send it")}, call.ByAgent, call.Ending{By: call.ByAgent, Reason: call.Unreachable, Code: 503}},
		{errTaken, call.ByAgent, call.Ending{By: call.ByUs, Reason: call.TakenElsewhere}},
		{context.Canceled, call.ByAgent, call.Ending{By: call.ByUs, Reason: call.Stopped}},
		{errors.New("anything"), call.ByAgent, call.Ending{By: call.ByUs, Reason: call.Failed}},
	} {
		if got := endingOf(c.err, c.far); got != c.want {
			t.Errorf("%v is %v, want %v", c.err, got, c.want)
		}
	}
}

// An ordinary goodbye carries no cause: 487 would say that the call was never answered (RFC 3326).
func TestAnOrdinaryGoodbyeGivesNoReason(t *testing.T) {
	h := newHouse(t)
	c, story := h.talks(lab.CallOptions{})
	story.Hangup(call.Ending{By: call.ByAgent, Reason: call.Hungup})
	c.MustEnd(t, patience)
	bye, err := c.AwaitRequest(h.soon(), "BYE")
	if err != nil {
		t.Fatal(err)
	}
	if r := bye.Get("Reason"); r != "" {
		t.Errorf("BYE with Reason %q", r)
	}
}

// The caller leaves in the moment he is answered, again and again: the story learns it, whoever was first.
func TestAnsweredInTheMomentTheCallerLeaves(t *testing.T) {
	h := newHouse(t)
	for range 20 {
		c, story := h.comes(lab.CallOptions{}, lab.PCMA())
		var both sync.WaitGroup
		both.Go(c.Cancel)
		both.Go(func() { _ = story.Answer(h.soon()) }) // either outcome is right
		both.Wait()
		select {
		case <-c.Answered(): // he was too late to cancel, and hangs up as one does
			_ = c.Bye(h.soon())
		default:
		}
		if e := c.MustEnd(t, patience); e.Reason != "cancelled" && e.Reason != "bye" {
			t.Errorf("the caller's call ended %v", e)
		}
		if e := h.over(story); e.By != call.ByCustomer {
			t.Errorf("the leg ended %v", e)
		}
	}
}

// Everything at once, from everywhere: nothing is locked, lost or closed twice.
func TestALegIsSafeForConcurrentUse(t *testing.T) {
	h := newHouse(t)
	for range 5 {
		c, story := h.comes(lab.CallOptions{Sound: lab.Tone(440, -16)}, lab.PCMA())
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() { _ = story.Ring(h.soon()) })
			all.Go(func() { story.Audio().Hear(story.Audio()) })
			all.Go(func() { _ = story.Answer(h.soon()) })
			all.Go(func() { story.Audio().Digits("1") })
		}
		c.MustAnswer(t, patience)
		all.Go(func() { _ = c.Hold(h.soon()) })
		all.Go(func() { story.Hangup(call.Ending{By: call.ByUs, Reason: call.Hungup}) })
		all.Go(func() { story.Hangup(call.Ending{By: call.ByUs, Reason: call.Busy}) })
		c.MustEnd(t, patience)
		for range 4 {
			story.Audio().Hear(nil)
			_ = story.Answer(h.soon())
		}
		all.Wait()
	}
}

// Browsers come with a password that they give once; their calls are legs like any other, by ICE and DTLS.
func TestABrowserIsALegToo(t *testing.T) {
	h := newHouse(t)
	page := h.page("anna", lab.PCMA())
	customer, story := h.comes(lab.CallOptions{Sound: lab.Tone(440, -16)}, lab.PCMA())
	d := h.calls(Invitation{Agent: "anna", From: thisCall, Queue: "Service ä", With: story.Leg})
	rung := h.rung(page, 0)
	if q := rung.Invite.Get("X-Cordboard-Queue"); q != "Service%20%C3%A4" {
		t.Errorf("queue %q", q)
	}
	if err := rung.Answer(h.soon()); err != nil {
		t.Fatal(err)
	}
	if e := h.ended(d); d.leg == nil {
		t.Fatal(e)
	}
	story.Audio().Hear(d.leg.Audio())
	d.leg.Audio().Hear(story.Audio())
	h.answer(story, customer)
	rung.Ear().MustHear(t, 440, patience, 300e6)
	page.Vanish()
	if e := h.over(d.leg); e.Reason != call.SignalLost && e.Reason != call.MediaLost { // whichever is noticed first
		t.Errorf("her leg ended %v", e)
	}
	story.Hangup(call.Ending{By: call.ByAgent, Reason: call.SignalLost})
	customer.MustEnd(t, patience)
}

// A browser that hangs up closes its sound as well, and that may be heard before its BYE: an ordinary end all the same.
func TestABrowserThatHangsUpHasNotLostItsSound(t *testing.T) {
	h := newHouse(t)
	page := h.page("anna", lab.PCMA())
	for n := range 5 {
		d := h.calls(Invitation{Agent: "anna", From: thisCall})
		rung := h.rung(page, n)
		if err := rung.Answer(h.soon()); err != nil {
			t.Fatal(err)
		}
		if e := h.ended(d); d.leg == nil {
			t.Fatal(e)
		}
		h.happens("the path", rung.Connected())
		if err := rung.Bye(h.soon()); err != nil { // closes the sound first
			t.Fatal(err)
		}
		if e := h.over(d.leg); e != (call.Ending{By: call.ByAgent, Reason: call.Hungup}) {
			t.Errorf("her leg ended %v", e)
		}
	}
}
