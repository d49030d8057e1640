package gateway

import (
	"context"
	"encoding/json"
	"time"

	"go.uber.org/zap"

	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/sip/hep"
	"github.com/cordboard/cordboard/trace"
)

// tap is who is told of SIP messages: the book of the last calls, a Homer server, both, or nobody.
func (g *Gateway) tap() sip.Tap {
	c := g.config().Trace
	if c.HEP.Server == "" {
		if c.Calls == 0 {
			return nil
		}
		return g.book
	}
	h := &homer{book: g.book, node: uint32(c.HEP.Node), key: string(c.HEP.Password), log: g.log, sender: hep.Start(hep.Config{
		Server: c.HEP.Server, Transport: c.HEP.Transport, Log: g.log, Metrics: g.metrics})}
	g.book.Report(h.report)
	g.opened("HEP", func(context.Context) error { h.sender.Close(); return nil })
	return h
}

// homer copies every message to a Homer server, without its secrets, and how each leg's sound was.
type homer struct {
	book   *trace.Book
	sender *hep.Sender
	node   uint32
	key    string
	log    *zap.Logger
}

// Passed is called for every SIP message.
func (h *homer) Passed(p sip.Passage) {
	p.Text = []byte(trace.Blotted(p.Text))
	h.book.Passed(p)
	from, to := p.Local, p.Remote
	if p.In {
		from, to = to, from
	}
	protocol := hep.TCP // browsers' messages come by TCP as well
	if p.Network == "udp" {
		protocol = hep.UDP
	}
	h.sender.Send(&hep.Packet{At: p.At, From: from, To: to, Protocol: protocol, Kind: hep.SIP, Node: h.node, Key: h.key, Correlation: p.CallID, Payload: p.Text})
}

// rtcp is a report on a leg's sound, as Homer reads it: the fields of a sender report (RFC 3550 section 6.4.1) by the names
// that its other agents use, and what we know besides.
type rtcp struct {
	Type   int    `json:"type"`
	SSRC   uint32 `json:"ssrc"`
	Count  int    `json:"report_count"`
	Sender struct {
		Packets uint64 `json:"packets"`
	} `json:"sender_information"`
	Blocks    []rtcpBlock `json:"report_blocks"`
	MOS       float64     `json:"mos"`
	RoundTrip float64     `json:"round_trip_ms"`
	Codec     string      `json:"codec"`
	Call      string      `json:"call"`
}

type rtcpBlock struct {
	Lost     uint64 `json:"packets_lost"`
	Fraction uint8  `json:"fraction_lost"` // of 256
	Jitter   uint32 `json:"ia_jitter"`     // milliseconds
}

const senderReport = 200

// report tells how a leg's sound was when it ended.
func (h *homer) report(l trace.Leg) {
	if l.Codec == "" || !l.Local.IsValid() {
		return
	}
	q := l.Quality
	r := rtcp{Type: senderReport, Count: 1, MOS: q.MOS, RoundTrip: milliseconds(q.RoundTrip), Codec: l.Codec, Call: string(l.Call),
		Blocks: []rtcpBlock{{Lost: q.Lost, Fraction: uint8(min(q.Loss*256, 255)), Jitter: uint32(q.Jitter / time.Millisecond)}}}
	r.Sender.Packets = q.Sent
	payload, err := json.Marshal(r)
	if err != nil {
		h.log.Error("report not encoded", zap.Error(err)) // cannot happen with these types
		return
	}
	h.sender.Send(&hep.Packet{At: l.Ended, From: l.Remote, To: l.Local, Protocol: hep.UDP, Kind: hep.RTCP, Node: h.node, Key: h.key,
		Correlation: l.CallID, Payload: payload})
}
