package salesforce

import "sync"

// seen is a set that forgets: the last few thousand keys, in two halves of which the older goes when the newer is full.
type seen struct {
	mu         sync.Mutex
	newer, old map[string]struct{} // guarded by mu
}

const halfSeen = 5000

func (s *seen) add(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.newer == nil || len(s.newer) >= halfSeen {
		s.newer, s.old = map[string]struct{}{}, s.newer
	}
	s.newer[key] = struct{}{}
}

func (s *seen) has(key string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, young := s.newer[key]
	_, old := s.old[key]
	return young || old
}
