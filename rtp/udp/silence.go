package udp

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/rtp"
)

// ErrSilent says that the far side has sent nothing for too long.
var ErrSilent = errors.New("no RTP and no RTCP from the far side")

// doubt is whether a far side of which nothing is heard is still there.
type doubt struct {
	ctx     context.Context // ends with the session
	stop    context.CancelFunc
	asking  sync.WaitGroup
	open    atomic.Bool               // somebody is being asked
	vouched atomic.Pointer[time.Time] // when it was last said that the far side is there; nil: never
}

// settle waits for whoever is being asked.
func (d *doubt) settle() {
	d.stop()
	d.asking.Wait()
}

// patience is how long the answer to whether the far side is there may take: SIP over UDP asks five times meanwhile.
const patience = 8 * time.Second

// watch looks whether the far side has been silent for too long, and asks for it, or ends the session.
func (s *Session) watch(now time.Time) {
	agreed := s.agreed.Load()
	if s.config.Silence < 0 || agreed == nil || s.Direction() != rtp.SendRecv && s.config.Alive == nil {
		return
	}
	last := *agreed
	for _, sign := range [...]time.Time{s.Quality().LastHeard, s.LastControl()} {
		if sign.After(last) {
			last = sign
		}
	}
	if v := s.doubt.vouched.Load(); v != nil && v.After(last) {
		last = *v
	}
	switch {
	case now.Sub(last) < s.config.Silence:
	case s.config.Alive == nil:
		s.giveUp()
	case s.doubt.open.CompareAndSwap(false, true):
		s.doubt.asking.Go(s.ask)
	}
}

func (s *Session) ask() {
	defer s.contain()
	defer s.doubt.open.Store(false)
	ctx, stop := context.WithTimeout(s.doubt.ctx, patience)
	defer stop()
	alive := s.config.Alive(ctx)
	if s.doubt.ctx.Err() != nil {
		return
	}
	s.log.Debug("nothing is heard", zap.Bool("alive", alive), zap.Stringer("direction", s.Direction()))
	if !alive {
		s.giveUp()
		return
	}
	now := time.Now()
	s.doubt.vouched.Store(&now)
}

// giveUp ends the session, once.
func (s *Session) giveUp() {
	s.lost.Do(func() {
		s.err = ErrSilent
		close(s.done)
	})
}
