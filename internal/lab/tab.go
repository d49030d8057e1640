package lab

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/pion/ice/v4"
	"github.com/pion/interceptor"
	"github.com/pion/logging"
	"github.com/pion/webrtc/v4"
	"golang.org/x/sys/unix"
)

// tab is the sound of a browser: a peer connection on a socket of its own.
type tab struct {
	metronome *Metronome
	formats   []Format
	lips      *Mouth
	hearing   *Ear
	pc        *webrtc.PeerConnection
	socket    *stampedSocket
	mux       *ice.UDPMuxDefault
	track     *track
	reading   sync.WaitGroup
	closing   sync.Once

	mu        sync.Mutex
	direction string        // guarded by mu; ours, as JsSIP writes it into what the browser described
	connected chan struct{} // closed when DTLS is done
	once      sync.Once
}

// certificates are dear; a browser keeps one.
type browserMedia struct {
	metronome   *Metronome
	ip          string
	certificate webrtc.Certificate
	lean        bool // no RTCP, for load
}

func (b *browserMedia) open(formats []Format) (*tab, error) {
	t := &tab{metronome: b.metronome, formats: formats, hearing: newEar(), direction: "sendrecv",
		connected: make(chan struct{}), track: &track{id: token(8)}}
	t.hearing.understand(formats)
	var err error
	if t.socket, err = openStamped(b.ip); err != nil {
		return nil, err
	}
	t.mux = ice.NewUDPMuxDefault(ice.UDPMuxParams{UDPConn: t.socket})
	api, err := b.api(formats, t.mux)
	if err == nil {
		t.pc, err = api.NewPeerConnection(webrtc.Configuration{Certificates: []webrtc.Certificate{b.certificate},
			BundlePolicy: webrtc.BundlePolicyMaxBundle})
	}
	if err != nil {
		_ = t.mux.Close()
		_ = t.socket.Close()
		return nil, err
	}
	t.pc.OnTrack(func(remote *webrtc.TrackRemote, _ *webrtc.RTPReceiver) { t.read(remote) })
	t.pc.OnConnectionStateChange(func(s webrtc.PeerConnectionState) {
		if s == webrtc.PeerConnectionStateConnected {
			t.once.Do(func() { close(t.connected) })
		}
	})
	sender, err := t.pc.AddTrack(t.track)
	if err != nil {
		t.close()
		return nil, err
	}
	t.lips = newMouth(uint32(sender.GetParameters().Encodings[0].SSRC))
	if err := t.metronome.add(t.lips); err != nil {
		t.close()
		return nil, err
	}
	t.reading.Go(func() { // interceptors live on what is read here
		buf := make([]byte, 1500)
		for {
			if _, _, err := sender.Read(buf); err != nil {
				return
			}
		}
	})
	return t, nil
}

func (b *browserMedia) api(formats []Format, mux ice.UDPMux) (*webrtc.API, error) {
	settings := webrtc.SettingEngine{LoggerFactory: silent()}
	settings.SetICEUDPMux(mux)
	settings.SetIncludeLoopbackCandidate(true)
	settings.SetICEMulticastDNSMode(ice.MulticastDNSModeDisabled)
	settings.SetNetworkTypes([]webrtc.NetworkType{webrtc.NetworkTypeUDP4})
	settings.SetHostAcceptanceMinWait(0)
	settings.SetPrflxAcceptanceMinWait(0)
	media := &webrtc.MediaEngine{}
	events := map[uint8]bool{}
	for _, f := range formats {
		capability := webrtc.RTPCodecCapability{MimeType: "audio/" + f.Codec, ClockRate: uint32(f.clock()), SDPFmtpLine: f.Fmtp}
		if f.clock() == 48000 {
			capability.Channels = 2
		}
		if err := register(media, capability, f.Payload); err != nil {
			return nil, err
		}
	}
	for _, f := range formats {
		if f.Event == 0 || events[f.Event] {
			continue
		}
		events[f.Event] = true
		if err := register(media, webrtc.RTPCodecCapability{MimeType: "audio/telephone-event", ClockRate: uint32(f.clock())}, f.Event); err != nil {
			return nil, err
		}
	}
	registry := &interceptor.Registry{}
	if !b.lean {
		if err := webrtc.ConfigureRTCPReports(registry); err != nil {
			return nil, err
		}
	}
	return webrtc.NewAPI(webrtc.WithSettingEngine(settings), webrtc.WithMediaEngine(media), webrtc.WithInterceptorRegistry(registry)), nil
}

