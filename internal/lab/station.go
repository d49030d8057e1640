package lab

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Timers of RFC 3261 section 17.1.1.1.
const (
	t1 = 500 * time.Millisecond
	t2 = 4 * time.Second
)

// Refused is a final response (or an HTTP status at the WebSocket's door) that was not a success.
type Refused struct {
	Status int
	Reason string
}

func (r *Refused) Error() string { return fmt.Sprintf("%d %s", r.Status, r.Reason) }

// ErrTimeout says that no final response came.
var ErrTimeout = errors.New("no response")

// station is a SIP user agent: what Trunk, Phone and Browser have in common. It remembers every request that arrived
// outside of calls, and hands new calls to the function given to Listen.
type station struct {
	user      string // user part of our Contact
	domain    string // of our From; our address when empty
	wire      wire
	metronome *Metronome
	newMedia  func(formats []Format) (media, error)
	formats   []Format
	trace     func(line string)
	ready     chan struct{} // closed when wire is set
	guard     *guard        // nil: everybody is welcome

	ctx    context.Context // ends with Close
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex
	calls     map[string]*Call         // guarded by mu; by Call-ID
	all       []*Call                  // guarded by mu; in order of appearance
	waiting   map[string]chan *Message // guarded by mu; client transactions by branch and method
	replies   map[string]*Message      // guarded by mu; what we answered, nil while undecided
	order     []string                 // guarded by mu; keys of replies, oldest first
	listener  func(*Call)              // guarded by mu
	arrived   chan struct{}            // guarded by mu; closed and replaced when a call arrives
	strays    []*Message               // guarded by mu; requests outside of any call
	registers int                      // guarded by mu; CSeq of REGISTER
	deaf      bool                     // guarded by mu; nothing is heard or answered any more
}

func newStation(user string, formats []Format, trace func(string)) *station {
	s := &station{user: user, formats: formats, trace: trace,
		calls: map[string]*Call{}, waiting: map[string]chan *Message{}, replies: map[string]*Message{},
		listener: func(c *Call) { _ = c.Answer(c.station.ctx) }, arrived: make(chan struct{}), ready: make(chan struct{})}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	return s
}

// Listen sets what is done with an incoming call. The function runs in a goroutine of the call's own and may Ring,
// Answer, Decline or wait; when it returns without having decided, the call goes on ringing. The default answers at once.
func (s *station) Listen(onCall func(*Call)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.listener = onCall
}

// Address is host:port of our SIP socket.
func (s *station) Address() string { return s.wire.address() }

// Calls returns every call there was, in order of appearance.
func (s *station) Calls() []*Call {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Call(nil), s.all...)
}

// Forget drops a call that is over, as one must who places thousands: every call is kept otherwise, with all that was
// heard. Calls and NextCall no longer know it.
func (s *station) Forget(c *Call) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.calls, c.ID)
	if i := slices.Index(s.all, c); i >= 0 {
		s.all = slices.Delete(s.all, i, i+1)
	}
}

// NextCall waits for the n-th incoming call, counted from 0.
func (s *station) NextCall(ctx context.Context, n int) (*Call, error) {
	for {
		s.mu.Lock()
		seen, arrived := 0, s.arrived
		for _, c := range s.all {
			if c.Incoming && seen == n {
				s.mu.Unlock()
				return c, nil
			}
			if c.Incoming {
				seen++
			}
		}
		s.mu.Unlock()
		select {
		case <-arrived:
		case <-ctx.Done():
			return nil, fmt.Errorf("incoming call %d: %w", n, context.Cause(ctx))
		}
	}
}

// Requests returns the requests that arrived outside of calls: OPTIONS, NOTIFY, MESSAGE.
func (s *station) Requests() []*Message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*Message(nil), s.strays...)
}

// Close ends every call without a word, and returns when sockets and goroutines are given back. Say Bye first where a
// goodbye is wanted.
func (s *station) Close() error {
	s.cancel()
	s.wire.close()
	for _, c := range s.Calls() {
		c.finish(End{By: "us", Reason: "closed"})
	}
	s.wg.Wait()
	return nil
}

func (s *station) receive(raw []byte, from flow) {
	s.mu.Lock()
	deaf := s.deaf
	s.mu.Unlock()
	if deaf {
		return
	}
	if len(bytes.TrimSpace(raw)) == 0 {
		if s.wire.reliable() && len(raw) >= 4 { // RFC 5626 section 3.5.1: a ping of two CRLF, a pong of one
			_ = from.write([]byte("\r\n"))
		}
		return
	}
	m, err := parse(raw)
	if err != nil {
		s.note("unreadable from " + from.remote())
		return
	}
	m.from = from
	s.note("<- " + from.remote() + "\n" + string(raw))
	if m.Status != 0 {
		s.response(m)
		return
	}
	s.request(m)
}

