package rtp

import (
	"bytes"
	"fmt"
)

// rejectedLine is an m-line of the far side that we refuse in its place (RFC 3264 section 6).
type rejectedLine struct{ media, proto, format string }

// lines are all m-lines in order; the one that we use is among them.
func (d *description) lines() []rejectedLine {
	var lines []rejectedLine
	for _, m := range d.media {
		l := rejectedLine{media: m.kind, proto: m.proto, format: "0"}
		if len(m.formats) > 0 {
			l.format = m.formats[0]
		}
		lines = append(lines, l)
	}
	return lines
}

// describe writes our description: the sound in its line, with the codecs of the table and our keys, and every other
// line refused.
// The version grows only when something else than before is said (RFC 3264 section 8).
func (n *Negotiation) describe(table []Format, d Direction, proto string, crypto []string) []byte {
	var b bytes.Buffer
	b.Grow(512) // for two codecs it is enough
	family := "IP4"
	if n.terms.Local.Addr().Is6() {
		family = "IP6"
	}
	address := n.terms.Local.Addr().String()
	fmt.Fprintf(&b, "s=-\r\nc=IN %s %s\r\nt=0 0\r\n", family, address)
	for i, l := range n.lines {
		if i != n.line || len(table) == 0 {
			fmt.Fprintf(&b, "m=%s 0 %s %s\r\n", orElse(l.media, "audio"), orElse(l.proto, audioProto), orElse(l.format, "0"))
			continue
		}
		n.describeSound(&b, table, d, proto, crypto)
	}
	if n.said != nil && !bytes.Equal(b.Bytes(), n.said) {
		n.version++
	}
	n.said = b.Bytes()
	whole := make([]byte, 0, len(n.said)+128)
	whole = fmt.Appendf(whole, "v=0\r\no=%s %d %d IN %s %s\r\n", n.terms.Name, n.id, n.version, family, address)
	return append(whole, n.said...)
}

func (n *Negotiation) describeSound(b *bytes.Buffer, table []Format, d Direction, proto string, crypto []string) {
	fmt.Fprintf(b, "m=audio %d %s", n.terms.Local.Port(), proto)
	var events []Format // one for each clock
	for _, f := range table {
		fmt.Fprintf(b, " %d", f.Payload)
		if f.Event != 0 && !hasEvent(events, f.Event) {
			events = append(events, f)
		}
	}
	for _, f := range events {
		fmt.Fprintf(b, " %d", f.Event)
	}
	comfort := comfortOf(table)
	if comfort != 0 {
		fmt.Fprintf(b, " %d", comfort)
	}
	b.WriteString("\r\n")
	for _, c := range table {
		n.describeCodec(b, &c)
	}
	for _, f := range events {
		fmt.Fprintf(b, "a=rtpmap:%d telephone-event/%d\r\na=fmtp:%d 0-16\r\n", f.Event, f.eventClock(), f.Event)
	}
	if comfort != 0 {
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", comfort, Comfort.Name, Comfort.Clock)
	}
	fmt.Fprintf(b, "a=ptime:%d\r\n", table[0].Ptime.Milliseconds())
	if n.mux {
		b.WriteString("a=rtcp-mux\r\n")
	}
	for _, c := range crypto {
		fmt.Fprintf(b, "a=crypto:%s\r\n", c)
	}
	fmt.Fprintf(b, "a=%s\r\n", d)
}

func (n *Negotiation) describeCodec(b *bytes.Buffer, f *Format) {
	if f.Codec != Opus {
		fmt.Fprintf(b, "a=rtpmap:%d %s/%d\r\n", f.Payload, f.Codec.Name, f.Codec.Clock)
		return
	}
	// Opus is always declared with two channels (RFC 7587 section 7); what we decode is mono.
	fmt.Fprintf(b, "a=rtpmap:%d %s/%d/2\r\na=fmtp:%d useinbandfec=1;usedtx=0", f.Payload, f.Codec.Name, f.Codec.Clock, f.Payload)
	if n.terms.Playback > 0 {
		fmt.Fprintf(b, ";maxplaybackrate=%d;sprop-maxcapturerate=%d", n.terms.Playback, n.terms.Playback)
	}
	b.WriteString("\r\n")
}

// comfortOf is the payload type of comfort noise beside the codecs of a table; 0: none.
func comfortOf(table []Format) uint8 {
	for _, f := range table {
		if f.Comfort != 0 {
			return f.Comfort
		}
	}
	return 0
}

func hasEvent(formats []Format, event uint8) bool {
	for _, f := range formats {
		if f.Event == event {
			return true
		}
	}
	return false
}

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
