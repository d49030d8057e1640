// Package dtmf knows the keys of a telephone: as events in the sound's packets (RFC 4733), as bodies of SIP INFO, and as
// the characters that people type.
package dtmf

import (
	"encoding/binary"
	"errors"
)

// Event is one telephone-event payload (RFC 4733 section 2.3).
type Event struct {
	Code     uint8  // 0-9 the digits, 10 star, 11 pound, 12-15 A-D, 16 flash; more are not keys
	End      bool   // the key has been let go
	Volume   uint8  // 0 (loud) to 63, in -dBm0
	Duration uint16 // since the event's timestamp, in units of the RTP clock
}

// Size of an event's payload in bytes.
const Size = 4

// ErrShort is a payload that is too short to be an event.
var ErrShort = errors.New("telephone-event payload shorter than 4 bytes")

// Parse reads the first event of a payload. Further events in the same payload (RFC 4733 section 2.5.1.5) are left alone:
// they repeat what earlier packets said.
func Parse(payload []byte) (Event, error) {
	if len(payload) < Size {
		return Event{}, ErrShort
	}
	return Event{
		Code:     payload[0],
		End:      payload[1]&0x80 != 0,
		Volume:   payload[1] & 0x3f,
		Duration: binary.BigEndian.Uint16(payload[2:]),
	}, nil
}

// Append adds the event's payload to b.
func (e Event) Append(b []byte) []byte {
	flags := e.Volume & 0x3f // the reserved bit stays 0
	if e.End {
		flags |= 0x80
	}
	return append(b, e.Code, flags, byte(e.Duration>>8), byte(e.Duration))
}
