package lab

import (
	"container/heap"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"sync"
	"time"
)

// Weather is what a network does to packets, in each direction. The zero Weather does nothing. The same seed draws the
// same lots, packet by packet.
type Weather struct {
	Loss   float64       // fraction of packets
	Burst  float64       // mean number of packets lost together; 0: 1, at random
	Delay  time.Duration // of each packet
	Jitter time.Duration // more delay, evenly drawn from 0 to this
	// Reorder lets packets overtake each other by their jitter, as with tc-netem(8). Without, a packet waits for the one
	// before it, as in the queue of a router.
	Reorder bool
	Rate    int // bits a second; 0: no limit
	Seed    uint64
}

func (w Weather) String() string {
	return fmt.Sprintf("loss %.0f %%, jitter %v", 100*w.Loss, w.Jitter)
}

// The two ends of the first line.
const (
	NearIP = "10.99.0.1" // of the process
	FarIP  = "10.99.0.2" // of the room at the far end
)

// Line is a network of two, made of TUN devices and a goroutine for each direction, so that it can be had where the
// kernel has no tc-netem(8), and every loss can be had again.
//
//	process ── near TUN ══ weather ══ far TUN ── Far (a namespace)
type Line struct {
	Far       *Room
	FarIP     string // of the room; NearIP is reached from it
	near, far *os.File
	there     *way // from far to near
	back      *way
	wg        sync.WaitGroup
}

// NewLine makes a line to a room at its far end. It must be called Apart. Close gives everything back.
func NewLine(w Weather) (*Line, error) { return layLine(0, w) }

// NewLines makes a line for each weather, all from the same near end, so that one who is there is reached over each.
func NewLines(weathers ...Weather) (lines []*Line, err error) {
	for n, w := range weathers {
		l, err := layLine(n, w)
		if err != nil {
			for _, l := range lines {
				l.Close()
			}
			return nil, err
		}
		lines = append(lines, l)
	}
	return lines, nil
}

func layLine(n int, w Weather) (*Line, error) {
	if os.Getenv(insideApart) == "" {
		return nil, errors.New("a line is made in a namespace of the test's own: call Apart first")
	}
	const network, place = 24, 16 // the near end has a network for each line, the far end one that holds them all
	near, err := openTUN(fmt.Sprint("near", n), [4]byte{10, 99, byte(n), 1}, network)
	if err != nil {
		return nil, err
	}
	room, err := newRoom()
	if err != nil {
		_ = near.Close()
		return nil, err
	}
	l := &Line{Far: room, FarIP: fmt.Sprintf("10.99.%d.2", n), near: near}
	room.Do(func() { l.far, err = openTUN("far", [4]byte{10, 99, byte(n), 2}, place) })
	if err != nil {
		_ = near.Close()
		room.close()
		return nil, err
	}
	l.there, l.back = newWay(w, 1), newWay(w, 2)
	for _, w := range []struct {
		way      *way
		from, to *os.File
	}{{l.there, l.far, l.near}, {l.back, l.near, l.far}} {
		l.wg.Go(func() { w.way.take(w.from) })
		l.wg.Go(func() { w.way.give(w.to) })
	}
	return l, nil
}

// Change is a change of the weather, from the next packet on.
func (l *Line) Change(w Weather) {
	l.there.change(w)
	l.back.change(w)
}

// Lost is how many packets were lost on the way from the far end.
func (l *Line) Lost() (lost, carried int) {
	l.there.mu.Lock()
	defer l.there.mu.Unlock()
	return l.there.lost, l.there.carried
}

// Close takes the line down; the room goes with it.
func (l *Line) Close() {
	_ = l.near.Close()
	_ = l.far.Close()
	l.there.close()
	l.back.close()
	l.wg.Wait()
	l.Far.close()
}

