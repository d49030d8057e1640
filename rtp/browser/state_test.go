package browser

func stateOf(s *Session) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.way.state.String()
}
