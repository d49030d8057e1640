package ice

import (
	"crypto/sha1"
	"crypto/subtle"
	"encoding/binary"
	"hash/crc32"
)

// maxMessage is the longest STUN message that is read, in bytes. Checks of browsers have about a hundred.
const maxMessage = 548

const (
	headerSize  = 20
	magicCookie = 0x2112A442
	crcMask     = 0x5354554e // RFC 8489 section 14.7
)

// Message types: class and method in one (RFC 8489 section 5).
const (
	bindingRequest  = 0x0001
	bindingSuccess  = 0x0101
	bindingRejected = 0x0111
)

// Attributes (RFC 8489 section 18.3, RFC 8445 section 16.1).
const (
	attrUsername         = 0x0006
	attrIntegrity        = 0x0008
	attrErrorCode        = 0x0009
	attrUnknown          = 0x000A
	attrRealm            = 0x0014
	attrNonce            = 0x0015
	attrIntegritySHA256  = 0x001C
	attrPasswordAlgo     = 0x001D
	attrUserhash         = 0x001E
	attrMappedAddress    = 0x0001
	attrXORMappedAddress = 0x0020
	attrPriority         = 0x0024
	attrUseCandidate     = 0x0025
	attrFingerprint      = 0x8028
	attrControlled       = 0x8029
	attrControlling      = 0x802A
)

const (
	codeUnknownAttribute = 420
	codeRoleConflict     = 487
)

// Role that a check claims.
type role uint8

const (
	noRole role = iota
	controlled
	controlling
)

func roleOf(leads bool) role {
	if leads {
		return controlling
	}
	return controlled
}

// message is what matters of a STUN message. Its slices are of the packet.
type message struct {
	kind         uint16
	id           []byte
	username     []byte
	priority     uint32 // 0: none
	role         role
	tieBreaker   uint64
	useCandidate bool
	code         int // of an error response
	unknown      [4]uint16
	unknowns     int // attributes that must be understood and are not
	integrity    int // where MESSAGE-INTEGRITY begins; 0: there is none
}

// read takes a packet apart and reports whether it is a whole STUN message with a right FINGERPRINT, if it has one.
func (m *message) read(raw []byte) bool {
	*m = message{}
	if len(raw) < headerSize || len(raw) > maxMessage || len(raw)%4 != 0 ||
		int(binary.BigEndian.Uint16(raw[2:])) != len(raw)-headerSize || binary.BigEndian.Uint32(raw[4:]) != magicCookie {
		return false
	}
	m.kind, m.id = binary.BigEndian.Uint16(raw), raw[8:headerSize]
	for at := headerSize; at < len(raw); {
		kind, size := binary.BigEndian.Uint16(raw[at:]), int(binary.BigEndian.Uint16(raw[at+2:]))
		next := at + 4 + (size+3)&^3
		if next > len(raw) {
			return false
		}
		value := raw[at+4 : at+4+size]
		switch {
		case kind == attrFingerprint:
			return next == len(raw) && size == 4 && binary.BigEndian.Uint32(value) == fingerprint(raw[:at])
		case m.integrity != 0: // what follows MESSAGE-INTEGRITY is not protected (RFC 8489 section 14.5)
		case kind == attrIntegrity:
			if size != sha1.Size {
				return false
			}
			m.integrity = at
		case !m.take(kind, value):
			return false
		}
		at = next
	}
	return true
}

// take reads one attribute. False: its length is wrong.
func (m *message) take(kind uint16, value []byte) bool {
	switch kind {
	case attrUsername:
		m.username = value
	case attrPriority:
		if len(value) != 4 {
			return false
		}
		m.priority = binary.BigEndian.Uint32(value)
	case attrUseCandidate:
		m.useCandidate = true
	case attrControlling, attrControlled:
		if len(value) != 8 {
			return false
		}
		m.role, m.tieBreaker = roleOf(kind == attrControlling), binary.BigEndian.Uint64(value)
	case attrErrorCode:
		if len(value) < 4 {
			return false
		}
		m.code = int(value[2]&7)*100 + int(value[3])
	case attrMappedAddress, attrXORMappedAddress, attrUnknown, attrRealm, attrNonce, attrIntegritySHA256, attrPasswordAlgo, attrUserhash:
	default:
		if kind < 0x8000 && m.unknowns < len(m.unknown) { // RFC 8489 section 14: comprehension-required
			m.unknown[m.unknowns] = kind
			m.unknowns++
		}
	}
	return true
}

// authentic checks MESSAGE-INTEGRITY under a password.
func (m *message) authentic(raw []byte, password string) bool {
	if m.integrity == 0 || password == "" {
		return false
	}
	sum := digest(password, raw[:m.integrity])
	return subtle.ConstantTimeCompare(sum[:], raw[m.integrity+4:m.integrity+4+sha1.Size]) == 1
}

// digest is the HMAC-SHA1 of a message up to its MESSAGE-INTEGRITY, with the length that the header has when it is
// there (RFC 8489 section 14.5). It is written out because it is needed for each check, and hash objects are garbage.
func digest(password string, before []byte) [sha1.Size]byte {
	var key [sha1.BlockSize]byte
	if copy(key[:], password) < len(password) { // RFC 2104 section 2
		sum := sha1.Sum([]byte(password))
		key = [sha1.BlockSize]byte{}
		copy(key[:], sum[:])
	}
	var inner [sha1.BlockSize + maxMessage]byte
	var outer [sha1.BlockSize + sha1.Size]byte
	for i, k := range key {
		inner[i], outer[i] = k^0x36, k^0x5c
	}
	n := copy(inner[sha1.BlockSize:], before)
	binary.BigEndian.PutUint16(inner[sha1.BlockSize+2:], uint16(n-headerSize+4+sha1.Size))
	sum := sha1.Sum(inner[:sha1.BlockSize+n])
	copy(outer[sha1.BlockSize:], sum[:])
	return sha1.Sum(outer[:])
}

// fingerprint is the value of FINGERPRINT for a message up to it.
func fingerprint(before []byte) uint32 { return crc32.ChecksumIEEE(before) ^ crcMask }

// User is the ice-ufrag of ours that a STUN request is for: the first half of its USERNAME (RFC 8445 section 7.2.2). It
// is nil for other messages. It is not yet checked who sent it.
func User(raw []byte) []byte {
	if len(raw) < headerSize || binary.BigEndian.Uint16(raw) != bindingRequest {
		return nil
	}
	for at := headerSize; at+4 <= len(raw); {
		kind, size := binary.BigEndian.Uint16(raw[at:]), int(binary.BigEndian.Uint16(raw[at+2:]))
		if at+4+size > len(raw) {
			return nil
		}
		if kind == attrUsername {
			for i, c := range raw[at+4 : at+4+size] {
				if c == ':' {
					return raw[at+4 : at+4+i]
				}
			}
			return nil
		}
		at += 4 + (size+3)&^3
	}
	return nil
}

// Number is the number of the agent whose check a STUN response answers; ok is false for other messages.
func Number(raw []byte) (number uint32, ok bool) {
	if len(raw) < headerSize {
		return 0, false
	}
	kind := binary.BigEndian.Uint16(raw)
	return binary.BigEndian.Uint32(raw[8:]), kind == bindingSuccess || kind == bindingRejected
}
