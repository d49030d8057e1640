package lab

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/dtls/v3"
	dtlsnet "github.com/pion/dtls/v3/pkg/net"
	"github.com/pion/ice/v4"
	"github.com/pion/rtp"
	"github.com/pion/srtp/v3"
)

// headset is the sound of a browser for measurements. It connects as a tab does, with pion's ICE and DTLS; from then on the
// metronome's one thread reads, opens, seals and sends every packet. So a load costs the machine little, and what is
// measured is the gateway. It only answers.
type headset struct {
	metronome *Metronome
	formats   []Format
	profiles  []dtls.SRTPProtectionProfile
	identity  tls.Certificate
	mine      string // our fingerprint
	lips      *Mouth
	hearing   *Ear
	socket    *headsetSocket
	agent     *ice.Agent
	connected chan struct{}
	ctx       context.Context
	cancel    context.CancelFunc
	wg        sync.WaitGroup
	closing   sync.Once

	remote atomic.Pointer[netip.AddrPort] // where sound goes; nil until the keys are there
	out    *srtp.Context                  // owned by the metronome once remote is set
	in     *srtp.Context                  // the same
	header rtp.Header                     // of what is sealed; the same
	opened rtp.Header                     // of what is opened; the same
	sealed [1500]byte                     // the same
	clear  [1500]byte                     // the same
}

// headsets are what all headsets of a load share.
type headsets struct {
	metronome   *Metronome
	identity    tls.Certificate
	fingerprint string
	profiles    []dtls.SRTPProtectionProfile
}

// newHeadsets makes the certificate once: it is dear, and a browser keeps one for weeks. srtp is the protection profile to
// insist on, "aescm" or "gcm", or "" for whatever the gateway prefers.
func newHeadsets(m *Metronome, srtp string) (*headsets, error) {
	identity, fingerprint, err := selfSigned()
	if err != nil {
		return nil, err
	}
	h := &headsets{metronome: m, identity: identity, fingerprint: fingerprint}
	switch srtp {
	case "":
		h.profiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM, dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	case "aescm":
		h.profiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AES128_CM_HMAC_SHA1_80}
	case "gcm":
		h.profiles = []dtls.SRTPProtectionProfile{dtls.SRTP_AEAD_AES_128_GCM}
	default:
		return nil, fmt.Errorf("SRTP profile %q: choose aescm or gcm", srtp)
	}
	return h, nil
}

func (o *headsets) open(formats []Format) (*headset, error) {
	h := &headset{metronome: o.metronome, formats: formats, profiles: o.profiles, identity: o.identity, mine: o.fingerprint,
		lips: newMouth(randomSSRC()), hearing: newEar(), connected: make(chan struct{})}
	h.hearing.understand(formats)
	h.ctx, h.cancel = context.WithCancel(context.Background())
	var err error
	if h.socket, err = openHeadsetSocket(netip.AddrFrom4([4]byte{127, 0, 0, 1}), h.heard); err != nil {
		return nil, err
	}
	h.agent, err = ice.NewAgentWithOptions(
		ice.WithUDPMux(h.socket), ice.WithIncludeLoopback(),
		ice.WithCandidateTypes([]ice.CandidateType{ice.CandidateTypeHost}),
		ice.WithNetworkTypes([]ice.NetworkType{ice.NetworkTypeUDP4}),
		ice.WithMulticastDNSMode(ice.MulticastDNSModeDisabled),
		ice.WithHostAcceptanceMinWait(0), ice.WithPrflxAcceptanceMinWait(0), ice.WithLoggerFactory(silent()))
	if err == nil {
		err = h.agent.OnCandidate(func(ice.Candidate) {}) // there is one, and we know it
	}
	if err == nil {
		err = h.agent.GatherCandidates()
	}
	if err == nil {
		err = h.metronome.add(h.lips)
	}
	if err != nil {
		h.close()
		return nil, err
	}
	return h, nil
}

func (h *headset) mouth() *Mouth { return h.lips }
func (h *headset) ear() *Ear     { return h.hearing }

func (h *headset) offer(string) (string, error) { return "", fmt.Errorf("a headset only answers") }
func (h *headset) accept(string, bool) error    { return fmt.Errorf("a headset only answers") }

// answer begins to connect, and returns our half: a browser's answer with its one candidate in it.
func (h *headset) answer(offer string) (string, error) {
	theirs, err := readRTC(offer)
	if err != nil {
		return "", err
	}
	both := common(h.formats, theirs.formats)
	if len(both) == 0 {
		return "", errNoCommonCodec
	}
	for i := range both { // an answer keeps the offer's numbers
		both[i].Payload, both[i].Event = payloadOf(theirs.formats, both[i].Codec)
	}
	h.hearing.understand(both)
	ufrag, pwd, err := h.agent.GetLocalUserCredentials()
	if err != nil {
		return "", err
	}
	if err := h.dial(theirs); err != nil {
		return "", err
	}
	ours := rtcDescription{ufrag: ufrag, pwd: pwd, fingerprint: h.mine, setup: "active", mid: theirs.mid, bundle: theirs.bundle,
		protocol: theirs.protocol, ssrc: h.lips.ssrc}
	if theirs.setup == "active" {
		ours.setup = "passive"
	}
	return ours.write(h.socket.addr, both[:1]), h.lips.speakTo(both[0], h.send)
}

