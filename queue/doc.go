// Package queue holds the callers who wait and finds each an agent. A Distributor knows every queue; a caller's story
// calls Wait and gets a Turn when an agent has been reserved for it. Which caller gets which agent is decided by one
// pure function, match.
package queue
