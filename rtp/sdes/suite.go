package sdes

import (
	"github.com/pion/srtp/v3"
)

// Suite is a crypto suite: cipher, authentication and the lengths of both.
type Suite uint8

// The suites of telephony (RFC 4568 section 6.2, RFC 7714 section 14.2).
const (
	AES128CM80 Suite = iota + 1 // AES_CM_128_HMAC_SHA1_80: what every phone speaks
	AES128CM32                  // AES_CM_128_HMAC_SHA1_32: the same with a short tag on RTP
	AES128GCM                   // AEAD_AES_128_GCM: a third of the cost
	AES256GCM                   // AEAD_AES_256_GCM
)

// maxKeyBytes is the longest master key with its salt.
const maxKeyBytes = 32 + 12

// Suites are all of ours in the order in which we offer them: the cheap ones first, the short tag last.
func Suites() []Suite { return []Suite{AES128GCM, AES256GCM, AES128CM80, AES128CM32} }

// SuiteNamed finds a suite by its name in an SDP.
func SuiteNamed(name string) (Suite, bool) {
	for _, s := range Suites() {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}

// String is the name in SDP.
func (s Suite) String() string {
	switch s {
	case AES128CM80:
		return "AES_CM_128_HMAC_SHA1_80"
	case AES128CM32:
		return "AES_CM_128_HMAC_SHA1_32"
	case AES128GCM:
		return "AEAD_AES_128_GCM"
	case AES256GCM:
		return "AEAD_AES_256_GCM"
	}
	return "no suite"
}

// Overhead is the most that protection adds to an RTP packet, in bytes, an MKI not counted.
func (s Suite) Overhead() int {
	switch s {
	case AES128CM80:
		return 10
	case AES128CM32:
		return 4
	case AES128GCM, AES256GCM:
		return 16
	}
	return 0
}

// controlOverhead is the same for RTCP: the tag, always whole (RFC 3711 section 3.4), and the index.
func (s Suite) controlOverhead() int {
	if s.aead() {
		return 16 + 4
	}
	return 10 + 4
}

func (s Suite) aead() bool { return s == AES128GCM || s == AES256GCM }

// lengths of master key and master salt in bytes.
func (s Suite) lengths() (key, salt int) {
	switch s {
	case AES128CM80, AES128CM32:
		return 16, 14
	case AES128GCM:
		return 16, 12
	case AES256GCM:
		return 32, 12
	}
	return 0, 0
}

func (s Suite) profile() srtp.ProtectionProfile {
	switch s {
	case AES128CM80:
		return srtp.ProtectionProfileAes128CmHmacSha1_80
	case AES128CM32:
		return srtp.ProtectionProfileAes128CmHmacSha1_32
	case AES128GCM:
		return srtp.ProtectionProfileAeadAes128Gcm
	case AES256GCM:
		return srtp.ProtectionProfileAeadAes256Gcm
	}
	return 0
}
