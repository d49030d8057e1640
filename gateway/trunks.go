package gateway

import (
	"cmp"
	"fmt"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/sip/targets"
)

// trunkOf is a trunk of the configuration as signalling knows it.
func trunkOf(t *configs.Trunk) (sip.Trunk, error) {
	out := sip.Trunk{Name: t.Name, Sources: t.Sources, Probe: t.Probe, Username: t.Username, Password: string(t.Password), Domain: t.Domain,
		Register:  sip.Register{User: cmp.Or(t.RegisterAs, t.Username), Expires: t.Register},
		Challenge: sip.Challenge{Username: t.Challenge.Username, Password: string(t.Challenge.Password)}}
	for _, p := range t.Places() {
		to, err := targets.Parse(p.Address)
		if err != nil {
			return out, fmt.Errorf("trunk %s: target %q: %w", t.Name, p.Address, err)
		}
		if p.Transport != "" {
			to.Transport = targets.Transport(p.Transport)
		}
		to.Priority, to.Weight = uint16(p.Priority), uint16(p.Weight)
		out.Targets = append(out.Targets, to)
	}
	return out, nil
}
