package access

import (
	"errors"
	"fmt"
	"slices"
)

// Role is what somebody is in the house.
type Role string

// The roles.
const (
	Agent      Role = "agent"
	Supervisor Role = "supervisor"
	Admin      Role = "admin"
)

// User is somebody who may log in, or a phone that may register.
type User struct {
	ID        string // "anna": for life, in records, logs and SIP addresses
	Name      string
	Extension string // "1001"
	Roles     []Role // none: an agent

	// PasswordHash is for logging in: argon2id in PHC form (HashPassword makes one) or bcrypt. Empty: Password is.
	PasswordHash string
	// Password is the same in plain text, for demonstrations. Empty as well: nobody can log in as this user.
	Password string
	// SIPPassword lets a desk phone register as the user, by digest with the id or the extension as its user name. Empty:
	// only with the credentials that a session hands out.
	SIPPassword string
}

// Action is something not everybody may do.
type Action uint8

// The actions.
const (
	SeeAllCalls Action = iota // other people's calls, running and past
	Administer                // settings, users, parked messages
)

// May reports whether the user may do that.
func (u User) May(a Action) bool {
	switch a {
	case SeeAllCalls:
		return slices.Contains(u.Roles, Supervisor) || slices.Contains(u.Roles, Admin)
	case Administer:
		return slices.Contains(u.Roles, Admin)
	}
	return false
}

// validID says whether an id may stand in a SIP address without escapes (RFC 3261 section 25.1, unreserved) and does not
// look like the user name of short-lived credentials.
func validID(id string) bool {
	for i, r := range []byte(id) {
		letter := r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9'
		if !letter && (i == 0 || r != '.' && r != '_' && r != '-') {
			return false
		}
	}
	_, temporary := parseTemporary(id)
	return id != "" && len(id) <= 64 && !temporary
}

// check reports every problem of the users at once.
func check(users []User) error {
	var problems []error
	owner := make(map[string]string, 2*len(users))
	claim := func(u User, what, name string) {
		if first, taken := owner[name]; taken && first != u.ID {
			problems = append(problems, fmt.Errorf("user %q: %s %q belongs to user %q already; give each their own", u.ID, what, name, first))
		}
		owner[name] = u.ID
	}
	seen := make(map[string]bool, len(users))
	for _, u := range users {
		if !validID(u.ID) {
			problems = append(problems, fmt.Errorf("user id %q: use up to 64 letters, digits, dots, dashes and underscores, not in the form of short-lived credentials", u.ID))
		}
		if seen[u.ID] {
			problems = append(problems, fmt.Errorf("user id %q is given twice", u.ID))
		}
		seen[u.ID] = true
		claim(u, "id", u.ID)
		if u.Extension != "" {
			claim(u, "extension", u.Extension)
		}
		if u.PasswordHash != "" {
			if _, err := parseHash(u.PasswordHash); err != nil {
				problems = append(problems, fmt.Errorf("user %q: password hash: %w", u.ID, err))
			}
		}
		for _, r := range u.Roles {
			if r != Agent && r != Supervisor && r != Admin {
				problems = append(problems, fmt.Errorf("user %q: role %q; use agent, supervisor or admin", u.ID, r))
			}
		}
	}
	return errors.Join(problems...)
}
