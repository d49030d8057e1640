package sdes

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"testing"
)

// sound is a packet of 20 ms of G.711 whose payload tells its number.
func sound(ssrc uint32, n int) []byte {
	b := make([]byte, 172, 172+MaxOverhead)
	b[0], b[1] = 0x80, 8
	binary.BigEndian.PutUint16(b[2:], uint16(n))
	binary.BigEndian.PutUint32(b[4:], uint32(160*n))
	binary.BigEndian.PutUint32(b[8:], ssrc)
	for i := 12; i < len(b); i++ {
		b[i] = byte(n>>8) ^ byte(n) ^ byte(i)
	}
	return b
}

// report is a sender report.
func report(ssrc uint32, n int) []byte {
	b := make([]byte, 28, 28+MaxOverhead)
	b[0], b[1], b[3] = 0x80, 200, 6
	binary.BigEndian.PutUint32(b[4:], ssrc)
	b[27] = byte(n)
	return b
}

// far is the far side as it should not always be: whatever a test makes of its key.
type far struct {
	t *testing.T
	Sender
}

func newFar(t *testing.T, c Crypto) *far {
	f := &far{t: t}
	if err := f.Use(c); err != nil {
		t.Fatal(err)
	}
	return f
}

func (f *far) seal(ssrc uint32, n int) []byte {
	sealed, err := f.Protect(sound(ssrc, n))
	if err != nil {
		f.t.Fatal(err)
	}
	return sealed
}

// run lets time pass: of the packets from one number up to another, the last ones are delivered, and one in a thousand before.
func (f *far) run(r *Receiver, ssrc uint32, from, to int) {
	f.t.Helper()
	for n := from; n < to; n++ {
		if n == from || n&0x3ff == 0 || n > to-100 {
			mustOpen(f.t, r, f.seal(ssrc, n), sound(ssrc, n))
		}
	}
}

func mustOpen(t *testing.T, r *Receiver, sealed, want []byte) {
	t.Helper()
	if got, err := r.Unprotect(sealed); err != nil || !bytes.Equal(got, want) {
		t.Fatalf("packet %d: %v", binary.BigEndian.Uint16(want[2:]), err)
	}
}

func mustNotOpen(t *testing.T, r *Receiver, sealed []byte) {
	t.Helper()
	if _, err := r.Unprotect(sealed); !errors.Is(err, ErrForged) {
		t.Fatalf("opened: %v", err)
	}
}

func receiver(t *testing.T, c Crypto) *Receiver {
	r := &Receiver{}
	if err := r.Use(c); err != nil {
		t.Fatal(err)
	}
	return r
}

func line(s Suite) Crypto { return Crypto{Tag: 1, Suite: s, Keys: []Key{NewKey(s)}} }

func eachSuite(t *testing.T, test func(t *testing.T, s Suite)) {
	for _, s := range Suites() {
		t.Run(s.String(), func(t *testing.T) { test(t, s) })
	}
}

const one, two = 0xcafebabe, 0x0badcafe // SSRCs

func TestWhatIsSealedIsOpenedOnceAndOnlyUnharmed(t *testing.T) {
	eachSuite(t, func(t *testing.T, s Suite) {
		c := line(s)
		f, r := newFar(t, c), receiver(t, c)
		sealed := f.seal(one, 1)
		if bytes.Contains(sealed, sound(one, 1)[12:44]) || len(sealed) != 172+s.Overhead() {
			t.Fatal("the sound is not hidden")
		}
		for bit := range 8 * len(sealed) {
			harmed := bytes.Clone(sealed)
			harmed[bit/8] ^= 1 << (bit % 8)
			mustNotOpen(t, r, harmed)
		}
		for n := range len(sealed) {
			mustNotOpen(t, r, bytes.Clone(sealed[:n]))
		}
		mustOpen(t, r, bytes.Clone(sealed), sound(one, 1))
		mustNotOpen(t, r, sealed)
		control, err := f.ProtectControl(report(one, 1))
		if err != nil {
			t.Fatal(err)
		}
		harmed := bytes.Clone(control)
		harmed[10] ^= 1
		if _, err := r.UnprotectControl(harmed); !errors.Is(err, ErrForged) {
			t.Error(err)
		}
		if got, err := r.UnprotectControl(bytes.Clone(control)); err != nil || !bytes.Equal(got, report(one, 1)) {
			t.Errorf("%x, %v", got, err)
		}
		if _, err := r.UnprotectControl(control); !errors.Is(err, ErrForged) {
			t.Error("a report was opened twice")
		}
	})
}

