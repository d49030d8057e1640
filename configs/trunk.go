package configs

import (
	"cmp"
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/cordboard/cordboard/call"
)

// Trunk is a line to the outside world: a carrier's SBC or a PBX.
type Trunk struct {
	Name string `yaml:"name"`
	// Sources are the addresses that calls of this trunk come from; that is how it is recognised and all that it needs
	// to be trusted. The longest matching prefix of all trunks wins.
	Sources []netip.Prefix `yaml:"sources"`
	// Target is where our calls go, when it is one place: host or host:port. Transport is udp, tcp or tls; empty: as DNS says, else
	// udp.
	Target    string `yaml:"target"`
	Transport string `yaml:"transport"`
	// Targets are where our calls go, when there are several places.
	Targets  []Target      `yaml:"targets"`
	Probe    time.Duration `yaml:"probe"`    // between two OPTIONS to each of their addresses; 0: none
	Username string        `yaml:"username"` // for a carrier that challenges our calls; empty: it does not
	Password Secret        `yaml:"password"`
	Domain   string        `yaml:"domain"` // host of From and To; empty: our address and the target
	// Register keeps the trunk registered at its targets, for so long at a time; 0: the carrier knows our address.
	Register   time.Duration `yaml:"register"`
	RegisterAs string        `yaml:"register_as"` // user of the address of record and of our Contact; empty: Username
	// Challenge is asked for with every call of the trunk; empty: its address is enough.
	Challenge Challenge `yaml:"challenge"`
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
	Numbers       Numbers     `yaml:"numbers"`
	Caller        Caller      `yaml:"caller"`
	// Trusted believes what the trunk says in P-Asserted-Identity, Remote-Party-ID, Diversion and History-Info.
	Trusted bool   `yaml:"trusted"`
	Limits  Limits `yaml:"limits"`
	TLS     TLS    `yaml:"tls"`
}

// TLS is how a trunk speaks it.
type TLS struct {
	CA          string `yaml:"ca"`          // file in PEM: who may sign its certificate; empty: whom this machine trusts
	Certificate string `yaml:"certificate"` // shown to it; empty: sip.certificate
	Key         string `yaml:"key"`
	ServerName  string `yaml:"server_name"` // in its certificate; empty: the host of its target
	Mutual      bool   `yaml:"mutual"`      // it must show a certificate when it connects to us
}

// Target is one place where the calls of a trunk go.
type Target struct {
	Address   string `yaml:"address"`   // host, or host:port
	Transport string `yaml:"transport"` // udp, tcp or tls; empty: as DNS says, else udp
	Priority  int    `yaml:"priority"`  // the lowest first
	Weight    int    `yaml:"weight"`    // among equals of priority
}

// Challenge is what the far side of a trunk must know to call us.
type Challenge struct {
	Username string `yaml:"username"`
	Password Secret `yaml:"password"`
}

// DTMF is how the keys of a trunk's callers come.
type DTMF string

// The ways of keys. Where no telephone-event is agreed, they are heard in the sound in any case.
const (
	DTMFEvents DTMF = "events" // RFC 4733
	DTMFTones  DTMF = "tones"  // in the sound, although events are agreed
)

func (t *Trunk) setDefaults() {
	t.Probe, t.Reliable = 30*time.Second, "supported"
	t.Numbers.Form, t.Caller.Identity = "e164", "p-asserted-identity"
	t.SessionTimer, t.SessionMin = 30*time.Minute, 90*time.Second
}

// Places are all places where the calls of the trunk go; none: it is for calls in only.
func (t *Trunk) Places() []Target {
	if t.Target != "" {
		return []Target{{Address: t.Target, Transport: t.Transport}}
	}
	return t.Targets
}

