package codec

import (
	"errors"
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/cordboard/cordboard/rtp"
)

func TestEveryCodecKeepsAToneAtEveryRate(t *testing.T) {
	for _, f := range all {
		for _, rate := range []int{narrow, wide} {
			e, d := pair(t, f, rate)
			if e.Rate() != rate || d.Rate() != rate {
				t.Fatalf("%s: rates %d and %d, want %d", f.Codec.Name, e.Rate(), d.Rate(), rate)
			}
			for _, hz := range []float64{425, 1000, 3000} {
				got := decode(t, d, encode(t, e, sine(rate, hz, float64(rate), 12)))
				if l := tone(got[rate/4:], hz, float64(rate)); math.Abs(l+12) > 2 {
					t.Errorf("%s at %d Hz: %v Hz at -12 dB comes out at %.1f dB", f.Codec.Name, rate, hz, l)
				}
			}
		}
	}
}

func TestPayloadsHaveTheLengthThatTheirClockSays(t *testing.T) {
	// G.722 has an RTP clock of 8000 and two samples a tick (RFC 3551 section 4.5.2).
	for _, f := range []*rtp.Format{formatA, formatU, format722} {
		for _, rate := range []int{narrow, wide} {
			for _, ms := range []int{10, 20, 30, 40, 60} {
				e, d := pair(t, f, rate)
				buf := make([]byte, 1500)
				n, err := e.Encode(buf, make([]int16, rate*ms/1000))
				if err != nil || n != 8*ms {
					t.Errorf("%s at %d: %d ms are %d bytes, %v", f.Codec.Name, rate, ms, n, err)
				}
				got, err := d.Decode(make([]int16, rate*Longest/1000), buf[:n])
				if err != nil || got != rate*ms/1000 {
					t.Errorf("%s at %d: %d ms are %d samples, %v", f.Codec.Name, rate, ms, got, err)
				}
			}
		}
	}
}

func TestR6_WhatDoesNotFitIsRefusedAndNothingIsOverrun(t *testing.T) {
	for _, f := range all {
		for _, rate := range []int{narrow, wide} {
			e, d := pair(t, f, rate)
			if _, err := d.Decode(make([]int16, rate*Longest/1000), nil); !errors.Is(err, ErrEmpty) {
				t.Errorf("%s at %d: an empty payload: %v", f.Codec.Name, rate, err)
			}
			pool := make([]int16, rate)
			n, err := d.Decode(pool[:rate/100], encode(t, e, sine(rate/50, 400, float64(rate), 12))[0])
			if !errors.Is(err, ErrLong) || n != 0 {
				t.Errorf("%s at %d: 20 ms into 10: %d, %v", f.Codec.Name, rate, n, err)
			}
			n, err = d.Decode(pool[:rate*Longest/1000], make([]byte, 4000))
			if err == nil {
				t.Errorf("%s at %d: 4000 bytes are %d samples", f.Codec.Name, rate, n)
			}
			buf := make([]byte, 1500)
			if n, err := e.Encode(buf[:1], sine(rate/50, 400, float64(rate), 6)); err == nil && n > 1 {
				t.Errorf("%s at %d: %d bytes in one", f.Codec.Name, rate, n)
			}
			if f != formatOpus && !isZero(buf[1:]) {
				t.Errorf("%s at %d: written beyond the length", f.Codec.Name, rate)
			}
		}
	}
}

func isZero(b []byte) bool {
	for _, x := range b {
		if x != 0 {
			return false
		}
	}
	return true
}

