package configs

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"
)

// SIP is the signalling of trunks and desk phones. Browsers come through the HTTP door.
type SIP struct {
	UDP []string `yaml:"udp"` // host:port to listen on
	TCP []string `yaml:"tcp"` // host:port to listen on
	TLS []string `yaml:"tls"` // host:port to listen on, for TLS 1.2 and later
	// Certificate and its key are files in PEM: what we show to who connects, and to carriers that ask for one.
	Certificate string `yaml:"certificate"`
	Key         string `yaml:"key"`
	// Advertise is the address that Contact and Via show where we listen on a wildcard; empty: the local address that
	// leads to the far side.
	Advertise string `yaml:"advertise"`
	Realm     string `yaml:"realm"` // of digest authentication
	// Digest are the algorithms that desk phones are challenged with, the preferred one first (RFC 8760).
	Digest    []string `yaml:"digest"`
	UserAgent string   `yaml:"user_agent"` // of the Server and User-Agent headers
	// PhoneNetworks are where desk phones may register and call from. Everyone else who is not a trunk is not heard.
	PhoneNetworks []netip.Prefix `yaml:"phone_networks"`
	Timeouts      SIPTimeouts    `yaml:"timeouts"`
}

// SIPTimeouts are the waits of signalling that an operator may want to change.
type SIPTimeouts struct {
	Ring      time.Duration `yaml:"ring"`       // how long an outbound call may ring before we cancel it
	KeepAlive time.Duration `yaml:"keep_alive"` // between our signs of life to browsers and phones behind NAT
	Session   time.Duration `yaml:"session"`    // session interval asked of desk phones (RFC 4028); 0: none
	FlowGrace time.Duration `yaml:"flow_grace"` // how long a call outlives its browser's socket
}

func defaultSIP() SIP {
	return SIP{
		UDP:           []string{"127.0.0.1:5060"},
		TCP:           []string{"127.0.0.1:5060"},
		Realm:         "cordboard",
		Digest:        []string{"SHA-256", "MD5"},
		UserAgent:     "Cordboard",
		PhoneNetworks: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")},
		Timeouts: SIPTimeouts{
			Ring:      60 * time.Second,
			KeepAlive: 25 * time.Second,
			Session:   30 * time.Minute,
			FlowGrace: 30 * time.Second,
		},
	}
}

func (c *checker) checkSIP() {
	s := &c.cfg.SIP
	for i, a := range s.UDP {
		c.hostPort(fmt.Sprintf("sip.udp[%d]", i), a, true)
	}
	for i, a := range s.TCP {
		c.hostPort(fmt.Sprintf("sip.tcp[%d]", i), a, true)
	}
	for i, a := range s.TLS {
		c.hostPort(fmt.Sprintf("sip.tls[%d]", i), a, true)
	}
	c.unique(append(slices.Clone(s.TCP), s.TLS...), func(i int) string {
		if i < len(s.TCP) {
			return fmt.Sprintf("sip.tcp[%d]", i)
		}
		return fmt.Sprintf("sip.tls[%d]", i-len(s.TCP))
	})
	c.certificate("sip.certificate", &s.Certificate, &s.Key)
	if len(s.TLS) > 0 && s.Certificate == "" {
		c.bad("sip.tls", s.TLS[0], "has no certificate to show; write sip.certificate and sip.key")
	}
	c.unique(s.UDP, func(i int) string { return fmt.Sprintf("sip.udp[%d]", i) })
	if len(s.UDP)+len(s.TCP)+len(s.TLS) == 0 {
		c.bad("sip.udp", "", "names no address, nor does sip.tcp; give one of them where calls arrive, such as [\"127.0.0.1:5060\"]")
	}
	if s.Advertise != "" {
		c.ip("sip.advertise", s.Advertise)
		if !slices.ContainsFunc(slices.Concat(s.UDP, s.TCP, s.TLS), wildcard) {
			c.warn("sip.advertise", s.Advertise, "is not used, because no listener is on a wildcard; listen on 0.0.0.0:5060, or leave it out")
		}
	}
	if s.Realm == "" || strings.ContainsAny(s.Realm, "\"\\\r\n") {
		c.bad("sip.realm", s.Realm, "cannot be a realm; write a word or a domain without quotes")
	}
	if len(s.Digest) == 0 {
		c.bad("sip.digest", "[]", "lets no phone register; write [SHA-256, MD5], or [MD5] for phones that know nothing else")
	}
	for i, a := range s.Digest {
		oneOf(c, fmt.Sprintf("sip.digest[%d]", i), a, "SHA-256", "MD5")
	}
	if strings.ContainsAny(s.UserAgent, "\r\n") {
		c.bad("sip.user_agent", s.UserAgent, "has a line break in it; write one line")
	}
	for i, n := range s.PhoneNetworks {
		if n.IsValid() && n.Bits() == 0 {
			c.warn(fmt.Sprintf("sip.phone_networks[%d]", i), n.String(), "lets the whole world try passwords; name the networks of your phones")
		}
	}
	c.checkSIPTimeouts()
}

func wildcard(listen string) bool {
	at, err := netip.ParseAddrPort(listen)
	return err == nil && at.Addr().IsUnspecified()
}

func (c *checker) checkSIPTimeouts() {
	t := c.cfg.SIP.Timeouts
	c.between("sip.timeouts.ring", t.Ring, 5*time.Second, 10*time.Minute)
	c.between("sip.timeouts.keep_alive", t.KeepAlive, 5*time.Second, 5*time.Minute)
	if t.Session != 0 {
		c.between("sip.timeouts.session", t.Session, 90*time.Second, 24*time.Hour)
	}
	c.between("sip.timeouts.flow_grace", t.FlowGrace, 0, 10*time.Minute)
}

// certificate checks a certificate and its key, and makes their names absolute.
func (c *checker) certificate(path string, certificate, key *string) {
	if (*certificate == "") != (*key == "") {
		c.bad(path, *certificate, "needs its key, and a key its certificate; write both files or neither")
		return
	}
	for _, file := range []*string{certificate, key} {
		if *file = c.absolute(*file); *file != "" {
			c.file(path, *file, "name a file in PEM")
		}
	}
}
