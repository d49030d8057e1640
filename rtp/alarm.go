package rtp

import "time"

// alarm is what the conductor waits for.
type alarm interface {
	// wait returns after so much time, or when ring is called or has been since the last wait. Negative: only then.
	wait(d time.Duration)
	// ring may be called from anywhere until close.
	ring()
	// close is called when nobody waits any more.
	close()
}

// timerAlarm waits by Go's own timers, which tests can make run faster.
type timerAlarm struct {
	bell  chan struct{} // capacity 1
	timer *time.Timer
}

func newTimerAlarm() *timerAlarm {
	return &timerAlarm{bell: make(chan struct{}, 1), timer: time.NewTimer(time.Hour)}
}

func (a *timerAlarm) wait(d time.Duration) {
	if d < 0 {
		<-a.bell
		return
	}
	a.timer.Reset(d)
	select {
	case <-a.timer.C:
	case <-a.bell:
	}
}

func (a *timerAlarm) ring() {
	select {
	case a.bell <- struct{}{}:
	default:
	}
}

func (a *timerAlarm) close() { a.timer.Stop() }
