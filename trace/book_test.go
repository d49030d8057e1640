package trace

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cordboard/cordboard/bridge"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/sip"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var start = time.Date(2026, 11, 25, 9, 30, 0, 0, time.UTC)

// passage is a message of one dialog, so many milliseconds after the start.
func passage(callID string, in bool, after int, text string) sip.Passage {
	return sip.Passage{At: start.Add(time.Duration(after) * time.Millisecond), In: in, Network: "udp", CallID: callID, Method: "INVITE",
		Local: netip.MustParseAddrPort("192.0.2.1:5060"), Remote: netip.MustParseAddrPort("198.51.100.7:5060"), Text: []byte(text)}
}

func note(c call.ID, leg call.LegID, kind, agent string) bridge.LegNote {
	return bridge.LegNote{Call: c, Leg: leg, Kind: kind, Party: call.Party{Agent: agent}, CallID: "dialog of " + string(leg),
		Session: func() rtp.Session { return nil }}
}

// told is a book that was told of one call: a customer's leg and anna's.
func told(t *testing.T) *Book {
	t.Helper()
	b := NewBook(Limits{Calls: 10})
	b.Passed(passage("dialog of a", true, 0, "INVITE sip:100@192.0.2.1 SIP/2.0\r\nCall-ID: x\r\n\r\nv=0\r\n"))
	b.LegBegan(note("call", "a", "trunk", ""))
	b.Passed(passage("dialog of a", false, 1, "SIP/2.0 100 Trying\r\n\r\n"))
	b.LegBegan(note("call", "b", "browser", "anna"))
	b.Passed(passage("dialog of b", false, 3, "INVITE sip:anna@x SIP/2.0\r\n\r\nv=0\r\n"))
	b.Passed(passage("dialog of b", true, 9, "SIP/2.0 200 OK\r\n\r\nv=0\r\n"))
	b.Passed(passage("dialog of a", false, 10, "SIP/2.0 200 OK\r\n\r\nv=0\r\n"))
	return b
}

func TestALadderHasTheMessagesOfBothLegsInTheOrderOfTheirPassing(t *testing.T) {
	b := told(t)
	b.LegEnded("a")
	b.LegEnded("b")
	l, ok := b.Ladder("call")
	if !ok || len(l.Legs) != 2 || l.Legs[1].Agent != "anna" || l.Legs[0].Ended.IsZero() {
		t.Fatalf("legs %+v", l.Legs)
	}
	var got []string
	for _, m := range l.Messages {
		got = append(got, fmt.Sprintf("%s %t %s", m.Leg, m.In, m.Summary()))
	}
	want := "a true INVITE SDP, a false 100 Trying, b false INVITE SDP, b true 200 OK SDP, a false 200 OK SDP"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
	if _, ok := b.Ladder("another"); ok {
		t.Error("a call that never was has a ladder")
	}
}

func TestALadderCanBeReadInATerminal(t *testing.T) {
	l, _ := told(t).Ladder("call")
	want := `call call
trunk, trunk, Call-ID dialog of a
anna, browser, Call-ID dialog of b

              trunk                       cordboard                   anna
09:30:00.000  |------- INVITE SDP ------->|                           |
09:30:00.001  |<------- 100 Trying -------|                           |
09:30:00.003  |                           |------- INVITE SDP ------->|
09:30:00.009  |                           |<------- 200 OK SDP -------|
09:30:00.010  |<------- 200 OK SDP -------|                           |
`
	if got := l.Text(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
	want = `sequenceDiagram
  participant L0 as trunk, trunk
  participant G as cordboard
  participant L1 as anna, browser
  L0->>G: 09:30:00.000 INVITE SDP
  G->>L0: 09:30:00.001 100 Trying
  G->>L1: 09:30:00.003 INVITE SDP
  L1->>G: 09:30:00.009 200 OK SDP
  G->>L0: 09:30:00.010 200 OK SDP
`
	if got := l.Mermaid(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestABookKeepsTheLastCallsAndNoMoreMemoryThanItMay(t *testing.T) {
	b := NewBook(Limits{Calls: 5, Memory: 100 << 10})
	for i := range 1000 {
		leg := call.LegID(fmt.Sprint(i))
		b.Passed(passage("dialog of "+string(leg), true, i, "INVITE sip:x SIP/2.0\r\n\r\n"+strings.Repeat("x", i*7)))
		b.LegBegan(note(call.ID(leg), leg, "trunk", ""))
		b.LegEnded(leg)
	}
	if len(b.dialogs) > 10 || b.bytes > 100<<10 || len(b.calls) != len(b.dialogs) || len(b.legs) != 0 || b.oldest.Len() != len(b.dialogs) {
		t.Errorf("%d dialogs, %d bytes, %d calls, %d legs", len(b.dialogs), b.bytes, len(b.calls), len(b.legs))
	}
	if _, ok := b.Ladder("999"); !ok {
		t.Error("the last call is gone")
	}
	if _, ok := b.Ladder("0"); ok {
		t.Error("the first call is still there")
	}
}

func TestADialogThatSendsWithoutEndPushesNobodyOut(t *testing.T) {
	b := told(t)
	b.LegBegan(note("flood", "f", "trunk", ""))
	for i := range 10_000 {
		b.Passed(passage("dialog of f", true, i, "INFO sip:x SIP/2.0\r\n\r\n"+strings.Repeat("x", 1000)))
	}
	l, ok := b.Ladder("flood")
	if !ok || l.Legs[0].Cut < 9000 || len(l.Messages) < 100 {
		t.Errorf("%d messages, %d cut", len(l.Messages), l.Legs[0].Cut)
	}
	if _, ok := b.Ladder("call"); !ok {
		t.Error("the other call is gone")
	}
}

func TestABookOfNoCallsKnowsOnlyThoseThatGoOn(t *testing.T) {
	b := NewBook(Limits{})
	b.LegBegan(note("call", "a", "trunk", ""))
	if l, ok := b.Ladder("call"); !ok || len(l.Legs) != 1 {
		t.Errorf("a call that goes on: %+v", l)
	}
	b.LegEnded("a")
	if _, ok := b.Ladder("call"); ok || len(b.dialogs)+len(b.calls)+len(b.legs)+b.oldest.Len() != 0 {
		t.Errorf("of a call that is over something is left: %+v", b)
	}
}

func TestWhatBelongsToNoCallIsNotKept(t *testing.T) {
	b := NewBook(Limits{Calls: 1})
	for _, method := range []string{"REGISTER", "OPTIONS"} {
		p := passage("x", true, 0, method+" sip:x SIP/2.0\r\n\r\n")
		p.Method = method
		b.Passed(p)
	}
	if len(b.dialogs) != 0 {
		t.Errorf("%d dialogs", len(b.dialogs))
	}
}

func TestKeepingAMessageCostsTwoAllocations(t *testing.T) {
	b := NewBook(Limits{Calls: 1, Memory: 1 << 30})
	p := passage("x", true, 0, "INVITE sip:x SIP/2.0\r\nTo: <sip:x@y>\r\nAuthorization: Digest a=b\r\n\r\nv=0\r\na=crypto:1 x\r\n")
	b.Passed(p)
	b.dialogs["x"].messages = make([]Message, 0, 10_000)
	if n := testing.AllocsPerRun(100, func() { b.Passed(p) }); n > 5 {
		t.Errorf("%v allocations", n)
	}
}
