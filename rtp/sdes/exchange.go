package sdes

import (
	"slices"
	"strings"
)

// Policy is whether a line is protected.
type Policy uint8

// The policies of a trunk or a phone.
const (
	Off       Policy = iota // never: an offer of SRTP alone is refused
	Preferred               // when the far side can; our own offer is RTP/AVP with keys, which those who cannot overlook
	Required                // always: what comes without is refused
)

// Protection is what may be agreed to on a line.
type Protection struct {
	Policy Policy
	Suites []Suite // in order of our offers; none: all
}

// Exchange begins an exchange.
func (p Protection) Exchange() *Exchange { return NewExchange(p.Policy, p.Suites...) }

// The transports of the sound (RFC 3551, RFC 3711 section 12, RFC 5124), without DTLS.
const (
	Plain  = "RTP/AVP"
	Secure = "RTP/SAVP"
)

// Refused is an offer or an answer that cannot be agreed to. Why is for people, and holds no key.
type Refused struct{ Why string }

func (r *Refused) Error() string { return "keys not acceptable: " + r.Why }

// Agreed are the two directions of a protected line. It is not changed afterwards.
type Agreed struct{ Ours, Theirs Crypto }

// Exchange is one party's side of the agreement on keys for one m-line, over all offers and answers of a call (RFC 4568
// sections 5.1 and 7.1). Its methods either succeed or change nothing. A copy of it is independent, so that one who
// negotiates several things at once may go back. One goroutine at a time may use it.
type Exchange struct {
	// Tolerate are parameters of a far side that we put up with beside UNENCRYPTED_SRTCP, which tells nobody what was said.
	Tolerate Params

	policy  Policy
	suites  []Suite
	ours    [AES256GCM + 1]Key // by suite; made when first said, and then for life
	offered []Crypto           // by our last offer; nil: there was none, or it was plain
	asked   bool               // the last offer was ours
	settled bool               // there was an agreement
	proto   string             // of the last agreement
	agreed  *Agreed            // nil: plain
}

// NewExchange begins with what may be agreed to: suites in order of our offers, all when none is named.
func NewExchange(p Policy, suites ...Suite) *Exchange {
	if len(suites) == 0 {
		suites = Suites()
	}
	return &Exchange{policy: p, suites: slices.Clone(suites)}
}

// Rekey gives us new keys from the next offer or answer on. They begin with a roll-over count of zero. RFC 4568 section
// 7.1.4 wants it when our address changes; without that, and without a wish of the far side, keys stay for life.
func (x *Exchange) Rekey() { x.ours = [AES256GCM + 1]Key{} }

// Agreed is the present agreement; nil: plain, or none yet.
func (x *Exchange) Agreed() *Agreed { return x.agreed }

// Offer gives the transport of our m-line and the values of its crypto attributes: everything of ours at first, later
// what was agreed, with the same tag and key, so that the far side's contexts go on.
func (x *Exchange) Offer() (proto string, crypto []string) {
	x.asked, x.offered = true, nil
	switch {
	case x.settled && x.agreed != nil:
		c := x.agreed.Ours
		c.Keys = []Key{x.key(c.Suite)}
		x.offered = []Crypto{c}
		return x.proto, write(x.offered)
	case x.settled && x.policy != Required, x.policy == Off:
		return Plain, nil
	}
	for i, s := range x.suites {
		x.offered = append(x.offered, Crypto{Tag: i + 1, Suite: s, Keys: []Key{x.key(s)}})
	}
	if x.policy == Required {
		return Secure, write(x.offered)
	}
	return Plain, write(x.offered)
}

// Answer takes the transport and the crypto attributes of the far side's m-line, and gives ours for the answer, whose
// transport is the same. Nil for both: the line is plain. The error is *Refused.
func (x *Exchange) Answer(proto string, crypto []string) ([]string, *Agreed, error) {
	secure, err := transport(proto)
	if err != nil {
		return nil, nil, err
	}
	if secure && x.policy == Off {
		return nil, nil, &Refused{"the offer asks for SRTP (" + proto + "), which this line does not speak"}
	}
	theirs, why := Crypto{}, "it has none"
	if x.policy != Off {
		theirs, why = x.choose(crypto)
	}
	if why != "" {
		if secure || x.policy == Required {
			return nil, nil, &Refused{"no key of the offer can be used: " + why}
		}
		x.settle(proto, nil)
		return nil, nil, nil
	}
	ours := Crypto{Tag: theirs.Tag, Suite: theirs.Suite, Keys: []Key{x.key(theirs.Suite)}, Params: theirs.Params.shared()}
	a := &Agreed{Ours: ours, Theirs: theirs}
	x.settle(proto, a)
	return write([]Crypto{ours}), a, nil
}

