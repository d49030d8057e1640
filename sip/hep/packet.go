package hep

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"
)

// Kind is what a packet carries: chunk 11 of HEPv3.
type Kind uint8

// The kinds.
const (
	SIP  Kind = 1
	RTCP Kind = 5 // a report as JSON
	Log  Kind = 100
)

// Protocol is the IP protocol that the copied message came by.
type Protocol uint8

// The protocols.
const (
	TCP Protocol = 6
	UDP Protocol = 17
)

// Packet is one message and where it went.
type Packet struct {
	At          time.Time
	From, To    netip.AddrPort // both of one family
	Protocol    Protocol
	Kind        Kind
	Node        uint32 // capture agent id
	Key         string // capture agent's key; empty: none
	Correlation string // what joins the messages of one call; empty: none
	Payload     []byte
}

// The chunks, of vendor 0, that are written.
const (
	chunkFamily      = 1
	chunkProtocol    = 2
	chunkFrom4       = 3
	chunkTo4         = 4
	chunkFrom6       = 5
	chunkTo6         = 6
	chunkFromPort    = 7
	chunkToPort      = 8
	chunkSeconds     = 9
	chunkMicros      = 10
	chunkKind        = 11
	chunkNode        = 12
	chunkKey         = 14
	chunkPayload     = 15
	chunkCorrelation = 17
)

const (
	header = 6 // "HEP3" and the length
	chunk  = 6 // vendor, type and length
	// family of chunk 1, as Linux and all who read it number them
	inet, inet6 = 2, 10
)

// ErrTooLong says that a message does not fit into a packet, whose length has 16 bits.
var ErrTooLong = errors.New("hep: the message is longer than a packet can be")

// Append writes a packet to the end of b.
func Append(b []byte, p *Packet) ([]byte, error) {
	start := len(b)
	b = append(b, 'H', 'E', 'P', '3', 0, 0)
	from, to := p.From.Addr().Unmap(), p.To.Addr().Unmap()
	if from.Is4() && to.Is4() {
		b = append8(b, chunkFamily, inet)
		b = appendBytes(b, chunkFrom4, from.AsSlice())
		b = appendBytes(b, chunkTo4, to.AsSlice())
	} else {
		from16, to16 := from.As16(), to.As16()
		b = append8(b, chunkFamily, inet6)
		b = appendBytes(b, chunkFrom6, from16[:])
		b = appendBytes(b, chunkTo6, to16[:])
	}
	b = append8(b, chunkProtocol, byte(p.Protocol))
	b = append16(b, chunkFromPort, p.From.Port())
	b = append16(b, chunkToPort, p.To.Port())
	b = append32(b, chunkSeconds, uint32(p.At.Unix()))
	b = append32(b, chunkMicros, uint32(p.At.Nanosecond()/int(time.Microsecond)))
	b = append8(b, chunkKind, byte(p.Kind))
	b = append32(b, chunkNode, p.Node)
	if p.Key != "" {
		b = appendBytes(b, chunkKey, []byte(p.Key))
	}
	if p.Correlation != "" {
		b = appendBytes(b, chunkCorrelation, []byte(p.Correlation))
	}
	b = appendBytes(b, chunkPayload, p.Payload)
	length := len(b) - start
	if length > 0xffff {
		return b[:start], ErrTooLong
	}
	binary.BigEndian.PutUint16(b[start+4:], uint16(length))
	return b, nil
}

func appendHead(b []byte, kind uint16, size int) []byte {
	b = append(b, 0, 0) // vendor: generic
	b = binary.BigEndian.AppendUint16(b, kind)
	return binary.BigEndian.AppendUint16(b, uint16(min(chunk+size, 0xffff)))
}

func append8(b []byte, kind uint16, v byte) []byte { return append(appendHead(b, kind, 1), v) }

func append16(b []byte, kind, v uint16) []byte {
	return binary.BigEndian.AppendUint16(appendHead(b, kind, 2), v)
}

func append32(b []byte, kind uint16, v uint32) []byte {
	return binary.BigEndian.AppendUint32(appendHead(b, kind, 4), v)
}

func appendBytes(b []byte, kind uint16, v []byte) []byte {
	return append(appendHead(b, kind, len(v)), v...)
}
