package lab

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"
)

// Score is what became of a sound on its way, found by comparing what was said with what was heard.
type Score struct {
	Delay     time.Duration // of most of it
	Likeness  float64       // correlation at that delay, 0…1
	Gain      float64       // dB, median over the frames
	SNR       float64       // dB, segmental: mean over the active frames of 20 ms, each between -10 and 35
	Active    int           // frames in which something was said
	Dropped   int           // of them, silent: a hole
	Concealed int           // of them, not silent but not what was said: invented, or badly damaged
	Drift     float64       // of the hearing clock against the saying one, in 10⁻⁶; positive: it is slower
	Slips     int           // times that the delay jumped by more than 2.5 ms
	Lags      []float64     // ms, each half second: how the delay went
}

// Whole is the fraction of the active frames that came through.
func (s Score) Whole() float64 {
	if s.Active == 0 {
		return 0
	}
	return 1 - float64(s.Dropped+s.Concealed)/float64(s.Active)
}

func (s Score) String() string {
	return fmt.Sprintf("delay %.1f ms, likeness %.3f, gain %.1f dB, segmental SNR %.1f dB, %d active frames, %d dropped, %d concealed, drift %.0f ppm, %d slips",
		s.Delay.Seconds()*1000, s.Likeness, s.Gain, s.SNR, s.Active, s.Dropped, s.Concealed, s.Drift, s.Slips)
}

// ErrUnlike says that what was heard is not what was said.
var ErrUnlike = errors.New("what was heard has nothing in common with what was said")

// Measures of the comparison, in samples at 8 kHz.
const (
	lagWindow = rate     // over which a lag is measured
	lagStep   = rate / 2 // how often
	lagReach  = 480      // how far a lag may be from the last one: 60 ms
	lagLost   = 0.5      // correlation below which a lag is looked for further away
	lagFar    = 4000     // how far: half a second
	fineReach = 12       // how far a frame's lag may be from its window's
	slipJump  = 20       // 2.5 ms
	unlike    = 0.15     // correlation below which nothing was recognised
)

// Compare scores heard against said, both at 8 kHz. heard may begin before or after said, by up to both their lengths,
// and end whenever it likes; what of said was not heard any more does not count. There have to be two seconds of both.
func Compare(said, heard []int16) (Score, error) {
	if len(said) < 2*rate || len(heard) < 2*rate {
		return Score{}, fmt.Errorf("compare: %w: %d and %d samples are too few", ErrUnlike, len(said), len(heard))
	}
	lag := roughLag(said, heard)
	s := Score{Delay: time.Duration(lag) * time.Second / rate}
	track := lags(said, heard, lag)
	if len(track) == 0 {
		return s, ErrUnlike
	}
	s.follow(track)
	s.frames(said, heard, track)
	if s.Likeness < unlike {
		return s, ErrUnlike
	}
	return s, nil
}

// roughLag finds by how much heard is behind said: the peak of their cross-correlation, whitened a little so that the
// pitch of a voice does not compete with itself.
func roughLag(said, heard []int16) int {
	size := 1
	for size < len(said)+len(heard) {
		size *= 2
	}
	a, b := spectrum(said, size), spectrum(heard, size)
	for i := range a {
		product := b[i] * complex(real(a[i]), -imag(a[i]))
		if magnitude := math.Hypot(real(product), imag(product)); magnitude > 0 {
			product *= complex(1/math.Sqrt(magnitude), 0)
		}
		a[i] = product
	}
	fft(a, true)
	best := 0
	for i := range a {
		if real(a[i]) > real(a[best]) {
			best = i
		}
	}
	if best >= size/2 {
		return best - size
	}
	return best
}

func spectrum(pcm []int16, size int) []complex128 {
	x := make([]complex128, size)
	for i, v := range pcm {
		x[i] = complex(float64(v), 0)
	}
	fft(x, false)
	return x
}

// fft is the Cooley-Tukey transform in place; len(x) is a power of two. The inverse is not scaled.
func fft(x []complex128, inverse bool) {
	n := len(x)
	for i, j := 1, 0; i < n; i++ {
		bit := n >> 1
		for ; j&bit != 0; bit >>= 1 {
			j ^= bit
		}
		if j ^= bit; i < j {
			x[i], x[j] = x[j], x[i]
		}
	}
	for size := 2; size <= n; size *= 2 {
		angle := 2 * math.Pi / float64(size)
		if !inverse {
			angle = -angle
		}
		turns := make([]complex128, size/2)
		for k := range turns {
			turns[k] = complex(math.Cos(angle*float64(k)), math.Sin(angle*float64(k)))
		}
		for from := 0; from < n; from += size {
			for k, turn := range turns {
				u, v := x[from+k], x[from+k+size/2]*turn
				x[from+k], x[from+k+size/2] = u+v, u-v
			}
		}
	}
}

// measured is the lag of one window.
type measured struct {
	at       int     // middle of the window, in said
	lag      float64 // samples, between the grid too
	likeness float64
}

// lags measures the delay along the way, each from where the last one was.
func lags(said, heard []int16, lag int) []measured {
	var track []measured
	for at := 0; at+lagWindow <= len(said); at += lagStep {
		if at+lag+lagWindow > len(heard) {
			break
		}
		window := said[at : at+lagWindow]
		if at+lag < 0 || loudness(window) < audible {
			continue
		}
		m := nearest(window, heard, at+lag, lagReach)
		if m.likeness < lagLost {
			if again := nearest(window, heard, at+lag, lagFar); again.likeness > m.likeness {
				m = again
			}
		}
		if m.likeness < unlike {
			continue
		}
		m.lag, m.at = m.lag-float64(at), at+lagWindow/2
		track = append(track, m)
		lag = int(math.Round(m.lag))
	}
	return track
}