// Accept takes the transport and the crypto attributes of an answer to our last offer. It may come again and differ
// (early media, then the callee). Nil without an error: the line is plain. The error is *Refused.
func (x *Exchange) Accept(proto string, crypto []string) (*Agreed, error) {
	secure, err := transport(proto)
	if err != nil {
		return nil, err
	}
	switch {
	case !x.asked:
		return nil, &Refused{"an answer came, but the last offer was not ours"}
	case len(crypto) == 0 && (secure || x.policy == Required):
		return nil, &Refused{"the answer has no key"}
	case len(crypto) == 0 || x.offered == nil && !secure: // keys that nobody asked for mean nothing
		x.accepted(proto, nil)
		return nil, nil
	case x.offered == nil:
		return nil, &Refused{"the answer asks for SRTP (" + proto + "), which was not offered"}
	case len(crypto) > 1:
		return nil, &Refused{"the answer has several keys to choose from"}
	}
	theirs, err := Parse(crypto[0])
	if err == nil {
		err = x.usable(&theirs)
	}
	if err != nil {
		return nil, &Refused{"the key of the answer cannot be used: " + err.Error()}
	}
	i := slices.IndexFunc(x.offered, func(c Crypto) bool { return c.Tag == theirs.Tag })
	if i < 0 || x.offered[i].Suite != theirs.Suite || x.offered[i].Params.shared() != theirs.Params.shared() {
		return nil, &Refused{"the answer " + theirs.String() + " is to nothing that was offered"}
	}
	x.accepted(proto, &Agreed{Ours: x.offered[i], Theirs: theirs})
	return x.agreed, nil
}

// settled by an answer of ours: the next word is an offer.
func (x *Exchange) settle(proto string, a *Agreed) {
	x.accepted(proto, a)
	x.asked, x.offered = false, nil
}

// accepted is settled by an answer of theirs, which another one may follow.
func (x *Exchange) accepted(proto string, a *Agreed) {
	x.settled, x.proto, x.agreed = true, proto, a
}

// choose finds the line of an offer to answer to: that of the suite we have agreed to before, else the first in the far
// side's order of preference (RFC 4568 section 5.1.2). why: there is none.
func (x *Exchange) choose(crypto []string) (chosen Crypto, why string) {
	if len(crypto) > maxLines {
		crypto = crypto[:maxLines]
	}
	var reasons []string
	found := false
	for _, value := range crypto {
		c, err := Parse(value)
		if err == nil {
			err = x.usable(&c)
		}
		if err != nil {
			reasons = append(reasons, err.Error())
			continue
		}
		if x.agreed != nil && c.Suite == x.agreed.Ours.Suite {
			return c, ""
		}
		if !found {
			chosen, found = c, true
		}
	}
	switch {
	case found:
		return chosen, ""
	case len(reasons) == 0:
		return Crypto{}, "it has none"
	}
	return Crypto{}, strings.Join(reasons, "; ")
}

// maxLines is how many crypto attributes of an m-line are read.
const maxLines = 16

// usable says why a line of the far side that could be read cannot be used.
func (x *Exchange) usable(c *Crypto) error {
	switch p := c.Params; {
	case !slices.Contains(x.suites, c.Suite):
		return &notUsed{c.Suite.String() + " is not wanted here"}
	case p.KDR != 0:
		return &notUsed{"keys that are derived anew (KDR)"} // no phone is known to do it
	case p.UnencryptedRTP && !x.Tolerate.UnencryptedRTP:
		return &notUsed{"sound that is not encrypted (UNENCRYPTED_SRTP)"}
	case p.Unauthenticated && !x.Tolerate.Unauthenticated:
		return &notUsed{"sound that is not authenticated (UNAUTHENTICATED_SRTP)"}
	}
	return nil
}

type notUsed struct{ why string }

func (n *notUsed) Error() string { return n.why }

// key is ours for a suite.
func (x *Exchange) key(s Suite) Key {
	if x.ours[s].secret == nil {
		x.ours[s] = NewKey(s)
	}
	return x.ours[s]
}

// shared are the parameters that hold for both directions and are repeated in an answer.
func (p Params) shared() Params {
	return Params{UnencryptedRTP: p.UnencryptedRTP, UnencryptedRTCP: p.UnencryptedRTCP, Unauthenticated: p.Unauthenticated}
}

// transport tells whether an m-line's transport is SRTP.
func transport(proto string) (secure bool, err error) {
	switch proto {
	case Secure, "RTP/SAVPF":
		return true, nil
	case Plain, "RTP/AVPF":
		return false, nil
	}
	return false, &Refused{"keys in the description do not belong to " + proto}
}

func write(lines []Crypto) []string {
	values := make([]string, len(lines))
	for i := range lines {
		values[i] = string(lines[i].Append(nil))
	}
	return values
}
