package ice

import (
	"net/netip"
	"testing"
	"time"
)

// talk brings two ends to a nominated path.
func talk(t *testing.T, leads bool) (w *world, we, they *end) {
	t.Helper()
	w = newWorld(t)
	we, they = w.end("we", 1, leads, us), w.end("they", 2, !leads, them)
	they.knows(we, us)
	we.knows(they, them)
	if !w.until(time.Second, func() bool { return we.chosen() && they.chosen() }) {
		t.Fatal("not nominated")
	}
	return w, we, they
}

func TestConsentIsAskedForEveryFourToSixSecondsAndNothingElseIsSent(t *testing.T) {
	w, we, they := talk(t, true)
	w.run(time.Second)
	w.seen = nil
	var asked []time.Time
	w.lost = func(p packet) bool {
		var m message
		if m.read(p.raw); m.kind == bindingRequest && p.from.String() == us {
			asked = append(asked, w.now)
		}
		return false
	}
	w.run(10 * time.Minute)
	if we.State() != Connected || they.State() != Connected {
		t.Fatal(we.State(), they.State())
	}
	for i := 1; i < len(asked); i++ {
		if pause := asked[i].Sub(asked[i-1]) - 2*w.delay; pause < consentLeast || pause > consentLeast+consentSpread {
			t.Fatal("consent was asked for again after", pause)
		}
	}
	if len(asked) < 90 || len(w.seen) > 4*151 {
		t.Fatalf("%d questions, %d packets", len(asked), len(w.seen))
	}
}

func TestASilentPathIsDisconnectedThenFailedAndRevivedByTheBrowsersCheck(t *testing.T) {
	for _, leads := range []bool{true, false} {
		w, we, they := talk(t, leads)
		dark := true
		w.lost = func(packet) bool { return dark }
		last := we.current.selected.last
		if !w.until(time.Minute, func() bool { return we.State() == Disconnected }) || w.now.Sub(last) != 10*time.Second {
			t.Fatal(we.State(), w.now.Sub(last))
		}
		we.wantPath(them) // it may come back
		dark = false
		if !w.until(2*time.Second, func() bool { return we.State() == Connected }) {
			t.Fatal("not back")
		}
		w.run(time.Second)
		dark, last = true, we.current.selected.last
		if !w.until(time.Minute, func() bool { return we.State() == Failed }) || w.now.Sub(last) < 20*time.Second {
			t.Fatal(we.State(), w.now.Sub(last))
		}
		if to, ok := we.Path(); ok {
			t.Fatal("still sending to", to)
		}
		w.run(time.Minute)
		dark = false
		they.current.pairs[0].state = waiting
		they.check(they.current, they.current.pairs[0], w.now, &they.out)
		they.flush()
		if !w.until(time.Second, func() bool { return we.State() == Connected }) {
			t.Fatal("not revived")
		}
		we.wantPath(them)
		w.run(time.Minute)
		if we.State() != Connected {
			t.Fatal("it did not stay alive:", we.State())
		}
	}
}

func TestSoundAloneShowsThatTheBrowserLivesButNotForEverWithoutConsent(t *testing.T) {
	w, we, they := talk(t, true)
	they.ignores = true
	from, began := netip.MustParseAddrPort(them), w.now
	for w.now.Sub(began) < 25*time.Second {
		w.run(time.Second)
		we.Heard(from, w.now)
		if we.State() != Connected {
			t.Fatal("not connected after", w.now.Sub(began))
		}
	}
	for range 30 {
		w.run(time.Second)
		we.Heard(from, w.now)
	}
	if we.State() != Failed {
		t.Fatal("30 s without an answer, and it is", we.State())
	}
}

func TestWhenTheBrowserMovesItsSoundIsFollowed(t *testing.T) {
	for _, leads := range []bool{true, false} {
		w, we, they := talk(t, leads)
		w.run(3 * time.Second)
		moved := netip.MustParseAddrPort(alsoThem)
		they.live(alsoThem)
		they.mapped = moved
		w.lost = func(p packet) bool { return p.to.String() == them || p.from.String() == them }
		they.recheck(they.current, they.current.pairs[0], w.now, &they.out)
		they.flush()
		w.run(50 * time.Millisecond)
		we.wantPath(them) // a check alone may be of a spare network
		we.Heard(moved, w.now)
		we.wantPath(alsoThem)
		w.run(time.Minute)
		we.wantPath(alsoThem)
		if we.State() != Connected || leads && !we.chosen() {
			t.Fatal("controlling", leads, we.State(), we.current.selected)
		}
	}
}

