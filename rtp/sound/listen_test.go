package sound

import (
	"bytes"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/cordboard/cordboard/rtp"
)

func TestAToneIsHeardInEveryCodecWithoutDropouts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		for _, rate := range []int{8000, 16000} {
			s := p.FromPCM("tone", rate, sine(rate, 1000, 1200*time.Millisecond))
			for _, f := range formats {
				e := newEar(t, f)
				stop := s.Loop().Listen(e, f)
				time.Sleep(3 * time.Second)
				stop()
				packets, pcm := e.heard(t)
				if len(packets) < 149 || len(packets) > 151 {
					t.Fatalf("%s: %d packets in 3 s", f.Codec.Name, len(packets))
				}
				for from := 1600; from+800 < len(pcm); from += 800 {
					if l := tone(pcm[from:from+800], 1000); math.Abs(l+12) > 2.5 {
						t.Errorf("%s from %d Hz: after %d ms the tone is at %.1f dB", f.Codec.Name, rate, from/8, l)
					}
				}
			}
		}
	})
}

func TestPacketsOfASoundAreAWellFormedStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		s := p.FromPCM("tone", 8000, sine(8000, 500, time.Second))
		for _, base := range formats {
			for _, c := range []struct{ ptime, ticks int }{{0, 1}, {10, 1}, {20, 1}, {30, 1}, {40, 2}, {60, 3}, {200, 3}} {
				f := *base
				f.Ptime = time.Duration(c.ptime) * time.Millisecond
				e := newEar(t, &f)
				stop := s.Loop().Listen(e, &f)
				time.Sleep(1500 * time.Millisecond)
				stop()
				packets, _ := e.heard(t)
				if len(packets) < 1500/20/c.ticks-1 {
					t.Fatalf("%s with a packet time of %d ms: %d packets", f.Codec.Name, c.ptime, len(packets))
				}
				for i, q := range packets {
					if q.Format.Codec != f.Codec || q.Format.Payload != f.Payload || q.Event {
						t.Fatalf("%s: packet of format %+v", f.Codec.Name, q.Format)
					}
					if q.Marker != (i == 0) {
						t.Errorf("%s: marker of packet %d is %v", f.Codec.Name, i, q.Marker)
					}
					if i == 0 {
						continue
					}
					before := packets[i-1]
					span := uint32(f.Codec.Clock / 50 * c.ticks)
					if q.SSRC != before.SSRC || q.Sequence != before.Sequence+1 || q.Timestamp != before.Timestamp+span {
						t.Fatalf("%s with %d ms: packet %d does not follow: %+v after %+v", f.Codec.Name, c.ptime, i, q, before)
					}
					if gap := q.Arrived.Sub(before.Arrived); gap != time.Duration(c.ticks)*rtp.Tick {
						t.Fatalf("%s: packet %d comes %v after the one before", f.Codec.Name, i, gap)
					}
				}
			}
		}
	})
}

func TestASharedLoopIsEncodedOnceForAHundredListeners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, count, m := newPlayer(t)
		defer m.Close()
		s := p.FromPCM("music", 16000, sine(16000, 300, 2*time.Second))
		music := s.Shared()
		var stops []func()
		var ears []*ear
		for range 100 {
			e := newEar(t, formatOpus)
			ears = append(ears, e)
			stops = append(stops, music.Listen(e, formatOpus))
			time.Sleep(7 * time.Millisecond)
		}
		time.Sleep(5 * time.Second)
		for _, stop := range stops {
			stop()
		}
		if n := count.encoded.Load(); n != 100 {
			t.Errorf("a loop of 100 packets was encoded %d times over", n)
		}
		for _, e := range ears {
			if packets, _ := e.heard(t); len(packets) < 249 {
				t.Errorf("a listener got %d packets", len(packets))
			}
		}
	})
}

func TestMusicIsAtTheSamePlaceForEveryoneAndGoesOnAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		pcm := sine(8000, 400, 4*time.Second)
		for i := range pcm {
			pcm[i] = int16(int(pcm[i]) * i / len(pcm)) // louder and louder: every place sounds different
		}
		music := p.FromPCM("music", 8000, pcm).Shared()
		a, b := newEar(t, formatA), newEar(t, formatA)
		stopA := music.Listen(a, formatA)
		time.Sleep(1300 * time.Millisecond)
		stopB := music.Listen(b, formatA)
		time.Sleep(time.Second)
		stopA()
		stopB()
		packetsA, _ := a.heard(t)
		packetsB, _ := b.heard(t)
		lastA, lastB := packetsA[len(packetsA)-1], packetsB[len(packetsB)-1]
		if off := int32(lastA.Timestamp - lastB.Timestamp); off < -160 || off > 160 {
			t.Fatalf("the two are %d ticks of the clock apart", off)
		}
		if lastA.Timestamp == lastB.Timestamp && !bytes.Equal(lastA.Payload, lastB.Payload) {
			t.Error("the same place sounds different")
		}
		if packetsA[0].SSRC == packetsB[0].SSRC {
			t.Error("two listenings have one SSRC")
		}
		time.Sleep(10 * time.Second) // nobody listens; the music is where the clock says
		c := newEar(t, formatA)
		stopC := music.Listen(c, formatA)
		time.Sleep(100 * time.Millisecond)
		stopC()
		packetsC, _ := c.heard(t)
		passed := packetsC[0].Arrived.Sub(lastA.Arrived)
		if ts := packetsC[0].Timestamp - lastA.Timestamp; math.Abs(float64(ts)-passed.Seconds()*8000) > 160 {
			t.Errorf("after %v the music is %d ticks further", passed, ts)
		}
	})
}

func TestRingbackBeginsWithItsToneForEveryListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		ringback := p.Tone("ringback", Finland.Ringback()).Loop()
		time.Sleep(2500 * time.Millisecond)
		e := newEar(t, formatA)
		stop := ringback.Listen(e, formatA)
		time.Sleep(6 * time.Second)
		stop()
		_, pcm := e.heard(t)
		if l := tone(pcm[400:7600], 425); math.Abs(l+16) > 1 {
			t.Errorf("425 Hz at %.1f dB in the first second", l)
		}
		if l := level(pcm[8400:39600]); l > -60 {
			t.Errorf("%.1f dB in the four seconds of silence", l)
		}
		if l := tone(pcm[40400:47600], 425); math.Abs(l+16) > 1 {
			t.Errorf("425 Hz at %.1f dB in the sixth second", l)
		}
	})
}

func TestTonesAreThoseOfTheCountry(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		for _, c := range []struct {
			name    string
			cadence Cadence
			length  time.Duration
			has     []float64
			hasNot  []float64
		}{
			{"FI ringback", Finland.Ringback(), 5 * time.Second, []float64{425}, []float64{480, 350}},
			{"US ringback", US.Ringback(), 6 * time.Second, []float64{440, 480}, []float64{620}},
		} {
			s := p.Tone(c.name, c.cadence)
			if s.Length() != c.length {
				t.Errorf("%s lasts %v, want %v", c.name, s.Length(), c.length)
			}
			e := newEar(t, formatU)
			play := s.Play()
			stop := play.Listen(e, formatU)
			<-play.Done()
			stop()
			_, pcm := e.heard(t)
			on := pcm[:int(c.cadence.On*8000/time.Second)]
			for _, hz := range c.has {
				if l := tone(on, hz); math.Abs(l+16) > 2 {
					t.Errorf("%s: %v Hz at %.1f dB", c.name, hz, l)
				}
			}
			for _, hz := range c.hasNot {
				if l := tone(on, hz); l > -35 {
					t.Errorf("%s: %v Hz at %.1f dB", c.name, hz, l)
				}
			}
		}
	})
}

func TestBuiltinSoundsArePlayable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		for _, b := range []Builtin{Music, Welcome, Sorry} {
			s, err := p.Builtin(b)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name() != string(b) || s.Length() < 2*time.Second || s.Length() > time.Minute {
				t.Errorf("%s: name %q, %v", b, s.Name(), s.Length())
			}
			e := newEar(t, formatA)
			stop := s.Loop().Listen(e, formatA)
			time.Sleep(s.Length())
			stop()
			_, pcm := e.heard(t)
			if l := level(pcm); l < -30 || l > -10 {
				t.Errorf("%s is at %.1f dB: not as loud as a voice", b, l)
			}
		}
		if _, err := p.Builtin("polka"); err == nil || !strings.Contains(err.Error(), "polka") {
			t.Errorf("an unknown sound: %v", err)
		}
	})
}

func TestTheMusicHasNoSeam(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		s, err := p.Builtin(Music)
		if err != nil {
			t.Fatal(err)
		}
		if len(s.pcm)%(3*16000/50) != 0 {
			t.Errorf("%d samples are not whole packets of 60 ms", len(s.pcm))
		}
		most := 0
		for i := 1; i < len(s.pcm); i++ {
			most = max(most, int(math.Abs(float64(s.pcm[i])-float64(s.pcm[i-1]))))
		}
		if seam := int(math.Abs(float64(s.pcm[0]) - float64(s.pcm[len(s.pcm)-1]))); seam > most {
			t.Errorf("a step of %d at the seam, at most %d elsewhere", seam, most)
		}
	})
}

func TestAStreamPlaysASound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p, _, m := newPlayer(t)
		defer m.Close()
		sent := 0
		stream := rtp.NewStream(rtp.StreamConfig{Metronome: m, Write: func([]byte) error { sent++; return nil }})
		stream.SetFormat(formatA, rtp.SendRecv)
		play := p.FromPCM("prompt", 8000, sine(8000, 700, time.Second)).Play()
		stream.Hear(play)
		<-play.Done()
		stream.Close()
		if sent < 50 || sent > 52 {
			t.Errorf("%d packets sent", sent)
		}
	})
}

func BenchmarkHundredListeners(b *testing.B) {
	p, _, m := newPlayer(b)
	defer m.Close()
	s := p.FromPCM("music", 8000, sine(8000, 300, time.Second))
	var ls []*listener
	for range 100 {
		l := s.begin(nowhere{}, formatA)
		l.frame = func(packet int) (int, bool) { return packet % 50, true }
		ls = append(ls, l)
	}
	at := time.Now()
	for range 50 {
		at = at.Add(rtp.Tick)
		ls[0].beat(at)
	}
	b.ReportAllocs()
	for b.Loop() {
		at = at.Add(rtp.Tick)
		for _, l := range ls {
			l.beat(at)
		}
	}
}

type nowhere struct{}

func (nowhere) Packet(*rtp.Packet) {}