func TestCodecsAreKnownByNameAndClock(t *testing.T) {
	c := coders(t)
	for _, good := range []rtp.Codec{{Name: "pcma", Clock: 8000}, {Name: "PCMU", Clock: 8000}, {Name: "g722", Clock: 8000}} {
		if _, err := c.NewDecoder(&rtp.Format{Codec: good}, 8000); err != nil {
			t.Errorf("%v: %v", good, err)
		}
	}
	for _, bad := range []rtp.Codec{{Name: "G722", Clock: 16000}, {Name: "opus", Clock: 8000}, {Name: "G729", Clock: 8000}, {}} {
		if _, err := c.NewDecoder(&rtp.Format{Codec: bad}, 8000); err == nil {
			t.Errorf("%v has a decoder", bad)
		}
		if _, err := c.NewEncoder(&rtp.Format{Codec: bad}, 8000); err == nil {
			t.Errorf("%v has an encoder", bad)
		}
	}
	if _, err := c.NewEncoder(formatA, 48000); err == nil || !strings.Contains(err.Error(), "48000") {
		t.Errorf("48000 Hz: %v", err)
	}
	if _, err := New(Options{Complexity: 11}); err == nil {
		t.Error("complexity 11 is allowed")
	}
	if _, err := New(Options{Bitrate: 100}); err == nil {
		t.Error("100 bit/s are allowed")
	}
}

func TestCodingAllocatesNothing(t *testing.T) {
	for _, f := range all {
		for _, rate := range []int{narrow, wide} {
			e, d := pair(t, f, rate)
			pcm, buf, out := sine(rate/50, 600, float64(rate), 12), make([]byte, 1500), make([]int16, rate*Longest/1000)
			n := 0
			for name, run := range map[string]func(){
				"encode":  func() { n, _ = e.Encode(buf, pcm) },
				"decode":  func() { _, _ = d.Decode(out, buf[:max(n, 1)]) },
				"conceal": func() { _, _ = d.Conceal(out[:rate/50], nil) },
			} {
				n, _ = e.Encode(buf, pcm)
				if allocs := testing.AllocsPerRun(100, run); allocs != 0 {
					t.Errorf("%s at %d: %s allocates %v times", f.Codec.Name, rate, name, allocs)
				}
			}
		}
	}
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte{0xd5, 0x55, 0, 0xff}, uint8(0))
	f.Add([]byte{0xfa, 0x3f, 0xc0}, uint8(2))
	f.Fuzz(func(t *testing.T, payload []byte, which uint8) {
		form := inGo[int(which)%len(inGo)]
		c := coders(t)
		for _, rate := range []int{narrow, wide} {
			d, err := c.NewDecoder(form, rate)
			if err != nil {
				t.Fatal(err)
			}
			pcm := make([]int16, rate*Longest/1000)
			for range 2 {
				n, err := d.Decode(pcm, payload)
				if (err != nil) != (len(payload) == 0 || len(payload) > 8*Longest) {
					t.Fatalf("%d bytes: %v", len(payload), err)
				}
				if err == nil && n != len(payload)*rate/8000 {
					t.Fatalf("%d bytes are %d samples", len(payload), n)
				}
				if _, err := d.Conceal(pcm[:rate/50], nil); err != nil {
					t.Fatal(err)
				}
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) { benchmark(b, true) }
func BenchmarkDecode(b *testing.B) { benchmark(b, false) }

func benchmark(b *testing.B, encoding bool) {
	for _, f := range all {
		for _, rate := range []int{narrow, wide} {
			b.Run(fmt.Sprintf("%s/%d", f.Codec.Name, rate), func(b *testing.B) {
				e, d := pair(b, f, rate)
				pcm := speech(b)
				payloads := encode(b, e, pcm)
				frame, buf, out := rate/50, make([]byte, 1500), make([]int16, rate*Longest/1000)
				b.ReportAllocs()
				i := 0
				for b.Loop() {
					if encoding {
						_, _ = e.Encode(buf, pcm[i*frame:(i+1)*frame])
					} else {
						_, _ = d.Decode(out, payloads[i])
					}
					if i++; i == len(pcm)/frame {
						i = 0
					}
				}
			})
		}
	}
}

func BenchmarkConceal(b *testing.B) {
	for _, f := range all {
		b.Run(f.Codec.Name, func(b *testing.B) {
			e, d := pair(b, f, narrow)
			payloads := encode(b, e, speech(b))
			out := make([]int16, narrow*Longest/1000)
			b.ReportAllocs()
			i := 0
			for b.Loop() {
				_, _ = d.Decode(out, payloads[i%len(payloads)])
				_, _ = d.Conceal(out[:160], nil)
				i++
			}
		})
	}
}
