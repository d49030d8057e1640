package codec

import (
	"math"
	"testing"

	"github.com/cordboard/cordboard/rtp"
)

// biggestStep is the largest difference between neighbours: a click is one that the sound itself does not have.
func biggestStep(pcm []int16) (most int) {
	for i := 1; i < len(pcm); i++ {
		most = max(most, int(math.Abs(float64(pcm[i])-float64(pcm[i-1]))))
	}
	return most
}

func TestALostPacketOfATonedVoiceIsHardlyHeard(t *testing.T) {
	for _, f := range []*rtp.Format{formatA, formatU, format722} {
		for _, rate := range []int{narrow, wide} {
			e, d := pair(t, f, rate)
			voice := make([]int16, rate)
			for i := range voice { // 140 Hz and its harmonics
				for h := 1; h <= 6; h++ {
					voice[i] += int16(3000 / float64(h) * math.Sin(2*math.Pi*140*float64(h*i)/float64(rate)))
				}
			}
			payloads := encode(t, e, voice)
			whole := decode(t, d, payloads)
			lossy := append([][]byte(nil), payloads...)
			lossy[20] = nil
			_, d = pair(t, f, rate)
			got := decode(t, d, lossy)
			if len(got) != len(whole) {
				t.Fatalf("%s at %d: %d samples, want %d", f.Codec.Name, rate, len(got), len(whole))
			}
			frame := rate / 50
			near := func(pcm []int16) []int16 { return pcm[19*frame : 23*frame] }
			if a, b := biggestStep(near(got)), biggestStep(near(whole)); a > b*13/10+200 {
				t.Errorf("%s at %d: a click: steps of %d where the voice has %d", f.Codec.Name, rate, a, b)
			}
			db := snr(near(got), near(whole))
			t.Logf("%s at %d: %.1f dB over the loss", f.Codec.Name, rate, db)
			if db < 8 {
				t.Errorf("%s at %d: %.1f dB over the loss", f.Codec.Name, rate, db)
			}
		}
	}
}

func TestALongLossFadesToSilenceAndComesBack(t *testing.T) {
	for _, f := range []*rtp.Format{formatA, formatU, format722} {
		e, d := pair(t, f, narrow)
		payloads := encode(t, e, sine(narrow, 300, narrow, 10))
		for i := 20; i < 30; i++ {
			payloads[i] = nil
		}
		got := decode(t, d, payloads)
		if l := level(got[20*160 : 21*160]); l < -14 {
			t.Errorf("%s: the first 20 ms of a loss are at %.1f dB", f.Codec.Name, l)
		}
		if l := level(got[24*160 : 30*160]); l > -60 {
			t.Errorf("%s: after 80 ms of loss there is sound at %.1f dB", f.Codec.Name, l)
		}
		if l := level(got[33*160:]); math.Abs(l+10) > 1 {
			t.Errorf("%s: after the loss the tone is at %.1f dB", f.Codec.Name, l)
		}
	}
}

func TestALossBeforeAnySoundIsSilence(t *testing.T) {
	for _, f := range all {
		for _, rate := range []int{narrow, wide} {
			_, d := pair(t, f, rate)
			for range 3 {
				pcm := make([]int16, rate/50)
				pcm[0] = 77
				n, err := d.Conceal(pcm, nil)
				if err != nil || n != len(pcm) || level(pcm) > -70 {
					t.Errorf("%s at %d: %d samples at %.1f dB, %v", f.Codec.Name, rate, n, level(pcm), err)
				}
			}
		}
	}
}

func TestConcealedSpeechIsBetterThanHoles(t *testing.T) {
	for _, f := range []*rtp.Format{formatA, format722} {
		e, d := pair(t, f, wide)
		pcm := speech(t)
		payloads := encode(t, e, pcm[:len(pcm)-wide/2])
		whole := decode(t, d, payloads)
		lossy := append([][]byte(nil), payloads...)
		for i := 7; i < len(lossy); i += 15 {
			lossy[i] = nil
		}
		_, d = pair(t, f, wide)
		got := decode(t, d, lossy)
		_, d = pair(t, f, wide)
		var holes []int16 // what is heard when the packet is just left out
		for _, p := range lossy {
			if p == nil {
				holes = append(holes, make([]int16, 320)...)
				continue
			}
			buf := make([]int16, 1920)
			n, err := d.Decode(buf, p)
			if err != nil {
				t.Fatal(err)
			}
			holes = append(holes, buf[:n]...)
		}
		concealed, silent := snr(got, whole), snr(holes, whole)
		t.Logf("%s: %.1f dB concealed, %.1f dB with holes", f.Codec.Name, concealed, silent)
		if concealed < silent {
			t.Errorf("%s: concealment is worse than silence: %.1f dB, %.1f dB", f.Codec.Name, concealed, silent)
		}
	}
}
