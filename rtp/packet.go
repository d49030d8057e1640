package rtp

import (
	"encoding/binary"
	"errors"
)

// Sizes on the wire.
const (
	headerSize = 12   // RTP without CSRC and extension (RFC 3550 section 5.1)
	maxPayload = 1500 // more than any sound of ours; what is longer is not for us
	maxPacket  = headerSize + maxPayload
)

var errNotRTP = errors.New("not an RTP packet")

// header is what of an RTP header matters to us. CSRCs and extensions are skipped.
type header struct {
	marker    bool
	payload   uint8 // payload type
	sequence  uint16
	timestamp uint32
	ssrc      uint32
	body      []byte // the payload without padding, inside the packet that was parsed
}

// parse reads a packet from the network (RFC 3550 section 5.1), without allocating and without ever trusting a length.
func (h *header) parse(raw []byte) error {
	if len(raw) < headerSize || raw[0]>>6 != 2 {
		return errNotRTP
	}
	from, to := headerSize+4*int(raw[0]&0x0f), len(raw)
	if raw[0]&0x10 != 0 { // extension: profile (16 bits), length in words (16 bits)
		if to < from+4 {
			return errNotRTP
		}
		from += 4 + 4*int(binary.BigEndian.Uint16(raw[from+2:]))
	}
	if from > to {
		return errNotRTP
	}
	if raw[0]&0x20 != 0 { // padding: the last byte counts it, itself included
		if from == to || raw[to-1] == 0 {
			return errNotRTP
		}
		to -= int(raw[to-1])
	}
	if from > to || to-from > maxPayload {
		return errNotRTP
	}
	h.marker = raw[1]&0x80 != 0
	h.payload = raw[1] & 0x7f
	h.sequence = binary.BigEndian.Uint16(raw[2:])
	h.timestamp = binary.BigEndian.Uint32(raw[4:])
	h.ssrc = binary.BigEndian.Uint32(raw[8:])
	h.body = raw[from:to]
	return nil
}

// put writes a header without CSRC, extension and padding to the first 12 bytes of b.
func (h *header) put(b []byte) {
	b[0] = 2 << 6
	b[1] = h.payload & 0x7f
	if h.marker {
		b[1] |= 0x80
	}
	binary.BigEndian.PutUint16(b[2:], h.sequence)
	binary.BigEndian.PutUint32(b[4:], h.timestamp)
	binary.BigEndian.PutUint32(b[8:], h.ssrc)
}

// samples is how long a payload lasts, in the RTP clock of its codec; 0 when that cannot be told.
func (c Codec) samples(payload []byte) uint32 {
	switch c {
	case PCMU, PCMA, G722:
		return uint32(len(payload)) // 64 kbit/s all three; the RTP clock of G.722 is 8000 (RFC 3551 section 4.5.2)
	case Opus:
		return opusSamples(payload)
	}
	return 0
}

// opusSamples reads the duration of an Opus packet from its table of contents (RFC 6716 section 3.1), in 1/48000 s.
func opusSamples(payload []byte) uint32 {
	if len(payload) == 0 {
		return 0
	}
	toc := payload[0]
	var frame uint32
	switch config := toc >> 3; {
	case config < 12: // SILK: 10, 20, 40, 60 ms
		frame = [4]uint32{480, 960, 1920, 2880}[config&3]
	case config < 16: // hybrid: 10, 20 ms
		frame = [2]uint32{480, 960}[config&1]
	default: // CELT: 2.5, 5, 10, 20 ms
		frame = [4]uint32{120, 240, 480, 960}[config&3]
	}
	count := uint32(1)
	switch toc & 3 {
	case 1, 2:
		count = 2
	case 3:
		if len(payload) < 2 {
			return 0
		}
		count = uint32(payload[1] & 0x3f)
	}
	if frame*count > 5760 { // 120 ms is the longest packet there is
		return 0
	}
	return frame * count
}

// wide reports whether the codec carries more than telephone bandwidth.
func (c Codec) wide() bool { return c == G722 || c == Opus }