func TestPacketsOvertakeEachOtherWithinTheWindow(t *testing.T) {
	eachSuite(t, func(t *testing.T, s Suite) {
		c := line(s)
		f, r := newFar(t, c), receiver(t, c)
		var sealed [1000][]byte
		for i := range sealed {
			sealed[i] = f.seal(one, 65000+i) // over a roll-over
		}
		mustOpen(t, r, sealed[0], sound(one, 65000))
		mustOpen(t, r, bytes.Clone(sealed[600]), sound(one, 65600))
		mustOpen(t, r, sealed[599], sound(one, 65599))
		mustOpen(t, r, sealed[101], sound(one, 65101)) // 499 behind, and of the roll before
		mustNotOpen(t, r, sealed[600])
		mustNotOpen(t, r, sealed[50]) // beyond the window
		mustOpen(t, r, sealed[601], sound(one, 65601))
	})
}

// A call of 50 minutes crosses the 65,536th packet twice; a re-INVITE that keeps the keys, as each session timer sends
// one, must not begin the count anew in either direction.
func TestB21TheRollOverCountOutlivesAReINVITE(t *testing.T) {
	eachSuite(t, func(t *testing.T, s Suite) {
		c := line(s)
		f, r := newFar(t, c), receiver(t, c)
		f.run(r, one, 1000, 150_000)
		again := c
		again.Tag = 7 // the line may be numbered anew
		if err := errors.Join(r.Use(again), f.Use(again)); err != nil {
			t.Fatal(err)
		}
		f.run(r, one, 150_000, 150_200)
		if rolls, _ := r.now.ROC(one); rolls != 2 {
			t.Errorf("rolled over %d times", rolls)
		}
	})
}

// Phones that forget their state over a hold begin again with a count of zero, at any number, under the key they had.
func TestB21AFarSideThatForgetsItsCountIsHeardAgain(t *testing.T) {
	eachSuite(t, func(t *testing.T, s Suite) {
		for _, again := range []int{1, 20_000, 40_000, 65_000} {
			for _, before := range []int{60_000, 100_000, 150_000} {
				c := line(s)
				f, r := newFar(t, c), receiver(t, c)
				f.run(r, one, 1000, before)
				if err := r.Use(c); err != nil { // resume
					t.Fatal(err)
				}
				f = newFar(t, c)
				mustOpen(t, r, f.seal(one, again), sound(one, again))
				f.run(r, one, again+1, again+200)
				if r.former != nil || r.others != nil {
					t.Error("a second later it is still not settled")
				}
			}
		}
	})
}

// Without a negotiation nobody may begin again: these are packets played back.
func TestWhatWasHeardBeforeIsNotHeardAgain(t *testing.T) {
	c := line(AES128GCM)
	f, r := newFar(t, c), receiver(t, c)
	var kept [][]byte
	for n := 1000; n < 80_000; n++ {
		if n > 1200 && n&0x3ff != 0 && n < 79_900 {
			continue
		}
		sealed := f.seal(one, n)
		if n < 1200 {
			kept = append(kept, bytes.Clone(sealed))
		}
		mustOpen(t, r, sealed, sound(one, n))
	}
	for _, old := range kept {
		mustNotOpen(t, r, bytes.Clone(old))
	}
	if err := r.Use(c); err != nil {
		t.Fatal(err)
	}
	// Just after a negotiation somebody may play back: the far side is heard all the same, and soon alone.
	_, _ = r.Unprotect(bytes.Clone(kept[0]))
	for n := 80_000; n < 80_100; n++ {
		mustOpen(t, r, f.seal(one, n), sound(one, n))
	}
	f.run(r, one, 80_100, 80_300)
}

