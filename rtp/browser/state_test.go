package browser

import (
	"testing"

	dto "github.com/prometheus/client_model/go"
)

func stateOf(s *Session) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.way.state.String()
}

// counted are the packets of strangers.
func counted(t *testing.T, n *Network) float64 {
	t.Helper()
	var m dto.Metric
	if err := n.gauges.strangers.Write(&m); err != nil {
		t.Fatal(err)
	}
	return m.GetCounter().GetValue()
}
