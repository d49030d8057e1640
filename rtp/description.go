package rtp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"

	"github.com/pion/sdp/v3"
)

// maxDescription is the longest SDP we read: 64 KiB.
const maxDescription = 64 << 10

// audioProto is plain RTP (RFC 3551).
const audioProto = "RTP/AVP"

// description is a parsed SDP of the far side.
type description struct{ parsed sdp.SessionDescription }

// soundLine is the m-line that we use of a description.
type soundLine struct {
	*sdp.MediaDescription
	index   int
	proto   string
	mux     bool
	formats []Format // of codecs we know, in their order
}

func parseDescription(raw []byte) (*description, error) {
	if len(raw) > maxDescription {
		return nil, &Unacceptable{Why: fmt.Sprintf("the session description is longer than %d bytes", maxDescription)}
	}
	d := &description{}
	if err := d.parsed.Unmarshal(raw); err != nil {
		return nil, &Unacceptable{Why: "the session description cannot be read: " + err.Error()}
	}
	return d, nil
}

// sound finds the m-line for us: the one used before, else the first of plain RTP. Nil without an error: there was a
// stream, and it is switched off with port 0.
func (d *description) sound(before int, agreed bool) (*soundLine, error) {
	why := "no audio is offered"
	off := false
	order := make([]int, 0, len(d.parsed.MediaDescriptions)+1)
	if agreed && before < len(d.parsed.MediaDescriptions) {
		order = append(order, before)
	}
	for i := range d.parsed.MediaDescriptions {
		order = append(order, i)
	}
	for _, i := range order {
		m := d.parsed.MediaDescriptions[i]
		if m.MediaName.Media != "audio" {
			continue
		}
		proto := strings.Join(m.MediaName.Protos, "/")
		switch {
		case m.MediaName.Port.Value == 0:
			off = true
		case proto == audioProto, proto == "RTP/AVPF" && !hasAttribute(m, "fingerprint"):
			s := &soundLine{MediaDescription: m, index: i, proto: proto, mux: hasAttribute(m, "rtcp-mux")}
			s.formats = formatsOf(m)
			return s, nil
		case hasAttribute(m, "fingerprint"), strings.Contains(proto, "TLS"):
			why = "the offer asks for DTLS-SRTP (" + proto + "), which this line does not speak"
		case strings.Contains(proto, "SAVP"):
			why = "the offer asks for SRTP (" + proto + "), which this line does not speak"
		default:
			why = "the offer asks for " + proto + " instead of " + audioProto
		}
	}
	if off && agreed {
		return nil, nil
	}
	return nil, &Unacceptable{Why: why}
}

func hasAttribute(m *sdp.MediaDescription, key string) bool {
	_, has := m.Attribute(key)
	return has
}

// address is where they want the sound. held: they gave no address, the way old phones hold (RFC 3264 section 8.4).
func (d *description) address(m *soundLine) (remote netip.AddrPort, held bool, err error) {
	c := m.ConnectionInformation
	if c == nil {
		c = d.parsed.ConnectionInformation
	}
	if c == nil || c.Address == nil {
		return remote, false, &Unacceptable{Why: "there is no address (c=) for the sound"}
	}
	ip, err := netip.ParseAddr(c.Address.Address)
	if err != nil {
		return remote, false, &Unacceptable{Why: "the address for the sound is not an IP address"}
	}
	ip = ip.Unmap()
	if ip.IsMulticast() {
		return remote, false, &Unacceptable{Why: "the address for the sound is a multicast group"}
	}
	port := m.MediaName.Port.Value
	if port < 1 || port > 65535 {
		return remote, false, &Unacceptable{Why: "the port for the sound is out of range"}
	}
	if ip.IsUnspecified() {
		return netip.AddrPort{}, true, nil
	}
	return netip.AddrPortFrom(ip, uint16(port)), false, nil
}

// direction as they mean it: of the m-line, else of the session, else both ways. Without an address they only send.
func (d *description) direction(m *soundLine, held bool) Direction {
	direction := SendRecv
	for _, attributes := range [...][]sdp.Attribute{d.parsed.Attributes, m.Attributes} {
		for _, a := range attributes {
			if named, ok := directionNamed(a.Key); ok {
				direction = named
			}
		}
	}
	if held {
		return directionOf(direction.Sends(), false)
	}
	return direction
}

// control is where they want RTCP: at the RTP port, where a=rtcp says (RFC 3605), or one above.
func (d *description) control(m *soundLine, remote netip.AddrPort) netip.AddrPort {
	if !remote.IsValid() || m.mux {
		return remote
	}
	if value, ok := m.Attribute("rtcp"); ok {
		words := strings.Fields(value)
		if len(words) == 0 {
			return netip.AddrPort{}
		}
		port, err := strconv.ParseUint(words[0], 10, 16)
		if err != nil || port == 0 {
			return netip.AddrPort{}
		}
		ip := remote.Addr()
		if len(words) == 4 {
			if named, err := netip.ParseAddr(words[3]); err == nil && !named.IsUnspecified() && !named.IsMulticast() {
				ip = named.Unmap()
			}
		}
		return netip.AddrPortFrom(ip, uint16(port))
	}
	if remote.Port() == 65535 {
		return netip.AddrPort{}
	}
	return netip.AddrPortFrom(remote.Addr(), remote.Port()+1)
}

