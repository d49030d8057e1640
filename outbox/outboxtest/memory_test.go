package outboxtest

import (
	"testing"

	"pgregory.net/rapid"
)

func TestMemoryDeliversWhateverHappens(t *testing.T) {
	rapid.Check(t, Deliveries(func(*rapid.T) House { return NewMemory() }))
}
