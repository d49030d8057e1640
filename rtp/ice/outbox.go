package ice

import (
	"crypto/sha1"
	"encoding/binary"
	"net/netip"
)

// Outbox is what an Agent wants to be sent. It is the caller's, who sends when no lock is held any more and uses it again;
// once it has grown, nothing is allocated.
type Outbox struct {
	bytes   []byte
	letters []letter
}

type letter struct {
	to   netip.AddrPort
	from int // in bytes
}

// Len is how many messages there are.
func (o *Outbox) Len() int { return len(o.letters) }

// At is one of the messages, and where it goes. It is lent until the next Reset.
func (o *Outbox) At(i int) (message []byte, to netip.AddrPort) {
	end := len(o.bytes)
	if i+1 < len(o.letters) {
		end = o.letters[i+1].from
	}
	return o.bytes[o.letters[i].from:end:end], o.letters[i].to
}

// Reset empties it.
func (o *Outbox) Reset() { o.bytes, o.letters = o.bytes[:0], o.letters[:0] }

// begin starts a message; its length and what protects it come with seal.
func (o *Outbox) begin(to netip.AddrPort, kind uint16, id []byte) {
	o.letters = append(o.letters, letter{to: to, from: len(o.bytes)})
	o.bytes = binary.BigEndian.AppendUint16(o.bytes, kind)
	o.bytes = append(o.bytes, 0, 0)
	o.bytes = binary.BigEndian.AppendUint32(o.bytes, magicCookie)
	o.bytes = append(o.bytes, id...)
}

// attribute writes the head of an attribute whose value the caller appends; all but the username are multiples of four.
func (o *Outbox) attribute(kind uint16, size int) {
	o.bytes = binary.BigEndian.AppendUint16(o.bytes, kind)
	o.bytes = binary.BigEndian.AppendUint16(o.bytes, uint16(size))
}

func (o *Outbox) username(theirs, ours string) {
	size := len(theirs) + 1 + len(ours)
	o.attribute(attrUsername, size)
	o.bytes = append(o.bytes, theirs...)
	o.bytes = append(o.bytes, ':')
	o.bytes = append(o.bytes, ours...)
	for ; size%4 != 0; size++ {
		o.bytes = append(o.bytes, 0)
	}
}

func (o *Outbox) priority(p uint32) {
	o.attribute(attrPriority, 4)
	o.bytes = binary.BigEndian.AppendUint32(o.bytes, p)
}

func (o *Outbox) role(r role, tieBreaker uint64) {
	kind := uint16(attrControlled)
	if r == controlling {
		kind = attrControlling
	}
	o.attribute(kind, 8)
	o.bytes = binary.BigEndian.AppendUint64(o.bytes, tieBreaker)
}

// mapped tells the far side which address it has been seen at (RFC 8489 section 14.2).
func (o *Outbox) mapped(a netip.AddrPort, id []byte) {
	ip := a.Addr()
	family, size := byte(1), 8
	if ip.Is6() {
		family, size = 2, 20
	}
	o.attribute(attrXORMappedAddress, size)
	o.bytes = append(o.bytes, 0, family)
	o.bytes = binary.BigEndian.AppendUint16(o.bytes, a.Port()^magicCookie>>16)
	var mask [16]byte
	binary.BigEndian.PutUint32(mask[:], magicCookie)
	copy(mask[4:], id)
	if ip.Is4() {
		b := ip.As4()
		for i := range b {
			o.bytes = append(o.bytes, b[i]^mask[i])
		}
		return
	}
	b := ip.As16()
	for i := range b {
		o.bytes = append(o.bytes, b[i]^mask[i])
	}
}

func (o *Outbox) errorCode(code int) {
	o.attribute(attrErrorCode, 4)
	o.bytes = append(o.bytes, 0, 0, byte(code/100), byte(code%100))
}

// unknown lists what was not understood; an odd one is repeated to fill up (RFC 5389 section 15.9), which means the same.
func (o *Outbox) unknown(kinds []uint16) {
	o.attribute(attrUnknown, 2*len(kinds))
	for _, k := range kinds {
		o.bytes = binary.BigEndian.AppendUint16(o.bytes, k)
	}
	if len(kinds)%2 != 0 {
		o.bytes = binary.BigEndian.AppendUint16(o.bytes, kinds[len(kinds)-1])
	}
}

// seal ends the message with MESSAGE-INTEGRITY and FINGERPRINT.
func (o *Outbox) seal(password string) {
	message := o.bytes[o.letters[len(o.letters)-1].from:]
	sum := digest(password, message)
	o.attribute(attrIntegrity, sha1.Size)
	o.bytes = append(o.bytes, sum[:]...)
	message = o.bytes[o.letters[len(o.letters)-1].from:]
	binary.BigEndian.PutUint16(message[2:], uint16(len(message)-headerSize+8))
	crc := fingerprint(message)
	o.attribute(attrFingerprint, 4)
	o.bytes = binary.BigEndian.AppendUint32(o.bytes, crc)
}
