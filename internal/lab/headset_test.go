package lab

import (
	"net/netip"
	"runtime/debug"
	"slices"
	"testing"
	"time"

	"github.com/pion/srtp/v3"
)

// The headset is a browser to whoever it talks to: here to a tab.
func TestAHeadsetHearsAndIsHeard(t *testing.T) {
	for _, srtp := range []string{"aescm", "gcm", ""} {
		t.Run(srtp, func(t *testing.T) {
			tab, err := NewTab(TabOptions{Formats: []Format{PCMU()}})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(tab.Close)
			clock := NewMetronome()
			t.Cleanup(clock.Wait)
			shared, err := newHeadsets(clock, srtp)
			if err != nil {
				t.Fatal(err)
			}
			h, err := shared.open([]Format{PCMU()})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(h.close)
			offer, err := tab.Offer("")
			if err != nil {
				t.Fatal(err)
			}
			answer, err := h.answer(string(offer))
			if err != nil {
				t.Fatal(err)
			}
			if err := tab.Accept([]byte(answer)); err != nil {
				t.Fatal(err)
			}
			tab.Say(Tone(440, -12))
			h.lips.Say(Tone(1000, -12))
			h.hearing.MustHear(t, 440, 10*time.Second, 300*time.Millisecond)
			tab.Ear().MustHear(t, 1000, 10*time.Second, 300*time.Millisecond)
			if r := h.hearing.Report(); r.Lost > 0 || r.SSRCs != 1 {
				t.Error(r)
			}
		})
	}
}

func TestAHeadsetSaysNoToWhatIsNoBrowsersOffer(t *testing.T) {
	clock := NewMetronome()
	t.Cleanup(clock.Wait)
	if _, err := newHeadsets(clock, "des"); err == nil {
		t.Error("an unknown SRTP profile was taken")
	}
	shared, err := newHeadsets(clock, "")
	if err != nil {
		t.Fatal(err)
	}
	h, err := shared.open([]Format{PCMU()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(h.close)
	for _, offer := range []string{"", "v=0\r\nm=audio 9 RTP/AVP 0\r\nc=IN IP4 127.0.0.1\r\n"} {
		if answer, err := h.answer(offer); err == nil {
			t.Errorf("%q was answered %q", offer, answer)
		}
	}
}

// A generator that allocated for each packet would measure its own garbage collector.
func TestALoadsPacketsCostNoAllocation(t *testing.T) {
	h := keyed(t)
	port, err := openPort(netip.AddrFrom4([4]byte{127, 0, 0, 1}), func(packet []byte, _ netip.AddrPort, at time.Time) { h.heard(packet, at) })
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(port.close)
	var window measuring
	window.begin()
	lips := newMouth(1)
	lips.frames = &frames{payloads: [][]byte{make([]byte, 160)}, stream: 7, marked: true, window: &window.open}
	if err := lips.speakTo(PCMU(), func(packet []byte) error {
		sealed, err := h.out.EncryptRTP(h.sealed[:0], packet, &h.header)
		if err != nil {
			return err
		}
		return port.send(sealed, port.addr)
	}); err != nil {
		t.Fatal(err)
	}
	ear := &lean{window: &window, stream: 7, latency: make([]float64, 0, 4096), seen: make([]uint64, 64)} // what the report notes is no part of it
	h.hearing.lean = ear
	reader := newReader()
	round := func() { lips.speak(); port.take(reader) }
	const rounds = 1000
	most := 0.0
	if instrumented() {
		most = 1 // the checks of pointers let the address of a system call escape
	}
	if n := testing.AllocsPerRun(rounds, round); n > most {
		t.Errorf("%.2f allocations a packet", n)
	}
	if ear.whole != rounds+1 { // one to warm up
		t.Errorf("%d of %d packets were opened", ear.whole, rounds)
	}
}

// instrumented reports whether this is a build for the race detector.
func instrumented() bool {
	info, ok := debug.ReadBuildInfo()
	return ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"})
}

// keyed is a headset that hears what it says.
func keyed(t *testing.T) *headset {
	t.Helper()
	h := &headset{hearing: newEar()}
	h.hearing.understand([]Format{PCMU()})
	var err error
	if h.out, err = srtp.CreateContext(make([]byte, 16), make([]byte, 14), srtp.ProtectionProfileAes128CmHmacSha1_80); err != nil {
		t.Fatal(err)
	}
	if h.in, err = srtp.CreateContext(make([]byte, 16), make([]byte, 14), srtp.ProtectionProfileAes128CmHmacSha1_80); err != nil {
		t.Fatal(err)
	}
	return h
}
