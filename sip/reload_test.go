package sip

import (
	"context"
	"net/netip"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/sip/limits"
)

// trunksCalling opens an endpoint that says which trunk each call came by and answers it.
func trunksCalling(t *testing.T) (e *Endpoint, origins chan Origin, dialogs chan *Dialog) {
	origins, dialogs = make(chan Origin, 4), make(chan *Dialog, 4)
	answers := answering(dialogs)
	return open(t, callsFunc(func(ctx context.Context, d *Dialog) {
		origins <- d.Origin()
		answers.Inbound(ctx, d)
	})), origins, dialogs
}

func TestAReloadChangesTheTrunksFromTheNextCallOn(t *testing.T) {
	e, origins, dialogs := trunksCalling(t)
	loopback := netip.MustParsePrefix("127.0.0.0/8")
	l, d := called(t, e, dialogs)
	if got := wait(t, origins, "the first call"); got != (FromTrunk{"lab"}) {
		t.Errorf("the first call comes from %v", got)
	}
	if err := e.Reload([]Trunk{{Name: "renamed", Sources: []netip.Prefix{loopback}}}, nil); err != nil {
		t.Fatal(err)
	}
	_, _ = called(t, e, dialogs)
	if got := wait(t, origins, "the second call"); got != (FromTrunk{"renamed"}) {
		t.Errorf("the second call comes from %v", got)
	}
	if m := l.do("OPTIONS", ""); m.status() != 200 || d.Context().Err() != nil {
		t.Errorf("the call that was up: %s", m.start)
	}
	if _, _, err := e.Invite(t.Context(), Invitation{To: ToTrunk{"lab", "1"}}); err == nil || !strings.Contains(err.Error(), "503") {
		t.Errorf("a call out by a trunk that is no more: %v", err)
	}
}

func TestACallOutlivesItsTrunkAndNoOtherComesIn(t *testing.T) {
	e, _, dialogs := trunksCalling(t)
	l, d := called(t, e, dialogs)
	if err := e.Reload([]Trunk{{Name: "far", Sources: []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}}}, nil); err != nil {
		t.Fatal(err)
	}
	other := newPhone(t, e).newLeg("1")
	other.invite(someSDP)
	if m := other.p.final("INVITE"); m.status() != 403 {
		t.Errorf("a new call from there: %s", m.start)
	}
	if m := l.do("BYE", ""); m.status() != 200 {
		t.Errorf("the BYE of the old one: %s", m.start)
	}
	wait(t, d.Context().Done(), "the end")
}

func TestATrunkThatCannotBeChangesNothing(t *testing.T) {
	e, origins, dialogs := trunksCalling(t)
	err := e.Reload([]Trunk{{Name: "bad", Limits: limits.Config{Calls: -1}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "bad") {
		t.Errorf("the error does not name the trunk: %v", err)
	}
	_, _ = called(t, e, dialogs)
	if got := wait(t, origins, "a call"); got != (FromTrunk{"lab"}) {
		t.Errorf("a call comes from %v", got)
	}
}

func TestADrainCanBeTakenBack(t *testing.T) {
	dialogs := make(chan *Dialog, 1)
	e := open(t, answering(dialogs))
	e.Drain(0)
	e.Reopen()
	_, _ = called(t, e, dialogs)
}