// silent keeps pion from logging: what goes wrong shows in what is heard.
func silent() logging.LoggerFactory {
	return &logging.DefaultLoggerFactory{Writer: io.Discard, DefaultLogLevel: logging.LogLevelDisabled}
}

func register(m *webrtc.MediaEngine, c webrtc.RTPCodecCapability, payload uint8) error {
	return m.RegisterCodec(webrtc.RTPCodecParameters{RTPCodecCapability: c, PayloadType: webrtc.PayloadType(payload)}, webrtc.RTPCodecTypeAudio)
}

func (t *tab) read(remote *webrtc.TrackRemote) {
	buf := make([]byte, 1500)
	for {
		n, _, err := remote.Read(buf)
		if err != nil {
			return
		}
		t.hearing.hear(buf[:n], t.socket.arrival(buf))
	}
}

func (t *tab) offer(direction string) (string, error) {
	t.mu.Lock()
	if direction != "" && direction != "restart" {
		t.direction = direction
	}
	t.mu.Unlock()
	d, err := t.pc.CreateOffer(&webrtc.OfferOptions{ICERestart: direction == "restart"})
	if err != nil {
		return "", err
	}
	return t.describe(d)
}

func (t *tab) answer(offer string) (string, error) {
	if err := t.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeOffer, SDP: offer}); err != nil {
		return "", err
	}
	d, err := t.pc.CreateAnswer(nil)
	if err != nil {
		return "", err
	}
	sdp, err := t.describe(d)
	if err != nil {
		return "", err
	}
	return sdp, t.adopt(sdp, offer)
}

// describe gathers, and writes the direction into the description afterwards, as JsSIP does.
func (t *tab) describe(d webrtc.SessionDescription) (string, error) {
	gathered := webrtc.GatheringCompletePromise(t.pc)
	if err := t.pc.SetLocalDescription(d); err != nil {
		return "", err
	}
	<-gathered
	sdp := t.pc.LocalDescription().SDP
	t.mu.Lock()
	defer t.mu.Unlock()
	switch t.direction {
	case "sendonly":
		sdp = strings.Replace(strings.Replace(sdp, "a=recvonly", "a=inactive", 1), "a=sendrecv", "a=sendonly", 1)
	case "recvonly", "inactive":
		sdp = strings.Replace(sdp, "a=sendrecv", "a="+t.direction, 1)
	}
	return sdp, nil
}

// accept takes an early answer as the answer that it is, and offers again for a later one, as JsSIP does.
func (t *tab) accept(answer string, _ bool) error {
	if t.pc.SignalingState() == webrtc.SignalingStateStable {
		again, err := t.pc.CreateOffer(nil)
		if err != nil {
			return err
		}
		if err := t.pc.SetLocalDescription(again); err != nil {
			return err
		}
	}
	if err := t.pc.SetRemoteDescription(webrtc.SessionDescription{Type: webrtc.SDPTypeAnswer, SDP: answer}); err != nil {
		return err
	}
	return t.adopt(answer, answer)
}

// adopt speaks the first codec of the answer, unless the far side wants to hear nothing.
func (t *tab) adopt(answer, theirs string) error {
	a, err := readSDP(answer)
	if err != nil {
		return err
	}
	d, err := readSDP(theirs)
	if err != nil {
		return err
	}
	both := common(a.formats, t.formats)
	if len(both) == 0 {
		return errNoCommonCodec
	}
	for i := range both {
		both[i].Payload, both[i].Event = payloadOf(a.formats, both[i].Codec)
	}
	t.hearing.understand(both)
	if d.direction == "sendonly" || d.direction == "inactive" {
		t.lips.shut()
		return nil
	}
	return t.lips.speakTo(both[0], t.track.send)
}

func payloadOf(formats []Format, codec string) (payload, event uint8) {
	for _, f := range formats {
		if strings.EqualFold(f.Codec, codec) {
			return f.Payload, f.Event
		}
	}
	return 0, 0
}

