package rtp

import (
	"errors"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"
)

// Terms are what we are willing to agree to on RTP without DTLS.
type Terms struct {
	Local  netip.AddrPort // where we receive RTP, as the far side reaches it; RTCP is at the next port
	Codecs []Codec        // in order of preference; none: PCMA, PCMU, G722, Opus
	Wish   Direction      // what we want; SendRecv unless we hold the far side ourselves
	// Playback is told to an Opus sender: the highest sampling rate in Hz of use to us (8000 towards a narrow-band
	// leg, 16000 towards a wide-band one; RFC 7587 section 6.1). 0: nothing is said.
	Playback int
	Name     string // in the o= line; "cordboard" when empty
	// Reaches tells the addresses we can send to, of an IP family at least; nil: all.
	Reaches func(netip.Addr) bool
	Pauses  Pauses // of the far side
	Tones   bool   // the far side may send keys as tones although it agrees to events
	Keys    Keys   // nil: nothing is protected, and SRTP is refused
}

// Pauses are whether the far side may send comfort noise in the place of silence (RFC 3389).
type Pauses uint8

// The ways to take a far side's pauses.
const (
	PausesRefused Pauses = iota
	PausesTaken          // where it offers them
	PausesOffered        // by us as well
)

// Keys agree on the protection of the sound, by a transport and the crypto attributes of an m-line (RFC 4568). A method
// either succeeds or changes nothing; its errors are *Unacceptable. One that was successful may be the last word on a
// description that is refused for another reason, so keys are asked last.
type Keys interface {
	// Offer gives the transport of our m-line and the values of its crypto attributes.
	Offer() (proto string, crypto []string)
	// Answer takes those of the far side's offer and gives ours for the answer, whose transport is the same.
	Answer(proto string, crypto []string) (ours []string, err error)
	// Accept takes those of an answer to our last offer; it may come again and differ.
	Accept(proto string, crypto []string) error
}

// Agreement is what an offer and its answer have come to, from our side. It is not changed afterwards.
type Agreement struct {
	Send      *Format
	Receive   map[uint8]*Format // by payload type, telephone-event included; see Core.SetFormats
	Direction Direction
	Remote    netip.AddrPort // where they receive RTP; invalid: nowhere (refused, or held the old way with 0.0.0.0)
	Control   netip.AddrPort // where they receive RTCP
	Mux       bool           // RTCP comes and goes on the RTP port (RFC 5761)
}

// Negotiation is one party's side of the offer/answer model (RFC 3264) for RTP without DTLS: it remembers what was said
// before, so that payload types and m-lines stay where they are. One goroutine at a time may use it.
type Negotiation struct {
	terms   Terms
	id      uint64
	version uint64
	said    []byte // our last description without its o= line
	numbers numbers
	line    int            // which m-line carries the sound
	lines   []rejectedLine // all m-lines of the last description, in place
	mux     bool
	agreed  *Agreement
	offered []Format // what our last offer contained; nil: the last offer was theirs
}

// NewNegotiation begins a negotiation.
func NewNegotiation(t Terms) *Negotiation {
	if len(t.Codecs) == 0 {
		t.Codecs = []Codec{PCMA, PCMU, G722, Opus}
	}
	if t.Name == "" {
		t.Name = "cordboard"
	}
	// Below 2^62: there are parties that keep it in a signed number of 63 bits.
	n := &Negotiation{terms: t, id: rand.Uint64N(1<<62-1) + 1, version: rand.Uint64N(1<<31) + 1, numbers: newNumbers()}
	n.lines = []rejectedLine{{}}
	return n
}

// Prefer changes the order of codecs for negotiations to come. A codec already agreed stays while it is offered.
func (n *Negotiation) Prefer(codecs []Codec) { n.terms.Codecs = slices.Clone(codecs) }

// Wish changes the direction we want from the next offer or answer on.
func (n *Negotiation) Wish(d Direction) { n.terms.Wish = d }

