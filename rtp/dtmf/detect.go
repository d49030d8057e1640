package dtmf

import "math"

// Detector hears keys in sound (ITU-T Q.23, Q.24), for lines whose far side sends no telephone-event. A tone of 32 ms or
// more at -33 dBm0 or more is a key, one of less than 24 ms is none; a gap of up to 10 ms belongs to the key, one of 40
// ms ends it. It looks at windows of 20 ms, one every 8 ms:
//
//	sound ─► window ─► 8 Goertzel filters ─► a row and a column stand out? ─► and did in the last window,
//	                                         at their frequencies, as loud?   ─► twice in a row: a key
//
// A voice is not taken for a key because its pitch moves: the frequency is measured by how the phase advances from
// window to window, to a few Hz, and has to be right each time. The zero Detector is not ready; one goroutine at a time
// may use it.
type Detector struct {
	filters [8]filter // four rows, then four columns
	shape   [windowSize]float32
	sound   [windowSize]float32 // the last windowSize samples once filled
	filled  int
	heard   int64   // samples so far
	least   float64 // the square of a tone's amplitude at leastLevel
	before  look    // the window before
	state   press
}

// Press is a key that was heard. It is told twice: when it is recognised, and when it is over.
type Press struct {
	Key   byte    // 0-9 * # A-D
	Begin int64   // when it was pressed, in samples since the detector began, to within some ms
	End   int64   // when it was let go; 0: it is still down
	Level float64 // of its weaker tone in dBm0
}

// Length is how long the key was down, in samples at 8 kHz; 0 while it is.
func (p Press) Length() int64 {
	if p.End == 0 {
		return 0
	}
	return p.End - p.Begin
}

// The detector's measures, in samples at 8 kHz.
const (
	detectRate = 8000
	windowSize = 160
	hop        = 64
)

// The detector's limits. Q.24 leaves the figures to the administrations; these lie between what each of them wants
// accepted and what it wants refused.
const (
	leastLevel   = -33.0 // dBm0 of each tone
	rowLouder    = 9.0   // dB; to be accepted up to 8
	columnLouder = 5.0   // dB; to be accepted up to 4
	purity       = 0.87  // of the energy must be in the two tones
	offTune      = 0.022 // of the frequency; 0.015 is to be accepted, 0.035 to be refused
	wander       = 8.0   // Hz from one measurement of a tone to the next
	steady       = 1.6   // times the energy of a tone from one window to the next, 2 dB
	leastRow     = 0.12  // of the energy is in the row's tone where its column is as loud as may be
	hitsToPress  = 2     // windows that agree with the one before them
	missesToEnd  = 5     // windows without, 40 ms
	fullScale    = 3.14  // dBm0 of the loudest sine in A-law (ITU-T G.711)
)

const keypad = "123A456B789C*0#D"

// filter looks for one frequency.
type filter struct {
	hz          float64
	coefficient float32 // of Goertzel's recurrence
	cos, sin    float64 // of the angle per sample
	turn        complex128
}

// look is what one window showed.
type look struct {
	lines    [8]complex128
	row, col int
	levels   [2]float64 // dBm0 of row and column
	off      [2]float64 // Hz that they are beside their filters
	tuned    bool       // levels and off are known
	energy   float64
	clear    bool // a row and a column stand out
}

// press is the key that is, or may be, down.
type press struct {
	key    byte // pressed and told; 0: none
	next   byte // heard lately
	hits   int
	misses int
	first  int64 // end of the first window that showed next
	begin  int64 // of key
	last   int64 // end of the last window that showed key
	level  float64
}

// NewDetector makes a detector that has heard nothing.
func NewDetector() *Detector {
	d := &Detector{least: squareOf(leastLevel)}
	for i, hz := range [8]float64{697, 770, 852, 941, 1209, 1336, 1477, 1633} {
		w := 2 * math.Pi * hz / detectRate
		d.filters[i] = filter{hz: hz, coefficient: float32(2 * math.Cos(w)), cos: math.Cos(w), sin: math.Sin(w),
			turn: complex(math.Cos(w*hop), -math.Sin(w*hop))}
	}
	for i := range d.shape {
		d.shape[i] = float32(0.5 - 0.5*math.Cos(2*math.Pi*(float64(i)+0.5)/windowSize))
	}
	return d
}

// Hear takes sound that follows on what came before, mono at 8 kHz, and appends to told what has happened in it.
func (d *Detector) Hear(pcm []int16, told []Press) []Press {
	for len(pcm) > 0 {
		n := min(windowSize-d.filled, len(pcm))
		for i, x := range pcm[:n] {
			d.sound[d.filled+i] = float32(x)
		}
		d.filled += n
		d.heard += int64(n)
		pcm = pcm[n:]
		if d.filled == windowSize {
			told = d.decide(told)
			d.filled = copy(d.sound[:], d.sound[hop:])
		}
	}
	return told
}

// Down is the key that is being pressed; 0: none.
func (d *Detector) Down() byte { return d.state.key }

// decide looks at the window and says what follows from it.
func (d *Detector) decide(told []Press) []Press {
	now := d.look()
	key := byte(0)
	if now.clear && d.before.clear && now.row == d.before.row && now.col == d.before.col && d.inTune(&now) {
		key = keypad[4*now.row+now.col-4]
	}
	d.before = now
	return d.state.take(key, min(now.levels[0], now.levels[1]), d.heard, told)
}

