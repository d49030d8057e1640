package codec

import (
	"bytes"
	"testing"
)

func everySample() []int16 {
	pcm := make([]int16, 65536)
	for i := range pcm {
		pcm[i] = int16(i - 32768)
	}
	return pcm
}

func everyCode() []byte {
	codes := make([]byte, 256)
	for i := range codes {
		codes[i] = byte(i)
	}
	return codes
}

func TestG711DecodesEveryCodeAsSoxAndFFmpegDo(t *testing.T) {
	got := make([]int16, 256)
	expandA(got, everyCode())
	compare(t, "A-law", got, samples(golden(t, "pcma.decoded")))
	expandU(got, everyCode())
	compare(t, "µ-law", got, samples(golden(t, "pcmu.decoded")))
}

func compare(t *testing.T, name string, got, want []int16) {
	t.Helper()
	for i := range want {
		if got[i] != want[i] {
			t.Fatalf("%s: sample %d is %d, want %d", name, i, got[i], want[i])
		}
	}
}

func TestALawEncodesEverySampleAsSunsImplementationDoes(t *testing.T) {
	got := make([]byte, 65536)
	compressA(got, everySample())
	if want := golden(t, "pcma.encoded"); !bytes.Equal(got, want) {
		t.Fatal("A-law codes differ")
	}
}

// Implementations of µ-law differ in how they cut 16 bits to 14, so codes at the edge of a step may differ by one; what
// must hold is that no sample is decoded more than half a step away, and that sox is never more than the cut better.
func TestMuLawEncodesEverySampleAsWellAsSox(t *testing.T) {
	pcm := everySample()
	ours, theirs := make([]byte, 65536), golden(t, "pcmu.encoded")
	compressU(ours, pcm)
	a, b := make([]int16, 65536), make([]int16, 65536)
	expandU(a, ours)
	expandU(b, theirs)
	different := 0
	for i, s := range pcm {
		off := func(x int16) int { return max(int(x)-int(s), int(s)-int(x)) }
		if ours[i] != theirs[i] {
			different++
		}
		if off(a[i]) > off(b[i])+4 {
			t.Fatalf("sample %d: ours decodes to %d, sox's to %d", s, a[i], b[i])
		}
	}
	if different > 400 {
		t.Errorf("%d codes differ from sox's", different)
	}
}

func TestG711KeepsEveryCodeThroughBothDirections(t *testing.T) {
	for _, law := range []struct {
		name     string
		expand   func([]int16, []byte)
		compress func([]byte, []int16)
	}{{"A", expandA, compressA}, {"µ", expandU, compressU}} {
		pcm, back := make([]int16, 256), make([]byte, 256)
		law.expand(pcm, everyCode())
		law.compress(back, pcm)
		for i, b := range back {
			negativeZero := law.name == "µ" && i == 0x7f && b == 0xff
			if b != byte(i) && !negativeZero {
				t.Errorf("%s-law: code %#x came back as %#x", law.name, i, b)
			}
		}
	}
}
