package configs

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

// RTP is the sound of trunks and desk phones.
type RTP struct {
	Address   string `yaml:"address"`   // IP address to bind
	Advertise string `yaml:"advertise"` // IP address in SDP, when it is not the bound one
	Ports     Ports  `yaml:"ports"`
	// Rest is how long a port is left alone after a call, so that it does not hear the last caller.
	Rest time.Duration `yaml:"rest"`
	// MediaTimeout ends a call on whose trunk nothing has been heard for so long. It is off during hold. 0: never.
	MediaTimeout time.Duration `yaml:"media_timeout"`
	// SRTP and Suites are how the sound of desk phones, and of trunks that do not say otherwise, is protected.
	SRTP   SRTP    `yaml:"srtp"`
	Suites []Suite `yaml:"suites"` // in order of our offers
}

// SRTP is whether sound is protected by keys in the session description (RFC 4568).
type SRTP string

// The ways to protect sound.
const (
	SRTPOff       SRTP = "off"       // never; who asks for it alone is refused
	SRTPPreferred SRTP = "preferred" // with those who can
	SRTPRequired  SRTP = "required"  // always; who cannot is refused
)

// Suite is a crypto suite as a=crypto spells it.
type Suite string

// suites are those we know, in the order in which they are offered: the cheap ones first.
func suites() []Suite {
	return []Suite{"AEAD_AES_128_GCM", "AEAD_AES_256_GCM", "AES_CM_128_HMAC_SHA1_80", "AES_CM_128_HMAC_SHA1_32"}
}

// Ports is a range of UDP ports, both ends included. The even ones carry RTP, the odd ones above them RTCP.
type Ports struct {
	From int `yaml:"from"`
	To   int `yaml:"to"`
}

func defaultRTP() RTP {
	return RTP{
		Address:      "127.0.0.1",
		Ports:        Ports{From: 16384, To: 32767},
		Rest:         30 * time.Second,
		MediaTimeout: 30 * time.Second,
		SRTP:         SRTPOff,
		Suites:       suites(),
	}
}

// WebRTC is the sound of browsers: one UDP port for all of them.
type WebRTC struct {
	Listen    string      `yaml:"listen"`    // host:port, UDP
	Advertise []string    `yaml:"advertise"` // IP addresses in the candidates, when they are not the bound one
	Codecs    []CodecName `yaml:"codecs"`    // in order of preference
}

func defaultWebRTC() WebRTC {
	return WebRTC{Listen: "127.0.0.1:8189", Codecs: []CodecName{Opus, PCMA, PCMU}}
}

// CodecName is an encoding as its rtpmap spells it.
type CodecName string

// The codecs we speak.
const (
	PCMA CodecName = "PCMA"
	PCMU CodecName = "PCMU"
	G722 CodecName = "G722"
	Opus CodecName = "opus"
)

// Codecs is what trunks and desk phones are offered, and how Opus is encoded.
type Codecs struct {
	Trunk []CodecName `yaml:"trunk"` // in order of preference, unless the trunk says otherwise
	// ComfortNoise offers comfort noise (RFC 3389), by which a far side may stop sending while it is quiet. Where it is
	// offered to us it is taken in any case.
	ComfortNoise bool      `yaml:"comfort_noise"`
	Opus         OpusCoder `yaml:"opus"`
}

// OpusCoder is how we encode Opus.
type OpusCoder struct {
	Complexity int  `yaml:"complexity"` // 0 (cheap) to 10
	Bitrate    int  `yaml:"bitrate"`    // bit/s, 6000 to 64000; 0: the library chooses
	FEC        bool `yaml:"fec"`        // in-band error correction towards those who can use it
}

func defaultCodecs() Codecs {
	return Codecs{
		Trunk: []CodecName{PCMA, PCMU, G722, Opus},
		Opus:  OpusCoder{Complexity: 5, Bitrate: 24000, FEC: true},
	}
}

// The kernel gives ports of this range to any other socket (Linux' ip_local_port_range).
const ephemeralFrom, ephemeralTo = 32768, 60999

