package rtp

import "time"

// arrivalLine follows the source's clock: the earliest that a packet of the last seconds arrived, relative to its
// timestamp. It moves with the drift between the source's clock and ours.
type arrivalLine struct {
	begun   bool
	origin  time.Time
	present time.Duration // smallest arrival − timestamp in the window that is being filled
	former  time.Duration // and in the one before
	until   time.Time     // end of the present window
}

// lineWindow: long enough to hold an undisturbed packet, short enough that a drift of 200 ppm means nothing.
const lineWindow = 2 * time.Second

// observe says how much later than the line the packet came.
func (l *arrivalLine) observe(place time.Duration, at time.Time) time.Duration {
	if !l.begun {
		l.begun = true
		l.origin = at.Add(-place)
		l.until = at.Add(lineWindow)
		l.present, l.former = 0, 0
	}
	offset := at.Sub(l.origin) - place
	if at.After(l.until) {
		l.until = at.Add(lineWindow)
		l.former, l.present = l.present, offset
	}
	l.present = min(l.present, offset)
	return offset - min(l.present, l.former)
}

// since is how long ago a packet of that place was due at the earliest.
func (l *arrivalLine) since(place time.Duration, at time.Time) time.Duration {
	return at.Sub(l.origin) - place - min(l.present, l.former)
}

// lateness is a histogram of how late packets come; the past fades.
type lateness struct {
	bins   [latenessBins]float64
	total  float64
	weight float64 // of the next packet: grows instead of shrinking all bins
}

// The histogram: 5 ms a bin up to 300 ms, half of it forgotten after some seven seconds of 20 ms packets, and the delay
// is chosen so that 97 of 100 packets come in time.
const (
	latenessBins  = 60
	latenessBin   = 5 * time.Millisecond
	latenessFade  = 0.998
	latenessShare = 0.97
	latenessPrior = 50 // packets' worth of the assumption that startDelay is right
)

func (l *lateness) reset() {
	*l = lateness{weight: 1, total: latenessPrior}
	l.bins[(startDelay-delayMargin)/latenessBin-1] = latenessPrior
}

func (l *lateness) observe(late time.Duration) {
	l.weight /= latenessFade
	l.bins[min(max(int(late/latenessBin), 0), latenessBins-1)] += l.weight
	l.total += l.weight
	if l.weight > 1e9 {
		for i := range l.bins {
			l.bins[i] /= l.weight
		}
		l.total /= l.weight
		l.weight = 1
	}
}

// target is the delay to aim for.
func (l *lateness) target() time.Duration {
	sum, i := 0.0, 0
	for ; i < latenessBins-1; i++ {
		if sum += l.bins[i]; sum >= latenessShare*l.total {
			break
		}
	}
	return min(max(time.Duration(i+1)*latenessBin+delayMargin, minDelay), maxDelay-Tick)
}
