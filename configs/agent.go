package configs

import (
	"fmt"
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
	SalesforceUser string          `yaml:"salesforce_user"` // username or 15/18 character User id in the org
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
