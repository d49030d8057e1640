package sdes

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// Lines as phones and exchanges write them.
const (
	rfc80   = "1 AES_CM_128_HMAC_SHA1_80 inline:WVNfX19zZW1jdGwgKCkgewkyMjA7fQp9CnVubGVz|2^20|1:4" // RFC 4568 section 9.1
	bare80  = "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj"
	bare32  = "2 AES_CM_128_HMAC_SHA1_32 inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj"
	bareGCM = "3 AEAD_AES_128_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGw=="
	bare256 = "4 AEAD_AES_256_GCM inline:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKis="
	twoKeys = "1 AES_CM_128_HMAC_SHA1_80 inline:d0RmdmcmVCspeEc3QGZiNWpVLFJhQX1cfHAwJSoj|2^31|1:1;inline:NzB4d1BINUAvLEw6UzF3WSJ+PSdFcGdUJShpX1Zj|2^31|2:1"
)

func TestLinesAreReadAsPhonesWriteThem(t *testing.T) {
	for _, c := range []struct {
		name, line, again string // again: how we would write it; empty: the same
		check             func(Crypto) bool
	}{
		{"the example of the RFC", rfc80, strings.Replace(rfc80, "2^20", "1048576", 1), func(c Crypto) bool {
			k := c.Keys[0]
			master, salt := k.secret()
			return c.Tag == 1 && c.Suite == AES128CM80 && len(master) == 16 && len(salt) == 14 && k.Lifetime == 1<<20 && bytes.Equal(k.MKI, []byte{0, 0, 0, 1})
		}},
		{"nothing but the key", bare80, "", func(c Crypto) bool { return master(c) == "wDfvg&T+)xG7@fb5" && c.Keys[0].MKI == nil }},
		{"a short tag", bare32, "", func(c Crypto) bool { return c.Suite == AES128CM32 && c.Tag == 2 }},
		{"GCM", bareGCM, "", func(c Crypto) bool { return master(c)[15] == 15 }},
		{"GCM without padding", strings.TrimRight(bareGCM, "="), bareGCM, func(c Crypto) bool { return c.Suite == AES128GCM }},
		{"GCM of 256 bits", bare256, "", func(c Crypto) bool { return len(master(c)) == 32 }},
		{"an MKI without lifetime", bare80 + "|7:2", "", func(c Crypto) bool { return bytes.Equal(c.Keys[0].MKI, []byte{0, 7}) && c.Keys[0].Lifetime == 0 }},
		{"a lifetime in full", bare80 + "|1048576", "", func(c Crypto) bool { return c.Keys[0].Lifetime == 1<<20 }},
		{"two keys", twoKeys, strings.ReplaceAll(twoKeys, "2^31", "2147483648"), func(c Crypto) bool { return len(c.Keys) == 2 && c.Keys[1].MKI[0] == 2 }},
		{"all parameters", bare80 + " KDR=3 UNENCRYPTED_SRTCP UNENCRYPTED_SRTP UNAUTHENTICATED_SRTP WSH=128", "", func(c Crypto) bool {
			return c.Params == Params{UnencryptedRTP: true, UnencryptedRTCP: true, Unauthenticated: true, KDR: 3, Window: 128}
		}},
		{"an extension that may be ignored", bare80 + " -X=1", bare80, func(c Crypto) bool { return c.Params == Params{} }},
		{"spaces and case", "  1   AES_CM_128_HMAC_SHA1_80\tINLINE:" + bare80[strings.Index(bare80, ":")+1:] + " ", bare80, func(c Crypto) bool { return true }},
	} {
		got, err := Parse(c.line)
		if err != nil || !c.check(got) {
			t.Errorf("%s: %v, %v", c.name, got, err)
			continue
		}
		want := c.again
		if want == "" {
			want = c.line
		}
		if again := string(got.Append(nil)); again != want {
			t.Errorf("%s: written as %s", c.name, again)
		}
	}
}

