package rtp

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBeatsComeEveryTickAndNominalTimeAdvancesExactly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(2)
		var beats [30]int
		var last [30]time.Time
		for i := range beats {
			m.Join(func(at time.Time) int {
				if !last[i].IsZero() && at.Sub(last[i]) != Tick {
					t.Errorf("seat %d: %v between two beats", i, at.Sub(last[i]))
				}
				beats[i]++
				last[i] = at
				return 1
			})
		}
		time.Sleep(10 * time.Second)
		m.Close()
		for i, n := range beats {
			if n < 499 || n > 501 {
				t.Errorf("seat %d: %d beats in 10 s", i, n)
			}
		}
	})
}

func TestSeatsAreSpreadOverTheTick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		var moments [50]time.Time
		for i := range moments {
			m.Join(func(at time.Time) int {
				moments[i] = at // the last one counts: the very first may come at once, before the seat's own phase
				return 1
			})
		}
		time.Sleep(time.Second)
		m.Close()
		together := map[int64]int{}
		for _, at := range moments {
			together[at.UnixNano()%int64(Tick)]++
		}
		if len(together) != phases {
			t.Errorf("50 seats beat at %d moments", len(together))
		}
		for at, n := range together {
			if n != 50/phases {
				t.Errorf("%d seats %v into the tick", n, time.Duration(at))
			}
		}
	})
}

func TestABeatMayRestAndBeWokenAndLeave(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		var beats atomic.Int32
		seat := m.Join(func(time.Time) int {
			beats.Add(1)
			return 50
		})
		time.Sleep(time.Second + Tick/2)
		if beats.Load() != 2 {
			t.Errorf("%d beats in a second with a rest of a second", beats.Load())
		}
		seat.Soon()
		time.Sleep(Tick)
		if beats.Load() != 3 {
			t.Errorf("not woken: %d beats", beats.Load())
		}
		seat.Leave()
		seat.Leave()
		time.Sleep(3 * time.Second)
		if beats.Load() != 3 {
			t.Errorf("%d beats after leaving", beats.Load())
		}
		m.Close()
		if n := len(m.hands[0].seats[seat.phase]); n != 0 {
			t.Errorf("%d seats are still taken", n)
		}
	})
}

func TestNoBeatIsUnderWayWhenLeaveReturns(t *testing.T) {
	m := NewMetronome(1)
	defer m.Close()
	for range 20 {
		var left atomic.Bool
		first := make(chan struct{}, 1)
		seat := m.Join(func(time.Time) int {
			if left.Load() {
				t.Error("a beat after leaving")
			}
			select {
			case first <- struct{}{}:
			default:
			}
			return 1
		})
		<-first
		seat.Leave()
		left.Store(true)
	}
}

func TestAStallIsSkippedNotPlayedInAHurry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		beats := 0
		m.Join(func(time.Time) int {
			if beats++; beats == 10 {
				time.Sleep(2 * time.Second) // the machine stood still
			}
			return 1
		})
		time.Sleep(4 * time.Second)
		m.Close()
		if beats > 110+int(slack/Tick) || beats < 100 {
			t.Errorf("%d beats in two seconds that ran", beats)
		}
	})
}

func TestABeatThatPanicsIsReportedAndCostsNobodyElseABeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		var reported, touched, others atomic.Int32
		m.ReportPanics(func(panicked any, stack []byte) {
			if panicked != "bad packet" || len(stack) == 0 {
				t.Errorf("reported %v", panicked)
			}
			reported.Add(1)
		})
		m.Join(func(time.Time) int {
			if touched.Add(1) == 3 {
				panic("bad packet")
			}
			return 1
		})
		for range 20 {
			m.Join(func(time.Time) int {
				others.Add(1)
				return 1
			})
		}
		time.Sleep(time.Second + Tick/4)
		m.Close()
		if reported.Load() != 1 || m.Panics() != 1 || touched.Load() < 49 || others.Load() < 20*49 {
			t.Errorf("%d reported, %d and %d beats", reported.Load(), touched.Load(), others.Load())
		}
	})
}
