package configs

import "time"

// RTP is the sound of trunks and desk phones.
type RTP struct {
	Address   string `yaml:"address"`   // IP address to bind
	Advertise string `yaml:"advertise"` // IP address in SDP, when it is not the bound one
	Ports     Ports  `yaml:"ports"`
	// Rest is how long a port is left alone after a call, so that it does not hear the last caller.
	Rest time.Duration `yaml:"rest"`
	// MediaTimeout ends a call on whose trunk nothing has been heard for so long. It is off during hold. 0: never.
	MediaTimeout time.Duration `yaml:"media_timeout"`
	// Symmetric sends to where the far side really sends from (RFC 4961), latched once.
	Symmetric bool `yaml:"symmetric"`
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
		Symmetric:    true,
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
	Opus  OpusCoder   `yaml:"opus"`
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
