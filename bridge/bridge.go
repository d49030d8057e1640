package bridge

import (
	"context"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/rtp"
	"github.com/cordboard/cordboard/rtp/sdes"
	"github.com/cordboard/cordboard/rtp/udp"
	"github.com/cordboard/cordboard/sip"
)

// Sound makes the media of legs. codecs are those allowed, the preferred one first; name is for logs.
type Sound interface {
	// Plain is RTP over UDP, protected by keys in the SDP where that is agreed.
	Plain(Line) (rtp.Session, error)
	// Browser is WebRTC.
	Browser(name string, codecs []rtp.Codec) (rtp.Session, error)
}

// Line is what a leg on RTP over UDP needs.
type Line struct {
	Name   string // for logs
	Kind   string // labels its metrics: "trunk" or "phone"
	Codecs []rtp.Codec
	Keys   sdes.Protection
	Tones  bool                       // keys are listened for in the sound although events were agreed
	Alive  func(context.Context) bool // asks by SIP whether a party is there of whom nothing is heard
}

// Stories is whom the bridge brings calls to; each method returns when the call is over.
type Stories interface {
	// FromTrunk tells the story of a call from outside.
	FromTrunk(l call.Leg, in Incoming)
	// FromAgent tells the story of a call that one of us places.
	FromAgent(l call.Leg, in Incoming)
}

// Incoming is what a call that comes in says of itself.
type Incoming struct {
	ID      call.ID
	Trunk   string // the line it came by; empty: from one of us
	Agent   string // who placed it; empty: from outside
	Dialled string // as dialled
	Caller  call.Party
	// Diverted is whom the caller dialled, when somebody sent the call on to us; empty: nobody did.
	Diverted call.Number
	Shown    call.Number // the display number an agent wishes for
	Hide     bool        // she wishes to show none (RFC 3323)
	Token    string      // what the application gave her phone, X-Cordboard-Token
	At       time.Time
}

// Policy says which codecs a kind of party may speak, the preferred one first, and how its sound is protected.
type Policy struct {
	Trunk     map[string][]rtp.Codec // by trunk name
	Phone     []rtp.Codec
	Browser   []rtp.Codec
	TrunkKeys map[string]sdes.Protection // by trunk name
	PhoneKeys sdes.Protection
	Tones     map[string]bool // by trunk name: keys come as tones, too
}

// Parts are what a Bridge is made of.
type Parts struct {
	Sound   Sound
	Stories Stories
	Policy  Policy
	Watcher Watcher // nil: nobody is told
	Log     *zap.Logger
	Metrics prometheus.Registerer
}

// Bridge makes legs.
type Bridge struct {
	Parts
	policy   atomic.Pointer[Policy]       // replaced as a whole
	endpoint atomic.Pointer[sip.Endpoint] // set by Use; the first call may come in before
	legs     prometheus.Gauge
	work     sync.WaitGroup // every leg's goroutine
}

// New makes a bridge. It is the sip.Calls of an endpoint, which Use then names.
func New(p Parts) *Bridge {
	b := &Bridge{Parts: p, legs: prometheus.NewGauge(prometheus.GaugeOpts{Name: "cordboard_legs_active", Help: "Legs that are up or ringing."})}
	p.Metrics.MustRegister(b.legs)
	b.Allow(p.Policy)
	return b
}

// Allow replaces the policy, for legs that begin later.
func (b *Bridge) Allow(p Policy) { b.policy.Store(&p) }

// Use names the endpoint by which the bridge dials.
func (b *Bridge) Use(e *sip.Endpoint) { b.endpoint.Store(e) }

// Close waits until every leg has given back what it had. The calls have been ended before.
func (b *Bridge) Close() { b.work.Wait() }

// Inbound is a call that comes in; it returns when the call is over.
func (b *Bridge) Inbound(_ context.Context, d *sip.Dialog) {
	in := Incoming{ID: call.NewID(), Dialled: d.Called(), At: time.Now(), Token: d.Header("X-Cordboard-Token")}
	switch from := d.Origin().(type) {
	case sip.FromTrunk:
		said := d.Introduction()
		in.Trunk, in.Caller, in.Diverted = from.Trunk, said.Caller, said.Diverted
		if said.Called != "" {
			in.Dialled = string(said.Called)
		}
		if l := b.take(d, in, b.policy.Load().Trunk[from.Trunk]); l != nil {
			defer l.close()
			b.Stories.FromTrunk(l, in)
		}
	case sip.FromUser:
		in.Agent, in.Caller = from.AOR, call.Party{Agent: from.AOR, Name: d.From().Display}
		in.Shown, in.Hide = call.Number(d.Header("X-Cordboard-Display")), withheld(d)
		if l := b.take(d, in, b.codecsOf(d)); l != nil {
			defer l.close()
			b.Stories.FromAgent(l, in)
		}
	}
}

// take makes the leg of a call that came in, or refuses it at once when its offer leads nowhere.
func (b *Bridge) take(d *sip.Dialog, in Incoming, allowed []rtp.Codec) *leg {
	l := b.newLeg(in.ID, d, in.Caller)
	if device, ok := d.Device(); ok {
		l.browser = device.Browser()
	}
	l.kind = kindOf(in.Trunk, l.browser)
	l.keys, l.trunk = b.keysOf(in.Trunk), in.Trunk
	l.allowed = allowed
	l.began(d)
	if offer := d.Offer(); offer != nil {
		offered, err := rtp.Offered(offer)
		if err == nil && len(common(allowed, offered)) == 0 {
			err = &rtp.Unacceptable{Why: "no codec in common"}
		}
		if err == nil && !l.browser {
			err = udp.Refuses(offer, l.keys)
		}
		if err != nil {
			l.log.Info("call refused", zap.Error(err))
			l.fault = err // nobody else knows the leg yet
			l.Hangup(call.Ending{By: call.ByUs, Reason: call.NotAcceptable})
			l.over()
			return nil
		}
		l.allowed = common(allowed, offered)
	}
	l.serve(d, nil)
	return l
}

// codecsOf is what one of our own devices may speak.
func (b *Bridge) codecsOf(d *sip.Dialog) []rtp.Codec {
	if device, ok := d.Device(); ok && device.Browser() {
		return b.policy.Load().Browser
	}
	return b.policy.Load().Phone
}

// keysOf is how the sound of a trunk is protected; no trunk: that of a desk phone.
func (b *Bridge) keysOf(trunk string) sdes.Protection {
	if trunk == "" {
		return b.policy.Load().PhoneKeys
	}
	return b.policy.Load().TrunkKeys[trunk]
}

func kindOf(trunk string, browser bool) string {
	switch {
	case trunk != "":
		return "trunk"
	case browser:
		return "browser"
	}
	return "phone"
}

// withheld reports whether the caller asks for privacy of who he is (RFC 3323 section 4.2, RFC 3325 section 9.3).
func withheld(d *sip.Dialog) bool {
	switch d.Header("Privacy") {
	case "", "none":
		return false
	}
	return true
}

// common are the codecs of a that are also in b, in the order of a.
func common(a, b []rtp.Codec) []rtp.Codec {
	var both []rtp.Codec
	for _, c := range a {
		for _, o := range b {
			if c == o {
				both = append(both, c)
				break
			}
		}
	}
	return both
}

// foreign puts a text that may hold anything into a header field.
func foreign(s string) string { return url.PathEscape(s) }
