package trace

import (
	"strings"
	"testing"
)

func TestSecretsAreStarsAndNothingElseChanges(t *testing.T) {
	for _, c := range []struct{ line, want string }{
		{"Authorization: Digest username=\"anna\", response=\"beef\"\r\n", "Authorization: Digest" + strings.Repeat("*", 33) + "\r\n"},
		{"proxy-authorization:Digest x\r\n", "proxy-authorization:Digest**\r\n"},
		{"X-Cordboard-Token: ABC\r\n", "X-Cordboard-Token:****\r\n"},
		{"X-Api-Key: k\r\n", "X-Api-Key:**\r\n"},
		{"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:abc\r\n", "a=crypto:" + strings.Repeat("*", 36) + "\r\n"},
		{"a=ice-pwd:secret\r\n", "a=ice-pwd:******\r\n"},
		{"k=base64:x\r\n", "k=********\r\n"},
		{"a=ice-ufrag:abcd\r\n", "a=ice-ufrag:abcd\r\n"},
		{"WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n", "WWW-Authenticate: Digest realm=\"x\", nonce=\"y\"\r\n"},
		{"From: <sip:token@x>\r\n", "From: <sip:token@x>\r\n"},
		{"INVITE sip:x SIP/2.0\r\n", "INVITE sip:x SIP/2.0\r\n"},
		{"\r\n", "\r\n"}, {"", ""}, {"no end", "no end"},
	} {
		if got := Blotted([]byte(c.line)); got != c.want || len(got) != len(c.line) {
			t.Errorf("%q became %q, want %q", c.line, got, c.want)
		}
	}
}

func FuzzBlotting(f *testing.F) {
	f.Add([]byte("INVITE sip:x SIP/2.0\r\nAuthorization: Digest x\r\n\r\na=crypto:1 x inline:y\r\n"))
	f.Add([]byte("Authorization:\nk=\na=crypto:"))
	f.Fuzz(func(t *testing.T, message []byte) {
		got := Blotted(message)
		if len(got) != len(message) {
			t.Errorf("%d bytes became %d", len(message), len(got))
		}
	})
}
