//go:build cgo

package codec

import (
	"bytes"
	"errors"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	libopus "github.com/hraban/opus"

	"github.com/cordboard/cordboard/rtp"
)

var all = append(inGo, formatOpus)

func TestOpusKeepsToneAndSpeech(t *testing.T) {
	for _, rate := range []int{narrow, wide} {
		e, d := pair(t, formatOpus, rate)
		pcm := sine(rate, 1000, float64(rate), 10)
		got := decode(t, d, encode(t, e, pcm))
		if l := tone(got[rate/5:], 1000, float64(rate)); math.Abs(l+10) > 1.5 {
			t.Errorf("%d Hz: a tone at -10 dB comes out at %.1f dB", rate, l)
		}
	}
	e, d := pair(t, formatOpus, wide)
	pcm := speech(t)
	n := len(pcm) - wide/2
	got := decode(t, d, encode(t, e, pcm))
	db, delay := bestSNR(got, pcm[:n], 400)
	t.Logf("speech: %.1f dB at a delay of %d samples", db, delay)
	if db < 6 || delay > 200 {
		t.Errorf("speech has an SNR of %.1f dB at a delay of %d samples", db, delay)
	}
}

// libopus writes up to the capacity of what it is lent, so a slice cut from a pool would be overrun.
func TestR5_DecodingNeverWritesBeyondTheLength(t *testing.T) {
	payload := longPayload(t, narrow, 60*time.Millisecond)
	d, _ := coders(t).NewDecoder(formatOpus, narrow)
	pool := make([]int16, 4*960)
	const guard = 12345
	for i := range pool {
		pool[i] = guard
	}
	if _, err := d.Decode(pool[:160], payload); !errors.Is(err, ErrLong) {
		t.Errorf("60 ms into 20 ms: %v, want %v", err, ErrLong)
	}
	if _, err := d.Conceal(pool[:160], nil); err != nil {
		t.Error(err)
	}
	if _, err := d.Conceal(pool[:160], payload); err != nil {
		t.Error(err)
	}
	for i := 160; i < len(pool); i++ {
		if pool[i] != guard {
			t.Fatalf("sample %d beyond the length of 160 was written", i)
		}
	}
}

// silentFrames is one packet of that many frames of 20 ms (RFC 6716 section 3.2.5): mono, fullband CELT, and two bytes a
// frame that say "silence" in its first symbol (section 4.3).
func silentFrames(n int) []byte {
	return append([]byte{31<<3 | 3, byte(n)}, bytes.Repeat([]byte{0xff, 0xfe}, n)...)
}

// longPayload is one packet of Opus that lasts so long.
func longPayload(t *testing.T, rate int, d time.Duration) []byte {
	t.Helper()
	e, _ := coders(t).NewEncoder(formatOpus, rate)
	pcm := sine(rate*int(d/time.Millisecond)/1000, 400, float64(rate), 12)
	buf := make([]byte, 1500)
	n, err := e.Encode(buf, pcm)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

func TestR6_PacketsOfAnyLengthAreDecodedWhole(t *testing.T) {
	for _, rate := range []int{narrow, wide} {
		for _, ms := range []int{10, 20, 40, 60} {
			d, _ := coders(t).NewDecoder(formatOpus, rate)
			pcm := make([]int16, rate*Longest/1000)
			n, err := d.Decode(pcm, longPayload(t, rate, time.Duration(ms)*time.Millisecond))
			if err != nil || n != rate*ms/1000 {
				t.Errorf("%d ms at %d Hz: %d samples, %v", ms, rate, n, err)
			}
		}
	}
	// Packets of several frames, as a browser may make them: silence will do.
	for _, frames := range []int{5, 6} {
		d, _ := coders(t).NewDecoder(formatOpus, wide)
		n, err := d.Decode(make([]int16, wide*Longest/1000), silentFrames(frames))
		if err != nil || n != wide*frames/50 {
			t.Errorf("%d frames: %d samples, %v", frames, n, err)
		}
	}
}

func TestR6_StereoIsMixedToMono(t *testing.T) {
	e, err := libopus.NewEncoder(48000, 2, libopus.AppVoIP)
	if err != nil {
		t.Fatal(err)
	}
	d, _ := coders(t).NewDecoder(formatOpus, wide)
	var got []int16
	mono := sine(48000, 800, 48000, 10)
	for i := 0; i+960 <= len(mono); i += 960 {
		stereo := make([]int16, 1920)
		for j, s := range mono[i : i+960] {
			stereo[2*j], stereo[2*j+1] = s, s
		}
		buf := make([]byte, 1500)
		n, err := e.Encode(stereo, buf)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, wide*Longest/1000)
		n, err = d.Decode(pcm, buf[:n])
		if err != nil || n != 320 {
			t.Fatalf("20 ms of stereo are %d samples of mono, %v", n, err)
		}
		got = append(got, pcm[:n]...)
	}
	if l := tone(got[3200:], 800, wide); math.Abs(l+10) > 1.5 {
		t.Errorf("a tone of -10 dB on both sides is %.1f dB in mono", l)
	}
}

