package gateway

import (
	"cmp"
	"fmt"

	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/sip"
	"github.com/cordboard/cordboard/sip/caller"
	"github.com/cordboard/cordboard/sip/limits"
	"github.com/cordboard/cordboard/sip/number"
	"github.com/cordboard/cordboard/sip/targets"
)

// trunksOf are the trunks as signalling knows them.
func trunksOf(c *configs.Config) ([]sip.Trunk, error) {
	var all []sip.Trunk
	for i := range c.Trunks {
		t, err := trunkOf(&c.Trunks[i])
		if err != nil {
			return nil, err
		}
		all = append(all, t)
	}
	return all, nil
}

// trunkOf is a trunk of the configuration as signalling knows it.
func trunkOf(t *configs.Trunk) (sip.Trunk, error) {
	out := sip.Trunk{Name: t.Name, Sources: t.Sources, Probe: t.Probe, Username: t.Username, Password: string(t.Password), Domain: t.Domain,
		Timer: sip.SessionTimer{Expires: t.SessionTimer, Min: t.SessionMin}, Reliable: reliability(t.Reliable),
		Register:  sip.Register{User: cmp.Or(t.RegisterAs, t.Username), Expires: t.Register},
		Challenge: sip.Challenge{Username: t.Challenge.Username, Password: string(t.Challenge.Password)}}
	n, c, l := t.Numbers, t.Caller, t.Limits
	out.Numbers = number.Plan{Region: t.HomeRegion, Form: number.Form(n.Form), BareIn: n.BareIn, Exit: n.Exit, Prefix: n.Prefix}
	out.Caller = caller.Policy{Identity: caller.Identity(c.Identity), Account: c.Account, AssertWithheld: c.AssertWithheld, UserPhone: c.UserPhone, HideNames: c.HideNames}
	out.Trusted, out.DefaultNumber = t.Trusted, t.DefaultNumber
	out.Limits = limits.Config{Calls: l.Calls, PerSecond: l.PerSecond, Burst: l.Burst, Region: t.HomeRegion, Allow: l.Allow, Deny: l.Deny,
		DenyPremium: l.DenyPremium, DenyShared: l.DenyShared, DenyCountries: l.DenyCountries}
	out.TLS = sip.TrunkTLS{CA: t.TLS.CA, Certificate: sip.Certificate{File: t.TLS.Certificate, Key: t.TLS.Key}, ServerName: t.TLS.ServerName, Mutual: t.TLS.Mutual}
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
