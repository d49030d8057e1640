package sdes

import (
	"errors"
	"fmt"
	"sync"

	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// What becomes of a packet that is neither sealed nor opened.
var (
	// ErrNoKey says that no key has been agreed.
	ErrNoKey = errors.New("no key is agreed")
	// ErrNoRoom says that behind the packet is no room for what protection adds.
	ErrNoRoom = errors.New("no room behind the packet for the tag")
	// ErrForged says that a packet was not protected by the far side's key, or not for the first time.
	ErrForged = errors.New("not an authentic packet")
)

// Sender protects what we send with our key. Its roll-over counts and SRTCP indices go on for as long as the key does,
// whatever is negotiated meanwhile (RFC 3711 section 3.3.1). It is safe for concurrent use; the zero Sender has no key.
type Sender struct {
	mu     sync.Mutex
	crypto Crypto        // guarded by mu
	seal   *srtp.Context // guarded by mu; nil: no key
	header pion.Header   // guarded by mu; here so that it need not be allocated
	rtcp   rtcp.Header   // guarded by mu
}

// Use takes our line of an agreement. With the key as it was, nothing changes.
func (s *Sender) Use(c Crypto) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seal != nil && s.crypto.Same(&c) {
		return nil
	}
	seal, err := c.context()
	if err != nil {
		return fmt.Errorf("begin to protect: %w", err)
	}
	s.crypto, s.seal = c, seal
	return nil
}

// Stop forgets the key; from now on nothing is protected.
func (s *Sender) Stop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.seal, s.crypto = nil, Crypto{}
}

// Protect seals one RTP packet in place and returns it, longer by at most MaxOverhead bytes, for which the slice needs
// capacity (ErrNoRoom).
func (s *Sender) Protect(packet []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seal == nil {
		return nil, ErrNoKey
	}
	if cap(packet)-len(packet) < s.crypto.Suite.Overhead()+len(s.crypto.Keys[0].MKI) {
		return nil, ErrNoRoom
	}
	return s.seal.EncryptRTP(packet[:0], packet, &s.header)
}

// ProtectControl seals one RTCP packet, compound or not, in the same way.
func (s *Sender) ProtectControl(packet []byte) ([]byte, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.seal == nil {
		return nil, ErrNoKey
	}
	if cap(packet)-len(packet) < s.crypto.Suite.controlOverhead()+len(s.crypto.Keys[0].MKI) {
		return nil, ErrNoRoom
	}
	return s.seal.EncryptRTCP(packet[:0], packet, &s.rtcp)
}

// MaxOverhead is the most that protection adds to a packet, RTP or RTCP, in bytes.
const MaxOverhead = 16 + 4 + maxMKI

// window is how far behind the newest packet one may come and still be new: the 64 of RFC 3711 section 3.3.2 are a
// second and a quarter of sound, which a network that stalls exceeds.
const window = 512

// context makes the pion context of a line. With several keys, the first is the one to send with.
func (c *Crypto) context() (*srtp.Context, error) {
	if len(c.Keys) == 0 {
		return nil, ErrNoKey
	}
	options := []srtp.ContextOption{
		srtp.SRTPReplayProtection(uint(min(max(window, c.Params.Window), maxWindow))), srtp.SRTCPReplayProtection(64),
	}
	if c.Params.UnencryptedRTP {
		options = append(options, srtp.SRTPNoEncryption())
	}
	if c.Params.UnencryptedRTCP {
		options = append(options, srtp.SRTCPNoEncryption())
	}
	if c.Params.Unauthenticated {
		options = append(options, srtp.SRTPAuthenticationTagLength(0))
	}
	first := c.Keys[0]
	if len(first.MKI) != 0 {
		options = append(options, srtp.MasterKeyIndicator(first.MKI))
	}
	master, salt := first.secret()
	context, err := srtp.CreateContext(master, salt, c.Suite.profile(), options...)
	if err != nil {
		return nil, err
	}
	for _, k := range c.Keys[1:] {
		master, salt := k.secret()
		if err := context.AddCipherForMKI(k.MKI, master, salt); err != nil {
			return nil, err
		}
	}
	return context, nil
}
