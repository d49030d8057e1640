// Package call holds the words everything else is told in: who is on a call, what they wish, how it ended, and what
// remains of it. It imports the standard library only, so that every floor of the house may speak these words.
package call
