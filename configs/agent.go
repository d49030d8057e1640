package configs

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/cordboard/cordboard/call"
)

// Agent is someone who works here.
type Agent struct {
	ID        string `yaml:"id"` // the login, for life: "anna"
	Name      string `yaml:"name"`
	Extension string `yaml:"extension"` // 2 to 8 digits; what colleagues dial
	Roles     []Role `yaml:"roles"`     // empty: agent
	// PasswordHash is a bcrypt or argon2id hash for the web; Password is the same in plain text, for a demo.
	PasswordHash string `yaml:"password_hash"`
	Password     Secret `yaml:"password"`
	// SIPPassword lets a desk phone register as ID. Empty: browser only, which needs no such password.
	SIPPassword    Secret          `yaml:"sip_password"`
	SalesforceUser string          `yaml:"salesforce_user"` // 15 or 18 character User id in the org, who owns her Tasks
	DisplayNumbers []DisplayNumber `yaml:"display_numbers"` // that the agent may show to those she calls
	DirectNumber   call.Number     `yaml:"direct_number"`   // that reaches her directly
	Queues         []string        `yaml:"queues"`          // that she is a member of, besides those that name her
	Availability   Availability    `yaml:"availability"`    // at the first start
}

// Role is what someone may do.
type Role string

// The roles.
const (
	RoleAgent      Role = "agent"
	RoleSupervisor Role = "supervisor"
	RoleAdmin      Role = "admin"
)

// Availability is one of the four types of presence.
type Availability string

// The availabilities.
const (
	Available Availability = "available"
	Busy      Availability = "busy"
	DND       Availability = "dnd"
	OffWork   Availability = "offwork"
)

// DisplayNumber is a number that an agent may show, and what she calls it.
type DisplayNumber struct {
	Number call.Number `yaml:"number"`
	Label  string      `yaml:"label"`
}

// AgentRange is many agents who differ in their number only, for load tests: id, extension and SIP user are the number.
type AgentRange struct {
	From        int    `yaml:"from"`
	To          int    `yaml:"to"`           // included
	Name        string `yaml:"name"`         // with one %s for the number; empty: "Agent %s"
	Password    Secret `yaml:"password"`     // with one %s for the number
	SIPPassword Secret `yaml:"sip_password"` // with one %s for the number
}

// Everyone is all agents: those named and those of the ranges.
func (c *Config) Everyone() []Agent {
	all := append([]Agent(nil), c.Agents...)
	for _, r := range c.AgentRanges {
		for n := r.From; n <= r.To; n++ {
			all = append(all, r.agent(n))
		}
	}
	return all
}

func (r AgentRange) agent(n int) Agent {
	number := fmt.Sprint(n)
	name := r.Name
	if name == "" {
		name = "Agent %s"
	}
	return Agent{
		ID: number, Extension: number, Name: with(name, number), Roles: []Role{RoleAgent}, Availability: Available,
		Password: Secret(with(string(r.Password), number)), SIPPassword: Secret(with(string(r.SIPPassword), number)),
	}
}

// with puts a number into a pattern with at most one %s.
func with(pattern, number string) string { return strings.Replace(pattern, "%s", number, 1) }

func (a *Agent) setDefaults() { a.Roles, a.Availability = []Role{RoleAgent}, Available }

// most agents that ranges may make together.
const mostInRanges = 20000

func (c *checker) checkAgents() {
	var ids, extensions, direct []string
	for i := range c.cfg.Agents {
		a := &c.cfg.Agents[i]
		c.checkAgent(fmt.Sprintf("agents[%d]", i), a)
		ids, extensions, direct = append(ids, a.ID), append(extensions, a.Extension), append(direct, string(a.DirectNumber))
	}
	at := func(field string) func(int) string {
		return func(i int) string { return fmt.Sprintf("agents[%d].%s", i, field) }
	}
	c.unique(ids, at("id"))
	c.unique(extensions, at("extension"))
	c.unique(direct, at("direct_number"))
	c.checkRanges(append(ids, extensions...))
}

