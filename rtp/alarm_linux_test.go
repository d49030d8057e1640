package rtp

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"
)

func TestTheKernelsTimerBeatsEveryTickAndWhoComesIsSeatedAtOnce(t *testing.T) {
	m, err := NewKernelMetronome(1)
	if err != nil {
		t.Fatal(err)
	}
	const beats = 25
	for range 3 { // the second and the third time the metronome is at rest
		moments, called := make(chan time.Time, beats), 0
		m.Join(func(at time.Time) int {
			moments <- at
			if called++; called == beats {
				close(moments)
				return 0
			}
			return 1
		})
		last := time.Time{}
		for at := range moments {
			if late := time.Since(at); late < 0 {
				t.Errorf("called %v before its moment", -late)
			}
			// More than one tick: the machine was busy for so long that the metronome skipped what was late.
			if step := at.Sub(last); !last.IsZero() && (step <= 0 || step%Tick != 0) {
				t.Errorf("%v between two beats", step)
			}
			last = at
		}
	}
	m.Close()
	m.Join(func(time.Time) int { panic("called after Close") })
}

// Whoever is called between the conductor's last look at the door and its going to sleep is not forgotten.
func TestNoRingOfTheKernelsTimerIsLost(t *testing.T) {
	a, err := newKernelAlarm()
	if err != nil {
		t.Fatal(err)
	}
	defer a.close()
	var rung, seen atomic.Int64
	const rings = 2000
	done := make(chan struct{})
	go func() {
		defer close(done)
		for seen.Load() < rings {
			a.wait(-1)
			seen.Store(rung.Load())
		}
	}()
	for i := range int64(rings) {
		rung.Add(1)
		a.ring()
		for i%7 == 0 && seen.Load() <= i {
			runtime.Gosched() // it must be seen without another ring
		}
	}
	<-done
}
