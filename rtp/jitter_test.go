package rtp

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"
	"time"
)

// line is a simulated network in front of a jitter buffer. A tone goes in; what comes out is pulled every 20 ms.
type line struct {
	t       *testing.T
	random  *rand.Rand
	ptime   time.Duration
	drift   float64                                // the source's clock runs faster by this share
	delay   func(n int) (d time.Duration, ok bool) // of packet n; false: lost
	tone    [200]int16                             // 11 waves of 440 Hz
	decoder *fakeDecoder
	buffer  *jitterBuffer

	start  time.Time
	flying []flight
	sent   int
	late   int
	delays []time.Duration // at each beat, after the first
	out    []int16
	keep   bool // out
}

type flight struct {
	packet Packet
	at     time.Time
}

func newLine(t *testing.T, delay func(n int) (time.Duration, bool)) *line {
	d := &fakeDecoder{rate: 8000}
	l := &line{
		t: t, random: rand.New(rand.NewPCG(1, 2)), ptime: Tick, delay: delay, decoder: d,
		buffer: newJitterBuffer(8000, d), start: time.Unix(1000, 0),
	}
	for i := range l.tone {
		l.tone[i] = int16(8000 * math.Sin(2*math.Pi*440*float64(i)/8000))
	}
	return l
}

// send puts packets on the line until the given time since start.
func (l *line) send(until time.Duration) {
	for {
		local := time.Duration(float64(time.Duration(l.sent)*l.ptime) / (1 + l.drift))
		if local > until {
			return
		}
		n := int(l.ptime * 8000 / time.Second)
		payload := make([]byte, 0, 2*n)
		for i := range n {
			payload = binary.BigEndian.AppendUint16(payload, uint16(l.tone[(l.sent*n+i)%len(l.tone)]))
		}
		p := Packet{Sequence: uint16(l.sent + 65000), Timestamp: uint32(l.sent * n), Payload: payload, SSRC: 1}
		if d, ok := l.delay(l.sent); ok {
			l.flying = append(l.flying, flight{packet: p, at: l.start.Add(local + d)})
		}
		l.sent++
	}
}

func (l *line) arrive(until time.Time) {
	for len(l.flying) > 0 { // in order of arrival
		first := -1
		for i, f := range l.flying {
			if !f.at.After(until) && (first < 0 || f.at.Before(l.flying[first].at)) {
				first = i
			}
		}
		if first < 0 {
			break
		}
		f := l.flying[first]
		l.flying = append(l.flying[:first], l.flying[first+1:]...)
		f.packet.Arrived = f.at
		if !l.buffer.push(&f.packet) {
			l.late++
		}
	}
}

// run plays for so long.
func (l *line) run(from, to time.Duration) {
	pcm := make([]int16, 160)
	for now := from; now < to; now += Tick {
		l.send(now + Tick)
		at := l.start.Add(now + 7*time.Millisecond)
		l.arrive(at)
		if !l.buffer.active(at) {
			continue
		}
		if l.buffer.starting.IsZero() {
			l.delays = append(l.delays, l.buffer.delay(at))
		}
		l.decoder.calls = 0
		l.buffer.pull(pcm, at)
		if l.keep {
			l.out = append(l.out, pcm...)
		}
	}
}

func (l *line) maxDelay(skip int) (most time.Duration) {
	for _, d := range l.delays[skip:] {
		most = max(most, d)
	}
	return most
}

func (l *line) concealed() time.Duration {
	return time.Duration(l.decoder.concealed) * time.Second / 8000
}

func steady(time.Duration) func(int) (time.Duration, bool) {
	return func(int) (time.Duration, bool) { return 5 * time.Millisecond, true }
}

func TestB14R10ASteadyLineStartsAt40msAndComesDownTo20(t *testing.T) {
	l := newLine(t, steady(0))
	l.run(0, time.Second)
	if first := l.delays[0]; first < 20*time.Millisecond || first > 50*time.Millisecond {
		t.Errorf("the first packet is played after %v", first)
	}
	l.run(time.Second, time.Minute)
	if last := l.delays[len(l.delays)-1]; last > 35*time.Millisecond {
		t.Errorf("after a minute without jitter the delay is %v", last)
	}
	if l.concealed() > 0 || l.late > 0 || l.buffer.lost > 0 {
		t.Errorf("concealed %v, late %d, lost %d", l.concealed(), l.late, l.buffer.lost)
	}
}

