package rtp

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestBeatsComeEveryTickAndNominalTimeAdvancesExactly(t *testing.T) {
	for _, seats := range []int{30, 400} { // one goroutine's work, and more than that
		synctest.Test(t, func(t *testing.T) {
			m := NewMetronome(3)
			beats, last := make([]int, seats), make([]time.Time, seats)
			for i := range seats {
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
					t.Errorf("seat %d of %d: %d beats in 10 s", i, seats, n)
				}
			}
		})
	}
}

func TestSeatsThatBeatComeTogetherAtAsFewMomentsAsServeThemInTime(t *testing.T) {
	for _, c := range []struct{ seats, moments int }{{1, 1}, {crowd, 1}, {50, 4}, {phases * crowd, phases}, {1000, phases}} {
		synctest.Test(t, func(t *testing.T) {
			m := NewMetronome(1)
			moments := make([]time.Time, c.seats)
			for i := range moments {
				m.Join(func(at time.Time) int {
					moments[i] = at
					return 1
				})
			}
			time.Sleep(time.Second)
			m.Close()
			together := map[int64]int{}
			for _, at := range moments {
				together[at.UnixNano()%int64(Tick)]++
			}
			if len(together) != c.moments {
				t.Errorf("%d seats beat at %d moments, want %d", c.seats, len(together), c.moments)
			}
			for at, n := range together {
				if most := max(crowd, c.seats/phases); n > most {
					t.Errorf("%d of %d seats %v into the tick, want %d at most", n, c.seats, time.Duration(at), most)
				}
			}
		})
	}
}

func TestAMomentWithMuchToDoIsShared(t *testing.T) {
	m := NewMetronome(2)
	defer m.Close()
	// Were there one goroutine only, the first to come would wait for ever.
	met, all := make(chan struct{}), make(chan struct{})
	var there atomic.Int32
	for range 2 * phases * crowd {
		m.Join(func(time.Time) int {
			switch there.Add(1) {
			case 1:
				<-met
			case 2:
				close(met)
			case 2 * phases * crowd:
				close(all)
			}
			return 50
		})
	}
	<-all
}

func TestSeatsAtRestAreLookedAfterTogether(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		const seats = 500
		began := time.Now().Add(seats*7*time.Millisecond + time.Second) // when all have come to rest
		calls, moments := 0, map[time.Time]bool{}
		for range seats {
			time.Sleep(7 * time.Millisecond)
			m.Join(func(at time.Time) int {
				if at.After(began) {
					calls++
					moments[at] = true
				}
				return 10
			})
		}
		time.Sleep(11 * time.Second)
		m.Close()
		if calls < seats*10*50/(10+longRest) || calls > seats*10*5 {
			t.Errorf("%d seats with a rest of 10 ticks were called %d times in 10 s", seats, calls)
		}
		if len(moments) > 101 {
			t.Errorf("they were called at %d moments in 10 s", len(moments))
		}
	})
}

func TestAtRestNothingIsWoken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(2)
		for i := range 100 {
			seat := m.Join(func(time.Time) int { return i%2*longRest*3 + 1 })
			defer seat.Leave()
			time.Sleep(Tick)
			seat.Leave()
		}
		time.Sleep(time.Second)
		synctest.Wait()
		if phase, at, any := m.earliest(); any {
			t.Errorf("phase %d is due at %v", phase, at)
		}
		m.Close()
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
		if seat.where != outside {
			t.Error("the seat is still taken")
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

func TestAfterAStallSeatsAtRestAreLookedAfterAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := NewMetronome(1)
		beats := 0
		m.Join(func(time.Time) int {
			if beats++; beats == 100 {
				time.Sleep(5 * time.Second) // the machine stood still
			}
			return 1
		})
		calls := 0
		m.Join(func(time.Time) int {
			calls++
			return 10
		})
		time.Sleep(12 * time.Second)
		m.Close()
		if calls < 7*50/(10+longRest) || calls > 7*5+2 {
			t.Errorf("called %d times in seven seconds that ran", calls)
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
