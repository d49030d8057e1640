package dtmf

import (
	"bytes"
	"errors"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestEventIsWrittenAsRFC4733Draws(t *testing.T) {
	// The bits of section 2.3: event, E R volume, duration.
	e := Event{Code: 11, End: true, Volume: 10, Duration: 800}
	want := []byte{11, 0x8a, 0x03, 0x20}
	if got := e.Append(nil); !bytes.Equal(got, want) {
		t.Fatalf("payload %x, want %x", got, want)
	}
	got, err := Parse(want)
	if err != nil || got != e {
		t.Fatalf("parsed %+v, %v; want %+v", got, err, e)
	}
	if got, err = Parse([]byte{1, 0x40 | 7, 0, 1, 2, 0x80, 0, 9}); err != nil || got != (Event{Code: 1, Volume: 7, Duration: 1}) {
		t.Fatalf("reserved bit and a second event were not left alone: %+v, %v", got, err)
	}
}

func TestEventTooShortIsAnError(t *testing.T) {
	for n := range Size {
		if _, err := Parse(make([]byte, n)); !errors.Is(err, ErrShort) {
			t.Errorf("%d bytes: %v", n, err)
		}
	}
}

func TestEveryKeyHasACodeAndBack(t *testing.T) {
	const all = "0123456789*#ABCD!"
	for i := range len(all) {
		code, ok := Code(all[i])
		if !ok || int(code) != i {
			t.Errorf("code of %c is %d, %v", all[i], code, ok)
		}
		if tone, ok := Tone(uint8(i)); !ok || tone != all[i] {
			t.Errorf("tone of %d is %c, %v", i, tone, ok)
		}
	}
	if code, ok := Code('c'); !ok || code != 14 {
		t.Errorf("small c is %d, %v", code, ok)
	}
	for _, bad := range []byte("Ee+- \x00\xff") {
		if _, ok := Code(bad); ok {
			t.Errorf("%q is a key", bad)
		}
	}
	if _, ok := Tone(17); ok {
		t.Error("event 17 is a key")
	}
	if got := Clean("+358 (40) 12-3 a#"); got != "3584012"+"3A#" {
		t.Errorf("cleaned %q", got)
	}
}

func FuzzParse(f *testing.F) {
	f.Add([]byte{7, 0x0a, 0x03, 0xc0})
	f.Add([]byte{1, 0x8a})
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, payload []byte) {
		e, err := Parse(payload)
		if (err != nil) != (len(payload) < Size) {
			t.Fatalf("%d bytes: %v", len(payload), err)
		}
		if err != nil {
			return
		}
		if again, _ := Parse(e.Append(nil)); again != e {
			t.Fatalf("%+v came back as %+v", e, again)
		}
	})
}

func BenchmarkParseAppend(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, Size)
	e := Event{Code: 5, Volume: 10}
	for b.Loop() {
		e.Duration += 160
		buf = e.Append(buf[:0])
		e, _ = Parse(buf)
	}
}
