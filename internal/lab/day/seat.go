package day

import (
	"context"
	"fmt"
	"time"

	"github.com/cordboard/cordboard/internal/lab"
)

// seat is an agent whom one story has to itself.
type seat struct {
	*Day
	ctx        context.Context // of the story that is told with her, see stuck
	user       string
	number     string
	browser    *lab.Browser // nil: she has a desk phone
	desk       *lab.Phone
	registered time.Time
}

// stuck is how much longer than a single wait a whole story may take: what is never answered is a fault, not a day without
// end.
const stuck = 4

// A browser registers for ten minutes (lab.Browser.Open), and again in good time.
const again = 4 * time.Minute

func (d *Day) seat(i int) (*seat, error) {
	s := &seat{Day: d, user: d.User(i), number: d.Number(i), registered: time.Now()}
	var err error
	if i%3 == 2 {
		s.desk, err = lab.NewPhone(lab.PhoneOptions{Server: d.SIP, Domain: d.Domain, User: s.user, Password: d.Password(s.user), Clock: d.Clock})
		if err != nil {
			return nil, err
		}
		s.desk.Listen(func(*lab.Call) {}) // rings until the story decides
		_, err = s.desk.Register(d.ctx, time.Hour)
		return s, err
	}
	formats := [][]lab.Format{{lab.PCMA()}, {lab.PCMU()}, {lab.Opus()}}[i/3%3]
	s.browser, err = lab.NewBrowser(lab.BrowserOptions{URL: d.Web, User: s.user, Password: d.Password(s.user), Domain: d.Domain, Formats: formats, Clock: d.Clock})
	if err != nil {
		return nil, err
	}
	s.browser.Listen(func(*lab.Call) {})
	return s, s.browser.Open(d.ctx)
}

func (s *seat) close() error {
	if s.browser != nil {
		return s.browser.Close()
	}
	return s.desk.Close()
}

// tell tells one story with her and lets her rest.
func (s *seat) tell(k kind) error {
	if s.browser != nil && time.Since(s.registered) > again {
		if _, err := s.browser.Register(s.Day.ctx, 10*time.Minute); err != nil {
			return err
		}
		s.registered = time.Now()
	}
	ctx, cancel := context.WithTimeoutCause(s.Day.ctx, stuck*s.Patience, fmt.Errorf("stuck for %s", stuck*s.Patience))
	defer cancel()
	s.ctx = ctx
	err := k.told(s)
	if err != nil && ctx.Err() != nil {
		err = fmt.Errorf("%w: %w", context.Cause(ctx), err)
	}
	s.forget()
	if s.Rests != nil && err == nil {
		err = s.Rests(s.user)
	}
	return err
}

// forget drops what her phone remembers of calls that are over.
func (s *seat) forget() {
	if s.browser != nil {
		for _, c := range s.browser.Calls() {
			s.browser.Forget(c)
		}
		return
	}
	for _, c := range s.desk.Calls() {
		s.desk.Forget(c)
	}
}

// next waits until her phone rings.
func (s *seat) next(ctx context.Context) (*lab.Call, error) {
	if s.browser != nil {
		return s.browser.NextCall(ctx, 0)
	}
	return s.desk.NextCall(ctx, 0)
}

// customer places a call from outside.
func (s *seat) customer(number string, o lab.CallOptions) (*lab.Call, error) {
	c, err := s.callers.Call(context.WithoutCancel(s.Day.ctx), "sip:"+number+"@"+s.SIP, o)
	if err == nil {
		s.calls.Add(1)
		context.AfterFunc(s.Day.ctx, c.Cancel)
	}
	return c, err
}

// dials places a call of hers to the outside.
func (s *seat) dials() (*lab.Call, error) {
	s.calls.Add(1)
	if s.browser != nil {
		return s.browser.Call(s.ctx, s.Outside, lab.CallOptions{})
	}
	return s.desk.Call(s.ctx, s.Outside, lab.CallOptions{})
}

// await waits for what the gateway should do soon.
func (s *seat) await(what string, happened <-chan struct{}, c *lab.Call) error {
	timer := time.NewTimer(s.Patience)
	defer timer.Stop()
	select {
	case <-happened:
		return nil
	case <-timer.C:
		return fmt.Errorf("%s: not within %s; its end: %v", what, s.Patience, c.End())
	}
}

// over waits until both ends know that the call has ended.
func (s *seat) over(calls ...*lab.Call) error {
	for _, c := range calls {
		if err := s.await("over", c.Ended(), c); err != nil {
			return err
		}
		if !c.Incoming {
			s.callers.Forget(c)
		}
	}
	return nil
}
