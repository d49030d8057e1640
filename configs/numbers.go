package configs

import (
	"regexp"
	"strconv"
	"strings"
)

// Numbers is how a trunk writes telephone numbers.
type Numbers struct {
	Form   string `yaml:"form"`    // of numbers we send: e164, bare, international or national
	BareIn bool   `yaml:"bare_in"` // digits without a plus are international in what it sends
	Exit   string `yaml:"exit"`    // what stands for the plus in international; empty: that of HomeRegion
	Prefix string `yaml:"prefix"`  // before each number that we send
}

// Caller is what a trunk is told of who calls.
type Caller struct {
	// Identity is the header field with the number, beside From: from, p-asserted-identity, p-preferred-identity or
	// remote-party-id.
	Identity string `yaml:"identity"`
	Account  string `yaml:"account"` // stands in From in the place of the number
	// AssertWithheld names a withheld number to the trunk, in Identity and with Privacy: id.
	AssertWithheld bool `yaml:"assert_withheld"`
	UserPhone      bool `yaml:"user_phone"` // adds ;user=phone
	HideNames      bool `yaml:"hide_names"` // numbers only
}

// Limits are what a trunk may carry, in both directions together.
type Limits struct {
	Calls         int      `yaml:"calls"`      // at once; 0: any number
	PerSecond     float64  `yaml:"per_second"` // new ones; 0: any number
	Burst         int      `yaml:"burst"`      // how many of these at once; 0: as many as in a second
	Allow         []string `yaml:"allow"`      // beginnings of numbers that may be called; empty: all
	Deny          []string `yaml:"deny"`       // … that may not; the longest that fits decides
	DenyPremium   bool     `yaml:"deny_premium"`
	DenyShared    bool     `yaml:"deny_shared"`
	DenyCountries []string `yaml:"deny_countries"` // ISO 3166; 001: satellites and global networks
}

// destination is the beginning of a number, or a short code.
var destination = regexp.MustCompile(`^(\+[0-9 ]*|[0-9*#][0-9*# ]*)$`)

func (c *checker) checkNumbers(path string, t *Trunk) {
	n, who := t.Numbers, t.Caller
	if n.Form != "" { // a trunk that was made by a program
		oneOf(c, path+".numbers.form", n.Form, "e164", "bare", "international", "national")
	}
	if n.Form == "national" && t.HomeRegion == "" {
		c.bad(path+".numbers.form", n.Form, "needs a country whose numbers these are; write home_region")
	}
	if strings.Trim(n.Exit, "0123456789") != "" {
		c.bad(path+".numbers.exit", n.Exit, "is not dialled; write digits, such as 00")
	}
	if strings.Trim(n.Prefix, "0123456789*#") != "" {
		c.bad(path+".numbers.prefix", n.Prefix, "is not dialled; write digits")
	}
	if who.Identity != "" {
		oneOf(c, path+".caller.identity", who.Identity, "from", "p-asserted-identity", "p-preferred-identity", "remote-party-id")
	}
	if strings.ContainsAny(who.Account, "@<> \"") {
		c.bad(path+".caller.account", who.Account, "is no user; write what stands before the @")
	}
	if who.AssertWithheld && who.Identity == "from" {
		c.bad(path+".caller.assert_withheld", "true", "has no header field to stand in; choose another identity than from")
	}
}

func (c *checker) checkLimits(path string, l *Limits) {
	c.number(path+".calls", l.Calls, 0, 1_000_000)
	c.number(path+".burst", l.Burst, 0, 1_000_000)
	if !(l.PerSecond >= 0 && l.PerSecond <= 10_000) {
		c.bad(path+".per_second", strconv.FormatFloat(l.PerSecond, 'g', -1, 64), "is out of bounds; choose 0 to 10000")
	}
	for name, list := range map[string][]string{".allow": l.Allow, ".deny": l.Deny} {
		for i, p := range list {
			if !destination.MatchString(p) {
				c.bad(path+name+"["+strconv.Itoa(i)+"]", p, `is no beginning of a number; write plus and digits in quotes, such as "+358", or a short code`)
			}
		}
	}
	for i, region := range l.DenyCountries {
		if region != "001" && !twoLetters.MatchString(region) {
			c.bad(path+".deny_countries["+strconv.Itoa(i)+"]", region, "is no country; write its two letters of ISO 3166 in capitals, or 001 for satellites")
		}
	}
}
