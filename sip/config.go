package sip

import (
	"net/http"
	"net/netip"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.uber.org/zap"

	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/sip/caller"
	"github.com/cordboard/cordboard/sip/limits"
	"github.com/cordboard/cordboard/sip/number"
	"github.com/cordboard/cordboard/sip/targets"
)

// Config is all that an Endpoint needs to know. Only listeners, Users (when anybody may register) and Trunks (when
// anybody may call from outside) have no useful zero value.
type Config struct {
	Log     *zap.Logger           // nil: silent
	Metrics prometheus.Registerer // nil: not counted anywhere

	UDP, TCP []string // listen addresses, "127.0.0.1:5060"; port 0 lets the system choose, Addrs tells which
	TLS      []string // the same, for TLS 1.2 and later
	// Certificate is shown to who connects by TLS, and to those we connect to who ask for one.
	Certificate Certificate
	Advertise   netip.Addr // what Via and Contact say when a listener is bound to a wildcard; zero: the bound address
	UserAgent   string     // User-Agent and Server; default "Cordboard"
	Realm       string     // of the digest challenges; default "cordboard"
	// Algorithms are offered to desk phones in this order, "SHA-256" and "MD5" by default (RFC 8760). Some phones, baresip
	// 1.0 among them, give up at a challenge they do not know; one that comes back without credentials is offered MD5
	// alone. Browsers are always offered MD5 alone: JsSIP reads the first challenge only.
	Algorithms []string

	Trunks        []Trunk
	PhoneNetworks []netip.Prefix // where desk phones may register from
	Users         Users          // who may register and call; nil: nobody
	Door          DoorConfig     // browsers
	PhoneTimer    SessionTimer   // of desk phones; a browser is not asked for one, our OPTIONS are its sign of life
	Tap           Tap            // nil: nobody is told of messages, which then costs nothing
	MaxDialogs    int            // more inbound calls than this are refused with 503; default 5000

	DNS targets.DNS // nil: that of this machine

	Timeouts Timeouts
}

// Trunk is a line to the world: a carrier, a PBX, an SBC.
type Trunk struct {
	Name string
	// Sources are whose requests are this trunk's; the longest prefix of all trunks wins. A target that is an address is one
	// of them; where DNS leads a target that is a name, is one as long as there are no others.
	Sources []netip.Prefix
	// Targets are where our calls go, tried as their priorities and weights say, with every address that each has; none:
	// the trunk is for incoming calls only.
	Targets []targets.Target
	// Probe is the pause between two OPTIONS to each hop; 0: none are sent, and only calls tell whether it lives.
	Probe    time.Duration
	Username string // for a trunk that challenges us (RFC 3261 section 22); empty: it must not
	Password string
	Domain   string // host part of From and To towards the trunk; empty: our address and the target's host
	Register Register
	// Challenge is asked for with every call that comes in, beside the sources; of several trunks that share sources it tells
	// which one calls. Zero: the address is enough.
	Challenge Challenge
	Timer     SessionTimer
	Reliable  Reliability

	Numbers number.Plan   // how numbers are written, by it and to it
	Caller  caller.Policy // what it is told of who calls; Plan and Domain are the trunk's
	Trusted bool          // what it says in P-Asserted-Identity, Remote-Party-ID, Diversion and History-Info is believed
	// DefaultNumber is named to a trunk that must know who calls, when the number shown is withheld.
	DefaultNumber call.Number
	Limits        limits.Config
	TLS           TrunkTLS
}

// Register is how a trunk registers at its targets.
type Register struct {
	User    string        // of the address of record, whose host is Trunk.Domain or the first target's; and of our Contact
	Expires time.Duration // what we ask for, at most; 0: it does not register
}

// Challenge is what a trunk must know to call us.
type Challenge struct{ Username, Password string }

// Users says who may register and call.
type Users interface {
	// Password returns the secret of a digest user name, which may be a short-lived credential, and the address of
	// record it stands for.
	Password(username string) (password, aor string, ok bool)
	// AOR returns the canonical address of record (the agent's id) for the user part of a URI: an id, an extension.
	AOR(user string) (canonical string, ok bool)
}

// DoorConfig is how browsers get in.
type DoorConfig struct {
	Path             string        // the only path served; default "/sip"
	Origins          []string      // allowed Origin headers; empty: the same origin only
	MaxSockets       int           // all browsers together; default 10000
	PerAddress       int           // from one client address; default 100, an office behind one NAT
	HandshakeTimeout time.Duration // default 10 s
	// TrustedProxies are reverse proxies whose X-Forwarded-For names the client.
	TrustedProxies []netip.Prefix
	// Authenticate reads the session of the upgrade request. aor "" lets the socket in, but it must answer a digest
	// challenge; an error refuses it.
	Authenticate func(*http.Request) (aor string, err error)
}

