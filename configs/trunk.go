package configs

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
)

// Trunk is a line to the outside world: a carrier's SBC or a PBX.
type Trunk struct {
	Name string `yaml:"name"`
	// Sources are the addresses that calls of this trunk come from; that is how it is recognised and all that it needs
	// to be trusted. The longest matching prefix of all trunks wins.
	Sources   []netip.Prefix `yaml:"sources"`
	Target    string         `yaml:"target"`    // host:port that our calls go to; empty: inbound only
	Transport string         `yaml:"transport"` // udp or tcp
	Username  string         `yaml:"username"`  // for a carrier that challenges our calls; empty: it does not
	Password  Secret         `yaml:"password"`
	Domain    string         `yaml:"domain"` // host of From and To; empty: our address and the target
	// SessionTimer is the session interval that we ask for (RFC 4028), so that a call whose far side is gone ends; 0:
	// none, but one that the far side asks for is kept.
	SessionTimer time.Duration `yaml:"session_timer"`
	SessionMin   time.Duration `yaml:"session_min"` // the shortest interval that we agree to
	// Reliable is whether provisional responses are acknowledged (RFC 3262): off, supported or required.
	Reliable string      `yaml:"reliable"`
	Codecs   []CodecName `yaml:"codecs"` // in order of preference; empty: as in codecs.trunk
	DTMF     DTMF        `yaml:"dtmf"`   // events, or tones beside them; empty: events
	SRTP     SRTP        `yaml:"srtp"`   // off, preferred or required; empty: as in rtp.srtp
	Suites   []Suite     `yaml:"suites"` // of SRTP, in order of our offers; empty: as in rtp.suites
	// HomeRegion is the country (ISO 3166) in whose way the trunk writes national numbers, such as "FI" for "0401234567".
	HomeRegion string `yaml:"home_region"`
	// DefaultNumber is shown to those we call when nothing else is chosen.
	DefaultNumber call.Number `yaml:"default_number"`
}

// DTMF is how the keys of a trunk's callers come.
type DTMF string

// The ways of keys. Where no telephone-event is agreed, they are heard in the sound in any case.
const (
	DTMFEvents DTMF = "events" // RFC 4733
	DTMFTones  DTMF = "tones"  // in the sound, although events are agreed
)

func (t *Trunk) setDefaults() {
	t.Transport, t.Reliable = "udp", "supported"
	t.SessionTimer, t.SessionMin = 30*time.Minute, 90*time.Second
}

func (c *checker) checkTrunks() {
	all := c.cfg.Trunks
	names := make([]string, len(all))
	sources := map[netip.Prefix]string{}
	for i, t := range all {
		path := fmt.Sprintf("trunks[%d]", i)
		names[i] = t.Name
		c.name(path+".name", t.Name)
		if len(t.Sources) == 0 && t.Target == "" {
			c.bad(path, t.Name, "has neither sources nor a target, so no call can come or go; write at least one of them")
		}
		for j, s := range t.Sources {
			at := fmt.Sprintf("%s.sources[%d]", path, j)
			if first, taken := sources[s.Masked()]; taken && s.IsValid() {
				c.bad(at, s.String(), "is the source of "+first+" already; a call must belong to one trunk")
			}
			sources[s.Masked()] = at
			if s.IsValid() && s.Bits() == 0 {
				c.bad(at, s.String(), "is the whole world, which could then call at your cost; name the addresses of the carrier")
			}
		}
		if t.Target != "" {
			c.hostPort(path+".target", t.Target, false)
		}
		if (t.Username == "") != (t.Password == "") {
			c.bad(path+".username", t.Username, "needs its password, and a password its username; write both or neither")
		}
		if t.Domain != "" && !isIP(t.Domain) && !hostName(t.Domain) {
			c.bad(path+".domain", t.Domain, "is neither a host nor an address; write one without a port")
		}
		oneOf(c, path+".transport", t.Transport, "udp", "tcp")
		c.between(path+".session_min", t.SessionMin, 90*time.Second, time.Hour) // RFC 4028 section 5 allows no less
		if t.SessionTimer != 0 {
			c.between(path+".session_timer", t.SessionTimer, t.SessionMin, 24*time.Hour)
		}
		oneOf(c, path+".reliable", t.Reliable, "off", "supported", "required")
		c.codecs(path+".codecs", t.Codecs, false)
		c.trunkKeys(path, &t)
		if t.DTMF != "" {
			oneOf(c, path+".dtmf", t.DTMF, DTMFEvents, DTMFTones)
		}
		c.region(path+".home_region", t.HomeRegion)
		if t.DefaultNumber != "" {
			e164(c, path+".default_number", t.DefaultNumber)
		}
	}
	c.unique(names, func(i int) string { return fmt.Sprintf("trunks[%d].name", i) })
}

// trunkKeys checks how the sound of a trunk is protected.
func (c *checker) trunkKeys(path string, t *Trunk) {
	c.suites(path+".suites", t.Suites)
	if t.SRTP == "" || t.SRTP == SRTPOff {
		return
	}
	oneOf(c, path+".srtp", t.SRTP, SRTPOff, SRTPPreferred, SRTPRequired)
	if t.Transport != "tls" {
		c.warn(path+".srtp", string(t.SRTP), "protects sound by keys that "+t.Transport+" carries in the clear; use it only over a network that is trusted or protected itself")
	}
}

// name checks what people read and other sections refer to.
func (c *checker) name(path, name string) {
	if name == "" || len(name) > 80 || strings.TrimSpace(name) != name || strings.ContainsAny(name, "\r\n\t\"") {
		c.bad(path, name, "cannot be a name; write 1 to 80 characters without quotes or spaces around them")
	}
}

// region checks a country; empty is none.
func (c *checker) region(path, region string) {
	if region != "" && !twoLetters.MatchString(region) {
		c.bad(path, region, "is no country; write its two letters of ISO 3166 in capitals, such as FI")
	}
}
