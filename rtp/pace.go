package rtp

import (
	"math"
	"time"
)

// adjust brings the delay towards its target by a pitch period, where the sound allows it unnoticed.
func (b *jitterBuffer) adjust(tick int, at time.Time) {
	off := b.spare(at) - b.lateness.target()
	switch {
	case off > delayMargin:
		if b.count > 0 && b.to-b.from < 2*tick {
			b.more(at)
		}
		if removed := shorten(b.pcm[b.from:b.to], b.decoder.Rate(), tick, off > 3*delayMargin); removed > 0 {
			b.to -= removed
			b.adjusted = at
		}
	case off < -delayMargin/2:
		if b.from > 0 {
			b.to = copy(b.pcm[:], b.pcm[b.from:b.to])
			b.from = 0
		}
		if added := lengthen(b.pcm[:], b.to, b.decoder.Rate(), off < -2*delayMargin); added > 0 {
			b.to += added
			b.adjusted = at
		}
	}
}

// A pitch period is sought between 400 Hz and 100 Hz and judged by 5 ms of sound.
const (
	shortestPeriod = 2500 * time.Microsecond
	longestPeriod  = 10 * time.Millisecond
	judged         = 5 * time.Millisecond
	alike          = 0.85 // correlation from which a period may be taken out or repeated
	faint          = 60   // RMS below which nobody hears a cut
)

// shorten takes one period out of pcm, keeping at least keep samples, and says how many samples went.
func shorten(pcm []int16, rate, keep int, urgent bool) (removed int) {
	overlap := samplesIn(judged, rate)
	longest := min(samplesIn(longestPeriod, rate), len(pcm)-overlap, len(pcm)-keep)
	period := findPeriod(pcm, samplesIn(shortestPeriod, rate), longest, overlap, urgent)
	if period == 0 {
		return 0
	}
	for i := range overlap {
		pcm[i] = blend(pcm[i], pcm[i+period], i, overlap)
	}
	copy(pcm[overlap:], pcm[overlap+period:])
	return period
}

// lengthen repeats one period at the beginning of pcm[:n], which must have room, and says how many samples came.
func lengthen(pcm []int16, n, rate int, urgent bool) (added int) {
	overlap := samplesIn(judged, rate)
	longest := min(samplesIn(longestPeriod, rate), n-overlap, len(pcm)-n)
	period := findPeriod(pcm[:n], samplesIn(shortestPeriod, rate), longest, overlap, urgent)
	if period == 0 {
		return 0
	}
	// The sound up to the period's end, then from its beginning again.
	copy(pcm[period:n+period], pcm[:n])
	for i := range overlap {
		// pcm[period+i] holds the beginning; pcm[2·period+i] what would have followed the period.
		pcm[period+i] = blend(pcm[2*period+i], pcm[period+i], i, overlap)
	}
	return period
}

// findPeriod gives the lag between shortest and longest at which the sound resembles itself most; 0: none will do.
func findPeriod(pcm []int16, shortest, longest, overlap int, urgent bool) int {
	if longest < shortest {
		return 0
	}
	energy := dot(pcm[:overlap], pcm[:overlap])
	if math.Sqrt(energy/float64(overlap)) < faint {
		return longest
	}
	best, period := 0.0, 0
	for lag := shortest; lag <= longest; lag++ {
		other := pcm[lag : lag+overlap]
		if c := dot(pcm[:overlap], other) / math.Sqrt(energy*dot(other, other)+1); c > best {
			best, period = c, lag
		}
	}
	if best < alike && !urgent {
		return 0
	}
	return period
}

func dot(a, b []int16) float64 {
	var sum int64
	for i, v := range a {
		sum += int64(v) * int64(b[i])
	}
	return float64(sum)
}

// blend goes from one sound to the other in n steps.
func blend(from, to int16, i, n int) int16 {
	return int16((int(from)*(n-i) + int(to)*i) / n)
}

func samplesIn(d time.Duration, rate int) int { return int(d * time.Duration(rate) / time.Second) }
