package configs

import (
	"net/netip"
	"time"
)

// SIP is the signalling of trunks and desk phones. Browsers come through the HTTP door.
type SIP struct {
	UDP []string `yaml:"udp"` // host:port to listen on
	TCP []string `yaml:"tcp"` // host:port to listen on
	// Advertise is the host or address that Contact and Via show to the world, when it is not the one we listen on.
	Advertise string `yaml:"advertise"`
	Realm     string `yaml:"realm"`      // of digest authentication
	UserAgent string `yaml:"user_agent"` // of the Server and User-Agent headers
	// PhoneNetworks are where desk phones may register and call from. Everyone else who is not a trunk is not heard.
	PhoneNetworks []netip.Prefix `yaml:"phone_networks"`
	Timeouts      SIPTimeouts    `yaml:"timeouts"`
}

// SIPTimeouts are the waits of signalling that an operator may want to change.
type SIPTimeouts struct {
	Ring        time.Duration `yaml:"ring"`         // how long an outbound call may ring before we cancel it
	Setup       time.Duration `yaml:"setup"`        // how long a trunk may take to say anything but 100 before the next way is tried
	Session     time.Duration `yaml:"session"`      // Session-Expires that we ask of a trunk (RFC 4028)
	RegisterMin time.Duration `yaml:"register_min"` // shortest registration; a shorter wish is refused with 423
	RegisterMax time.Duration `yaml:"register_max"` // longest registration; a longer wish is shortened
	KeepAlive   time.Duration `yaml:"keep_alive"`   // between our signs of life to browsers and phones behind NAT
	FlowGrace   time.Duration `yaml:"flow_grace"`   // how long a call outlives its browser's socket
}

func defaultSIP() SIP {
	return SIP{
		UDP:           []string{"127.0.0.1:5060"},
		TCP:           []string{"127.0.0.1:5060"},
		Realm:         "cordboard",
		UserAgent:     "Cordboard",
		PhoneNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Timeouts: SIPTimeouts{
			Ring:        60 * time.Second,
			Setup:       8 * time.Second,
			Session:     30 * time.Minute,
			RegisterMin: 60 * time.Second,
			RegisterMax: time.Hour,
			KeepAlive:   25 * time.Second,
			FlowGrace:   30 * time.Second,
		},
	}
}