func TestR10JitterRaisesTheDelayWithinItsBoundsAndCalmBringsItBack(t *testing.T) {
	l := newLine(t, nil)
	rough := true
	l.delay = func(int) (time.Duration, bool) {
		if rough {
			return time.Duration(l.random.Float64() * float64(80*time.Millisecond)), true
		}
		return 2 * time.Millisecond, true
	}
	l.run(0, time.Minute)
	if most := l.maxDelay(50); most > maxDelay+Tick {
		t.Errorf("the delay reached %v", most)
	}
	if now := l.delays[len(l.delays)-1]; now < 60*time.Millisecond || now > 130*time.Millisecond {
		t.Errorf("with 80 ms of jitter the delay is %v", now)
	}
	if share := float64(l.concealed()) / float64(time.Minute); share > 0.03 {
		t.Errorf("%.1f %% of the sound is concealed", 100*share)
	}
	rough = false
	l.run(time.Minute, 2*time.Minute)
	if now := l.delays[len(l.delays)-1]; now > 45*time.Millisecond {
		t.Errorf("after a calm minute the delay is still %v", now)
	}
}

func TestR10ABurstAfterAStallIsNotPlayedSecondsLate(t *testing.T) {
	l := newLine(t, func(n int) (time.Duration, bool) {
		if n >= 100 && n < 200 { // two seconds arrive at once
			return time.Duration(200-n) * Tick, true
		}
		return 3 * time.Millisecond, true
	})
	l.run(0, 10*time.Second)
	if now := l.delays[len(l.delays)-1]; now > maxDelay+Tick {
		t.Errorf("after the burst the delay is %v", now)
	}
	if l.buffer.discarded == 0 {
		t.Error("nothing was thrown away")
	}
}

func TestR11AnHourOfClockDriftNeitherGrowsNorEmptiesTheBuffer(t *testing.T) {
	for drift, long := range map[float64]time.Duration{200e-6: time.Hour, -200e-6: 20 * time.Minute} {
		l := newLine(t, steady(0))
		l.drift = drift
		l.run(0, long)
		for i, d := range l.delays[100:] {
			if d < 10*time.Millisecond || d > 65*time.Millisecond {
				t.Fatalf("drift %v: after %v the delay is %v", drift, time.Duration(i+100)*Tick, d)
			}
		}
		if c := l.concealed(); c > 200*time.Millisecond {
			t.Errorf("drift %v: %v of an hour concealed", drift, c)
		}
		if l.late+int(l.buffer.discarded)+int(l.buffer.lost) > 3 {
			t.Errorf("drift %v: late %d, discarded %d, lost %d", drift, l.late, l.buffer.discarded, l.buffer.lost)
		}
	}
}

func TestR8ALostPacketIsConcealedForExactlyItsTimeFromTheNextOne(t *testing.T) {
	l := newLine(t, func(n int) (time.Duration, bool) { return 3 * time.Millisecond, n%10 != 9 })
	l.run(0, 20*time.Second)
	lost := l.sent / 10
	if got := int(l.buffer.lost); got < lost-2 || got > lost {
		t.Errorf("%d packets counted as lost, %d were", got, lost)
	}
	if c := l.decoder.concealed / 160; c < lost-2 || c > lost+2 {
		t.Errorf("%d packets' time was concealed, %d were lost", c, lost)
	}
	if l.decoder.fec < lost/2 {
		t.Errorf("the next packet was used %d times of %d", l.decoder.fec, lost)
	}
}

func TestR6PacketsOfAnyLengthArePlayedWhole(t *testing.T) {
	for _, ptime := range []time.Duration{2500 * time.Microsecond, 5 * time.Millisecond, 10 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond, 120 * time.Millisecond} {
		l := newLine(t, steady(0))
		l.ptime = ptime
		l.run(0, 10*time.Second)
		if l.decoder.decoded < 8000*95/10 || l.concealed() > 3*Tick || l.late > 0 || l.buffer.discarded > 0 {
			t.Errorf("ptime %v: %d samples decoded, %v concealed, late %d, discarded %d", ptime, l.decoder.decoded, l.concealed(), l.late, l.buffer.discarded)
		}
	}
}

