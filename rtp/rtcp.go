package rtp

import (
	"strconv"
	"time"

	"github.com/pion/rtcp"
)

// farReport is what the far side's RTCP told of our stream and of itself.
type farReport struct {
	lost      float64 // fraction, 0…1
	reports   int     // of our stream
	expected  float64 // of the packets to come, as lost
	roundTrip time.Duration
	heard     time.Time // arrival of the last RTCP packet
	sender    uint32    // middle 32 bits of the NTP time in its last sender report
	senderAt  time.Time // when that report came
}

// maxControl bounds the RTCP we read.
const maxControl = 1500

// ControlInterval is the mean time between our RTCP reports (RFC 3550 section 6.2); each is drawn from half to one and a
// half of it.
const ControlInterval = 5 * time.Second

// Report writes our RTCP: a sender or receiver report and the SDES item CNAME (RFC 3550 section 6.1). The session sends
// it, unless somebody else does RTCP for it.
func (c *Core) Report(now time.Time) []byte {
	packets, octets, ts := c.out.senderState(now)
	blocks := c.receptionReports(now)
	var first rtcp.Packet = &rtcp.ReceiverReport{SSRC: c.out.ssrc, Reports: blocks}
	if packets > 0 {
		first = &rtcp.SenderReport{
			SSRC: c.out.ssrc, NTPTime: ntp(now), RTPTime: ts,
			PacketCount: uint32(packets), OctetCount: uint32(octets), Reports: blocks,
		}
	}
	raw, err := rtcp.Marshal([]rtcp.Packet{first, c.description()})
	if err != nil {
		return nil // only too many blocks could be wrong, and there is at most one
	}
	return raw
}

// Farewell writes our last RTCP: a report, CNAME and BYE (RFC 3550 section 6.6).
func (c *Core) Farewell(now time.Time) []byte {
	raw, err := rtcp.Marshal([]rtcp.Packet{
		&rtcp.ReceiverReport{SSRC: c.out.ssrc, Reports: c.receptionReports(now)},
		c.description(), &rtcp.Goodbye{Sources: []uint32{c.out.ssrc}},
	})
	if err != nil {
		return nil
	}
	return raw
}

// description is our name in RTCP: random, and the same for the life of the stream (RFC 7022).
func (c *Core) description() rtcp.Packet {
	return rtcp.NewCNAMESourceDescription(c.out.ssrc, strconv.FormatUint(uint64(c.out.ssrc)*0x9e3779b97f4a7c15, 36))
}

func (c *Core) receptionReports(now time.Time) []rtcp.ReceptionReport {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := &c.reception
	if !r.begun {
		return nil
	}
	fraction := r.fraction()
	c.suppose(float64(fraction) / 256)
	block := rtcp.ReceptionReport{
		SSRC: r.ssrc, FractionLost: fraction, TotalLost: uint32(min(r.lost(), 0x7fffff)),
		LastSequenceNumber: r.top - noSequence, Jitter: uint32(r.jitter),
	}
	if !c.far.senderAt.IsZero() {
		block.LastSenderReport = c.far.sender
		block.Delay = uint32(now.Sub(c.far.senderAt) * 65536 / time.Second)
	}
	return []rtcp.ReceptionReport{block}
}

// ReceiveControl takes one RTCP datagram of the far side. It reports whether it could be read.
func (c *Core) ReceiveControl(raw []byte, at time.Time) bool {
	if len(raw) > maxControl {
		return false
	}
	packets, err := rtcp.Unmarshal(raw)
	if err != nil {
		return false
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.far.heard = at
	reports := c.far.reports
	for _, p := range packets {
		switch p := p.(type) {
		case *rtcp.SenderReport:
			c.far.sender, c.far.senderAt = uint32(p.NTPTime>>16), at
			c.far.learn(c.out.ssrc, p.Reports, at)
		case *rtcp.ReceiverReport:
			c.far.learn(c.out.ssrc, p.Reports, at)
		}
	}
	if c.far.reports != reports {
		c.out.expectLoss(c.far.expected)
	}
	return true
}

// learn reads what is said of our stream (RFC 3550 section 6.4.1).
func (f *farReport) learn(ours uint32, blocks []rtcp.ReceptionReport, at time.Time) {
	for _, b := range blocks {
		if b.SSRC != ours {
			continue
		}
		f.lost = float64(b.FractionLost) / 256
		f.reports++
		f.expect(f.lost)
		if b.LastSenderReport == 0 {
			continue
		}
		trip := int32(uint32(ntp(at)>>16) - b.LastSenderReport - b.Delay) // in 1/65536 s
		if trip >= 0 && trip < 30<<16 {
			f.roundTrip = time.Duration(trip) * time.Second / 65536
		}
	}
}

// Loss is expected as soon as it is known of. It is forgotten slowly, since it comes back: half a minute of reports in which
// a tenth and then nothing was lost, and none is expected any more.
const (
	lossFade     = 0.7  // of what was expected remains after each report
	lossExpected = 0.01 // less is none
)

func (f *farReport) expect(lost float64) { f.expected = max(lost, lossFade*f.expected) }

// suppose expects what we have lost ourselves, until the far side reports: its packets and ours mostly go the same way.
// The caller holds mu.
func (c *Core) suppose(lost float64) {
	if c.far.reports == 0 {
		c.far.expect(lost)
		c.out.expectLoss(c.far.expected)
	}
}

// LastControl is when the last RTCP of the far side came; zero: never.
func (c *Core) LastControl() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.far.heard
}

// ntp is the time in the form of NTP: seconds since 1900 and their fraction, 32 bits each.
func ntp(t time.Time) uint64 {
	const from1900 = 2208988800
	return uint64(t.Unix()+from1900)<<32 | uint64(t.Nanosecond())<<32/uint64(time.Second)
}

// senderState is what a sender report says: counts, and the timestamp that belongs to now.
func (s *Stream) senderState(now time.Time) (packets, octets uint64, timestamp uint32) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.packets, s.octets, s.clock.now(now)
}