// A new key: the count may begin at zero (RFC 4568) or go on (RFC 3711), and what is on its way is still under the old one.
func TestB21ANewKeyMayKeepTheCountOrNot(t *testing.T) {
	eachSuite(t, func(t *testing.T, s Suite) {
		for _, keeps := range []bool{false, true} {
			for _, end := range []int{65_500, 131_050, 140_000} {
				t.Run(fmt.Sprint(keeps, end), func(t *testing.T) {
					old, fresh := line(s), line(s)
					f, r := newFar(t, old), receiver(t, old)
					f.run(r, one, 1000, end)
					if err := r.Use(fresh); err != nil {
						t.Fatal(err)
					}
					for n := end; n < end+20; n++ {
						mustOpen(t, r, f.seal(one, n), sound(one, n)) // our answer has not arrived yet
					}
					lost := 30 // which may be those that rolled over
					g := newFar(t, fresh)
					if keeps {
						rolls, _ := f.Sender.seal.ROC(one)
						if next := end + 20 + lost; next>>16 > (end+19)>>16 {
							rolls++
						}
						g.Sender.seal.SetROC(one, rolls)
					}
					g.run(r, one, end+20+lost, end+400)
					mustNotOpen(t, r, f.seal(one, end+401)) // the old key is history
				})
			}
		}
	})
}

// Each SSRC has a count of its own that begins at zero, and one that comes back finds it as it was (Aastra, Asterisk's
// music on hold).
func TestB22TheCountBelongsToTheSSRC(t *testing.T) {
	eachSuite(t, func(t *testing.T, s Suite) {
		c := line(s)
		f, r := newFar(t, c), receiver(t, c)
		f.run(r, one, 30_000, 70_000)
		f.run(r, two, 37_000, 38_000)
		f.run(r, one, 70_001, 71_000)
		if rolls, _ := r.now.ROC(one); rolls != 1 {
			t.Errorf("one rolled over %d times", rolls)
		}
		if rolls, _ := r.now.ROC(two); rolls != 0 {
			t.Errorf("two rolled over %d times", rolls)
		}
	})
}

func TestAKeyOpensABoundedNumberOfStreams(t *testing.T) {
	c := line(AES128GCM)
	f, r := newFar(t, c), receiver(t, c)
	for ssrc := range uint32(maxStreams) {
		mustOpen(t, r, f.seal(ssrc, 1), sound(ssrc, 1))
	}
	mustNotOpen(t, r, f.seal(maxStreams, 1))
	mustOpen(t, r, f.seal(7, 2), sound(7, 2))
}

func TestOneOfSeveralKeysIsNamedByItsMKI(t *testing.T) {
	eachSuite(t, func(t *testing.T, s Suite) {
		c := line(s)
		c.Keys = append(c.Keys, NewKey(s))
		c.Keys[0].MKI, c.Keys[1].MKI = []byte{0, 1}, []byte{0, 2}
		r := receiver(t, c)
		for i, k := range c.Keys {
			f := newFar(t, Crypto{Suite: s, Keys: []Key{k}})
			sealed := f.seal(one, 10+i)
			if len(sealed) != 172+s.Overhead()+2 {
				t.Fatalf("%d bytes", len(sealed))
			}
			mustOpen(t, r, sealed, sound(one, 10+i))
			control, err := f.ProtectControl(report(uint32(i), i))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := r.UnprotectControl(control); err != nil || !bytes.Equal(got, report(uint32(i), i)) {
				t.Error(err)
			}
		}
		c.Keys[0].MKI = []byte{0, 3}
		mustNotOpen(t, r, newFar(t, Crypto{Suite: s, Keys: c.Keys[:1]}).seal(one, 20))
	})
}

