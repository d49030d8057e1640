// Package agent knows who works here: each agent's profile, the availability a person chose, and the work state the
// system drives. The Desk is the one place where an agent is reserved for a call, so that nobody ever rings twice.
package agent
