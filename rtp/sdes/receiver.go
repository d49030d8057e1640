package sdes

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// Receiver opens what the far side sends with its key, each packet once. Roll-over counts belong to an SSRC (RFC 3711
// section 3.2.1) and go on over negotiations that keep the key. Where one begins anew is not the same on all phones,
// so after a negotiation the other readings are tried too, for a while:
//
//   - a new key may come with a count of zero (RFC 4568 section 7.1.4) or with the old one going on (RFC 3711 section
//     3.3.1), and until the far side has our answer, packets are still under the old key;
//   - phones that forget their state over a hold begin again at zero with the key they had.
//
// It is safe for concurrent use; the zero Receiver has no key.
type Receiver struct {
	mu     sync.Mutex
	crypto Crypto   // guarded by mu
	now    *opening // guarded by mu; nil: no key
	former *opening // guarded by mu; nil: there is none, or now has proved itself
	others []start  // guarded by mu; what else a stream may have begun from
	tries  int      // guarded by mu; packets for which others may still be tried
	run    int      // guarded by mu; packets that now has opened since former did
	heard  position // guarded by mu; the newest packet opened

	header  pion.Header // guarded by mu; these are here so that they need not be allocated
	control rtcp.Header // guarded by mu
	scratch []byte      // guarded by mu; a failed attempt must not spoil the packet for the next
}

// opening is a context and how many streams it has seen of RTP and of RTCP.
type opening struct {
	*srtp.Context
	streams, controls int
}

// start is where a stream may go on from: after a position, or, with none known, from a roll-over count of zero.
type start struct {
	crypto Crypto
	after  position
}

// position is where in a stream a packet was.
type position struct {
	known    bool
	ssrc     uint32
	sequence uint16
	rolls    uint32
}

const (
	settled    = 50   // packets in a row, one second, after which the former key is history
	maxTries   = 100  // packets for which others are tried: a flood must not cost double for ever
	maxStreams = 256  // SSRCs under one key: each costs memory
	maxPacket  = 2048 // longest packet that is opened, in bytes
)

// Use takes the far side's line of an agreement. With the key as it was, its contexts go on.
func (r *Receiver) Use(c Crypto) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now != nil && r.crypto.Same(&c) {
		r.others, r.tries, r.run = []start{{crypto: c}}, maxTries, 0
		return nil
	}
	context, err := c.context()
	if err != nil {
		return fmt.Errorf("begin to open: %w", err)
	}
	r.others, r.tries, r.run = nil, maxTries, 0
	if r.heard.known {
		r.others = []start{{crypto: c, after: r.heard}}
	}
	r.former, r.now, r.crypto = r.now, &opening{Context: context}, c
	return nil
}

// Stop forgets the keys.
func (r *Receiver) Stop() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.now, r.former, r.others, r.crypto, r.heard = nil, nil, nil, Crypto{}, position{}
}

// Unprotect opens one RTP packet in place. The error is ErrForged, also for one that came before, or ErrNoKey; the
// packet is then spoilt.
func (r *Receiver) Unprotect(packet []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		return nil, ErrNoKey
	}
	if len(packet) < 12 || len(packet) > maxPacket || packet[0]>>6 != 2 {
		return nil, ErrForged
	}
	if r.former == nil && len(r.others) == 0 {
		if plain, err := r.open(r.now, packet[:0], packet); err == nil {
			return plain, nil
		}
		return nil, ErrForged
	}
	plain, ok := r.unsettled(packet)
	if !ok {
		return nil, ErrForged
	}
	return packet[:copy(packet, plain)], nil
}