func TestWhatIsNoLineIsRefusedWithoutQuotingTheKey(t *testing.T) {
	key := bare80[strings.Index(bare80, ":")+1:]
	for _, c := range []struct {
		name, line string
		is         error
	}{
		{"nothing", "", ErrMalformed},
		{"no key", "1 AES_CM_128_HMAC_SHA1_80", ErrMalformed},
		{"no number", "x AES_CM_128_HMAC_SHA1_80 inline:" + key, ErrMalformed},
		{"too long a number", "1234567890 AES_CM_128_HMAC_SHA1_80 inline:" + key, ErrMalformed},
		{"a signed number", "+1 AES_CM_128_HMAC_SHA1_80 inline:" + key, ErrMalformed},
		{"another suite", "1 AES_256_CM_HMAC_SHA1_80 inline:" + key, ErrSuite},
		{"small letters", "1 aes_cm_128_hmac_sha1_80 inline:" + key, ErrSuite},
		{"another method", "1 AES_CM_128_HMAC_SHA1_80 mikey:" + key, ErrMalformed},
		{"no base64", "1 AES_CM_128_HMAC_SHA1_80 inline:!" + key[1:], ErrMalformed},
		{"too short", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key[:36], ErrMalformed},
		{"too long", "1 AES_CM_128_HMAC_SHA1_80 inline:" + key + "AAAA", ErrMalformed},
		{"the key of another suite", "1 AEAD_AES_128_GCM inline:" + key, ErrMalformed},
		{"a lifetime of nothing", bare80 + "|0", ErrMalformed},
		{"more than a lifetime", bare80 + "|2^49", ErrMalformed},
		{"a lifetime that is none", bare80 + "|2^", ErrMalformed},
		{"two lifetimes", bare80 + "|2^20|2^20", ErrMalformed},
		{"MKI before lifetime", bare80 + "|1:4|2^20", ErrMalformed},
		{"an MKI longer than its field", bare80 + "|256:1", ErrMalformed},
		{"an MKI of no length", bare80 + "|1:0", ErrMalformed},
		{"an MKI beyond 128 bytes", bare80 + "|1:129", ErrMalformed},
		{"four fields", bare80 + "|2^20|1:4|", ErrMalformed},
		{"two keys without MKI", bare80 + ";inline:" + key, ErrMalformed},
		{"two keys of one MKI", bare80 + "|1:1;inline:" + key + "|1:1", ErrMalformed},
		{"MKIs of two lengths", bare80 + "|1:1;inline:" + key + "|2:2", ErrMalformed},
		{"nine keys", strings.Repeat("inline:"+key+"|1:1;", 9), ErrMalformed},
		{"FEC", bare80 + " FEC_ORDER=FEC_SRTP", ErrParameter},
		{"a key of FEC", bare80 + " FEC_KEY=inline:" + key, ErrParameter},
		{"something new", bare80 + " FOO", ErrParameter},
		{"KDR of nothing", bare80 + " KDR=", ErrMalformed},
		{"KDR beyond", bare80 + " KDR=25", ErrMalformed},
		{"WSH too small", bare80 + " WSH=63", ErrMalformed},
		{"a flag with a value", bare80 + " UNENCRYPTED_SRTP=1", ErrMalformed},
		{"GCM unauthenticated", bareGCM + " UNAUTHENTICATED_SRTP", ErrParameter},
		{"endless", bare80 + strings.Repeat(" ", 2000), ErrMalformed},
	} {
		got, err := Parse(c.line)
		if !errors.Is(err, c.is) {
			t.Errorf("%s: %v, %v", c.name, got, err)
		}
		if err != nil && (strings.Contains(err.Error(), key[:8]) || strings.Contains(fmt.Sprintf("%+v", err), key[:8])) {
			t.Errorf("%s: the error tells the key: %v", c.name, err)
		}
	}
}

// Lines end up in logs by way of the structs that hold them.
func TestNoVerbPrintsAKey(t *testing.T) {
	c, err := Parse(bare80)
	if err != nil {
		t.Fatal(err)
	}
	a := &Agreed{Ours: c, Theirs: c}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%x", "%q", "%d"} {
		for _, what := range []any{c, &c, *a, a, c.Keys, c.Keys[0], &Receiver{crypto: c}, struct{ deep any }{[]*Agreed{a}}} {
			text := fmt.Sprintf(verb, what)
			for _, secret := range []string{"wDfvg", "d0Rmd", "77446676", "119 68 102", "0x77, 0x44"} {
				if strings.Contains(text, secret) {
					t.Errorf("%s of %T tells the key: %s", verb, what, text)
				}
			}
		}
	}
	if c.String() != "1 AES_CM_128_HMAC_SHA1_80 with 1 key(s)" {
		t.Error(c.String())
	}
}

func master(c Crypto) string {
	key, _ := c.Keys[0].secret()
	return string(key)
}

func TestNewKeysAreNeverTheSame(t *testing.T) {
	for _, s := range Suites() {
		a, b := NewKey(s), NewKey(s)
		key, salt := s.lengths()
		aMaster, aSalt := a.secret()
		bMaster, bSalt := b.secret()
		if len(aMaster) != key || len(aSalt) != salt || bytes.Equal(aMaster, bMaster) || bytes.Equal(aSalt, bSalt) {
			t.Errorf("%s: keys of %d and %d bytes", s, len(aMaster), len(aSalt))
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, line := range []string{rfc80, bare80, bare32, bareGCM, bare256, twoKeys, bare80 + " KDR=3 UNENCRYPTED_SRTCP WSH=64 -x", bare80 + " FEC_ORDER=SPLIT"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		c, err := Parse(line)
		if err != nil {
			return
		}
		written := string(c.Append(nil))
		again, err := Parse(written)
		if err != nil || !again.Same(&c) || again.Tag != c.Tag {
			t.Fatalf("%q was written as %q, which reads as %v, %v", line, written, again, err)
		}
		if _, err := c.context(); c.Params.KDR == 0 && err != nil {
			t.Fatalf("%q was read but cannot be used: %v", line, err)
		}
	})
}
