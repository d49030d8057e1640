package codec

import (
	"bytes"
	"testing"
)

func TestG722EncodesTheBitsThatFFmpegEncodes(t *testing.T) {
	want := golden(t, "g722.encoded")
	got := bytes.Join(encode(t, newG722Encoder(), append(speech(t), make([]int16, 320)...)), nil)
	if len(got) < len(want) {
		t.Fatalf("%d bytes, want %d", len(got), len(want))
	}
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("byte %d of %d is %#02x, want %#02x", i, len(want), got[i], want[i])
		}
	}
}

func TestG722DecodesTheSamplesThatFFmpegDecodes(t *testing.T) {
	encoded, want := golden(t, "g722.encoded"), samples(golden(t, "g722.decoded"))
	var payloads [][]byte
	for p := encoded; len(p) > 0; p = p[min(160, len(p)):] {
		payloads = append(payloads, p[:min(160, len(p))])
	}
	got := decode(t, newG722Decoder(), payloads)
	compare(t, "G.722", got, want)
	if len(got) != len(want) {
		t.Fatalf("%d samples, want %d", len(got), len(want))
	}
}

func TestG722KeepsToneAndSpeech(t *testing.T) {
	e, d := pair(t, format722, wide)
	for _, hz := range []float64{300, 1000, 3000, 6000} {
		pcm := sine(16000, hz, wide, 10)
		got := decode(t, d, encode(t, e, pcm))
		if l := tone(got[3200:], hz, wide); l < -10.8 || l > -9.2 {
			t.Errorf("%v Hz at -10 dB comes out at %.1f dB", hz, l)
		}
	}
	pcm := speech(t)
	e, d = pair(t, format722, wide)
	got := decode(t, d, encode(t, e, pcm))
	n := len(pcm) - wide/2 // without the noise at the end
	db, delay := bestSNR(got[:n], pcm[:n], 40)
	t.Logf("speech: %.1f dB at a delay of %d samples", db, delay)
	if db < 18 || delay != 22 {
		t.Errorf("speech has an SNR of %.1f dB at a delay of %d samples, want at least 18 at 22", db, delay)
	}
}