// dial starts the checks; a lite agent leaves them to us (RFC 8445 section 6.1.1).
func (h *headset) dial(theirs rtcDescription) error {
	if err := h.agent.SetRemoteICELite(theirs.lite); err != nil {
		return err
	}
	var path *ice.Conn
	var err error
	if theirs.lite {
		path, err = h.agent.StartDial(theirs.ufrag, theirs.pwd)
	} else {
		path, err = h.agent.StartAccept(theirs.ufrag, theirs.pwd)
	}
	if err != nil {
		return err
	}
	for _, line := range theirs.candidates {
		if c, err := ice.UnmarshalCandidate(line); err == nil { // one of another kind is no use to us
			_ = h.agent.AddRemoteCandidate(c)
		}
	}
	h.wg.Go(func() { h.secure(path, theirs) })
	return nil
}

// secure does the DTLS handshake and hands the socket over to the metronome; then it waits for a goodbye.
func (h *headset) secure(path *ice.Conn, theirs rtcDescription) {
	if h.agent.AwaitConnect(h.ctx) != nil {
		return // not connected: reported as a call without sound
	}
	conn, err := h.handshake(path, theirs)
	if err != nil {
		return
	}
	defer func() { _ = conn.Close() }()
	stop := context.AfterFunc(h.ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.HandshakeContext(h.ctx); err != nil {
		return
	}
	if err := h.unlock(conn, theirs.setup != "active"); err != nil {
		return
	}
	close(h.connected)
	buf := make([]byte, 1500)
	for {
		if _, err := conn.Read(buf); err != nil {
			return
		}
	}
}

func (h *headset) handshake(path *ice.Conn, theirs rtcDescription) (*dtls.Conn, error) {
	options := []dtls.Option{
		dtls.WithCertificates(h.identity),
		dtls.WithSRTPProtectionProfiles(h.profiles...),
		dtls.WithExtendedMasterSecret(dtls.RequireExtendedMasterSecret),
		dtls.WithLoggerFactory(silent()),
		dtls.WithInsecureSkipVerify(true), // the fingerprint is what counts (RFC 5763 section 5)
		dtls.WithVerifyPeerCertificate(func(raw [][]byte, _ [][]*x509.Certificate) error {
			if len(raw) == 0 || !strings.EqualFold(fingerprint(raw[0]), theirs.fingerprint) {
				return fmt.Errorf("the certificate is not the one described")
			}
			return nil
		}),
	}
	inner := dtlsnet.PacketConnFromConn(path)
	if theirs.setup == "active" {
		server := []dtls.ServerOption{dtls.WithClientAuth(dtls.RequireAnyClientCert), dtls.WithInsecureSkipVerifyHello(true)}
		for _, o := range options {
			server = append(server, o)
		}
		return dtls.ServerWithOptions(inner, path.RemoteAddr(), server...)
	}
	var client []dtls.ClientOption
	for _, o := range options {
		client = append(client, o)
	}
	return dtls.ClientWithOptions(inner, path.RemoteAddr(), client...)
}

// unlock takes the keys out of the handshake and lets the metronome have the socket.
func (h *headset) unlock(conn *dtls.Conn, client bool) error {
	state, ok := conn.ConnectionState()
	profile, agreed := conn.SelectedSRTPProtectionProfile()
	if !ok || !agreed {
		return fmt.Errorf("no SRTP profile in common")
	}
	keys := srtp.Config{Profile: srtp.ProtectionProfile(profile)} // both are the numbers of RFC 5764 section 4.1.2
	if err := keys.ExtractSessionKeysFromDTLS(&state, client); err != nil {
		return err
	}
	var err error
	if h.in, err = srtp.CreateContext(keys.Keys.RemoteMasterKey, keys.Keys.RemoteMasterSalt, keys.Profile); err != nil {
		return err
	}
	if h.out, err = srtp.CreateContext(keys.Keys.LocalMasterKey, keys.Keys.LocalMasterSalt, keys.Profile); err != nil {
		return err
	}
	pair, err := h.agent.GetSelectedCandidatePair()
	if err != nil || pair == nil {
		return fmt.Errorf("no candidate pair: %w", err)
	}
	remote, err := netip.ParseAddr(pair.Remote.Address())
	if err != nil {
		return err
	}
	to := netip.AddrPortFrom(remote, uint16(pair.Remote.Port()))
	for _, early := range h.socket.handOver() {
		h.heard(early.packet, early.at)
	}
	if err := h.metronome.watch(h.socket.port); err != nil {
		return err
	}
	h.remote.Store(&to)
	return nil
}

// send seals a packet. What is said before there are keys is lost, as in life.
func (h *headset) send(packet []byte) error {
	to := h.remote.Load()
	if to == nil {
		return nil
	}
	sealed, err := h.out.EncryptRTP(h.sealed[:0], packet, &h.header)
	if err != nil {
		return err
	}
	return sendTo(h.socket.port.fd, sealed, *to)
}

// heard opens a packet that has arrived.
func (h *headset) heard(packet []byte, at time.Time) {
	if opened, err := h.in.DecryptRTP(h.clear[:0], packet, &h.opened); err == nil {
		h.hearing.hear(opened, at)
	}
}

func (h *headset) close() {
	h.closing.Do(func() {
		h.metronome.remove(h.lips)
		h.lips.shut()
		h.cancel()
		h.wg.Wait()
		if h.agent != nil {
			_ = h.agent.GracefulClose()
		}
		h.metronome.unwatch(h.socket.port)
		h.socket.shut()
	})
}