// format of a codec in their numbers.
func (m *soundLine) format(c Codec) (Format, bool) {
	for _, f := range m.formats {
		if f.Codec == c {
			return f, true
		}
	}
	return Format{}, false
}

// names tells what they speak, for people.
func (m *soundLine) names() string {
	var names []string
	for _, n := range m.MediaName.Formats {
		pt, err := strconv.ParseUint(n, 10, 7)
		if err != nil {
			continue
		}
		name, clock := mapping(m.MediaDescription, uint8(pt))
		names = append(names, fmt.Sprintf("%.20q/%d", name, clock))
		if len(names) == 10 {
			break
		}
	}
	return strings.Join(names, ", ")
}

// formatsOf reads the codecs of an m-line, by name and clock, and puts the telephone-event of the right clock beside
// each of them.
func formatsOf(m *sdp.MediaDescription) []Format {
	var formats []Format
	events := map[int]uint8{}
	for _, n := range m.MediaName.Formats {
		number, err := strconv.ParseUint(n, 10, 7)
		if err != nil {
			continue
		}
		pt := uint8(number)
		name, clock := mapping(m, pt)
		if strings.EqualFold(name, "telephone-event") {
			if _, known := events[clock]; !known && pt != 0 {
				events[clock] = pt
			}
			continue
		}
		if codec, known := codecNamed(name, clock); known {
			f := Format{Codec: codec, Payload: pt, Ptime: ptimeOf(m)}
			f.readParameters(parameters(m, pt))
			formats = append(formats, f)
		}
	}
	for i := range formats {
		f := &formats[i]
		if pt, ok := events[f.Codec.Clock]; ok {
			f.Event = pt
		} else if pt, ok := events[8000]; ok {
			f.Event, f.EventClock = pt, 8000 // desk phones offer no other beside Opus
		}
	}
	return formats
}

func codecNamed(name string, clock int) (Codec, bool) {
	for _, c := range [...]Codec{PCMU, PCMA, G722, Opus} {
		if strings.EqualFold(c.Name, name) && c.Clock == clock {
			return c, true
		}
	}
	return Codec{}, false
}

// mapping is the rtpmap of a payload type, or what RFC 3551 table 4 says of it.
func mapping(m *sdp.MediaDescription, pt uint8) (name string, clock int) {
	prefix := strconv.Itoa(int(pt)) + " "
	for _, a := range m.Attributes {
		if a.Key != "rtpmap" || !strings.HasPrefix(a.Value, prefix) {
			continue
		}
		name, rate, _ := strings.Cut(strings.TrimSpace(a.Value[len(prefix):]), "/")
		rate, channels, stereo := strings.Cut(rate, "/")
		clock, err := strconv.Atoi(rate)
		if err != nil || stereo && channels != "1" && !strings.EqualFold(name, Opus.Name) {
			return name, 0
		}
		return name, clock
	}
	switch pt {
	case 0:
		return PCMU.Name, PCMU.Clock
	case 8:
		return PCMA.Name, PCMA.Clock
	case 9:
		return G722.Name, G722.Clock
	}
	return "payload type " + strconv.Itoa(int(pt)), 0
}

// parameters is the fmtp of a payload type.
func parameters(m *sdp.MediaDescription, pt uint8) string {
	prefix := strconv.Itoa(int(pt)) + " "
	for _, a := range m.Attributes {
		if a.Key == "fmtp" && strings.HasPrefix(a.Value, prefix) {
			return a.Value[len(prefix):]
		}
	}
	return ""
}

// readParameters takes from an Opus fmtp what the far side wants of us (RFC 7587 section 6.1).
func (f *Format) readParameters(fmtp string) {
	if f.Codec != Opus {
		return
	}
	for pair := range strings.SplitSeq(fmtp, ";") {
		key, value, _ := strings.Cut(strings.TrimSpace(pair), "=")
		n, err := strconv.Atoi(strings.TrimSpace(value))
		if err != nil {
			continue
		}
		switch strings.ToLower(strings.TrimSpace(key)) {
		case "useinbandfec":
			f.FEC = n == 1
		case "maxaveragebitrate":
			f.MaxAverage = min(max(n, 6000), 510000)
		}
	}
}

func ptimeOf(m *sdp.MediaDescription) time.Duration {
	milliseconds := func(key string) time.Duration {
		value, _ := m.Attribute(key)
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(n >= 1 && n <= 200) {
			return 0
		}
		return time.Duration(n * float64(time.Millisecond))
	}
	return sendablePtime(milliseconds("ptime"), milliseconds("maxptime"))
}
