// Package limits says which calls a trunk may carry: how many at once, how many a second, and where to. A line that is
// open to the whole world is an invitation to those who live from calls to expensive numbers.
package limits
