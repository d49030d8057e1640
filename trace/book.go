package trace

import (
	"container/list"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/cordboard/cordboard/bridge"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/sip"
)

// Limits bound what a Book keeps. What is beyond is forgotten, the oldest dialog first.
type Limits struct {
	Calls  int // dialogs of the last so many calls, at two dialogs a call; 0: only how the sound is of calls that go on
	Memory int // bytes of messages, all dialogs together; 0: 16 MiB
}

// perDialog bounds the messages of one dialog, in bytes: one that sends without end must not push out all others.
const perDialog = 128 << 10

const defaultMemory = 16 << 20

// Book keeps the messages and the legs of the last calls. Its methods are safe for concurrent use and never wait for
// anything outside.
type Book struct {
	limits Limits

	mu      sync.Mutex
	dialogs map[string]*dialog  // by Call-ID; guarded by mu
	oldest  *list.List          // of *dialog, the oldest first; guarded by mu
	bytes   int                 // of all messages; guarded by mu
	legs    map[call.LegID]*leg // that are up or ringing; guarded by mu
	calls   map[call.ID][]*leg  // all of which something is known; guarded by mu

	reports func(Leg) // set once by Report; nil: nobody asks
}

// dialog is what was said under one Call-ID.
type dialog struct {
	callID   string
	local    netip.AddrPort // of the last message
	remote   netip.AddrPort
	messages []Message
	bytes    int
	cut      int // messages that were not kept
	place    *list.Element
	leg      *leg // nil: not known (yet)
}

// leg is one leg of a call.
type leg struct {
	bridge.LegNote
	began, ended time.Time
	last         rtp.Quality // when it ended
	codec        rtp.Codec
}

// Message is one SIP message of a call.
type Message struct {
	At            time.Time
	Leg           call.LegID
	In            bool // to us
	Network       string
	Local, Remote netip.AddrPort
	Text          string // secrets blotted out
}

// NewBook makes a book.
func NewBook(l Limits) *Book {
	if l.Memory == 0 {
		l.Memory = defaultMemory
	}
	return &Book{limits: l, dialogs: make(map[string]*dialog), oldest: list.New(), legs: make(map[call.LegID]*leg),
		calls: make(map[call.ID][]*leg)}
}

// Passed keeps a message of a call (sip.Tap).
func (b *Book) Passed(p sip.Passage) {
	if p.Method == "REGISTER" || p.Method == "OPTIONS" {
		return // of no call, or of nothing but its keeping alive
	}
	text := ""
	if b.limits.Calls > 0 {
		text = Blotted(p.Text)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	d := b.dialogs[p.CallID]
	if d == nil && b.limits.Calls > 0 {
		d = b.newDialog(strings.Clone(p.CallID))
	}
	if d == nil {
		return
	}
	d.local, d.remote = p.Local, p.Remote
	if b.limits.Calls == 0 {
		return
	}
	if d.bytes+len(text) > perDialog {
		d.cut++
		return
	}
	d.messages = append(d.messages, Message{At: p.At, In: p.In, Network: p.Network, Local: p.Local, Remote: p.Remote, Text: text})
	d.bytes += len(text)
	b.bytes += len(text)
	b.makeRoom(d)
}

// newDialog begins a dialog. b.mu is held.
func (b *Book) newDialog(callID string) *dialog {
	d := &dialog{callID: callID}
	d.place = b.oldest.PushBack(d)
	b.dialogs[callID] = d
	return d
}

// makeRoom forgets the oldest dialogs until what is left is within the limits; that which is being written stays.
// b.mu is held.
func (b *Book) makeRoom(writing *dialog) {
	for len(b.dialogs) > 2*max(b.limits.Calls, 1) || b.bytes > b.limits.Memory {
		e := b.oldest.Front()
		if e.Value.(*dialog) == writing {
			if e = e.Next(); e == nil {
				return
			}
		}
		b.forget(e.Value.(*dialog))
	}
}

// forget drops a dialog, and its leg if that is over. b.mu is held.
func (b *Book) forget(d *dialog) {
	b.oldest.Remove(d.place)
	delete(b.dialogs, d.callID)
	b.bytes -= d.bytes
	if d.leg != nil && !d.leg.ended.IsZero() {
		b.dropLeg(d.leg)
	}
}

// dropLeg takes a leg that is over out of its call. b.mu is held.
func (b *Book) dropLeg(l *leg) {
	rest := slices.DeleteFunc(b.calls[l.Call], func(o *leg) bool { return o == l })
	if len(rest) == 0 {
		delete(b.calls, l.Call)
		return
	}
	b.calls[l.Call] = rest
}

// LegBegan joins a dialog to its call (bridge.Watcher).
func (b *Book) LegBegan(n bridge.LegNote) {
	b.mu.Lock()
	defer b.mu.Unlock()
	l := &leg{LegNote: n, began: time.Now()}
	b.legs[n.Leg] = l
	b.calls[n.Call] = append(b.calls[n.Call], l)
	d := b.dialogs[n.CallID]
	if d == nil {
		d = b.newDialog(n.CallID)
		b.makeRoom(d)
	}
	d.leg = l
}

// LegEnded notes how the sound of a leg was (bridge.Watcher).
func (b *Book) LegEnded(id call.LegID) {
	b.mu.Lock()
	l := b.legs[id]
	if l == nil {
		b.mu.Unlock()
		return
	}
	delete(b.legs, id)
	l.ended = time.Now()
	l.last, l.codec = soundOf(l.Session())
	l.Session = nil // its memory is the call's
	view := l.view(b.dialogs[l.CallID])
	if b.limits.Calls == 0 || b.dialogs[l.CallID] == nil {
		b.dropLeg(l)
		if d := b.dialogs[l.CallID]; d != nil {
			b.forget(d)
		}
	}
	b.mu.Unlock()
	if b.reports != nil {
		b.reports(view)
	}
}

// Report names who is told of each leg at its end. Call it before the first call.
func (b *Book) Report(f func(Leg)) { b.reports = f }

func soundOf(s rtp.Session) (q rtp.Quality, c rtp.Codec) {
	if s == nil {
		return q, c
	}
	if f := s.Out().Format(); f != nil {
		c = f.Codec
	}
	return s.Quality(), c
}
