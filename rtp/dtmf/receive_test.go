package dtmf

import (
	"testing"
	"time"
)

// packet is one event as it comes from the wire.
type packet struct {
	timestamp uint32
	code      uint8
	end       bool
	duration  uint16
	after     time.Duration // since the packet before
}

// hear feeds packets and returns the keys that began and how many ended.
func hear(r *Receiver, packets []packet) (began string, ended int) {
	at := time.Unix(0, 0)
	for _, p := range packets {
		at = at.Add(p.after)
		step := r.Receive(p.timestamp, Event{Code: p.code, End: p.end, Volume: 10, Duration: p.duration}, at)
		if step.Began {
			began += string(step.Tone)
		}
		if step.Ended {
			ended++
		}
	}
	return began, ended
}

func ends3(timestamp uint32, code uint8, duration uint16) []packet {
	p := packet{timestamp, code, true, duration, 20 * time.Millisecond}
	return []packet{p, p, p}
}

func TestB28_OneKeyWithRepeatedPacketsIsOneKey(t *testing.T) {
	packets := []packet{{1000, 5, false, 160, 0}, {1000, 5, false, 320, 20e6}, {1000, 5, false, 320, 0}, {1000, 5, false, 480, 20e6}}
	packets = append(packets, ends3(1000, 5, 640)...)
	if began, ended := hear(&Receiver{Clock: 8000}, packets); began != "5" || ended != 1 {
		t.Fatalf("keys %q, %d ends", began, ended)
	}
}

func TestB28_TheSameDigitTwiceIsTwoKeys(t *testing.T) {
	packets := append(ends3(1000, 5, 800), ends3(2600, 5, 800)...)
	if began, ended := hear(&Receiver{Clock: 8000}, packets); began != "55" || ended != 2 {
		t.Fatalf("keys %q, %d ends", began, ended)
	}
}

func TestB27_MarkerIsNotNeeded(t *testing.T) {
	// Receive does not even see the marker: a provider that omits it and Chrome that sets it on every packet are alike.
	packets := append([]packet{{160, 1, false, 160, 0}}, ends3(160, 1, 320)...)
	packets = append(packets, packet{4000, 2, false, 160, 20e6})
	packets = append(packets, ends3(4000, 2, 320)...)
	if began, _ := hear(&Receiver{Clock: 8000}, packets); began != "12" {
		t.Fatalf("keys %q", began)
	}
}

func TestM1_AnEventThatBeginsWithItsEndIsAKey(t *testing.T) {
	// Chrome with telephone-event/8000 beside Opus: three end packets within 20 ms and nothing else.
	r := &Receiver{Clock: 48000}
	step := r.Receive(96000, Event{Code: 7, End: true, Duration: 960}, time.Unix(0, 0))
	if want := (Step{Tone: '7', Began: true, Ended: true, Held: 20 * time.Millisecond}); step != want {
		t.Fatalf("first packet: %+v, want %+v", step, want)
	}
	for range 2 {
		if step := r.Receive(96000, Event{Code: 7, End: true, Duration: 960}, time.Unix(0, 1)); step != (Step{}) {
			t.Fatalf("repetition: %+v", step)
		}
	}
}

func TestLostEndPacketsAreReplacedByTime(t *testing.T) {
	start := time.Unix(0, 0)
	r := &Receiver{Clock: 8000}
	r.Receive(1000, Event{Code: 10, Duration: 400}, start)
	if step := r.Expire(start.Add(Lost - 1)); step != (Step{}) {
		t.Fatalf("too soon: %+v", step)
	}
	if step, want := r.Expire(start.Add(Lost)), (Step{Tone: '*', Ended: true, Held: 50 * time.Millisecond}); step != want {
		t.Fatalf("expired %+v, want %+v", step, want)
	}
	if step := r.Expire(start.Add(time.Hour)); step != (Step{}) {
		t.Fatalf("ended twice: %+v", step)
	}
	// A straggling end packet does not press the key again, and the next key of the same digit counts.
	if step := r.Receive(1000, Event{Code: 10, End: true, Duration: 800}, start.Add(time.Second)); step != (Step{}) {
		t.Fatalf("straggler: %+v", step)
	}
	if step := r.Receive(9000, Event{Code: 10, Duration: 160}, start.Add(time.Second)); !step.Began {
		t.Fatalf("next key: %+v", step)
	}
}

func TestAPacketOfTheKeyBeforeIsNotANewKey(t *testing.T) {
	packets := []packet{{1000, 1, false, 160, 0}, {3000, 2, false, 160, 20e6}, {1000, 1, true, 800, 1e6}, {3000, 2, true, 320, 20e6}}
	if began, _ := hear(&Receiver{Clock: 8000}, packets); began != "12" {
		t.Fatalf("keys %q", began)
	}
}