func TestR7_CodersMayBeSharedByManyGoroutines(t *testing.T) {
	// Only Coders is shared; each decoder belongs to one stream. The race detector watches.
	c := coders(t)
	done := make(chan error)
	for range 8 {
		go func() {
			e, err := c.NewEncoder(formatOpus, wide)
			if err == nil {
				_, err = e.Encode(make([]byte, 1500), make([]int16, 320))
			}
			done <- err
		}()
	}
	for range 8 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

func TestR8_ALostPacketIsRestoredFromTheNextExactly(t *testing.T) {
	for _, rate := range []int{narrow, wide} {
		pcm := speech(t)
		pcm = pcm[:len(pcm)-wide/2]
		if rate == narrow {
			h := halver{taps: newSides()}
			for i := 0; i+1920 <= len(pcm); i += 1920 {
				h.run(pcm[i/2:], pcm[i:i+1920])
			}
			pcm = pcm[:len(pcm)/2/960*960]
		}
		whole, fec, plc := lossyDecodes(t, rate, pcm)
		if len(fec) != len(whole) || len(plc) != len(whole) {
			t.Fatalf("%d Hz: %d samples with FEC and %d without, want %d", rate, len(fec), len(plc), len(whole))
		}
		with, without := snr(fec, whole), snr(plc, whole)
		t.Logf("%d Hz, every tenth packet lost: %.1f dB with FEC, %.1f dB concealed", rate, with, without)
		if with < without+4 {
			t.Errorf("%d Hz: in-band FEC is of no use: %.1f dB with it, %.1f dB without", rate, with, without)
		}
	}
}

// lossyDecodes decodes the same packets whole, with every tenth lost and restored, and with every tenth lost and concealed.
func lossyDecodes(t *testing.T, rate int, pcm []int16) (whole, fec, plc []int16) {
	t.Helper()
	e, d := pair(t, formatOpus, rate)
	e.(rtp.LossReady).ExpectLoss(10)
	payloads := encode(t, e, pcm)
	whole = decode(t, d, payloads)
	lossy := append([][]byte(nil), payloads...)
	for i := 5; i < len(lossy)-1; i += 10 {
		lossy[i] = nil
	}
	_, d = pair(t, formatOpus, rate)
	fec = decode(t, d, lossy)
	_, d = pair(t, formatOpus, rate)
	for i, p := range lossy {
		buf := make([]int16, rate*Longest/1000)
		var n int
		var err error
		if p == nil {
			n, err = d.Conceal(buf[:rate/50], nil)
		} else {
			n, err = d.Decode(buf, payloads[i])
		}
		if err != nil {
			t.Fatal(err)
		}
		plc = append(plc, buf[:n]...)
	}
	return whole, fec, plc
}

func TestR8_AnyLengthOfLossIsFilledExactly(t *testing.T) {
	payload := longPayload(t, wide, 20*time.Millisecond)
	for _, n := range []int{1, 39, 40, 320, 333, 640, 1920, 4000} {
		for _, next := range [][]byte{nil, payload, {0xff}, {}} {
			d, _ := coders(t).NewDecoder(formatOpus, wide)
			if _, err := d.Decode(make([]int16, 1920), payload); err != nil {
				t.Fatal(err)
			}
			pcm := make([]int16, n)
			got, err := d.Conceal(pcm, next)
			if err != nil || got != n {
				t.Errorf("%d samples lost, next %d bytes: %d samples, %v", n, len(next), got, err)
			}
		}
	}
}

func TestR9_SilenceIsSentLikeSpeech(t *testing.T) {
	e, _ := pair(t, formatOpus, wide)
	for i := range 100 {
		buf := make([]byte, 1500)
		n, err := e.Encode(buf, make([]int16, 320))
		if err != nil {
			t.Fatal(err)
		}
		if n < 3 {
			t.Fatalf("packet %d of silence has %d bytes: that is DTX", i, n)
		}
	}
}

func TestOpusRespectsTheBitrateOfBothSides(t *testing.T) {
	noise := make([]int16, wide)
	r := rand.New(rand.NewPCG(1, 2))
	for i := range noise {
		noise[i] = int16(r.IntN(8000) - 4000)
	}
	for _, c := range []struct{ ours, theirs, want int }{{24000, 0, 24000}, {24000, 12000, 12000}, {12000, 40000, 12000}, {0, 16000, 16000}} {
		o := Options{Complexity: 5, Bitrate: 24000, FEC: true}
		o.Bitrate = c.ours
		made, err := New(o)
		if err != nil {
			t.Fatal(err)
		}
		f := &rtp.Format{Codec: rtp.Opus, MaxAverage: c.theirs}
		e, err := made.NewEncoder(f, wide)
		if err != nil {
			t.Fatal(err)
		}
		var bytes int
		for _, p := range encode(t, e, noise) {
			bytes += len(p)
		}
		if got := bytes * 8; got > c.want*125/100 || got < c.want/2 {
			t.Errorf("ours %d, theirs %d: %d bit/s, want about %d", c.ours, c.theirs, got, c.want)
		}
	}
}

// redundant counts the packets that carry the one before them once more: a flag in the second bit of a SILK frame of 20
// ms (RFC 6716 section 4.2.3).
func redundant(payloads [][]byte) (n int) {
	for _, p := range payloads {
		if len(p) > 1 && p[0]>>3 < 12 && p[1]&0x40 != 0 {
			n++
		}
	}
	return n
}

func TestRedundancyFollowsTheLossThatIsExpected(t *testing.T) {
	for _, rate := range []int{narrow, wide} {
		e, _ := pair(t, formatOpus, rate)
		pcm := speech(t)[:rate*2]
		many := len(pcm) / (rate / 50) / 4
		if n := redundant(encode(t, e, pcm)); n > 1 {
			t.Errorf("%d Hz: before any report %d packets are redundant", rate, n)
		}
		for _, expected := range []struct{ percent, least, most int }{{0, 0, 1}, {10, many, 1000}, {1000, many, 1000}, {-1, 0, 1}} {
			e.(rtp.LossReady).ExpectLoss(expected.percent)
			if n := redundant(encode(t, e, pcm)); n < expected.least || n > expected.most {
				t.Errorf("%d Hz: with %d %% of loss %d packets are redundant", rate, expected.percent, n)
			}
		}
	}
	f := *formatOpus
	f.FEC = false
	e, _ := pair(t, &f, narrow)
	e.(rtp.LossReady).ExpectLoss(20)
	if n := redundant(encode(t, e, speech(t))); n > 0 {
		t.Errorf("%d packets are redundant for somebody who cannot use it", n)
	}
}

func TestSilenceIsEncodedWithLessCareAndSoundsTheSame(t *testing.T) {
	for _, rate := range []int{narrow, wide} {
		pcm := speech(t)
		for i := range pcm {
			if i/(rate/4)%2 == 1 { // half of a conversation: the line's noise, while the other one speaks
				pcm[i] = pcm[i]%64 + int16(i*i%61) - 30
			}
		}
		sound := func(keen bool) (got []int16, hushed int) {
			e, d := pair(t, formatOpus, rate)
			e.(*opusEncoder).keen = keen
			for _, p := range encodeWatched(t, e, pcm, func() { hushed += e.(*opusEncoder).care - e.(*opusEncoder).present }) {
				got = append(got, decode(t, d, [][]byte{p})...)
			}
			return got, hushed
		}
		with, hushed := sound(false)
		without, never := sound(true)
		if hushed == 0 || never != 0 {
			t.Fatalf("%d Hz: hushed %d, and %d when it must not be", rate, hushed, never)
		}
		a, _ := bestSNR(with, pcm[:len(pcm)-rate/2], 400)
		b, _ := bestSNR(without, pcm[:len(pcm)-rate/2], 400)
		t.Logf("%d Hz: %.2f dB, and %.2f dB with the same care everywhere", rate, a, b)
		if a < b-0.2 {
			t.Errorf("%d Hz: an SNR of %.2f dB, with the same care everywhere %.2f dB", rate, a, b)
		}
	}
}

// encodeWatched is encode with a look at the encoder after each packet.
func encodeWatched(t *testing.T, e rtp.Encoder, pcm []int16, look func()) (payloads [][]byte) {
	t.Helper()
	for frame := e.Rate() / 50; len(pcm) >= frame; pcm = pcm[frame:] {
		payloads = append(payloads, encode(t, e, pcm[:frame])...)
		look()
	}
	return payloads
}

func TestRecordedSoundIsTheSameInEveryRound(t *testing.T) {
	for _, rate := range []int{narrow, wide} {
		e, err := coders(t).Recorded().NewEncoder(formatOpus, rate)
		if err != nil {
			t.Fatal(err)
		}
		payloads := encode(t, e, sine(rate*6/5, 1000, float64(rate), 12))
		_, d := pair(t, formatOpus, rate)
		first := decode(t, d, payloads)
		for round := range 3 {
			again := decode(t, d, payloads)
			step := rate / 20
			for i := 0; i+step <= len(again); i += step {
				if a, b := level(first[i:i+step]), level(again[i:i+step]); i > rate/10 && math.Abs(a-b) > 1 {
					t.Errorf("%d Hz, round %d, after %d ms: %.1f dB, first it was %.1f dB", rate, round+2, i*1000/rate, b, a)
				}
			}
		}
		// and for somebody who comes in the middle
		_, d = pair(t, formatOpus, rate)
		late := decode(t, d, payloads[len(payloads)/2:])
		if l := tone(late[rate/10:], 1000, float64(rate)); math.Abs(l+12) > 1 {
			t.Errorf("%d Hz: from the middle the tone is at %.1f dB", rate, l)
		}
	}
}

func FuzzOpusDecode(f *testing.F) {
	for _, frames := range []int{1, 3, 6} {
		f.Add(silentFrames(frames), true)
	}
	f.Add([]byte{0x4b, 0xff, 0, 1, 2}, false)
	f.Fuzz(func(t *testing.T, payload []byte, lost bool) {
		d, err := coders(t).NewDecoder(formatOpus, narrow)
		if err != nil {
			t.Fatal(err)
		}
		pcm := make([]int16, 2*960)
		if lost {
			if n, err := d.Conceal(pcm[:160:160], payload); err == nil && n != 160 {
				t.Fatalf("concealed %d", n)
			}
		}
		if n, _ := d.Decode(pcm[:960], payload); n > 960 {
			t.Fatalf("%d samples", n)
		}
		for _, s := range pcm[960:] {
			if s != 0 {
				t.Fatal("written beyond the length")
			}
		}
	})
}