func (c *checker) checkTrunks() {
	all := c.cfg.Trunks
	names := make([]string, len(all))
	sources := map[netip.Prefix]string{}
	for i, t := range all {
		path := fmt.Sprintf("trunks[%d]", i)
		names[i] = t.Name
		c.name(path+".name", t.Name)
		if len(t.Sources) == 0 && len(t.Places()) == 0 {
			c.bad(path, t.Name, "has neither sources nor a target, so no call can come or go; write at least one of them")
		}
		c.checkSources(path, &all[i], sources)
		c.checkRegistration(path, &all[i])
		c.checkTargets(path, &all[i])
		c.checkNumbers(path, &all[i])
		c.checkTLS(path+".tls", &all[i].TLS)
		c.checkLimits(path+".limits", &all[i].Limits)
		if (t.Username == "") != (t.Password == "") {
			c.bad(path+".username", t.Username, "needs its password, and a password its username; write both or neither")
		}
		if t.Domain != "" && !isIP(t.Domain) && !hostName(t.Domain) {
			c.bad(path+".domain", t.Domain, "is neither a host nor an address; write one without a port")
		}
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

// checkSources checks where the calls of a trunk come from; taken are the sources of the trunks before it. Trunks that are
// challenged may share theirs.
func (c *checker) checkSources(path string, t *Trunk, taken map[netip.Prefix]string) {
	proved := t.Challenge.Username != ""
	for j, s := range t.Sources {
		at := fmt.Sprintf("%s.sources[%d]", path, j)
		if first, twice := taken[s.Masked()]; twice && s.IsValid() && !proved {
			c.bad(at, s.String(), "is the source of "+first+" already; a call must belong to one trunk, by its address or by a challenge")
		}
		taken[s.Masked()] = at
		if s.IsValid() && s.Bits() == 0 && !proved {
			c.bad(at, s.String(), "is the whole world, which could then call at your cost; name the addresses of the carrier, or write a challenge")
		}
	}
	if proved != (t.Challenge.Password != "") {
		c.bad(path+".challenge", t.Challenge.Username, "needs username and password; write both or neither")
	}
	if proved && len(t.Sources) == 0 && len(t.Places()) == 0 {
		c.bad(path+".challenge", t.Challenge.Username, "is asked of nobody, as nobody is heard; write sources, [0.0.0.0/0] if its address changes")
	}
}

// checkRegistration checks how a trunk registers.
func (c *checker) checkRegistration(path string, t *Trunk) {
	switch {
	case t.Register == 0:
		if t.RegisterAs != "" {
			c.bad(path+".register_as", t.RegisterAs, "is of no registration; write register: 10m as well, or leave it out")
		}
		return
	case len(t.Places()) == 0:
		c.bad(path+".register", t.Register.String(), "has nowhere to register; name the registrar in target")
	case t.RegisterAs == "" && t.Username == "":
		c.bad(path+".register", t.Register.String(), "names nobody to register; write register_as, or username and password")
	}
	c.between(path+".register", t.Register, time.Minute, 24*time.Hour)
	if strings.ContainsAny(t.RegisterAs, "@<> \"") {
		c.bad(path+".register_as", t.RegisterAs, "is no user; write what stands before the @, such as +358293000100")
	}
}

// checkTargets checks where the calls of a trunk go.
func (c *checker) checkTargets(path string, t *Trunk) {
	c.transport(path+".transport", t.Transport)
	if t.Target != "" {
		c.place(path+".target", t.Target)
	}
	if t.Target != "" && len(t.Targets) > 0 {
		c.bad(path+".target", t.Target, "stands beside targets; write it among them, or leave one of the two out")
	}
	if t.Transport != "" && t.Target == "" {
		c.bad(path+".transport", t.Transport, "is of no target; write it into each of targets, or name a target")
	}
	for i, p := range t.Targets {
		at := fmt.Sprintf("%s.targets[%d]", path, i)
		c.place(at+".address", p.Address)
		c.transport(at+".transport", p.Transport)
		c.number(at+".priority", p.Priority, 0, math.MaxUint16)
		c.number(at+".weight", p.Weight, 0, math.MaxUint16)
	}
	if t.Probe != 0 {
		c.between(path+".probe", t.Probe, time.Second, time.Hour)
	}
}

// transport checks how requests travel; empty is left to DNS.
func (c *checker) transport(path, value string) {
	if value != "" {
		oneOf(c, path, value, "udp", "tcp", "tls")
	}
}

// place checks a host with or without a port.
func (c *checker) place(path, value string) {
	if isIP(value) || hostName(value) {
		return
	}
	if !strings.Contains(value, ":") {
		c.bad(path, value, "is neither a host nor host:port; write one, such as sbc.carrier.example or 192.0.2.10:5060")
		return
	}
	c.hostPort(path, value, false)
}

// trunkKeys checks how the sound of a trunk is protected.
func (c *checker) trunkKeys(path string, t *Trunk) {
	c.suites(path+".suites", t.Suites)
	if t.SRTP == "" || t.SRTP == SRTPOff {
		return
	}
	oneOf(c, path+".srtp", t.SRTP, SRTPOff, SRTPPreferred, SRTPRequired)
	if open := slices.IndexFunc(t.Places(), func(p Target) bool { return p.Transport != "tls" }); open >= 0 {
		c.warn(path+".srtp", string(t.SRTP), "protects sound by keys that "+cmp.Or(t.Places()[open].Transport, "udp")+" carries in the clear; use it only over a network that is trusted or protected itself")
	}
}

func (c *checker) checkTLS(path string, t *TLS) {
	c.certificate(path+".certificate", &t.Certificate, &t.Key)
	if t.CA = c.absolute(t.CA); t.CA != "" {
		c.file(path+".ca", t.CA, "name a file in PEM with the certificates of who may sign")
	}
	if t.Mutual && t.CA == "" {
		c.bad(path+".mutual", "true", "lets everybody in whose certificate somebody on this machine's list has signed; write ca as well")
	}
	if t.ServerName != "" && !isIP(t.ServerName) && !hostName(t.ServerName) {
		c.bad(path+".server_name", t.ServerName, "is no host; write the name in the certificate")
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
