package browser

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/pion/sdp/v3"

	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/ice"
)

// maxDescription is the longest SDP we read, in bytes.
const maxDescription = 64 << 10

// transport is what a browser's description says beside the codecs: how to reach it and how to know it.
type transport struct {
	ufrag, pwd  string
	fingerprint string // "sha-256 AB:CD…", upper case
	setup       string // RFC 4145 section 4: active, passive, actpass
	bundle      bool   // the description has a BUNDLE group (RFC 9143)
	mids        []string
	lite, once  bool // see ice.Remote
	candidates  []ice.Candidate
}

// maxCandidates bounds what is read of a description. A browser with many networks has twenty.
const maxCandidates = 32

// read splits a browser's description into its transport and a plain one that says the rest, for rtp.Negotiation.
func read(raw []byte) (*transport, []byte, error) {
	if len(raw) > maxDescription {
		return nil, nil, &rtp.Unacceptable{Why: fmt.Sprintf("the session description is longer than %d bytes", maxDescription)}
	}
	var d sdp.SessionDescription
	if err := d.Unmarshal(raw); err != nil {
		return nil, nil, &rtp.Unacceptable{Why: "the session description cannot be read: " + err.Error()}
	}
	t := &transport{}
	group, _ := d.Attribute("group")
	t.bundle = strings.HasPrefix(group, "BUNDLE")
	var sound *sdp.MediaDescription
	for i, m := range d.MediaDescriptions {
		mid, named := m.Attribute("mid")
		if !named || !isToken(mid) {
			mid = fmt.Sprint(i)
		}
		t.mids = append(t.mids, mid)
		if sound == nil && m.MediaName.Media == "audio" && m.MediaName.Port.Value != 0 {
			sound = m
		}
	}
	if sound == nil {
		return nil, nil, &rtp.Unacceptable{Why: "no audio is offered"}
	}
	if err := t.take(&d, sound); err != nil {
		return nil, nil, err
	}
	plain, err := strip(&d, sound)
	return t, plain, err
}

// take reads the transport of the sound, from its m-line or from above it.
func (t *transport) take(d *sdp.SessionDescription, m *sdp.MediaDescription) error {
	value := func(key string) string {
		if v, ok := m.Attribute(key); ok {
			return v
		}
		v, _ := d.Attribute(key)
		return v
	}
	t.ufrag, t.pwd, t.setup = value("ice-ufrag"), value("ice-pwd"), value("setup")
	// RFC 8839 section 5.4: at least 4 and 22 characters, at most 256.
	if !isICE(t.ufrag, 4) || !isICE(t.pwd, 22) {
		return &rtp.Unacceptable{Why: "there is no ICE user and password: this is not a browser's description"}
	}
	_, t.lite = d.Attribute("ice-lite")
	t.once = slices.Contains(strings.Fields(value("ice-options")), "ice2")
	t.candidates = candidatesOf(m)
	for _, attributes := range [...][]sdp.Attribute{m.Attributes, d.Attributes} {
		for _, a := range attributes {
			hash, digest, _ := strings.Cut(a.Value, " ")
			if a.Key == "fingerprint" && strings.EqualFold(hash, "sha-256") && t.fingerprint == "" {
				t.fingerprint = "sha-256 " + strings.ToUpper(strings.TrimSpace(digest))
			}
		}
	}
	if len(t.fingerprint) != len("sha-256 ")+32*3-1 {
		return &rtp.Unacceptable{Why: "there is no SHA-256 fingerprint of a DTLS certificate"}
	}
	switch t.setup {
	case "active", "passive", "actpass":
	case "": // RFC 8842 section 5.1
		t.setup = "actpass"
	default:
		return &rtp.Unacceptable{Why: fmt.Sprintf("a DTLS role (setup) of %.20q is none", t.setup)}
	}
	return nil
}

// candidatesOf reads the UDP addresses of an m-line's first component (RFC 8839 section 5.1). What else there may be is passed
// over: names (mDNS), which its own checks will show the addresses of; TCP; what is malformed.
func candidatesOf(m *sdp.MediaDescription) []ice.Candidate {
	var all []ice.Candidate
	for _, a := range m.Attributes {
		if a.Key != "candidate" || len(all) == maxCandidates {
			continue
		}
		f := strings.Fields(a.Value) // foundation, component, transport, priority, address, port, "typ" …
		if len(f) < 8 || f[1] != "1" || !strings.EqualFold(f[2], "udp") {
			continue
		}
		priority, wrong := strconv.ParseUint(f[3], 10, 31)
		ip, unknown := netip.ParseAddr(f[4])
		port, none := strconv.ParseUint(f[5], 10, 16)
		if wrong == nil && unknown == nil && none == nil {
			all = append(all, ice.Candidate{Address: netip.AddrPortFrom(ip.Unmap(), uint16(port)), Priority: uint32(priority)})
		}
	}
	return all
}