func TestTimestampsMayWrapAndMayStartAgain(t *testing.T) {
	r := &Receiver{Clock: 8000}
	packets := append(ends3(0xffffff00, 1, 160), ends3(0x00000500, 2, 160)...)
	packets = append(packets, ends3(0x80000500-1, 3, 160)...) // a sender with a new clock
	if began, _ := hear(r, packets); began != "123" {
		t.Fatalf("keys %q", began)
	}
	r.Reset()
	if began, _ := hear(r, ends3(0x80000000, 4, 160)); began != "4" {
		t.Fatalf("after a reset %q", began)
	}
}

func TestAKeyHeldForLongIsOneKey(t *testing.T) {
	packets := []packet{{1000, 9, false, 160, 0}, {1000, 9, false, 0xffff, 20e6}, {1000 + 0xffff, 9, false, 160, 20e6}}
	r := &Receiver{Clock: 8000}
	if began, _ := hear(r, packets); began != "9" {
		t.Fatalf("keys %q", began)
	}
	step := r.Receive(1000+0xffff, Event{Code: 9, End: true, Duration: 8000}, time.Unix(9, 0))
	if want := time.Duration(0xffff+8000) * time.Second / 8000; step.Held != want {
		t.Fatalf("held %v, want %v", step.Held, want)
	}
}

func TestEventsThatAreNoKeysAreNotKeys(t *testing.T) {
	r := &Receiver{Clock: 8000}
	for code := 17; code < 256; code++ {
		if step := r.Receive(uint32(code)*8000, Event{Code: uint8(code)}, time.Unix(0, 0)); step != (Step{}) {
			t.Fatalf("event %d: %+v", code, step)
		}
	}
}

func TestAPressedKeyIsReceivedAsOneKeyWithThreeEndsAndOneMarker(t *testing.T) {
	for _, clock := range []int{8000, 48000} {
		p, ok := NewPress('#', clock, 20*time.Millisecond, 100*time.Millisecond)
		if !ok {
			t.Fatal("# is no key")
		}
		r := &Receiver{Clock: clock}
		var began, over, marks, packets int
		var held time.Duration
		at := time.Unix(0, 0)
		for {
			e, marker, more := p.Next()
			if !more {
				break
			}
			packets++
			if marker {
				marks++
				if packets != 1 {
					t.Errorf("marker on packet %d", packets)
				}
			}
			if e.End {
				over++
			}
			at = at.Add(20 * time.Millisecond)
			step := r.Receive(4711, e, at)
			if step.Began {
				began++
			}
			if step.Ended {
				held = step.Held
			}
		}
		if began != 1 || over != 3 || marks != 1 || packets != 7 || held != 100*time.Millisecond {
			t.Errorf("%d Hz: began %d, ends %d, markers %d, packets %d, held %v", clock, began, over, marks, packets, held)
		}
	}
	if _, ok := NewPress('x', 8000, 20*time.Millisecond, 0); ok {
		t.Error("x is a key")
	}
}

func FuzzReceiver(f *testing.F) {
	f.Add([]byte{1, 0x8a, 3, 0xc0, 0, 0, 1, 0, 1, 0x8a, 3, 0xc0, 0, 0, 1, 0})
	f.Fuzz(func(t *testing.T, wire []byte) {
		r := &Receiver{Clock: 8000}
		at := time.Unix(0, 0)
		down := false
		for len(wire) >= 8 {
			e, err := Parse(wire)
			if err != nil {
				t.Fatal(err)
			}
			ts := uint32(wire[4])<<24 | uint32(wire[5])<<16 | uint32(wire[6])<<8 | uint32(wire[7])
			wire = wire[8:]
			at = at.Add(20 * time.Millisecond)
			step := r.Receive(ts, e, at)
			if _, key := Tone(e.Code); step.Began && !key {
				t.Fatalf("event %d began a key", e.Code)
			}
			if step.Ended && !step.Began && !down {
				t.Fatal("a key ended that was not held")
			}
			if step.Began {
				down = true
			}
			if step.Ended {
				down = false
			}
			if step.Held < 0 {
				t.Fatal("held for less than nothing")
			}
		}
	})
}

func BenchmarkReceive(b *testing.B) {
	b.ReportAllocs()
	r := &Receiver{Clock: 8000}
	at := time.Unix(0, 0)
	var ts uint32
	for b.Loop() {
		ts += 800
		r.Receive(ts, Event{Code: 5, Duration: 160}, at)
		r.Receive(ts, Event{Code: 5, End: true, Duration: 320}, at)
	}
}
