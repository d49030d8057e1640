package browser

import "github.com/pion/ice/v4"

func stateOf(s *Session) string { return ice.ConnectionState(s.state.Load()).String() }