// Offer gives our description: all our codecs the first time, later what was agreed.
func (n *Negotiation) Offer() ([]byte, error) {
	var table []Format
	if n.agreed != nil && n.agreed.Send != nil {
		table = []Format{*n.received()}
	} else {
		for _, c := range n.terms.Codecs {
			f := n.numbers.format(c)
			if n.terms.Pauses == PausesOffered && c.Clock == Comfort.Clock {
				f.Comfort = comfortPayload
			}
			table = append(table, f)
		}
	}
	n.offered = table
	proto, crypto := audioProto, []string(nil)
	if n.terms.Keys != nil {
		proto, crypto = n.terms.Keys.Offer()
	}
	return n.describe(table, n.terms.Wish, proto, crypto), nil
}

// received is the format of the agreed codec as the far side sends it to us.
func (n *Negotiation) received() *Format {
	for _, f := range n.agreed.Receive {
		if f.Codec == n.agreed.Send.Codec {
			return f
		}
	}
	return n.agreed.Send
}

// Answer takes an offer and gives our answer to it, and what is agreed now. *Unacceptable changes nothing.
func (n *Negotiation) Answer(offer []byte) ([]byte, *Agreement, error) {
	d, err := parseDescription(offer)
	if err != nil {
		return nil, nil, err
	}
	media, err := d.sound(n.line, n.agreed != nil, n.terms.Keys != nil)
	if err != nil {
		return nil, nil, err
	}
	next := *n
	next.lines, next.offered = d.lines(), nil
	var body []byte
	if media == nil { // they took the sound away; so do we (RFC 3264 section 8.2)
		next.agreed = &Agreement{Direction: Inactive}
		body = next.describe(nil, Inactive, audioProto, nil)
	} else {
		body, err = next.answer(d, media)
	}
	if err != nil {
		return nil, nil, err
	}
	*n = next
	return body, n.agreed, nil
}

func (n *Negotiation) answer(d *description, media *soundLine) ([]byte, error) {
	chosen, ok := n.choose(media)
	if !ok {
		return nil, &Unacceptable{Why: "no common codec; offered are " + media.names()}
	}
	remote, held, err := d.where(media, n.terms.Reaches)
	if err != nil {
		return nil, err
	}
	var crypto []string
	if n.terms.Keys != nil {
		if crypto, err = n.terms.Keys.Answer(media.proto, media.crypto()); err != nil {
			return nil, err
		}
	}
	if n.terms.Pauses == PausesRefused {
		chosen.Comfort = 0
	}
	chosen.Tones = n.terms.Tones
	n.numbers.learn(chosen)
	n.line, n.mux = media.index, media.mux
	n.agreed = &Agreement{
		Send: &chosen, Receive: receiving([]Format{chosen}), Direction: d.direction(media, held).Answer(n.terms.Wish),
		Remote: remote, Control: d.control(media, remote), Mux: media.mux,
	}
	return n.describe([]Format{chosen}, n.agreed.Direction, media.proto, crypto), nil
}

// choose finds the codec to answer with: the agreed one while it is offered, else the first of our order.
func (n *Negotiation) choose(media *soundLine) (Format, bool) {
	order := n.terms.Codecs
	if n.agreed != nil && n.agreed.Send != nil {
		order = append([]Codec{n.agreed.Send.Codec}, order...)
	}
	for _, c := range order {
		if f, ok := media.format(c); ok {
			return f, true
		}
	}
	return Format{}, false
}

var errNoOffer = errors.New("an answer came, but the last offer was not ours")