// strip makes a description of plain RTP: the negotiation of codecs and direction is the same for everybody.
func strip(d *sdp.SessionDescription, sound *sdp.MediaDescription) ([]byte, error) {
	// A browser that does not know its address yet says 0.0.0.0 (RFC 8840 section 4.1.1), which elsewhere means hold.
	d.ConnectionInformation = nil
	sound.ConnectionInformation = &sdp.ConnectionInformation{NetworkType: "IN", AddressType: "IP4", Address: &sdp.Address{Address: "192.0.2.1"}}
	sound.MediaName.Protos = []string{"RTP", "AVP"}
	sound.MediaName.Port = sdp.RangedPort{Value: 9}
	sound.Attributes = slices.DeleteFunc(sound.Attributes, func(a sdp.Attribute) bool {
		switch a.Key {
		case "fingerprint", "setup", "candidate", "crypto", "rtcp", "ice-ufrag", "ice-pwd":
			return true
		}
		return false
	})
	for _, m := range d.MediaDescriptions {
		if m != sound {
			m.MediaName.Port = sdp.RangedPort{} // whatever it is, only the sound is ours
		}
	}
	plain, err := d.Marshal()
	if err != nil {
		return nil, &rtp.Unacceptable{Why: "the session description cannot be read: " + err.Error()}
	}
	return plain, nil
}

// dressing is what turns a plain description of ours into one for a browser.
type dressing struct {
	ufrag, pwd  string
	fingerprint string
	setup       string
	addresses   []netip.AddrPort
	ssrc        uint32
	mids        []string // of the m-lines, as the browser named them
	bundle      bool
}

// dress adds the transport to the sound of a plain description. All candidates are in it from the first moment on.
func (w *dressing) dress(plain []byte, version uint64) ([]byte, error) {
	var d sdp.SessionDescription
	if err := d.Unmarshal(plain); err != nil {
		return nil, fmt.Errorf("our own description: %w", err)
	}
	d.Origin.SessionVersion = version
	d.ConnectionInformation = nil
	for i, m := range d.MediaDescriptions {
		mid := fmt.Sprint(i)
		if i < len(w.mids) {
			mid = w.mids[i]
		}
		m.ConnectionInformation = connection(netip.IPv4Unspecified())
		if m.MediaName.Port.Value != 0 {
			w.sound(m)
			if w.bundle {
				d.Attributes = append(d.Attributes, sdp.Attribute{Key: "group", Value: "BUNDLE " + mid})
			}
		}
		m.Attributes = append(m.Attributes, sdp.Attribute{Key: "mid", Value: mid})
	}
	return d.Marshal()
}

func (w *dressing) sound(m *sdp.MediaDescription) {
	m.MediaName.Protos = []string{"UDP", "TLS", "RTP", "SAVPF"}
	m.MediaName.Port.Value = int(w.addresses[0].Port())
	m.ConnectionInformation = connection(w.addresses[0].Addr())
	add := func(key, value string) { m.Attributes = append(m.Attributes, sdp.Attribute{Key: key, Value: value}) }
	if _, has := m.Attribute("rtcp-mux"); !has {
		add("rtcp-mux", "")
	}
	add("ice-ufrag", w.ufrag)
	add("ice-pwd", w.pwd)
	add("fingerprint", w.fingerprint)
	add("setup", w.setup)
	add("msid", "cordboard sound")
	add("ssrc", fmt.Sprintf("%d cname:cordboard", w.ssrc))
	for i, a := range w.addresses {
		// RFC 8445 section 5.1.2.1: type preference of a host, one local preference each, component 1.
		priority := uint32(126)<<24 | uint32(65535-i)<<8 | 255
		add("candidate", fmt.Sprintf("%d 1 udp %d %s %d typ host", i+1, priority, a.Addr(), a.Port()))
	}
	add("end-of-candidates", "")
}

func connection(ip netip.Addr) *sdp.ConnectionInformation {
	family := "IP4"
	if ip.Is6() {
		family = "IP6"
	}
	return &sdp.ConnectionInformation{NetworkType: "IN", AddressType: family, Address: &sdp.Address{Address: ip.String()}}
}

// isICE checks an ice-ufrag or ice-pwd (RFC 8839 section 5.4: letters, digits, + and /).
func isICE(s string, least int) bool {
	if len(s) < least || len(s) > 256 {
		return false
	}
	for _, c := range []byte(s) {
		switch {
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z', c >= '0' && c <= '9', c == '+', c == '/':
		default:
			return false
		}
	}
	return true
}

// isToken checks a mid (RFC 5888 section 4), of a length that somebody might really use.
func isToken(s string) bool {
	if s == "" || len(s) > 64 {
		return false
	}
	for _, c := range []byte(s) {
		if c <= ' ' || c >= 127 || strings.IndexByte(`"(),/:;<=>?@[\]`, c) >= 0 {
			return false
		}
	}
	return true
}
