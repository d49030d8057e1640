package browser

import (
	"errors"
	"fmt"
	"net/netip"
	"sync"
	"time"

	"github.com/pion/dtls/v3"
	"github.com/pion/rtcp"
	pion "github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// maxPacket is the longest packet we send or understand: an Ethernet frame.
const maxPacket = 1500

// cipher is DTLS-SRTP (RFC 5764): who the browser is, and the keys of its sound.
type cipher struct {
	association

	receiving sync.Mutex // held while one packet is taken
	in        *srtp.Context
	header    pion.Header
	control   rtcp.Header

	sending sync.Mutex // held while one packet is sent
	out     *srtp.Context
	wrote   pion.Header
	sealed  [maxPacket + 64]byte
}

var errNotConnected = errors.New("the browser is not connected yet")

// unlock takes the keys out of the handshake, and opens the way for sound.
func (s *Session) unlock(conn *dtls.Conn) error {
	c := &s.cipher
	state, ok := conn.ConnectionState()
	profile, agreed := conn.SelectedSRTPProtectionProfile()
	if !ok || !agreed {
		return errors.New("no SRTP profile in common")
	}
	keys := srtp.Config{}
	switch profile {
	case dtls.SRTP_AEAD_AES_128_GCM:
		keys.Profile = srtp.ProtectionProfileAeadAes128Gcm
	case dtls.SRTP_AES128_CM_HMAC_SHA1_80:
		keys.Profile = srtp.ProtectionProfileAes128CmHmacSha1_80
	default:
		return fmt.Errorf("SRTP profile %d", profile)
	}
	if err := keys.ExtractSessionKeysFromDTLS(&state, c.active); err != nil {
		return err
	}
	in, err := srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile,
		srtp.SRTPReplayProtection(512), srtp.SRTCPReplayProtection(64))
	if err != nil {
		return err
	}
	out, err := srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile)
	if err != nil {
		return err
	}
	c.receiving.Lock()
	c.in = in
	c.receiving.Unlock()
	s.Out().Opens(func() {
		c.sending.Lock()
		c.out = out
		c.sending.Unlock()
	})
	return nil
}

// receive takes one packet of SRTP or SRTCP, which is decrypted in its place.
func (s *Session) receive(packet []byte, from netip.AddrPort, at time.Time) {
	if !s.hear(packet, at) {
		return
	}
	if t := s.target.Load(); t != nil && t.address == from {
		s.sounded.Store(int64(at.Sub(s.born)))
	} else {
		s.stray(from, at)
	}
}

// hear reports whether the packet was the browser's.
func (s *Session) hear(packet []byte, at time.Time) bool {
	c := &s.cipher
	c.receiving.Lock()
	defer c.receiving.Unlock()
	if c.in == nil || len(packet) < 12 || s.ctx.Err() != nil {
		return false
	}
	if packet[1] >= 192 && packet[1] <= 223 { // RTCP, RFC 5761 section 4
		plain, err := c.in.DecryptRTCP(packet[:0], packet, &c.control)
		if err != nil {
			s.network.gauges.forged.Inc()
			return false
		}
		s.ReceiveControl(plain, at)
		return true
	}
	plain, err := c.in.DecryptRTP(packet[:0], packet, &c.header)
	if err != nil {
		s.network.gauges.forged.Inc()
		return false
	}
	if !c.proved.Load() {
		c.proved.Store(true)
	}
	s.Receive(plain, at)
	return true
}

// write sends one RTP packet of the outgoing stream.
func (s *Session) write(packet []byte) error {
	to := s.target.Load()
	if to == nil || len(packet) > maxPacket {
		return errNotConnected
	}
	c := &s.cipher
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.out == nil {
		return errNotConnected
	}
	sealed, err := c.out.EncryptRTP(c.sealed[:0], packet, &c.wrote)
	if err != nil {
		return err
	}
	return s.network.socket.send(sealed, to.to)
}

// writeControl sends one RTCP datagram.
func (s *Session) writeControl(packet []byte) error {
	to := s.target.Load()
	if to == nil || len(packet) == 0 {
		return errNotConnected
	}
	c := &s.cipher
	c.sending.Lock()
	defer c.sending.Unlock()
	if c.out == nil {
		return errNotConnected
	}
	sealed, err := c.out.EncryptRTCP(c.sealed[:0], packet, nil)
	if err != nil {
		return err
	}
	return s.network.socket.send(sealed, to.to)
}