func (c *checker) checkRTP() {
	r := &c.cfg.RTP
	c.ip("rtp.address", r.Address)
	if r.Advertise != "" {
		c.ip("rtp.advertise", r.Advertise)
	}
	if isIP(r.Address) && netip.MustParseAddr(r.Address).IsUnspecified() && r.Advertise == "" {
		c.bad("rtp.advertise", "", "is missing; with "+r.Address+" as rtp.address, SDP needs an address that others can reach")
	}
	c.number("rtp.ports.from", r.Ports.From, 1024, 65534)
	c.number("rtp.ports.to", r.Ports.To, 1025, 65535)
	switch {
	case r.Ports.To <= r.Ports.From:
		c.bad("rtp.ports.to", fmt.Sprint(r.Ports.To), fmt.Sprintf("leaves no pair of ports above rtp.ports.from, %d; write a larger one", r.Ports.From))
	case r.Ports.From <= ephemeralTo && r.Ports.To >= ephemeralFrom:
		c.warn("rtp.ports", fmt.Sprintf("%d-%d", r.Ports.From, r.Ports.To),
			"overlaps the ports that the kernel hands out (32768-60999), so that calls may find theirs taken; choose 16384 to 32767")
	}
	c.between("rtp.rest", r.Rest, 0, 10*time.Minute)
	if r.Rest < 10*time.Second {
		c.warn("rtp.rest", r.Rest.String(), "is short: a new call may hear the end of the last one; write 10s or more")
	}
	if r.MediaTimeout != 0 {
		c.between("rtp.media_timeout", r.MediaTimeout, 5*time.Second, time.Hour)
	}
	oneOf(c, "rtp.srtp", r.SRTP, SRTPOff, SRTPPreferred, SRTPRequired)
	if len(r.Suites) == 0 {
		c.bad("rtp.suites", "[]", "is empty; leave it out for all suites, or write [AES_CM_128_HMAC_SHA1_80], which every phone speaks")
	}
	c.suites("rtp.suites", r.Suites)
}

func (c *checker) suites(path string, list []Suite) {
	words := make([]string, len(list))
	for i, s := range list {
		oneOf(c, fmt.Sprintf("%s[%d]", path, i), s, suites()...)
		words[i] = string(s)
	}
	c.unique(words, func(i int) string { return fmt.Sprintf("%s[%d]", path, i) })
}

func (c *checker) checkWebRTC() {
	w := &c.cfg.WebRTC
	c.hostPort("webrtc.listen", w.Listen, true)
	for i, a := range w.Advertise {
		c.ip(fmt.Sprintf("webrtc.advertise[%d]", i), a)
	}
	if at, err := netip.ParseAddrPort(w.Listen); err == nil {
		if at.Addr().IsUnspecified() && len(w.Advertise) == 0 {
			c.bad("webrtc.advertise", "", "is empty; with "+w.Listen+" as webrtc.listen, browsers need addresses that they can reach")
		}
		if port := int(at.Port()); port >= c.cfg.RTP.Ports.From && port <= c.cfg.RTP.Ports.To {
			c.bad("webrtc.listen", w.Listen, "lies within rtp.ports; choose a port outside of them")
		}
	}
	c.codecs("webrtc.codecs", w.Codecs, true)
}

func (c *checker) checkCodecs() {
	c.codecs("codecs.trunk", c.cfg.Codecs.Trunk, true)
	o := c.cfg.Codecs.Opus
	c.number("codecs.opus.complexity", o.Complexity, 0, 10)
	if o.Bitrate != 0 {
		c.number("codecs.opus.bitrate", o.Bitrate, 6000, 64000)
	}
}

// codecs checks a list of codecs and brings their names into the spelling of the rtpmap.
func (c *checker) codecs(path string, list []CodecName, needed bool) {
	if needed && len(list) == 0 {
		c.bad(path, "", "is empty; name at least one of PCMA, PCMU, G722, opus")
	}
	words := make([]string, len(list))
	for i, name := range list {
		for _, known := range []CodecName{PCMA, PCMU, G722, Opus} {
			if strings.EqualFold(string(name), string(known)) {
				list[i] = known
			}
		}
		oneOf(c, fmt.Sprintf("%s[%d]", path, i), list[i], PCMA, PCMU, G722, Opus)
		words[i] = string(list[i])
	}
	c.unique(words, func(i int) string { return fmt.Sprintf("%s[%d]", path, i) })
}
