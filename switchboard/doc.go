// Package switchboard tells the calls' stories: one function a call, in one goroutine, from the first ring to the record.
// A story waits on its legs' contexts, so anybody may leave at any moment; what it defers gives everything back.
package switchboard
