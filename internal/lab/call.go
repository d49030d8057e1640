package lab

import (
	"context"
	"fmt"
	"sync"
	"testing"
	"time"
)

// End is how a call ended.
type End struct {
	By     string // "us" or "them"
	Status int    // the final response, where one refused the call
	Reason string // "bye", "cancelled", "refused", "timeout", …
	At     time.Time
}

func (e End) String() string { return fmt.Sprintf("%s: %s %d", e.By, e.Reason, e.Status) }

// Call is one call of a station, in either role. All methods are safe for concurrent use.
type Call struct {
	ID       string   // Call-ID
	Incoming bool     //
	Invite   *Message // the first INVITE, ours or theirs

	station *station
	options CallOptions
	trying  latch
	ringing latch
	early   latch
	answer  latch
	acked   latch
	ended   latch

	negotiating sync.Mutex // one offer at a time

	mu        sync.Mutex
	media     media         // guarded by mu; made with the first description
	responses []*Message    // guarded by mu; to our requests of this dialog
	requests  []*Message    // guarded by mu; of the far side, within the dialog
	arrived   chan struct{} // guarded by mu; closed and replaced when one of these grows
	localTag  string        // never changes
	remoteTo  string        // guarded by mu; the far side's From or To, with tag
	target    string        // guarded by mu; remote target (Contact)
	routes    []string      // guarded by mu
	peer      flow          // guarded by mu; whence the last message came
	seq       int           // guarded by mu; our CSeq
	inviting  *Message      // guarded by mu; our INVITE as it was last sent
	ack       *Message      // guarded by mu; of the last 2xx that we received
	ackTo     flow
	late      bool // guarded by mu; our 2xx carried an offer: the ACK holds the answer
	cancelled bool // guarded by mu
	vanished  bool // guarded by mu
	end       End  // guarded by mu
}

type latch struct {
	once sync.Once
	ch   chan struct{}
}

func (l *latch) release() { l.once.Do(func() { close(l.ch) }) }

func newCall(s *station, id string, incoming bool) *Call {
	c := &Call{ID: id, Incoming: incoming, station: s, localTag: token(10), arrived: make(chan struct{})}
	for _, l := range []*latch{&c.trying, &c.ringing, &c.early, &c.answer, &c.acked, &c.ended} {
		l.ch = make(chan struct{})
	}
	return c
}

// Trying is closed when a 100 came.
func (c *Call) Trying() <-chan struct{} { return c.trying.ch }

// Ringing is closed when a 180 or 183 came (or, for an incoming call, when we sent one).
func (c *Call) Ringing() <-chan struct{} { return c.ringing.ch }

// EarlyMedia is closed when a provisional response brought a session description.
func (c *Call) EarlyMedia() <-chan struct{} { return c.early.ch }

// Answered is closed when the call is established: 2xx received, or our 2xx acknowledged.
func (c *Call) Answered() <-chan struct{} { return c.answer.ch }

// Ended is closed when the call is over; End then says how.
func (c *Call) Ended() <-chan struct{} { return c.ended.ch }

// End is how the call ended; the zero End while it lives.
func (c *Call) End() End {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.end
}

// Responses returns every response to our requests of this call, in order of arrival, with its time in At.
func (c *Call) Responses() []*Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Message(nil), c.responses...)
}

// Requests returns every request of the far side within the dialog: re-INVITE, UPDATE, INFO, REFER, NOTIFY, BYE …
func (c *Call) Requests() []*Message {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]*Message(nil), c.requests...)
}

// AwaitRequest waits for a request of that method within the dialog, also one that came before.
func (c *Call) AwaitRequest(ctx context.Context, method string) (*Message, error) {
	return c.await(ctx, method, func() []*Message { return c.requests }, func(m *Message) bool { return m.Method == method })
}

// AwaitResponse waits for a response of that status, also one that came before.
func (c *Call) AwaitResponse(ctx context.Context, status int) (*Message, error) {
	return c.await(ctx, fmt.Sprint(status), func() []*Message { return c.responses }, func(m *Message) bool { return m.Status == status })
}

func (c *Call) await(ctx context.Context, what string, in func() []*Message, is func(*Message) bool) (*Message, error) {
	for {
		c.mu.Lock()
		arrived := c.arrived
		for _, m := range in() {
			if is(m) {
				c.mu.Unlock()
				return m, nil
			}
		}
		c.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s never came: %w", what, context.Cause(ctx))
		}
	}
}

// Ear hears what the far side says. It is nil until there is media: after the call was answered, or dialled with SDP.
func (c *Call) Ear() *Ear {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.media == nil {
		return nil
	}
	return c.media.ear()
}

// Say sets what the far side hears from now on; nil stops the packets.
func (c *Call) Say(sound Sound) {
	if m := c.sound(); m != nil {
		m.mouth().Say(sound)
	}
}

// Digits sends RFC 4733 events, one after another, and returns when the last one was sent.
func (c *Call) Digits(ctx context.Context, tones string) error {
	m := c.sound()
	if m == nil {
		return fmt.Errorf("digits %s: no media", tones)
	}
	select {
	case <-m.mouth().Digits(tones):
		return nil
	case <-c.ended.ch:
		return fmt.Errorf("digits %s: %s", tones, c.End())
	case <-ctx.Done():
		return fmt.Errorf("digits %s: %w", tones, context.Cause(ctx))
	}
}

// MustAnswer fails the test unless the call is established in time.
func (c *Call) MustAnswer(t testing.TB, within time.Duration) {
	t.Helper()
	c.must(t, "answered", c.answer.ch, within)
}

// MustRing fails the test unless the call rings in time.
func (c *Call) MustRing(t testing.TB, within time.Duration) {
	t.Helper()
	c.must(t, "ringing", c.ringing.ch, within)
}

// MustEnd fails the test unless the call is over in time, and says how it ended.
func (c *Call) MustEnd(t testing.TB, within time.Duration) End {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-c.ended.ch:
	case <-timer.C:
		t.Fatalf("call %s has not ended after %s", c.ID, within)
	}
	return c.End()
}

func (c *Call) must(t testing.TB, what string, happened <-chan struct{}, within time.Duration) {
	t.Helper()
	timer := time.NewTimer(within)
	defer timer.Stop()
	select {
	case <-happened:
		return
	default:
	}
	select {
	case <-happened:
	case <-c.ended.ch:
		t.Fatalf("call %s ended before it was %s: %s", c.ID, what, c.End())
	case <-timer.C:
		t.Fatalf("call %s is not %s after %s; responses %s", c.ID, what, within, c.statuses())
	}
}

func (c *Call) statuses() string {
	list := ""
	for _, m := range c.Responses() {
		_, method := m.CSeq()
		list += fmt.Sprintf("%d/%s ", m.Status, method)
	}
	return list
}

func (c *Call) record(m *Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if m.Status != 0 {
		c.responses = append(c.responses, m)
	} else {
		c.requests = append(c.requests, m)
	}
	close(c.arrived)
	c.arrived = make(chan struct{})
}

func (c *Call) sound() media {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.media
}

// finish ends the call once; media is given back, ears stay readable.
func (c *Call) finish(e End) {
	c.mu.Lock()
	if c.end.By != "" {
		c.mu.Unlock()
		return
	}
	e.At = time.Now()
	c.end = e
	m := c.media
	c.mu.Unlock()
	if m != nil {
		m.close()
	}
	c.ended.release()
}

func (c *Call) gone() bool {
	if c == nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.vanished
}