// way is one direction.
type way struct {
	mu      sync.Mutex
	weather Weather       // guarded by mu
	lots    *rand.Rand    // guarded by mu
	losing  bool          // guarded by mu; within a burst
	queue   packets       // guarded by mu
	last    time.Time     // guarded by mu; due time of the packet before
	free    time.Time     // guarded by mu; when the line has sent what it was given
	next    uint64        // guarded by mu; numbers packets, for those due at the same time
	lost    int           // guarded by mu
	carried int           // guarded by mu
	news    chan struct{} // something is due earlier than thought
	done    chan struct{}
}

func newWay(w Weather, direction uint64) *way {
	return &way{weather: w, lots: rand.New(rand.NewPCG(w.Seed, direction)), news: make(chan struct{}, 1), done: make(chan struct{})}
}

func (w *way) change(to Weather) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.weather = to
}

func (w *way) close() { close(w.done) }

// take reads packets as they are sent, until the device is closed.
func (w *way) take(from io.Reader) {
	buf := make([]byte, 65536)
	for {
		n, err := from.Read(buf)
		if err != nil {
			return
		}
		if n > 0 && buf[0]>>4 == 4 { // the kernel's own search for IPv6 routers is not ours, and would draw lots
			w.queueOrLose(append([]byte(nil), buf[:n]...), time.Now())
		}
	}
}

// most is how many packets wait at a time; more are lost, as in any queue.
const most = 10000

func (w *way) queueOrLose(packet []byte, now time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	lost := w.draw()
	late := time.Duration(w.lots.Float64() * float64(w.weather.Jitter)) // drawn for lost ones too: lots do not depend on each other
	if lost || len(w.queue) >= most {
		w.lost++
		return
	}
	w.carried++
	if w.weather.Rate > 0 {
		if w.free.Before(now) {
			w.free = now
		}
		w.free = w.free.Add(time.Duration(float64(len(packet)*8) / float64(w.weather.Rate) * float64(time.Second)))
		now = w.free
	}
	due := now.Add(w.weather.Delay + late)
	if !w.weather.Reorder && due.Before(w.last) {
		due = w.last
	}
	w.last = due
	w.next++
	heap.Push(&w.queue, delayed{packet, due, w.next})
	select {
	case w.news <- struct{}{}:
	default:
	}
}

// draw decides on a packet: by two states, in one of which everything is lost (Gilbert's model).
func (w *way) draw() bool {
	burst := max(w.weather.Burst, 1)
	if w.weather.Loss <= 0 {
		return false
	}
	lot := w.lots.Float64()
	if w.losing {
		w.losing = lot < 1-1/burst
	}
	if !w.losing {
		w.losing = lot < w.weather.Loss/burst/(1-w.weather.Loss*(1-1/burst))
		if burst == 1 {
			lost := w.losing
			w.losing = false
			return lost
		}
	}
	return w.losing
}

// give delivers packets when they are due.
func (w *way) give(to io.Writer) {
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		packet, wait := w.due(time.Now())
		if packet != nil {
			_, _ = to.Write(packet) // a device that is closed, or has no room, loses it
			continue
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-w.news:
		case <-w.done:
			return
		}
	}
}

func (w *way) due(now time.Time) (packet []byte, wait time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.queue) == 0 {
		return nil, time.Hour
	}
	if wait := w.queue[0].due.Sub(now); wait > 0 {
		return nil, wait
	}
	return heap.Pop(&w.queue).(delayed).packet, 0
}

type delayed struct {
	packet []byte
	due    time.Time
	number uint64
}

// packets is a heap, the next one due first.
type packets []delayed

func (p packets) Len() int { return len(p) }
func (p packets) Less(i, j int) bool {
	return p[i].due.Before(p[j].due) || p[i].due.Equal(p[j].due) && p[i].number < p[j].number
}
func (p packets) Swap(i, j int) { p[i], p[j] = p[j], p[i] }
func (p *packets) Push(x any)   { *p = append(*p, x.(delayed)) }
func (p *packets) Pop() any {
	last := (*p)[len(*p)-1]
	*p = (*p)[:len(*p)-1]
	return last
}