// Accept takes the answer to our last offer. It may come again, and differ: a 183 with one description may be followed by
// another 183 or a 200 with that of somebody else (RFC 3261 section 13.2.2.4; forking, announcements of the carrier).
func (n *Negotiation) Accept(answer []byte) (*Agreement, error) {
	if n.offered == nil {
		return nil, errNoOffer
	}
	d, err := parseDescription(answer)
	if err != nil {
		return nil, err
	}
	media, err := d.sound(n.line, true, n.terms.Keys != nil)
	if err != nil {
		return nil, err
	}
	if media == nil {
		return nil, &Unacceptable{Why: "the far side refused the sound (port 0)"}
	}
	remote, held, err := d.where(media, n.terms.Reaches)
	if err != nil {
		return nil, err
	}
	var common []Format // what both said, with our numbers, as we shall receive it
	var send *Format
	for _, theirs := range media.codecs {
		i := slices.IndexFunc(n.offered, func(f Format) bool { return f.Codec == theirs.Codec })
		if i < 0 {
			continue
		}
		ours := n.offered[i]
		ours.Event, ours.EventClock, ours.Tones = 0, 0, n.terms.Tones
		if theirs.Comfort == 0 {
			ours.Comfort = 0
		}
		if clock := theirs.eventClock(); theirs.Event != 0 {
			ours.Event = *n.numbers.event(clock)
			if clock != ours.Codec.Clock {
				ours.EventClock = clock
			}
		}
		common = append(common, ours)
		if send == nil {
			send = &theirs
		}
	}
	if send == nil {
		return nil, &Unacceptable{Why: "no common codec; answered are " + media.names()}
	}
	if n.terms.Keys != nil {
		if err := n.terms.Keys.Accept(media.proto, media.crypto()); err != nil {
			return nil, err
		}
	}
	a := &Agreement{Send: send, Receive: receiving(common), Remote: remote, Control: d.control(media, remote), Mux: media.mux && n.mux}
	a.Direction = d.direction(media, held).Answer(n.terms.Wish)
	n.agreed = a
	return a, nil
}

// receiving maps payload types to formats.
func receiving(table []Format) map[uint8]*Format {
	m := map[uint8]*Format{}
	for _, f := range table {
		m[f.Payload] = &f
		for _, beside := range [...]uint8{f.Event, f.Comfort} {
			if _, taken := m[beside]; beside != 0 && !taken {
				m[beside] = &f
			}
		}
	}
	return m
}

// numbers are the payload types we use in our offers. A far side that named other ones first is followed, so that a
// number never changes its meaning within a call (RFC 3264 section 8.3.2).
type numbers struct {
	codecs [len(spoken)]uint8 // in the order of spoken
	events [len(clocks)]uint8 // in the order of clocks
}

// spoken are the codecs that have numbers; clocks are their rates, in Hz.
var (
	spoken = [...]Codec{PCMU, PCMA, G722, Opus} //nolint:gochecknoglobals // a constant
	clocks = [...]int{8000, 48000}              //nolint:gochecknoglobals // a constant
)

func newNumbers() numbers {
	return numbers{codecs: [...]uint8{0, 8, 9, 111}, events: [...]uint8{101, 110}}
}

// codec is the place of a codec's number, and event that of the telephone-event with that clock.
func (n *numbers) codec(c Codec) *uint8 { return &n.codecs[max(0, slices.Index(spoken[:], c))] }
func (n *numbers) event(clock int) *uint8 {
	return &n.events[max(0, slices.Index(clocks[:], clock))]
}

// format of a codec as we offer it.
func (n *numbers) format(c Codec) Format {
	return Format{Codec: c, Payload: *n.codec(c), Event: *n.event(c.Clock), Ptime: Tick, FEC: c == Opus}
}

// learn takes over the numbers of the far side. What is pushed off its number moves to a free one.
func (n *numbers) learn(f Format) {
	codec, event := n.codec(f.Codec), n.event(f.eventClock())
	for i, pt := range n.codecs {
		if &n.codecs[i] != codec && (pt == f.Payload || pt == f.Event && f.Event != 0) {
			n.codecs[i] = n.free(f)
		}
	}
	for i, pt := range n.events {
		if &n.events[i] != event && (pt == f.Payload || pt == f.Event) {
			n.events[i] = n.free(f)
		}
	}
	*codec = f.Payload
	if f.Event != 0 {
		*event = f.Event
	} else if *event == f.Payload {
		*event = n.free(f)
	}
}

// free is a dynamic number nobody uses (RFC 3551 section 6: 96 to 127).
func (n *numbers) free(f Format) uint8 {
	for pt := uint8(96); pt < 128; pt++ {
		if pt != f.Payload && pt != f.Event && !slices.Contains(n.codecs[:], pt) && !slices.Contains(n.events[:], pt) {
			return pt
		}
	}
	return 127
}

// sendablePtime is the packet time nearest to a wish that our beats can make, not above most.
func sendablePtime(wish, most time.Duration) time.Duration {
	if wish <= 0 {
		wish = Tick
	}
	if most > 0 {
		wish = min(wish, most)
	}
	return min(max(wish/Tick, 1), longestSilence) * Tick
}