func (s *station) response(m *Message) {
	_, method := m.CSeq()
	s.mu.Lock()
	waiter := s.waiting[m.branch()+method]
	call := s.calls[m.Get("call-id")]
	s.mu.Unlock()
	if call != nil {
		call.record(m)
	}
	if waiter != nil {
		select {
		case waiter <- m:
		default: // the reader is gone
		}
		return
	}
	if call != nil && method == "INVITE" && m.Status/100 == 2 {
		call.acknowledgeAgain(m)
	}
}

func (s *station) request(m *Message) {
	call, fresh := s.sort(m)
	switch {
	case !fresh:
		return
	case !s.passes(m):
		return
	case m.Method == "ACK":
		if call != nil {
			call.acknowledged(m)
		}
	case call == nil && m.Method == "INVITE" && param(m.Get("to"), "tag") == "":
		s.ring(m)
	case call != nil:
		call.request(m)
	case m.Method == "OPTIONS" || m.Method == "NOTIFY" || m.Method == "MESSAGE":
		s.mu.Lock()
		s.strays = append(s.strays, m)
		s.mu.Unlock()
		s.reply(m, m.reply(200, "OK", token(8)).With("Allow", allow))
	default:
		s.reply(m, m.reply(481, "Call/Transaction Does Not Exist", token(8)))
	}
}

// sort finds the call, and answers a repeated request as before.
func (s *station) sort(m *Message) (call *Call, fresh bool) {
	s.mu.Lock()
	call = s.calls[m.Get("call-id")]
	key := m.branch() + m.Method
	before, repeated := s.replies[key]
	if !repeated && m.Method != "ACK" {
		s.replies[key] = nil
		s.order = append(s.order, key)
		if len(s.order) > 8192 {
			delete(s.replies, s.order[0])
			s.order = s.order[1:]
		}
	}
	s.mu.Unlock()
	if repeated && before != nil && !call.gone() {
		s.write(m.from, before)
	}
	return call, !repeated
}

func (s *station) ring(m *Message) {
	c := newCall(s, m.Get("call-id"), true)
	c.Invite = m
	c.learn(m)
	s.mu.Lock()
	s.calls[c.ID] = c
	s.all = append(s.all, c)
	onCall := s.listener
	close(s.arrived)
	s.arrived = make(chan struct{})
	s.mu.Unlock()
	s.reply(m, m.reply(100, "Trying", ""))
	s.wg.Go(func() { onCall(c) })
}

// reply answers a request, and will answer its repetitions the same way.
func (s *station) reply(request, response *Message) {
	s.mu.Lock()
	s.replies[request.branch()+request.Method] = response
	s.mu.Unlock()
	s.write(request.from, response)
}

func (s *station) write(to flow, m *Message) {
	text := m.String()
	s.note("-> " + to.remote() + "\n" + text)
	_ = to.write([]byte(text)) // a lost message is a lost message; the timers know what to do
}

func (s *station) note(line string) {
	if s.trace != nil {
		s.trace(s.user + " " + line)
	}
}

// transact sends a request until its final response comes, and tells of the provisional ones (RFC 3261 section 17.1).
// An INVITE that has a provisional response waits on until ctx ends.
func (s *station) transact(ctx context.Context, m *Message, to flow, provisional func(*Message)) (*Message, error) {
	key := m.branch() + m.Method
	responses := make(chan *Message, 64)
	s.mu.Lock()
	s.waiting[key] = responses
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		delete(s.waiting, key)
		s.mu.Unlock()
	}()
	s.write(to, m)
	again, pause, rung := time.NewTimer(t1), t1, false
	defer again.Stop()
	giveUp := time.NewTimer(64 * t1)
	defer giveUp.Stop()
	for {
		select {
		case r := <-responses:
			if r.Status >= 200 {
				return r, nil
			}
			if rung = true; m.Method == "INVITE" {
				giveUp.Stop()
			}
			if provisional != nil {
				provisional(r)
			}
		case <-again.C:
			if !s.wire.reliable() && (!rung || m.Method != "INVITE") {
				s.write(to, m)
			}
			if pause *= 2; m.Method != "INVITE" {
				pause = min(pause, t2)
			}
			again.Reset(pause)
		case <-giveUp.C:
			return nil, fmt.Errorf("%s: %w", m.Method, ErrTimeout)
		case <-ctx.Done():
			return nil, fmt.Errorf("%s: %w", m.Method, context.Cause(ctx))
		case <-s.ctx.Done():
			return nil, fmt.Errorf("%s: station closed", m.Method)
		}
	}
}