// Timeouts are the waits of the signalling. Zero means the default.
type Timeouts struct {
	// T1 and T2 pace what we retransmit ourselves, 2xx to INVITE (RFC 3261 section 13.3.1.4). 500 ms and 4 s.
	T1, T2 time.Duration
	// NoACK is how long a 2xx of ours waits for its ACK before we hang up: 64*T1 = 32 s (same section).
	NoACK time.Duration
	// Bye is how long a BYE, CANCEL or other short request waits for its answer before we consider it said. 5 s: the
	// call is over for us whatever the far side answers.
	Bye time.Duration
	// Remind is the pause after which a provisional response is said again while a caller waits for the answer. 1 min
	// (RFC 3261 section 13.3.1.1).
	Remind time.Duration
	// ByeBeforeACK is how long a BYE of ours waits for the ACK of our 2xx (RFC 3261 section 15). 5 s.
	ByeBeforeACK time.Duration
	// Reoffer is how long a re-INVITE of ours waits for its answer. 32 s, as every transaction.
	Reoffer time.Duration
	// Request is how long a request inside a dialog waits for the user of this package to respond before we do. 5 s:
	// the sender's own transaction gives up after 32 s, a person after less.
	Request time.Duration
	// KeepAlive is the pause between two OPTIONS to each registered device. 25 s: below the 30 s after which the
	// stricter NAT boxes forget a UDP mapping, and below half of SocketIdle.
	KeepAlive time.Duration
	// SocketIdle closes a browser's socket that says nothing at all. 60 s: it answers our OPTIONS every 25 s.
	SocketIdle time.Duration
	// StreamIdle closes a TCP connection that says nothing at all. 10 min: trunks keep theirs open between calls.
	StreamIdle time.Duration
	// FlowGrace is how long a dialog lives on after its browser's socket was lost. 30 s: a Wi-Fi change or a page that
	// reconnects takes seconds, and the sound goes on meanwhile.
	FlowGrace time.Duration
	// Goodbye is how long Close lets the BYEs of the calls that are up go out before it closes the transports. 2 s.
	Goodbye time.Duration
	// Dial is how long a TCP connection to a trunk may take. 5 s: an unreachable trunk must fail over quickly.
	Dial time.Duration
	// Silence is how long a trunk's hop may say nothing at all, not even 100, before a call tries the next one. 5 s: four
	// transmissions over UDP (RFC 3261 timer A), and no caller is patient with a silent line.
	Silence time.Duration
	// Certificates is the pause between two looks at whether the files of certificates have changed. 30 s.
	Certificates time.Duration
}

func (c Config) withDefaults() Config {
	if c.Log == nil {
		c.Log = zap.NewNop()
	}
	if c.Metrics == nil {
		c.Metrics = prometheus.NewRegistry()
	}
	orString(&c.UserAgent, "Cordboard")
	orString(&c.Realm, "cordboard")
	if c.MaxDialogs == 0 {
		c.MaxDialogs = 5000
	}
	if c.Door.MaxSockets == 0 {
		c.Door.MaxSockets = 10000
	}
	or(&c.Door.HandshakeTimeout, 10*time.Second)
	c.Timeouts = c.Timeouts.withDefaults()
	c.PhoneTimer = c.PhoneTimer.withDefaults()
	return c
}

func (t Timeouts) withDefaults() Timeouts {
	or(&t.T1, 500*time.Millisecond)
	or(&t.T2, 4*time.Second)
	or(&t.NoACK, 64*t.T1)
	or(&t.Bye, 5*time.Second)
	or(&t.Remind, time.Minute)
	or(&t.ByeBeforeACK, 5*time.Second)
	or(&t.Reoffer, 32*time.Second)
	or(&t.Request, 5*time.Second)
	or(&t.KeepAlive, 25*time.Second)
	or(&t.SocketIdle, 60*time.Second)
	or(&t.StreamIdle, 10*time.Minute)
	or(&t.FlowGrace, 30*time.Second)
	or(&t.Goodbye, 2*time.Second)
	or(&t.Dial, 5*time.Second)
	or(&t.Silence, 5*time.Second)
	or(&t.Certificates, certificatesChecked)
	return t
}

func or(d *time.Duration, def time.Duration) {
	if *d == 0 {
		*d = def
	}
}

func orString(s *string, def string) {
	if *s == "" {
		*s = def
	}
}
