package lab

import (
	"fmt"
	"testing"
	"time"
)

const (
	window   = rate / 50 // 20 ms: 440 Hz fits nearly nine times, and 50 Hz beside is another tone
	audible  = -50.0     // dBFS; less is the noise of a codec
	dominant = 0.3       // share of the energy: two tones at once are both heard
)

// Report is what a stream looked like.
type Report struct {
	Packets    int
	Lost       int // by sequence number, per SSRC
	Reordered  int
	Duplicates int
	SSRCs      int
	Jumps      int // consecutive packets of one SSRC whose timestamps do not fit
	Unknown    int // packets of a payload type nobody negotiated
	Level      float64
	Loudest    float64 // Hz of the strongest tone in the last second
	Digits     string
}

func (r Report) String() string {
	return fmt.Sprintf("%d packets, %d lost, %d reordered, %d duplicate, %d SSRC, %d timestamp jumps, %d unknown, "+
		"last second %.0f dBFS mostly %.0f Hz, digits %q",
		r.Packets, r.Lost, r.Reordered, r.Duplicates, r.SSRCs, r.Jumps, r.Unknown, r.Level, r.Loudest, r.Digits)
}

// Report says how the stream was so far.
func (e *Ear) Report() Report {
	packets := e.Packets()
	e.mu.Lock()
	r := Report{Packets: len(packets), Unknown: e.strange, Digits: string(e.digits)}
	last := append([]int16(nil), e.pcm[max(0, len(e.pcm)-rate):]...)
	e.mu.Unlock()
	streams := map[uint32]*stream{}
	for _, p := range packets {
		s := streams[p.SSRC]
		if s == nil {
			s = &stream{highest: int64(p.Sequence), lowest: int64(p.Sequence), seen: map[int64]bool{}}
			streams[p.SSRC] = s
		}
		s.count(p, &r)
	}
	for _, s := range streams {
		r.Lost += int(s.highest-s.lowest) + 1 - len(s.seen)
	}
	r.SSRCs = len(streams)
	best := 0.0
	_, r.Level = power(last, 1000)
	for hz := 100.0; hz <= 3400 && len(last) > 0; hz += 10 {
		if share, _ := power(last, hz); share > best {
			best, r.Loudest = share, hz
		}
	}
	return r
}

type stream struct {
	highest, lowest int64 // extended sequence numbers
	seen            map[int64]bool
	before          Heard
}

func (s *stream) count(p Heard, r *Report) {
	n := s.highest + int64(int16(p.Sequence-uint16(s.highest)))
	switch {
	case s.seen[n]:
		r.Duplicates++
		return
	case n < s.highest:
		r.Reordered++
		s.lowest = min(s.lowest, n)
	}
	if s.before.Samples > 0 && n == s.highest+1 && !p.Event && !s.before.Event && !p.Marker { // a marker begins anew after a pause
		step, want := int(p.Timestamp-s.before.Timestamp), s.before.Samples
		if step != want && step != 6*want { // 48 kHz against our 8
			r.Jumps++
		}
	}
	s.seen[n] = true
	s.highest = max(s.highest, n)
	s.before = p
}

// hasTone reports whether the window holds the tone.
func hasTone(pcm []int16, hz float64) bool {
	share, level := power(pcm, hz)
	return share >= dominant && level >= audible
}

// Hears reports whether the tone fills the last stretch of that length.
func (e *Ear) Hears(hz float64, length time.Duration) bool {
	n := int(length.Seconds() * rate)
	pcm := e.PCM()
	return len(pcm) >= n && longest(pcm[len(pcm)-n:], hz) >= n-window
}

// longest returns the length of the longest uninterrupted stretch of the tone, in samples.
func longest(pcm []int16, hz float64) int {
	best, run := 0, 0
	for ; len(pcm) >= window; pcm = pcm[window:] {
		if hasTone(pcm[:window], hz) {
			run += window
			best = max(best, run)
		} else {
			run = 0
		}
	}
	return best
}

// Dropout is a stretch in which a tone was missing, as positions in the ear's PCM.
type Dropout struct{ From, To int }

// Length is the duration of the stretch.
func (d Dropout) Length() time.Duration { return time.Duration(d.To-d.From) * time.Second / rate }

// Dropouts returns the stretches since a position in which the tone is missing, in steps of 20 ms. What has not been
// heard yet is not missing.
func (e *Ear) Dropouts(hz float64, since int) []Dropout {
	var all []Dropout
	pcm := e.since(since)
	for at := 0; at+window <= len(pcm); at += window {
		if hasTone(pcm[at:at+window], hz) {
			continue
		}
		if n := len(all); n > 0 && all[n-1].To == since+at {
			all[n-1].To += window
		} else {
			all = append(all, Dropout{since + at, since + at + window})
		}
	}
	return all
}

// MustHear fails the test unless, within the time given and from now on, the tone is heard without a break for length.
func (e *Ear) MustHear(t testing.TB, hz float64, within, length time.Duration) {
	t.Helper()
	if e == nil {
		t.Fatalf("no %.0f Hz: there is no media", hz)
	}
	began, want := e.Now(), int(length.Seconds()*rate)
	timer := time.NewTimer(within + length)
	defer timer.Stop()
	for {
		changed := e.changed()
		if longest(e.since(began), hz) >= want-window {
			return
		}
		select {
		case <-changed:
		case <-timer.C:
			t.Fatalf("no %.0f Hz for %s within %s; heard %s", hz, length, within, e.Report())
		}
	}
}

// MustNotHear fails the test if the tone is heard during that time from now on; a break of a packet before it stops is
// the caller's to wait for.
func (e *Ear) MustNotHear(t testing.TB, hz float64, during time.Duration) {
	t.Helper()
	began := e.Now()
	<-time.After(during)
	if n := longest(e.since(began), hz); n > window {
		t.Fatalf("%.0f Hz heard for %s; heard %s", hz, time.Duration(n)*time.Second/rate, e.Report())
	}
}

// MustBeSilent fails the test if anything is heard during that time from now on.
func (e *Ear) MustBeSilent(t testing.TB, during time.Duration) {
	t.Helper()
	began := e.Now()
	<-time.After(during)
	for pcm := e.since(began); len(pcm) >= window; pcm = pcm[window:] {
		if _, level := power(pcm[:window], 1000); level > audible {
			t.Fatalf("not silent: %.0f dBFS; heard %s", level, e.Report())
		}
	}
}

// MustHaveBeenWhole fails the test if a packet was lost, repeated or misnumbered, or more than one SSRC was used.
func (e *Ear) MustHaveBeenWhole(t testing.TB) {
	t.Helper()
	r := e.Report()
	if r.Packets == 0 || r.Lost+r.Duplicates+r.Reordered+r.Jumps > 0 || r.SSRCs != 1 {
		t.Fatalf("stream was not whole: %s", r)
	}
}