func TestParametersSayWhatIsInClear(t *testing.T) {
	for _, s := range Suites() {
		for _, p := range []Params{{UnencryptedRTP: true}, {UnencryptedRTCP: true}, {Unauthenticated: true}, {UnencryptedRTP: true, UnencryptedRTCP: true}} {
			if s.aead() && p.Unauthenticated {
				continue
			}
			c := line(s)
			c.Params = p
			f, r := newFar(t, c), receiver(t, c)
			sealed := f.seal(one, 1)
			if clear := bytes.Equal(sealed[:172], sound(one, 1)); clear != p.UnencryptedRTP {
				t.Errorf("%s %+v: in clear: %v", s, p, clear)
			}
			if p.Unauthenticated && len(sealed) != 172 {
				t.Errorf("%s %+v: a tag of %d bytes", s, p, len(sealed)-172)
			}
			mustOpen(t, r, sealed, sound(one, 1))
			control, err := f.ProtectControl(report(one, 1))
			if err != nil {
				t.Fatal(err)
			}
			if clear := bytes.Equal(control[:28], report(one, 1)); clear != p.UnencryptedRTCP {
				t.Errorf("%s %+v: RTCP in clear: %v", s, p, clear)
			}
			if got, err := r.UnprotectControl(control); err != nil || !bytes.Equal(got, report(one, 1)) {
				t.Errorf("%s %+v: %v", s, p, err)
			}
		}
	}
}

func TestNothingGoesOutOrComesInWithoutAKey(t *testing.T) {
	var s Sender
	var r Receiver
	if _, err := s.Protect(sound(one, 1)); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if _, err := s.ProtectControl(report(one, 1)); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if _, err := r.Unprotect(sound(one, 1)); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if _, err := r.UnprotectControl(report(one, 1)); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	c := line(AES128CM80)
	if err := errors.Join(s.Use(c), r.Use(c)); err != nil {
		t.Fatal(err)
	}
	if _, err := s.Protect(sound(one, 1)[:172:173]); !errors.Is(err, ErrNoRoom) {
		t.Error(err)
	}
	if _, err := s.ProtectControl(report(one, 1)[:28:30]); !errors.Is(err, ErrNoRoom) {
		t.Error(err)
	}
	s.Stop()
	r.Stop()
	if _, err := s.Protect(sound(one, 1)); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
	if _, err := r.Unprotect(sound(one, 1)); !errors.Is(err, ErrNoKey) {
		t.Error(err)
	}
}

func FuzzUnprotect(f *testing.F) {
	lines := map[Suite]Crypto{}
	for _, s := range Suites() {
		key, salt := s.lengths()
		lines[s] = Crypto{Suite: s, Keys: []Key{MakeKey(make([]byte, key), make([]byte, salt))}}
		var sender Sender
		_ = sender.Use(lines[s])
		sealed, _ := sender.Protect(sound(one, 1))
		f.Add(uint8(s), bytes.Clone(sealed), false)
		control, _ := sender.ProtectControl(report(one, 1))
		f.Add(uint8(s), bytes.Clone(control), true)
	}
	f.Add(uint8(1), []byte("\x9f\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\xc0\xde\xff\xff"), false) // Cryptex, with lengths that lie
	f.Fuzz(func(t *testing.T, suite uint8, packet []byte, unsettled bool) {
		c := lines[Suite(suite%4+1)]
		var r Receiver
		if err := r.Use(c); err != nil {
			t.Fatal(err)
		}
		if unsettled {
			_ = r.Use(line(c.Suite))
		}
		for _, open := range []func([]byte) ([]byte, error){r.Unprotect, r.UnprotectControl} {
			if plain, err := open(bytes.Clone(packet)); err == nil && len(plain) > len(packet) {
				t.Fatalf("%d bytes became %d", len(packet), len(plain))
			}
		}
	})
}
