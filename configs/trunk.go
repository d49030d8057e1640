package configs

import (
	"net/netip"

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
	Codecs    []CodecName    `yaml:"codecs"`    // in order of preference; empty: as in codecs.trunk
	// HomeRegion is the country (ISO 3166) in whose way the trunk writes national numbers, such as "FI" for "0401234567".
	HomeRegion string `yaml:"home_region"`
	// DefaultNumber is shown to those we call when nothing else is chosen.
	DefaultNumber call.Number `yaml:"default_number"`
}
