package codec

// concealer continues a sound over a loss: it repeats the last periods of its pitch, fading to silence, in the manner of
// ITU-T G.711 Appendix I but without its delay.
type concealer struct {
	past []int16 // the last 48 ms heard or made up
	lost int     // samples made up since the last that was heard

	// the wave being repeated, during a loss
	wave   [maxWave]int16
	period int // its length in samples
	at     int // the next sample of it

	ms int // samples in a millisecond
}

// Times of the concealment, in ms unless it says otherwise.
const (
	maxWave   = wide * (maxLag + 1) / 1000
	pastMs    = 48 // ms of past to look for the pitch in
	minLag    = 15 // half ms: 133 Hz
	maxLag    = 15 // 66 Hz
	matchMs   = 20 // compared to find the pitch
	blendMs   = 4  // from made up to heard
	steadyMs  = 10 // repeated at full level
	fadeMs    = 60 // silent from here on
	coarseHop = 2  // first look at every second lag
)

func newConcealer(rate int) concealer {
	ms := rate / 1000
	return concealer{past: make([]int16, pastMs*ms), ms: ms}
}

// heard takes sound that was received. The first of it after a loss is blended with what was made up.
func (c *concealer) heard(pcm []int16) {
	if c.lost > 0 {
		c.blend(pcm)
		c.lost = 0
	}
	c.remember(pcm)
}

// fill makes up the sound that is missing.
func (c *concealer) fill(pcm []int16) {
	if c.lost == 0 {
		c.take()
	}
	for i := range pcm {
		pcm[i] = c.next()
	}
	c.remember(pcm)
}

// next is one more made-up sample.
func (c *concealer) next() int16 {
	gain := c.gain()
	s := c.wave[c.at]
	c.at++
	if c.at == c.period {
		c.at = 0
	}
	c.lost++
	return int16(float32(s) * gain)
}

// gain is the level after so much loss: full for 10 ms, then down to nothing at 60 ms.
func (c *concealer) gain() float32 {
	steady, over := steadyMs*c.ms, fadeMs*c.ms
	switch {
	case c.lost < steady:
		return 1
	case c.lost >= over:
		return 0
	}
	return float32(over-c.lost) / float32(over-steady)
}

// blend leads from the made-up sound into the one that was received.
func (c *concealer) blend(pcm []int16) {
	n := min(blendMs*c.ms, len(pcm))
	for i := range n {
		w := float32(i+1) / float32(n+1)
		pcm[i] = int16(float32(c.next())*(1-w) + float32(pcm[i])*w)
	}
}

// take makes the wave to repeat from the end of the past: its last quarter period is blended with what came before its
// beginning, so that it joins itself without a click.
func (c *concealer) take() {
	c.period = c.pitch()
	end := len(c.past)
	copy(c.wave[:c.period], c.past[end-c.period:])
	overlap := c.period / 4
	for i := range overlap {
		w := float32(i+1) / float32(overlap+1)
		last := c.period - overlap + i
		before := c.past[end-c.period-overlap+i]
		c.wave[last] = int16(float32(c.wave[last])*(1-w) + float32(before)*w)
	}
	c.at = 0
}

// pitch is the lag at which the past is most like itself, in samples. A voice higher than 133 Hz is found at two or more
// of its periods, which sounds less like a machine than one repeated.
func (c *concealer) pitch() int {
	shortest, longest := minLag*c.ms/2, maxLag*c.ms
	best, score := longest, float32(0)
	for lag := shortest; lag <= longest; lag += coarseHop {
		if s := c.likeness(lag); s > score {
			best, score = lag, s
		}
	}
	for _, lag := range [2]int{best - 1, best + 1} {
		if s := c.likeness(lag); s > score {
			best, score = lag, s
		}
	}
	return best
}

// likeness is the normalised correlation of the end of the past with itself lag samples earlier.
func (c *concealer) likeness(lag int) float32 {
	n := matchMs * c.ms
	now := c.past[len(c.past)-n:]
	then := c.past[len(c.past)-n-lag:]
	var cross, energy float32
	for i := 0; i < n; i += c.ms / 8 { // compared at 8 kHz, whatever the rate
		a, b := float32(now[i]), float32(then[i])
		cross += a * b
		energy += b * b
	}
	if cross <= 0 || energy == 0 {
		return 0
	}
	return cross * cross / energy
}

func (c *concealer) remember(pcm []int16) {
	if len(pcm) >= len(c.past) {
		copy(c.past, pcm[len(pcm)-len(c.past):])
		return
	}
	copy(c.past, c.past[len(pcm):])
	copy(c.past[len(c.past)-len(pcm):], pcm)
}
