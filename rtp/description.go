package rtp

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// audioProto is plain RTP (RFC 3551).
const audioProto = "RTP/AVP"

// soundLine is the m-line that we use of a description.
type soundLine struct {
	*mediaLine
	index  int
	mux    bool
	codecs []Format // those we know, in their order
}

// sound finds the m-line for us: the one used before; with keys, the first that has some; else the first of plain RTP.
// Nil without an error: there was a stream, and it is switched off with port 0.
func (d *description) sound(before int, agreed, keys bool) (*soundLine, error) {
	why := "no audio is offered"
	off := false
	for _, i := range d.order(before, agreed, keys) {
		m := d.media[i]
		if m.kind != "audio" {
			continue
		}
		switch proto := m.proto; {
		case m.port == 0:
			off = true
		case proto == audioProto, !m.has("fingerprint") && (proto == "RTP/AVPF" || keys && isSecure(proto)):
			return &soundLine{mediaLine: m, index: i, mux: m.has("rtcp-mux"), codecs: formatsOf(m)}, nil
		case m.has("fingerprint"), strings.Contains(proto, "TLS"):
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

// order is that in which m-lines are tried: phones that leave the choice to us offer one line with keys and one without.
func (d *description) order(before int, agreed, keys bool) []int {
	order := make([]int, 0, 2*len(d.media)+1)
	if agreed && before < len(d.media) {
		order = append(order, before)
	}
	for i, m := range d.media {
		if keys && m.has("crypto") {
			order = append(order, i)
		}
	}
	for i := range d.media {
		order = append(order, i)
	}
	return order
}

// isSecure tells the transports of SRTP without DTLS (RFC 3711 section 12, RFC 5124).
func isSecure(proto string) bool { return proto == "RTP/SAVP" || proto == "RTP/SAVPF" }

// crypto are the values of the crypto attributes (RFC 4568).
func (m *mediaLine) crypto() (values []string) {
	for _, a := range m.attributes {
		if a.key == "crypto" {
			values = append(values, a.value)
		}
	}
	return values
}

// where is the address they want the sound at. held: they gave no address, the way old phones hold (RFC 3264 section 8.4).
func (d *description) where(m *soundLine, reaches func(netip.Addr) bool) (remote netip.AddrPort, held bool, err error) {
	address := orElse(m.mediaLine.address, d.address)
	if address == "" {
		return remote, false, &Unacceptable{Why: "there is no address (c=) for the sound"}
	}
	ip, err := netip.ParseAddr(address)
	if err != nil {
		return remote, false, &Unacceptable{Why: "the address for the sound is not an IP address"}
	}
	ip = ip.Unmap()
	if ip.IsMulticast() {
		return remote, false, &Unacceptable{Why: "the address for the sound is a multicast group"}
	}
	if ip.IsUnspecified() {
		return netip.AddrPort{}, true, nil
	}
	if reaches != nil && !reaches(ip) {
		return remote, false, &Unacceptable{Why: "the address for the sound, " + ip.String() + ", cannot be reached from here"}
	}
	return netip.AddrPortFrom(ip, uint16(m.port)), false, nil
}

// direction as they mean it: of the m-line, else of the session, else both ways. Without an address they only send.
func (d *description) direction(m *soundLine, held bool) Direction {
	direction := SendRecv
	for _, attributes := range [...][]attribute{d.attributes, m.attributes} {
		for _, a := range attributes {
			if named, ok := directionNamed(a.key); ok {
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
	if value, ok := m.attribute("rtcp"); ok {
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
	for _, f := range m.codecs {
		if f.Codec == c {
			return f, true
		}
	}
	return Format{}, false
}

// names tells what they speak, for people.
func (m *soundLine) names() string {
	var names []string
	for _, n := range m.formats {
		pt, err := strconv.ParseUint(n, 10, 7)
		if err != nil {
			continue
		}
		name, clock := mapping(m.mediaLine, uint8(pt))
		names = append(names, fmt.Sprintf("%.20q/%d", name, clock))
		if len(names) == 10 {
			break
		}
	}
	return strings.Join(names, ", ")
}

// formatsOf reads the codecs of an m-line, by name and clock, and puts the telephone-event of the right clock beside
// each of them.
func formatsOf(m *mediaLine) []Format {
	formats := make([]Format, 0, len(m.formats))
	events, comfort, ptime := map[int]uint8{}, uint8(0), ptimeOf(m)
	for _, n := range m.formats {
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
		if strings.EqualFold(name, Comfort.Name) && clock == Comfort.Clock && comfort == 0 {
			comfort = pt
		}
		if codec, known := codecNamed(name, clock); known {
			f := Format{Codec: codec, Payload: pt, Ptime: ptime}
			f.readParameters(parameters(m, pt))
			formats = append(formats, f)
		}
	}
	for i := range formats {
		f := &formats[i]
		if f.Codec.Clock == Comfort.Clock {
			f.Comfort = comfort
		}
		if pt, ok := events[f.Codec.Clock]; ok {
			f.Event = pt
		} else if pt, ok := events[8000]; ok {
			f.Event, f.EventClock = pt, 8000 // desk phones offer no other beside Opus
		}
	}
	return formats
}

func codecNamed(name string, clock int) (Codec, bool) {
	for _, c := range spoken {
		if strings.EqualFold(c.Name, name) && c.Clock == clock {
			return c, true
		}
	}
	return Codec{}, false
}

// mapping is the rtpmap of a payload type, or what RFC 3551 table 4 says of it.
func mapping(m *mediaLine, pt uint8) (name string, clock int) {
	prefix := strconv.Itoa(int(pt)) + " "
	for _, a := range m.attributes {
		if a.key != "rtpmap" || !strings.HasPrefix(a.value, prefix) {
			continue
		}
		name, rate, _ := strings.Cut(strings.TrimSpace(a.value[len(prefix):]), "/")
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
	case comfortPayload:
		return Comfort.Name, Comfort.Clock
	}
	return "payload type " + strconv.Itoa(int(pt)), 0
}

// parameters is the fmtp of a payload type.
func parameters(m *mediaLine, pt uint8) string {
	prefix := strconv.Itoa(int(pt)) + " "
	for _, a := range m.attributes {
		if a.key == "fmtp" && strings.HasPrefix(a.value, prefix) {
			return a.value[len(prefix):]
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

func ptimeOf(m *mediaLine) time.Duration {
	milliseconds := func(key string) time.Duration {
		value, has := m.attribute(key)
		if !has {
			return 0
		}
		n, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
		if err != nil || !(n >= 1 && n <= 200) {
			return 0
		}
		return time.Duration(n * float64(time.Millisecond))
	}
	return sendablePtime(milliseconds("ptime"), milliseconds("maxptime"))
}