// unsettled opens a packet into scratch soon after a negotiation, when it may be under more than one key.
func (r *Receiver) unsettled(packet []byte) (plain []byte, ok bool) {
	if r.scratch == nil {
		r.scratch = make([]byte, maxPacket)
	}
	again := r.comesAgain(packet)
	plain, err := r.open(r.now, r.scratch[:0], packet)
	if err == nil {
		if r.run++; r.run == settled {
			r.former, r.others = nil, nil
		}
		return plain, true
	}
	if r.former != nil {
		if plain, err := r.open(r.former, r.scratch[:0], packet); err == nil {
			r.run = 0
			return plain, true
		}
	}
	if r.tries == 0 || !errors.Is(err, srtp.ErrFailedToVerifyAuthTag) && !again {
		return nil, false
	}
	r.tries--
	for _, s := range r.others {
		o := s.opening(packet)
		if o == nil {
			continue
		}
		if plain, err := r.open(o, r.scratch[:0], packet); err == nil {
			// The reading before stays for a while: were this an old packet played back, the stream would not be lost.
			r.former, r.now, r.others, r.run = r.now, o, nil, 0
			return plain, true
		}
	}
	return nil, false
}

// comesAgain reports whether a stream jumped back beyond what a network delays: it has been begun anew, and its packets
// look like repeats.
func (r *Receiver) comesAgain(packet []byte) bool {
	back := int16(r.heard.sequence - binary.BigEndian.Uint16(packet[2:]))
	return r.heard.known && r.heard.ssrc == binary.BigEndian.Uint32(packet[8:]) && back > window
}

// opening is the context of a stream that goes on from here; nil: the packet is of another stream.
func (s *start) opening(packet []byte) *opening {
	ssrc, sequence := binary.BigEndian.Uint32(packet[8:]), binary.BigEndian.Uint16(packet[2:])
	if s.after.known && s.after.ssrc != ssrc {
		return nil
	}
	context, err := s.crypto.context()
	if err != nil {
		return nil // it was made before
	}
	if s.after.known {
		rolls := s.after.rolls
		if int(s.after.sequence)-int(sequence) > 1<<15 {
			rolls++
		}
		context.SetROC(ssrc, rolls)
	}
	return &opening{Context: context}
}

// open opens a packet into dst, which may be the packet itself.
func (r *Receiver) open(o *opening, dst, packet []byte) ([]byte, error) {
	ssrc, sequence := binary.BigEndian.Uint32(packet[8:]), binary.BigEndian.Uint16(packet[2:])
	_, known := o.ROC(ssrc)
	if !known && o.streams >= maxStreams {
		return nil, ErrForged
	}
	plain, err := o.DecryptRTP(dst, packet, &r.header)
	if err != nil {
		return nil, err
	}
	if !known {
		o.streams++
	}
	if r.heard.ssrc != ssrc || !r.heard.known || int16(sequence-r.heard.sequence) > 0 || o != r.now {
		rolls, _ := o.ROC(ssrc)
		r.heard = position{known: true, ssrc: ssrc, sequence: sequence, rolls: rolls}
	}
	return plain, nil
}

// UnprotectControl opens one RTCP packet in the same way.
func (r *Receiver) UnprotectControl(packet []byte) ([]byte, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.now == nil {
		return nil, ErrNoKey
	}
	if len(packet) < 8 || len(packet) > maxPacket || packet[0]>>6 != 2 {
		return nil, ErrForged
	}
	if r.former == nil {
		return r.openControl(r.now, packet[:0], packet)
	}
	if r.scratch == nil {
		r.scratch = make([]byte, maxPacket)
	}
	plain, err := r.openControl(r.now, r.scratch[:0], packet)
	if err != nil {
		plain, err = r.openControl(r.former, r.scratch[:0], packet)
	}
	if err != nil {
		return nil, err
	}
	return packet[:copy(packet, plain)], nil
}

// openControl opens an RTCP packet into dst, which may be the packet itself.
func (r *Receiver) openControl(o *opening, dst, packet []byte) ([]byte, error) {
	ssrc := binary.BigEndian.Uint32(packet[4:])
	_, known := o.Index(ssrc)
	if !known && o.controls >= maxStreams {
		return nil, ErrForged
	}
	plain, err := o.DecryptRTCP(dst, packet, &r.control)
	if err != nil {
		return nil, ErrForged
	}
	if !known {
		o.controls++
	}
	return plain, nil
}
