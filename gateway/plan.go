package gateway

import (
	"cmp"
	"strings"

	"github.com/cordboard/cordboard/access"
	"github.com/cordboard/cordboard/agent"
	"github.com/cordboard/cordboard/call"
	"github.com/cordboard/cordboard/configs"
	"github.com/cordboard/cordboard/queue"
	"github.com/cordboard/cordboard/routing"
)

// planOf is the dial plan of a configuration: every number and extension written out, so that a call looks up once.
func planOf(c *configs.Config, region string) routing.Plan {
	p := routing.Plan{Region: region, Numbers: make(map[call.Number]routing.Entry)}
	flows := make(map[string]configs.SmartRouting)
	for _, q := range c.Queues {
		flows[q.Name] = q.SmartRouting
	}
	for _, a := range c.Everyone() {
		to := routing.Entry{To: routing.ToAgent{Agent: a.ID}}
		if c.Plan.Extensions {
			p.Numbers[call.Number(a.Extension)], p.Numbers[call.Number(a.ID)] = to, to
		}
		if a.DirectNumber != "" {
			p.Numbers[a.DirectNumber] = to
		}
		for _, d := range c.Plan.Direct {
			if len(a.Extension) == d.Digits {
				p.Numbers[call.Number(d.Prefix+a.Extension)] = to
			}
		}
	}
	for n, d := range c.Plan.Numbers {
		p.Numbers[n] = entryOf(c, d, n, flows)
	}
	p.Exits = exitsOf(c)
	return p
}

// exitsOf are the ways out, each with the number it shows for who has none of her own.
func exitsOf(c *configs.Config) []routing.Exit {
	var all []routing.Exit
	for _, o := range c.Plan.Outbound {
		exit := routing.Exit{Prefix: o.Prefix, Trunk: o.Trunk, Shown: o.DisplayNumber}
		for _, t := range c.Trunks {
			if t.Name == o.Trunk {
				exit.Shown = cmp.Or(exit.Shown, t.DefaultNumber)
			}
		}
		all = append(all, exit)
	}
	return all
}

// entryOf is where one number leads; the number itself is shown to those it is forwarded to.
func entryOf(c *configs.Config, d configs.Destination, n call.Number, flows map[string]configs.SmartRouting) routing.Entry {
	switch {
	case d.Queue != "":
		f := flows[d.Queue]
		return routing.Entry{To: routing.ToQueue{Queue: d.Queue, Early: d.Early}, Flow: f.Flow, Budget: f.Budget}
	case d.Agent != "":
		return routing.Entry{To: routing.ToAgent{Agent: d.Agent}}
	}
	exit, _ := routing.Plan{Exits: exitsOf(c)}.Exit(d.Number)
	return routing.Entry{To: routing.ToNumber{Trunk: exit.Trunk, Number: d.Number, Shown: n}}
}

// plans are the dial plan as each trunk writes its numbers; "" is how the agents do.
func plans(c *configs.Config) map[string]routing.Plan {
	home := ""
	all := make(map[string]routing.Plan)
	for _, t := range c.Trunks {
		home = cmp.Or(home, t.HomeRegion)
		all[t.Name] = planOf(c, t.HomeRegion)
	}
	all[""] = planOf(c, home)
	return all
}

// profilesOf are the agents.
func profilesOf(c *configs.Config) []agent.Profile {
	var all []agent.Profile
	for _, a := range c.Everyone() {
		p := agent.Profile{ID: a.ID, Name: a.Name, Extension: a.Extension, Salesforce: a.SalesforceUser, Start: agent.Type(a.Availability)}
		for _, n := range a.DisplayNumbers {
			p.Display = append(p.Display, agent.DisplayNumber{Number: n.Number, Label: n.Label})
		}
		all = append(all, p)
	}
	return all
}

// usersOf are those who may log in or register.
func usersOf(c *configs.Config) []access.User {
	var all []access.User
	for _, a := range c.Everyone() {
		u := access.User{ID: a.ID, Name: a.Name, Extension: a.Extension, PasswordHash: a.PasswordHash,
			Password: string(a.Password), SIPPassword: string(a.SIPPassword)}
		for _, r := range a.Roles {
			u.Roles = append(u.Roles, access.Role(r))
		}
		all = append(all, u)
	}
	return all
}

// queuesOf are the queues with their members.
func queuesOf(c *configs.Config) []queue.Settings {
	const level = 5 // every member serves alike until levels can be configured
	var all []queue.Settings
	for _, q := range c.Queues {
		s := queue.Settings{Name: q.Name, Members: make(map[string]int), Priority: q.Priority, RingTimeout: q.RingTimeout, MaxWait: q.MaxWait,
			Ageing: ageing, Rest: restAfterMiss, Music: q.Music, Welcome: q.Welcome}
		for _, m := range q.Members {
			s.Members[m] = level
		}
		for _, a := range c.Everyone() {
			for _, name := range a.Queues {
				if strings.EqualFold(name, q.Name) {
					s.Members[a.ID] = level
				}
			}
		}
		all = append(all, s)
	}
	return all
}