func (c *checker) checkAgent(path string, a *Agent) {
	if !agentID.MatchString(a.ID) {
		c.bad(path+".id", a.ID, "cannot be a login; write 1 to 40 letters, digits, dots, dashes or underscores")
	}
	if a.Name == "" {
		a.Name = a.ID
	}
	c.name(path+".name", a.Name)
	if !extension.MatchString(a.Extension) {
		c.bad(path+".extension", a.Extension, "is no extension; write 2 to 8 digits")
	}
	for i, r := range a.Roles {
		oneOf(c, fmt.Sprintf("%s.roles[%d]", path, i), r, RoleAgent, RoleSupervisor, RoleAdmin)
	}
	oneOf(c, path+".availability", a.Availability, Available, Busy, DND, OffWork)
	c.checkPasswords(path, a)
	for i, n := range a.DisplayNumbers {
		at := fmt.Sprintf("%s.display_numbers[%d]", path, i)
		if e164(c, at+".number", n.Number) && n.Label == "" {
			a.DisplayNumbers[i].Label = string(n.Number)
		}
	}
	if a.SalesforceUser != "" && !userID.MatchString(a.SalesforceUser) {
		c.bad(path+".salesforce_user", a.SalesforceUser, "is no id of a User; write the 15 or 18 characters that begin with 005")
	}
	if a.DirectNumber != "" {
		e164(c, path+".direct_number", a.DirectNumber)
	}
	for i, q := range a.Queues {
		c.queue(fmt.Sprintf("%s.queues[%d]", path, i), q)
	}
}

func (c *checker) checkPasswords(path string, a *Agent) {
	switch {
	case a.Password != "" && a.PasswordHash != "":
		c.bad(path+".password", "", "stands beside password_hash; keep one of the two")
	case a.Password == "" && a.PasswordHash == "" && a.SIPPassword == "":
		c.bad(path, a.ID, "has no way to log in; write password_hash for the web phone, or sip_password for a desk phone")
	case a.PasswordHash != "" && !passwordHash.MatchString(a.PasswordHash):
		c.bad(path+".password_hash", "", `is no hash that we can check; write the text that an argon2id ("$argon2id$v=19$…") or bcrypt ("$2b$…") tool gives`)
	}
}

func (c *checker) checkRanges(taken []string) {
	total := 0
	used := map[string]bool{}
	for _, t := range taken {
		used[t] = true
	}
	for i, r := range c.cfg.AgentRanges {
		path := fmt.Sprintf("agent_ranges[%d]", i)
		if r.From < 10 || r.To > 99999999 || r.To < r.From {
			c.bad(path, fmt.Sprintf("%d-%d", r.From, r.To), "is no range of extensions; write from and to with 2 to 8 digits, the larger one last")
			continue
		}
		if total += r.To - r.From + 1; total > mostInRanges {
			c.bad(path, fmt.Sprintf("%d-%d", r.From, r.To), fmt.Sprintf("makes more than %d agents in all; write a smaller range", mostInRanges))
			return
		}
		for _, p := range []struct{ key, pattern string }{{"name", r.Name}, {"password", string(r.Password)}, {"sip_password", string(r.SIPPassword)}} {
			if strings.Count(p.pattern, "%") != strings.Count(p.pattern, "%s") || strings.Count(p.pattern, "%s") > 1 {
				c.bad(path+"."+p.key, "", "is no pattern; write text with at most one %s where the number belongs")
			}
		}
		for n := r.From; n <= r.To; n++ {
			if used[fmt.Sprint(n)] {
				c.bad(path, fmt.Sprint(n), "is taken by another agent or range; choose other numbers")
				break
			}
			used[fmt.Sprint(n)] = true
		}
	}
}

// agentIDs are the ids of those who are named, for suggestions.
func (c *checker) agentIDs() []string {
	ids := make([]string, len(c.cfg.Agents))
	for i, a := range c.cfg.Agents {
		ids[i] = a.ID
	}
	return ids
}

// agent checks that an id leads to somebody.
func (c *checker) agent(path, id string) {
	if listed(id, c.agentIDs()) {
		return
	}
	for _, r := range c.cfg.AgentRanges {
		if n, err := strconv.Atoi(id); err == nil && n >= r.From && n <= r.To {
			return
		}
	}
	c.bad(path, id, "is the id of no agent; "+suggest(id, c.agentIDs()))
}
