package lab

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// description is the audio of an SDP, as far as plain RTP needs it.
type description struct {
	addr      netip.AddrPort
	formats   []Format // in order, telephone-event folded into those of its clock
	direction string
}

// writeSDP makes a description as a trunk or a desk phone does (RFC 8866).
func writeSDP(addr netip.AddrPort, version int, formats []Format, direction string) string {
	var numbers, lines strings.Builder
	events := map[uint8]bool{}
	for _, f := range formats {
		fmt.Fprintf(&numbers, " %d", f.Payload)
		fmt.Fprintf(&lines, "a=rtpmap:%s\r\n", f.rtpmap())
		if f.Fmtp != "" {
			fmt.Fprintf(&lines, "a=fmtp:%d %s\r\n", f.Payload, f.Fmtp)
		}
	}
	for _, f := range formats {
		if f.Event == 0 || events[f.Event] {
			continue
		}
		events[f.Event] = true
		fmt.Fprintf(&numbers, " %d", f.Event)
		fmt.Fprintf(&lines, "a=rtpmap:%d telephone-event/%d\r\na=fmtp:%d 0-15\r\n", f.Event, f.clock(), f.Event)
	}
	family := "IP4"
	if addr.Addr().Is6() {
		family = "IP6"
	}
	return fmt.Sprintf("v=0\r\no=lab 20170 %d IN %s %s\r\ns=-\r\nc=IN %s %s\r\nt=0 0\r\nm=audio %d RTP/AVP%s\r\n%sa=ptime:20\r\na=%s\r\n",
		version, family, addr.Addr(), family, addr.Addr(), addr.Port(), numbers.String(), lines.String(), direction)
}

// readSDP takes the first audio section; an address or direction may stand above it.
func readSDP(sdp string) (description, error) {
	d := description{direction: "sendrecv"}
	host, port, inAudio, seen := "", 0, false, false
	maps, fmtp := map[uint8]string{0: "PCMU/8000", 8: "PCMA/8000", 9: "G722/8000"}, map[uint8]string{}
	var numbers []uint8
	for line := range strings.Lines(sdp) {
		line = strings.TrimRight(line, "\r\n")
		kind, value, _ := strings.Cut(line, "=")
		switch {
		case kind == "m":
			fields := strings.Fields(value)
			inAudio = !seen && len(fields) > 3 && fields[0] == "audio"
			if inAudio {
				seen = true
				port, _ = strconv.Atoi(fields[1])
				for _, f := range fields[3:] {
					n, _ := strconv.Atoi(f)
					numbers = append(numbers, uint8(n))
				}
			}
		case seen && !inAudio:
		case kind == "c":
			host = value[strings.LastIndexByte(value, ' ')+1:]
		case kind == "a":
			name, rest, _ := strings.Cut(value, ":")
			number, what, _ := strings.Cut(rest, " ")
			n, _ := strconv.Atoi(number)
			switch name {
			case "rtpmap":
				maps[uint8(n)] = what
			case "fmtp":
				fmtp[uint8(n)] = what
			case "sendrecv", "sendonly", "recvonly", "inactive":
				d.direction = name
			}
		}
	}
	if !seen {
		return d, fmt.Errorf("no audio in the description")
	}
	d.formats = foldEvents(numbers, maps, fmtp)
	var err error
	d.addr, err = addrOf(host, port)
	return d, err
}

func foldEvents(numbers []uint8, maps, fmtp map[uint8]string) []Format {
	var formats []Format
	events := map[int]uint8{}
	for _, n := range numbers {
		parts := strings.Split(maps[n], "/")
		if len(parts) < 2 {
			continue
		}
		clock, _ := strconv.Atoi(parts[1])
		if strings.EqualFold(parts[0], "telephone-event") {
			events[clock] = n
		} else {
			formats = append(formats, Format{Codec: parts[0], Payload: n, Fmtp: fmtp[n]})
		}
	}
	for i := range formats {
		formats[i].Event = events[formats[i].clock()]
	}
	return formats
}

// common returns those of theirs that we speak, in our order, under their numbers (RFC 3264 section 6.1).
func common(ours, theirs []Format) []Format {
	var both []Format
	for _, o := range ours {
		for _, t := range theirs {
			if strings.EqualFold(o.Codec, t.Codec) {
				if o.Event == 0 {
					t.Event = 0
				}
				both = append(both, t)
			}
		}
	}
	return both
}

// reverse is the direction seen from the other side.
func reverse(direction string) string {
	switch direction {
	case "sendonly":
		return "recvonly"
	case "recvonly":
		return "sendonly"
	}
	return direction
}