func (t *tab) mouth() *Mouth { return t.lips }
func (t *tab) ear() *Ear     { return t.hearing }

func (t *tab) close() {
	t.closing.Do(func() {
		if t.lips != nil {
			t.metronome.remove(t.lips)
			t.lips.shut()
		}
		_ = t.pc.GracefulClose()
		t.reading.Wait()
		_ = t.mux.Close()
		_ = t.socket.Close()
	})
}

// track takes whatever codec was agreed on, and packets as they are.
type track struct {
	id     string
	writer atomic.Pointer[webrtc.TrackLocalWriter]
}

func (k *track) Bind(c webrtc.TrackLocalContext) (webrtc.RTPCodecParameters, error) {
	w := c.WriteStream()
	k.writer.Store(&w)
	for _, p := range c.CodecParameters() {
		if !strings.EqualFold(p.MimeType, "audio/telephone-event") {
			return p, nil
		}
	}
	return webrtc.RTPCodecParameters{}, webrtc.ErrUnsupportedCodec
}

func (k *track) Unbind(webrtc.TrackLocalContext) error { k.writer.Store(nil); return nil }
func (k *track) ID() string                            { return k.id }
func (k *track) RID() string                           { return "" }
func (k *track) StreamID() string                      { return "lab" }
func (k *track) Kind() webrtc.RTPCodecType             { return webrtc.RTPCodecTypeAudio }

func (k *track) send(packet []byte) error {
	w := k.writer.Load()
	if w == nil {
		return nil // not connected yet: what is said is lost, as in life
	}
	_, err := (*w).Write(packet)
	return err
}

// stampedSocket is a UDP socket that remembers the kernel's time of each RTP packet by its sequence number, which SRTP
// leaves readable; and that can be cut off from the network.
type stampedSocket struct {
	*net.UDPConn
	dark  atomic.Bool
	times [1024]struct {
		sequence atomic.Uint32
		at       atomic.Int64
	}
}

func openStamped(ip string) (*stampedSocket, error) {
	addr, err := netip.ParseAddr(ip)
	if err != nil {
		return nil, err
	}
	c, err := net.ListenUDP("udp4", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, 0)))
	if err != nil {
		return nil, err
	}
	if raw, err := c.SyscallConn(); err == nil {
		_ = raw.Control(func(fd uintptr) { // without it the clock is read on arrival
			_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1)
		})
	}
	return &stampedSocket{UDPConn: c}, nil
}

// ReadFromAddrPort makes pion read without allocating.
func (s *stampedSocket) ReadFromAddrPort(b []byte) (int, netip.AddrPort, error) {
	var oob [128]byte
	for {
		n, m, _, from, err := s.ReadMsgUDPAddrPort(b, oob[:])
		if err == nil && s.dark.Load() {
			continue
		}
		if err == nil && n > 12 && b[0]>>6 == 2 && (b[1]&0x7f < 64 || b[1]&0x7f > 95) { // RTP, not RTCP: RFC 5761 section 4
			slot := &s.times[(int(b[2])<<8|int(b[3]))%len(s.times)]
			slot.sequence.Store(uint32(b[2])<<8 | uint32(b[3]))
			slot.at.Store(kernelTime(oob[:m]).UnixNano())
		}
		return n, from, err
	}
}

// WriteToAddrPort completes the pair.
func (s *stampedSocket) WriteToAddrPort(b []byte, to netip.AddrPort) (int, error) {
	if s.dark.Load() {
		return len(b), nil
	}
	return s.WriteToUDPAddrPort(b, to)
}

// WriteTo is what pion uses where a write has a deadline.
func (s *stampedSocket) WriteTo(b []byte, to net.Addr) (int, error) {
	udp, ok := to.(*net.UDPAddr)
	if !ok {
		return 0, fmt.Errorf("not a UDP address: %s", to)
	}
	return s.WriteToAddrPort(b, udp.AddrPort())
}

func (s *stampedSocket) arrival(packet []byte) time.Time {
	sequence := uint32(packet[2])<<8 | uint32(packet[3])
	slot := &s.times[int(sequence)%len(s.times)]
	if slot.sequence.Load() != sequence || slot.at.Load() == 0 {
		return time.Now()
	}
	return time.Unix(0, slot.at.Load())
}