func TestPacketsThatOvertakeEachOtherDoNotMakeUsMove(t *testing.T) {
	w, we, they := talk(t, true)
	they.live(alsoThem)
	they.mapped = netip.MustParseAddrPort(alsoThem)
	they.recheck(they.current, they.current.pairs[0], w.now, &they.out)
	they.flush()
	w.run(time.Second)
	for range 100 {
		w.run(20 * time.Millisecond)
		we.Heard(netip.MustParseAddrPort(them), w.now)
		we.Heard(netip.MustParseAddrPort(alsoThem), w.now)
		we.wantPath(them)
	}
}

func TestARestartCarriesTheSoundOverWhoeverBegins(t *testing.T) {
	for _, leads := range []bool{true, false} {
		w, we, they := talk(t, leads)
		they.live(alsoThem)
		we.Restart("newuser", "newpasswordnewpasswordnew")
		we.Lead(leads)
		we.wantPath(them)
		if got := we.Users(); len(got) != 2 {
			t.Fatal("answering only", got)
		}
		w.run(3 * time.Second)
		we.wantPath(them) // the far side has not answered yet
		they.Restart("theirnewuser", "theirnewpasswordtheirnew")
		we.ufrag, we.secret, they.ufrag, they.secret = "newuser", "newpasswordnewpasswordnew", "theirnewuser", "theirnewpasswordtheirnew"
		they.mapped = netip.MustParseAddrPort(alsoThem)
		they.Lead(!leads)
		we.knows(they, alsoThem)
		we.wantPath(them)
		they.knows(we, us)
		if !w.until(time.Second, func() bool { return we.chosen() && they.chosen() }) {
			t.Fatal("not nominated again")
		}
		we.wantPath(alsoThem)
		if we.State() != Connected {
			t.Fatal(we.State())
		}
		w.run(2 * grace)
		if got := we.Users(); len(got) != 1 || got[0] != "newuser" {
			t.Fatal("still answering", got)
		}
		we.wantPath(alsoThem)
	}
}

func TestARestartThatIsNotTakenUpIsTakenBack(t *testing.T) {
	w, we, _ := talk(t, true)
	if we.Abandon() {
		t.Fatal("there was nothing to take back")
	}
	we.Restart("newuser", "newpasswordnewpasswordnew")
	w.run(2 * time.Second)
	if !we.Abandon() || len(we.Users()) != 1 || we.Users()[0] != "weuser" {
		t.Fatal("still", we.Users())
	}
	w.run(time.Minute)
	we.wantPath(them)
}

func TestARestartHelpsWhenThePathHasFailed(t *testing.T) {
	w, we, they := talk(t, false)
	they.ignores = true
	if !w.until(time.Minute, func() bool { return we.State() == Failed }) {
		t.Fatal(we.State())
	}
	we.Restart("newuser", "newpasswordnewpasswordnew")
	we.ufrag, we.secret = "newuser", "newpasswordnewpasswordnew"
	if we.State() != Failed {
		t.Fatal("offered, not agreed: ", we.State())
	}
	they.Restart("theirnewuser", "theirnewpasswordtheirnew")
	they.ufrag, they.secret, they.ignores = "theirnewuser", "theirnewpasswordtheirnew", false
	we.knows(they, them)
	if we.State() != Checking {
		t.Fatal(we.State())
	}
	they.knows(we, us)
	if !w.until(time.Second, we.chosen) {
		t.Fatal("not nominated")
	}
	we.wantPath(them)
}

func TestAnAnswerOfAnotherBrowserBeginsAnew(t *testing.T) {
	w, we, _ := talk(t, true)
	other := w.end("other", 3, false, alsoThem)
	we.knows(other, alsoThem)
	we.wantPath(them)
	other.knows(we, us)
	w.run(time.Second)
	we.wantPath(alsoThem)
}
