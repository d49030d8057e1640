package udp

import (
	"bytes"
	"errors"
	"sync/atomic"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/sdes"
)

// keys are what a session protects its packets with; the zero keys protect nothing.
type keys struct {
	exchange *sdes.Exchange         // owned by the goroutine that negotiates; nil: SRTP is refused
	kept     *cipher                // owned by the goroutine that negotiates: made once, for the life of its roll-over counts
	now      atomic.Pointer[cipher] // nil: what is sent and heard is plain
}

// cipher is both directions. Packets are sent by whoever has sound for the far side, and heard by the thread that reads.
type cipher struct {
	send sdes.Sender
	hear sdes.Receiver
}

func newKeys(p sdes.Protection) keys {
	if p.Policy == sdes.Off {
		return keys{}
	}
	return keys{exchange: p.Exchange()}
}

// terms are the keys as a negotiation wants them.
func (k *keys) terms() rtp.Keys {
	if k.exchange == nil {
		return nil
	}
	return negotiated{k.exchange}
}

// agree begins, goes on or ends to protect, as has been agreed now.
func (k *keys) agree() error {
	if k.exchange == nil {
		return nil
	}
	a := k.exchange.Agreed()
	if a == nil {
		k.now.Store(nil)
		return nil
	}
	if k.kept == nil {
		k.kept = &cipher{}
	}
	if err := errors.Join(k.kept.send.Use(a.Ours), k.kept.hear.Use(a.Theirs)); err != nil {
		return err
	}
	k.now.Store(k.kept)
	return nil
}

// negotiated says in the words of rtp why keys are not acceptable.
type negotiated struct{ *sdes.Exchange }

func (n negotiated) Answer(proto string, crypto []string) ([]string, error) {
	ours, _, err := n.Exchange.Answer(proto, crypto)
	return ours, unacceptable(err)
}

func (n negotiated) Accept(proto string, crypto []string) error {
	_, err := n.Exchange.Accept(proto, crypto)
	return unacceptable(err)
}

func unacceptable(err error) error {
	var refused *sdes.Refused
	if errors.As(err, &refused) {
		return &rtp.Unacceptable{Why: refused.Why}
	}
	return err
}

// Refuses says, before there is a session, that an offer will not be answered because of its keys or for want of them: a
// call is better refused before anybody's phone rings. The error is *rtp.Unacceptable. Nil promises nothing else.
func Refuses(offer []byte, p sdes.Protection) error {
	if p.Policy != sdes.Required && !bytes.Contains(offer, []byte("SAVP")) {
		return nil
	}
	k := newKeys(p)
	return rtp.Refuses(offer, k.terms())
}

// seal protects a packet where it lies, if packets are protected. The slice needs room for sdes.MaxOverhead behind it.
func (k *keys) seal(packet []byte) ([]byte, error) {
	if c := k.now.Load(); c != nil {
		return c.send.Protect(packet)
	}
	return packet, nil
}

func (k *keys) sealControl(packet []byte) ([]byte, error) {
	c := k.now.Load()
	if c == nil {
		return packet, nil
	}
	return c.send.ProtectControl(append(make([]byte, 0, len(packet)+sdes.MaxOverhead), packet...))
}

// open opens a packet where it lies; false: it was not protected by the far side.
func (k *keys) open(packet []byte) (plain []byte, ok bool) {
	c := k.now.Load()
	if c == nil {
		return packet, true
	}
	plain, err := c.hear.Unprotect(packet)
	return plain, err == nil
}

func (k *keys) openControl(packet []byte) (plain []byte, ok bool) {
	c := k.now.Load()
	if c == nil {
		return packet, true
	}
	plain, err := c.hear.UnprotectControl(packet)
	return plain, err == nil
}