// nearest finds where in heard a window is, within a reach of a place.
func nearest(window, heard []int16, place, reach int) measured {
	from, to := max(place-reach, 0), min(place+reach, len(heard)-len(window))
	best, bestAt := -1.0, from
	for at := from; at <= to; at += 2 { // a voice ends at 3.4 kHz: beside the peak it is still a hill
		if c := sparse(window, heard[at:at+len(window)], 8); c > best {
			best, bestAt = c, at
		}
	}
	best = -1
	for at := max(bestAt-3, from); at <= min(bestAt+3, to); at++ {
		if c := correlation(window, heard[at:at+len(window)]); c > best {
			best, bestAt = c, at
		}
	}
	var around [3]float64
	m := measured{lag: float64(bestAt), likeness: max(best, 0)}
	if bestAt > from && bestAt < to { // a parabola through the peak and its neighbours
		for i := range around {
			at := bestAt - 1 + i
			around[i] = correlation(window, heard[at:at+len(window)])
		}
		if bend := around[0] - 2*around[1] + around[2]; bend < 0 {
			m.lag += 0.5 * (around[0] - around[2]) / bend
		}
	}
	return m
}

func correlation(a, b []int16) float64 { return sparse(a, b, 1) }

// sparse is the correlation over every n-th sample.
func sparse(a, b []int16, n int) float64 {
	var ab, aa, bb int64
	for i := 0; i < len(a); i += n {
		x, y := int64(a[i]), int64(b[i])
		ab += x * y
		aa += x * x
		bb += y * y
	}
	if aa == 0 || bb == 0 {
		return 0
	}
	return float64(ab) / math.Sqrt(float64(aa)*float64(bb))
}

func loudness(pcm []int16) float64 {
	_, level := power(pcm, 1000)
	return level
}

// follow tells drift from slips. The drift is the median of the slopes between neighbours that did not jump, over
// stretches of some seconds, so that a slip does not pass for it.
func (s *Score) follow(track []measured) {
	const stretch = 8 // half seconds
	var slopes []float64
	for i, m := range track {
		s.Lags = append(s.Lags, 1000*m.lag/rate)
		if i > 0 && math.Abs(m.lag-track[i-1].lag) > slipJump {
			s.Slips++
		}
		if i < stretch {
			continue
		}
		jumped := false
		for k := i - stretch + 1; k <= i; k++ {
			jumped = jumped || math.Abs(track[k].lag-track[k-1].lag) > 4
		}
		if !jumped {
			slopes = append(slopes, (m.lag-track[i-stretch].lag)/float64(m.at-track[i-stretch].at))
		}
	}
	if len(slopes) > 0 {
		s.Drift = 1e6 * median(slopes, func(x *float64) float64 { return *x })
	}
}

// frames judges each active frame of 20 ms: where its window says it should be, or else anywhere near, since a buffer
// that changes its delay in small steps moves frames within a window.
func (s *Score) frames(said, heard []int16, track []measured) {
	var found []placed
	next := 0
	for at := 0; at+samplesOf20 <= len(said); at += samplesOf20 {
		for next+1 < len(track) && track[next+1].at <= at {
			next++
		}
		place := at + int(math.Round(track[next].lag))
		if place < fineReach {
			continue
		}
		if place+samplesOf20+fineReach > len(heard) {
			break
		}
		frame := said[at : at+samplesOf20]
		level := loudness(frame)
		if level < audible {
			continue
		}
		f := placed{frame: frame, place: place, level: level, silent: loudness(heard[place:place+samplesOf20]) < level-20}
		f.look(heard, fineReach)
		found = append(found, f)
	}
	s.judge(found, heard)
}

// placed is a frame and where it was found.
type placed struct {
	frame    []int16
	place    int // where it was expected
	level    float64
	silent   bool
	ratio    float64 // dB of what was said over what is something else
	gain     float64
	likeness float64
}

func (f *placed) look(heard []int16, reach int) {
	best, bestAt := -1.0, f.place
	for at := max(f.place-reach, 0); at <= min(f.place+reach, len(heard)-len(f.frame)); at++ {
		if c := correlation(f.frame, heard[at:at+len(f.frame)]); c > best {
			best, bestAt = c, at
		}
	}
	f.likeness = max(best, 0)
	f.ratio = min(max(-10*math.Log10(1-min(f.likeness*f.likeness, 0.99999)), -10), 35)
	f.gain = loudness(heard[bestAt:bestAt+len(f.frame)]) - f.level
}

// judge counts what was not what was said: worse than half of what this codec usually leaves, in dB.
func (s *Score) judge(found []placed, heard []int16) {
	if s.Active = len(found); s.Active == 0 {
		return
	}
	limit := min(max(median(found, func(f *placed) float64 { return f.ratio })/2, 3), 15)
	sum := 0.0
	for i := range found {
		f := &found[i]
		if f.ratio < limit {
			f.look(heard, lagReach)
		}
		switch {
		case f.ratio >= limit:
			sum += f.ratio
		case f.silent:
			s.Dropped++
			sum -= 10
		default:
			s.Concealed++
			sum += f.ratio
		}
	}
	s.SNR = sum / float64(s.Active)
	s.Gain = median(found, func(f *placed) float64 { return f.gain })
	s.Likeness = median(found, func(f *placed) float64 { return f.likeness })
}

func median[T any](all []T, of func(*T) float64) float64 {
	sorted := make([]float64, len(all))
	for i := range all {
		sorted[i] = of(&all[i])
	}
	slices.Sort(sorted)
	return sorted[len(sorted)/2]
}
