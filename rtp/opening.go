package rtp

import "time"

// The first moments of a stream. From the moment that we may send, something is sent: silence until the source speaks,
// since an exchange that hears nothing after the answer takes the call for broken, and a NAT stays closed. What is sent
// while the far side cannot be reached yet is lost, but for the newest packet, see Opens.

// Opens runs open, by which the far side becomes reachable, and then sends the newest packet there if its time is not
// over: so the first syllable need not wait for the packet after it. Nothing is written meanwhile, and nothing is sent
// twice to one place. What is older is gone for good: sent now, it would make everything after it late, for the whole
// call where the far side's jitter buffer does not catch up. open must neither block nor call back into the stream.
func (s *Stream) Opens(open func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	open()
	switch {
	case s.newest == 0 || !s.speaks() || s.clock.elapsed(time.Now()) >= int64(s.clock.span):
	case s.again != nil:
		s.count(s.again())
	default:
		s.count(s.write(s.buffer[:s.newest]))
	}
}

// begin sends the first packet of a stream without waiting for a beat; the caller holds mu.
func (s *Stream) begin(at time.Time) {
	if s.clock.at.IsZero() && s.fill >= 0 && s.speaks() {
		s.fillSilence(at)
	}
}

// unheard reports whether a source that has been switched to should have begun; the caller holds mu. One that speaks
// already is heard within the length of its packets, and silence that came before would push it back.
func (s *Stream) unheard(at time.Time) bool {
	return !s.input.spoke && s.clock.elapsed(at) >= 2*int64(s.clock.span)
}