// look runs the filters over the window.
func (d *Detector) look() (l look) {
	var shaped [windowSize]float32
	energy := float32(0)
	for i, x := range d.sound {
		x *= d.shape[i]
		shaped[i] = x
		energy += x * x
	}
	// Σ(shape·sine)² of a sine of amplitude 1 is 3/16 of the window's length.
	l.energy = float64(energy) / (windowSize * 3.0 / 16)
	if l.energy < 2*d.least {
		return l
	}
	d.run(&shaped, 0, &l)
	l.row = loudest(l.lines[:4])
	if squareAbs(l.lines[l.row]) < leastRow*l.energy {
		return l // most of a voice ends here
	}
	d.run(&shaped, 4, &l)
	l.col = 4 + loudest(l.lines[4:])
	// Before the tuning is known, 3 dB less must do: a tone at the edge of what is accepted has lost that much.
	rows, cols := squareAbs(l.lines[l.row]), squareAbs(l.lines[l.col])
	l.clear = rows+cols > purity/2*l.energy && rows < 20*cols && cols < 20*rows
	return l
}

// run is Goertzel's recurrence at four frequencies at once, which keeps the processor busy while one waits for itself.
func (d *Detector) run(x *[windowSize]float32, from int, l *look) {
	f := (*[4]filter)(d.filters[from:])
	c0, c1, c2, c3 := f[0].coefficient, f[1].coefficient, f[2].coefficient, f[3].coefficient
	var a0, a1, a2, a3, b0, b1, b2, b3 float32
	for _, v := range x {
		a0, b0 = v+c0*a0-b0, a0
		a1, b1 = v+c1*a1-b1, a1
		a2, b2 = v+c2*a2-b2, a2
		a3, b3 = v+c3*a3-b3, a3
	}
	// The sum of the window's shape is half its length, and a sine has half its amplitude at its positive frequency.
	const scale = 4.0 / windowSize
	for i, s := range [4][2]float32{{a0, b0}, {a1, b1}, {a2, b2}, {a3, b3}} {
		l.lines[from+i] = complex(scale*(float64(s[0])-f[i].cos*float64(s[1])), scale*f[i].sin*float64(s[1]))
	}
}

// inTune measures both tones from the last window to this one, and judges their levels by what it found.
func (d *Detector) inTune(now *look) bool {
	tones := 0.0
	for i, line := range [2]int{now.row, now.col} {
		f, y, y0 := &d.filters[line], now.lines[line], d.before.lines[line]
		z := y * complex(real(y0), -imag(y0)) * f.turn
		off := math.Atan2(imag(z), real(z)) * detectRate / (2 * math.Pi * hop) // Hz, unambiguous up to 62
		if math.Abs(off) > offTune*f.hz {
			return false
		}
		loss := shapeAt(off * windowSize / detectRate)
		square := squareAbs(y) / (loss * loss)
		if change := squareAbs(y) / squareAbs(y0); change > steady || change < 1/steady {
			return false
		}
		if d.before.tuned && math.Abs(off-d.before.off[i]) > wander {
			return false
		}
		tones += square
		now.levels[i], now.off[i] = levelOf(square), off
	}
	now.tuned = true
	twist := now.levels[0] - now.levels[1]
	return tones > purity*now.energy && twist < rowLouder && twist > -columnLouder && min(now.levels[0], now.levels[1]) > leastLevel
}

// shapeAt is what is left of a tone that lies so many 1/windowSize of the rate beside a filter.
func shapeAt(x float64) float64 {
	if math.Abs(x) < 1e-6 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x) / (1 - x*x)
}

// take follows the keys from window to window. at is the end of the window.
func (p *press) take(key byte, level float64, at int64, told []Press) []Press {
	if key != p.next {
		p.next, p.hits, p.first = key, 0, at
	}
	p.hits++
	if p.key != 0 {
		if key == p.key {
			p.misses, p.last = 0, at
			return told
		}
		if p.misses++; p.misses < missesToEnd && (key == 0 || p.hits < hitsToPress) {
			return told
		}
		told = append(told, Press{Key: p.key, Begin: p.begin, End: max(p.last-windowSize/8, p.begin+1), Level: p.level})
		p.key = 0
	}
	if key != 0 && p.hits >= hitsToPress {
		// The window before the first one that showed it was the first to hold most of it.
		p.key, p.misses, p.last, p.level = key, 0, at, level
		p.begin = max(p.first-hop-windowSize*7/8, 0)
		told = append(told, Press{Key: key, Begin: p.begin, Level: level})
	}
	return told
}

func loudest(lines []complex128) (best int) {
	for i := range lines {
		if squareAbs(lines[i]) > squareAbs(lines[best]) {
			best = i
		}
	}
	return best
}

func squareAbs(c complex128) float64 { return real(c)*real(c) + imag(c)*imag(c) }

// squareOf is the square of a sine's amplitude at a level, levelOf the reverse.
func squareOf(dBm0 float64) float64   { return 32768 * 32768 * ratioOf(dBm0-fullScale) }
func levelOf(square float64) float64  { return 10*math.Log10(square/(32768*32768)) + fullScale }
func ratioOf(decibel float64) float64 { return math.Pow(10, decibel/10) }
