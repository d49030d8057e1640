package gateway

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"runtime"
	"sync/atomic"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/bridge"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/browser"
	"github.com/cordboard/cordboard/rtp/codec"
	"github.com/cordboard/cordboard/rtp/sdes"
	"github.com/cordboard/cordboard/rtp/udp"
	"github.com/cordboard/cordboard/rtp/wire"
)

// sounds makes the media of legs; it is the bridge's Sound and the switchboard's Sounds.
type sounds struct {
	gateway   *Gateway
	metronome *rtp.Metronome
	metrics   *rtp.Metrics
	coders    *codec.Coders
	loops     *wire.Loops
	ports     *udp.Ports
	browsers  *browser.Network
	music     atomic.Pointer[music] // replaced as a whole by Reload
}

// openSound opens the media port of the browsers and the range of the trunks, and reads the music.
func (g *Gateway) openSound(context.Context) error {
	o := g.config().Codecs.Opus
	coders, err := codec.New(codec.Options{Complexity: o.Complexity, Bitrate: o.Bitrate, FEC: o.FEC})
	if err != nil {
		return fmt.Errorf("codecs.opus: %w", err)
	}
	metronome, err := rtp.NewKernelMetronome(0)
	if err != nil {
		return err
	}
	s := &sounds{gateway: g, metronome: metronome, coders: coders}
	g.opened("metronome", func(context.Context) error { s.metronome.Close(); return nil })
	panicked := func(p any, stack []byte) {
		g.log.Error("panic contained", zap.String("in", "sound"), zap.Any("panic", p), zap.ByteString("stack", stack))
	}
	s.metronome.ReportPanics(panicked)
	if s.loops, err = wire.Start(wire.Config{Hold: true, Panicked: panicked, Registry: g.metrics}); err != nil {
		return err
	}
	// The threads that read keep a processor each, beside those that everything else runs on.
	runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + s.loops.Threads())
	g.opened("media threads", func(context.Context) error {
		defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) - s.loops.Threads())
		return s.loops.Close()
	})
	if s.metrics, err = rtp.NewMetrics(g.metrics); err != nil {
		return err
	}
	if s.ports, err = g.openPorts(s.loops); err != nil {
		return err
	}
	g.opened("RTP ports", func(context.Context) error { return s.ports.Close() })
	advertise, err := addresses("webrtc.advertise", g.config().WebRTC.Advertise...)
	if err != nil {
		return err
	}
	s.browsers, err = browser.Listen(browser.Config{Listen: g.config().WebRTC.Listen, Advertise: advertise, Loops: s.loops, Metronome: s.metronome,
		Coders: s.coders, Metrics: s.metrics, Registry: g.metrics, Log: g.log})
	if err != nil {
		return fmt.Errorf("webrtc.listen: %w", err)
	}
	g.opened("WebRTC port", func(context.Context) error { return s.browsers.Close() })
	m, err := g.openMusic(s.metronome, s.coders)
	if err != nil {
		return err
	}
	s.music.Store(m)
	g.sound = s
	return nil
}

func (g *Gateway) openPorts(loops *wire.Loops) (*udp.Ports, error) {
	bind, err := addresses("rtp.address", g.config().RTP.Address)
	if err != nil {
		return nil, err
	}
	c := udp.PortsConfig{Bind: bind[0], Low: uint16(g.config().RTP.Ports.From), High: uint16(g.config().RTP.Ports.To), Rest: g.config().RTP.Rest,
		Loops: loops, Registry: g.metrics}
	if g.config().RTP.Advertise != "" {
		shown, err := addresses("rtp.advertise", g.config().RTP.Advertise)
		if err != nil {
			return nil, err
		}
		c.Advertise = shown[0]
	}
	return udp.NewPorts(c)
}

func addresses(key string, texts ...string) ([]netip.Addr, error) {
	var all []netip.Addr
	for _, t := range texts {
		a, err := netip.ParseAddr(t)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		all = append(all, a)
	}
	return all, nil
}

// Plain is RTP over UDP.
func (s *sounds) Plain(l bridge.Line) (rtp.Session, error) {
	c := s.gateway.config()
	silence := c.RTP.MediaTimeout
	if silence == 0 {
		silence = -1 // never
	}
	pauses := rtp.PausesTaken
	if c.Codecs.ComfortNoise {
		pauses = rtp.PausesOffered
	}
	return udp.Open(udp.Config{Name: l.Name, Leg: l.Kind, Ports: s.ports, Metronome: s.metronome, Coders: s.coders, Metrics: s.metrics,
		Log: s.gateway.log, Codecs: l.Codecs, Silence: silence, Alive: l.Alive, Protection: l.Keys, Pauses: pauses, Tones: l.Tones})
}

// Browser is WebRTC.
func (s *sounds) Browser(name string, codecs []rtp.Codec) (rtp.Session, error) {
	return s.browsers.Session(browser.Policy{Name: name, Codecs: codecs})
}

// policyOf says which codecs each kind of party may speak, and how its sound is protected.
func policyOf(c *configs.Config) bridge.Policy {
	p := bridge.Policy{Trunk: make(map[string][]rtp.Codec), Phone: codecsOf(c.Codecs.Trunk), Browser: codecsOf(c.WebRTC.Codecs)}
	p.TrunkKeys, p.PhoneKeys = make(map[string]sdes.Protection), protectionOf(c.RTP.SRTP, c.RTP.Suites)
	p.Tones = make(map[string]bool)
	for _, t := range c.Trunks {
		p.Tones[t.Name] = t.DTMF == configs.DTMFTones
		p.TrunkKeys[t.Name] = protectionOf(cmp.Or(t.SRTP, c.RTP.SRTP), orElse(t.Suites, c.RTP.Suites))
		p.Trunk[t.Name] = p.Phone
		if len(t.Codecs) > 0 {
			p.Trunk[t.Name] = codecsOf(t.Codecs)
		}
	}
	return p
}

func orElse[T any](list, other []T) []T {
	if len(list) == 0 {
		return other
	}
	return list
}

// protectionOf is how a line is protected; the names have been checked.
func protectionOf(policy configs.SRTP, suites []configs.Suite) sdes.Protection {
	p := sdes.Protection{}
	switch policy {
	case configs.SRTPOff, "":
	case configs.SRTPPreferred:
		p.Policy = sdes.Preferred
	case configs.SRTPRequired:
		p.Policy = sdes.Required
	}
	for _, name := range suites {
		if s, known := sdes.SuiteNamed(string(name)); known {
			p.Suites = append(p.Suites, s)
		}
	}
	return p
}

func codecsOf(names []configs.CodecName) []rtp.Codec {
	known := map[configs.CodecName]rtp.Codec{configs.PCMA: rtp.PCMA, configs.PCMU: rtp.PCMU, configs.G722: rtp.G722, configs.Opus: rtp.Opus}
	var all []rtp.Codec
	for _, n := range names {
		all = append(all, known[n])
	}
	return all
}
