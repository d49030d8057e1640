package sdes

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"os"
	"strings"
	"testing"
)

// libsrtp sealed these packets: the master key is that of RFC 3711 appendix B.3, the sequence crosses a roll-over, and the
// last RTP packet of each suite has a CSRC and a header extension.
func TestWhatLibsrtpSealsIsWhatWeSeal(t *testing.T) {
	golden, err := os.ReadFile("testdata/golden/libsrtp-2.5.txt")
	if err != nil {
		t.Fatal(err)
	}
	material, _ := hex.DecodeString("E1F97A0D3E018BE0D64FA32C06DE41390EC675AD498AFEEBB6960B3AABE6303132333435363738393a3b3c3d3e3f")
	type party struct {
		Sender
		Receiver
	}
	parties, lines := map[string]*party{}, 0
	for line := range strings.Lines(string(golden)) {
		words := strings.Fields(line)
		suite, known := SuiteNamed(words[0])
		if !known || len(words) != 5 {
			t.Fatalf("line %q", line)
		}
		clear := words[1] == "clear-rtcp"
		name := fmt.Sprint(suite, words[2], clear)
		if parties[name] == nil {
			key, salt := suite.lengths()
			c := Crypto{Suite: suite, Keys: []Key{MakeKey(material[:key], material[key:key+salt])}, Params: Params{UnencryptedRTCP: clear}}
			if words[2] == "1" {
				c.Keys[0].MKI = []byte{0, 0, 1, 7}
			}
			parties[name] = &party{}
			if err := parties[name].Sender.Use(c); err != nil {
				t.Fatal(err)
			}
			if err := parties[name].Receiver.Use(c); err != nil {
				t.Fatal(err)
			}
		}
		p := parties[name]
		plain, _ := hex.DecodeString(words[3])
		sealed, _ := hex.DecodeString(words[4])
		protect, unprotect := p.Protect, p.Unprotect
		if words[1] != "rtp" {
			protect, unprotect = p.ProtectControl, p.UnprotectControl
		}
		got, err := protect(roomy(plain))
		if err != nil || !bytes.Equal(got, sealed) {
			t.Errorf("%s %s: sealed as %x, %v; want %x", words[0], words[1], got, err, sealed)
		}
		if got, err = unprotect(bytes.Clone(sealed)); err != nil || !bytes.Equal(got, plain) {
			t.Errorf("%s %s: opened as %x, %v; want %x", words[0], words[1], got, err, plain)
		}
		lines++
	}
	if lines != 60 {
		t.Errorf("%d packets", lines)
	}
}

// roomy copies a packet into a buffer with room for the tag.
func roomy(packet []byte) []byte {
	return append(make([]byte, 0, len(packet)+MaxOverhead), packet...)
}
