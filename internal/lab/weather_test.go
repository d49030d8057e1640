package lab

import (
	"fmt"
	"math"
	"net"
	"sync"
	"testing"
	"time"
)

// send sends numbered datagrams from the far end of a line, one each millisecond, and returns when each arrived.
func send(t *testing.T, l *Line, n int) (arrived map[int]time.Duration, order []int) {
	t.Helper()
	near, err := net.ListenPacket("udp4", NearIP+":0")
	if err != nil {
		t.Fatal(err)
	}
	defer near.Close()
	var far net.Conn
	l.Far.Do(func() { far, err = net.Dial("udp4", near.LocalAddr().String()) })
	if err != nil {
		t.Fatal(err)
	}
	defer far.Close()
	if host, _, _ := net.SplitHostPort(far.LocalAddr().String()); host != l.FarIP {
		t.Fatalf("sent from %s", host)
	}
	var times sync.Mutex
	sent := make([]time.Time, n)
	var wg sync.WaitGroup
	defer wg.Wait()
	wg.Go(func() {
		beat := time.NewTicker(time.Millisecond)
		defer beat.Stop()
		for i := range n {
			<-beat.C
			times.Lock()
			sent[i] = time.Now()
			times.Unlock()
			fmt.Fprint(far, i)
		}
	})
	arrived = map[int]time.Duration{}
	buf := make([]byte, 100)
	for {
		_ = near.SetReadDeadline(time.Now().Add(time.Second))
		k, _, err := near.ReadFrom(buf)
		if err != nil {
			return arrived, order
		}
		var i int
		if _, err := fmt.Sscan(string(buf[:k]), &i); err != nil {
			t.Fatal(err)
		}
		times.Lock()
		arrived[i] = time.Since(sent[i])
		times.Unlock()
		order = append(order, i)
	}
}

func TestTheWeatherIsAsItWasOrdered(t *testing.T) {
	if !Apart(t) {
		return
	}
	const ms = time.Millisecond
	cases := []struct {
		name    string
		weather Weather
	}{
		{"fair", Weather{}},
		{"loss", Weather{Loss: 0.05, Seed: 7}},
		{"bursts", Weather{Loss: 0.1, Burst: 4, Seed: 7}},
		{"delay", Weather{Delay: 40 * ms}},
		{"jitter", Weather{Delay: 10 * ms, Jitter: 30 * ms, Seed: 7}},
		{"jitter that reorders", Weather{Jitter: 30 * ms, Reorder: true, Seed: 7}},
	}
	lines, err := NewLines(make([]Weather, len(cases))...)
	if err != nil {
		t.Fatal(err)
	}
	for i, l := range lines {
		defer l.Close()
		l.Change(cases[i].weather)
	}
	t.Run("at once", func(t *testing.T) {
		for i, c := range cases {
			t.Run(c.name, func(t *testing.T) {
				t.Parallel()
				asOrdered(t, lines[i], c.weather)
			})
		}
	})
}

// asOrdered sends over a line and looks what became of it.
func asOrdered(t *testing.T, l *Line, weather Weather) {
	t.Helper()
	const n, ms = 1000, time.Millisecond
	arrived, order := send(t, l, n)
	lost := 1 - float64(len(arrived))/n
	if math.Abs(lost-weather.Loss) > 0.03 || weather.Loss == 0 && lost != 0 {
		t.Errorf("%.1f %% lost", 100*lost)
	}
	if counted, carried := l.Lost(); counted+carried != n || carried != len(arrived) {
		t.Errorf("%d lost, %d carried, %d arrived", counted, carried, len(arrived))
	}
	overtaken, least, sum := 0, time.Hour, time.Duration(0)
	for i, k := range order {
		if i > 0 && k < order[i-1] {
			overtaken++
		}
		least, sum = min(least, arrived[k]), sum+arrived[k]
	}
	mean := sum / time.Duration(len(order))
	if want := weather.Delay + weather.Jitter/2; least < weather.Delay || mean < want-2*ms || mean > want+weather.Jitter/2+20*ms {
		t.Errorf("delay from %v, %v in the mean", least, mean)
	}
	if (overtaken > 10) != weather.Reorder {
		t.Errorf("%d packets were overtaken", overtaken)
	}
	if weather.Burst > 1 {
		bursts := 0
		for i := 1; i < n; i++ {
			_, here := arrived[i]
			if _, before := arrived[i-1]; before && !here {
				bursts++
			}
		}
		if length := lost * n / float64(bursts); math.Abs(length-weather.Burst) > 1.2 {
			t.Errorf("bursts of %.1f", length)
		}
	}
}

func TestASeedLosesTheSamePackets(t *testing.T) {
	a, b := newWay(Weather{Loss: 0.2, Burst: 2, Seed: 3}, 1), newWay(Weather{Loss: 0.2, Burst: 2, Seed: 3}, 1)
	for range 1000 {
		if a.draw() != b.draw() {
			t.Fatal("it does not")
		}
	}
}

func TestARateTakesItsTime(t *testing.T) {
	w := newWay(Weather{Rate: 80_000}, 1)
	now := time.Now()
	for range 10 {
		w.queueOrLose(make([]byte, 1000), now) // 100 ms each
	}
	for i, d := range w.queue {
		if want := time.Duration(i+1) * 100 * time.Millisecond; d.due.Sub(now) != want {
			t.Errorf("packet %d is due after %v", i, d.due.Sub(now))
		}
	}
}
