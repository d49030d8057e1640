package door

import (
	"encoding/binary"
	"errors"
)

// The opcodes of RFC 6455 section 5.2.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xA
)

// The close codes we use (RFC 6455 section 7.4.1).
const (
	closeNormal    = 1000
	closeGoingAway = 1001
	closeProtocol  = 1002
	closePolicy    = 1008
	closeTooBig    = 1009
)

var (
	errProtocol = errors.New("websocket protocol violated")
	errTooBig   = errors.New("message too big")
	errGone     = errors.New("browser closed the socket")
)

// maxHeader is the longest frame header: two bytes, eight of length, four of mask.
const maxHeader = 14

// header is that of one frame.
type header struct {
	fin    bool
	op     byte
	masked bool
	mask   [4]byte
	length uint64
}

func (h header) control() bool { return h.op&0x8 != 0 }

// readHeader reads a frame header as a server must (RFC 6455 section 5): no reserved bits, known opcodes, masked, control
// frames whole and small.
func readHeader(in *input) (header, error) {
	var b [maxHeader]byte
	if err := in.full(b[:2]); err != nil {
		return header{}, err
	}
	h := header{fin: b[0]&0x80 != 0, op: b[0] & 0x0F, masked: b[1]&0x80 != 0, length: uint64(b[1] & 0x7F)}
	reserved := b[0]&0x70 != 0 || h.op > opBinary && h.op < opClose || h.op > opPong
	if reserved || !h.masked || h.control() && (!h.fin || h.length > 125) {
		return header{}, errProtocol
	}
	extended := 0
	switch h.length {
	case 126:
		extended = 2
	case 127:
		extended = 8
	}
	if err := in.full(b[:extended+4]); err != nil {
		return header{}, err
	}
	switch extended {
	case 2:
		h.length = uint64(binary.BigEndian.Uint16(b[:2]))
	case 8:
		h.length = binary.BigEndian.Uint64(b[:8])
	}
	copy(h.mask[:], b[extended:extended+4])
	return h, nil
}

// unmask applies the mask (RFC 6455 section 5.3).
func unmask(b []byte, mask [4]byte) {
	two := uint64(binary.LittleEndian.Uint32(mask[:]))
	two |= two << 32
	for ; len(b) >= 8; b = b[8:] {
		binary.LittleEndian.PutUint64(b, binary.LittleEndian.Uint64(b)^two)
	}
	for i := range b {
		b[i] ^= mask[i&3]
	}
}

// appendFrame appends a whole frame from a server: final and unmasked.
func appendFrame(dst []byte, op byte, payload []byte) []byte {
	return append(appendHeader(dst, op, len(payload), 0), payload...)
}

// appendHeader appends the header of a final frame; maskBit is 0x80 for a masked one.
func appendHeader(dst []byte, op byte, length int, maskBit byte) []byte {
	dst = append(dst, 0x80|op)
	switch {
	case length < 126:
		return append(dst, maskBit|byte(length))
	case length <= 0xFFFF:
		return binary.BigEndian.AppendUint16(append(dst, maskBit|126), uint16(length))
	default:
		return binary.BigEndian.AppendUint64(append(dst, maskBit|127), uint64(length))
	}
}