func TestR9APauseIsFilledByTimestampAndTheNextSpurtIsWhole(t *testing.T) {
	l := newLine(t, nil)
	// Talk spurts of 50 packets with pauses of 50 in which nothing is sent; the sequence goes on without a gap.
	sequence := uint16(0)
	pcm := make([]int16, 160)
	decoded := 0
	for now := time.Duration(0); now < 20*time.Second; now += Tick {
		n := int(now / Tick)
		at := l.start.Add(now)
		if n/50%2 == 0 {
			payload := make([]byte, 320)
			l.buffer.push(&Packet{Sequence: sequence, Timestamp: uint32(n * 160), Payload: payload, Arrived: at})
			sequence++
			decoded += 160
		}
		if l.buffer.active(at) {
			l.decoder.calls = 0
			l.buffer.pull(pcm, at.Add(3*time.Millisecond))
		}
	}
	if l.decoder.decoded < decoded-3*160 {
		t.Errorf("%d samples of %d were played", l.decoder.decoded, decoded)
	}
	if l.buffer.lost > 0 || l.buffer.discarded > 0 {
		t.Errorf("pauses were taken for loss: lost %d, discarded %d", l.buffer.lost, l.buffer.discarded)
	}
}

func TestReorderedPacketsArePutInOrder(t *testing.T) {
	l := newLine(t, func(n int) (time.Duration, bool) {
		if n%7 == 3 {
			return 25 * time.Millisecond, true // overtaken by the next one
		}
		return 2 * time.Millisecond, true
	})
	l.run(0, 30*time.Second)
	if c := l.concealed(); c > 100*time.Millisecond || l.late > 2 {
		t.Errorf("concealed %v, late %d", c, l.late)
	}
}

func TestAToneComesOutAsTheToneItWas(t *testing.T) {
	l := newLine(t, nil)
	l.keep = true
	l.drift = 500e-6 // the pace is changed again and again
	l.delay = func(int) (time.Duration, bool) {
		return time.Duration(l.random.Float64() * float64(15*time.Millisecond)), true
	}
	l.run(0, 30*time.Second)
	tone := l.out[8000:]
	clicks, where := 0, []int{}
	for i := 2; i < len(tone); i++ {
		// A 440 Hz tone of this level never bends more than so from one sample to the next.
		if bend := math.Abs(float64(tone[i]) - 2*float64(tone[i-1]) + float64(tone[i-2])); bend > 3500 {
			clicks++
			where = append(where, i)
		}
	}
	if c := l.concealed(); c > 3*Tick || clicks > 4*int(c/Tick)+1 {
		t.Errorf("%d clicks in 29 seconds, at %v; concealed %v", clicks, where, l.concealed())
	}
	if got := frequency(tone, 8000); math.Abs(got-440) > 3 {
		t.Errorf("the tone is at %.1f Hz", got)
	}
}

// frequency counts zero crossings.
func frequency(pcm []int16, rate int) float64 {
	crossings := 0
	for i := 1; i < len(pcm); i++ {
		if pcm[i-1] < 0 && pcm[i] >= 0 {
			crossings++
		}
	}
	return float64(crossings) * float64(rate) / float64(len(pcm))
}

func FuzzJitterBuffer(f *testing.F) {
	f.Add([]byte{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12})
	f.Add([]byte{0, 0, 0, 255, 255, 255, 128, 128, 128, 1, 0, 1, 200, 0, 50})
	f.Fuzz(func(t *testing.T, script []byte) {
		script = script[:min(len(script), 3000)]
		decoder := &fakeDecoder{rate: 16000}
		b := newJitterBuffer(48000, decoder)
		at := time.Unix(1000, 0)
		pcm := make([]int16, 320)
		var p Packet
		for len(script) >= 3 {
			step, jump, size := script[0], script[1], script[2]
			script = script[3:]
			p.Sequence += uint16(int8(step))
			p.Timestamp += uint32(int32(int8(jump)) * int32(jump) * 97)
			p.Payload = make([]byte, 8*int(size))
			p.Arrived = at
			b.push(&p)
			at = at.Add(time.Duration(step) * time.Millisecond)
			if b.active(at) {
				decoder.calls = 0
				b.pull(pcm, at)
			}
			held := 0
			for i := range b.slots {
				if b.slots[i].used {
					held++
				}
			}
			if held != b.count {
				t.Fatalf("%d packets held, %d counted", held, b.count)
			}
		}
	})
}
