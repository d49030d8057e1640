package lab

import (
	"context"
	"fmt"
	"time"
)

// registration is what a REGISTER says (RFC 3261 section 10.2).
type registration struct {
	registrar string // "sip:domain"
	user      string
	password  string
	contact   string // with its parameters, without expires
	dest      string // host:port, "" on a socket that leads nowhere else
}

// register sends REGISTER, answers challenges, and returns the 200. expires 0 takes the binding back.
func (s *station) register(ctx context.Context, r registration, callID string, expires time.Duration) (*Message, error) {
	to, err := s.wire.to(r.dest)
	if err != nil {
		return nil, fmt.Errorf("register %s: %w", r.user, err)
	}
	_, domain := cutScheme(r.registrar)
	self := fmt.Sprintf("<sip:%s@%s>", r.user, domain)
	var auth []Header
	for range 3 {
		s.mu.Lock()
		s.registers++
		number := s.registers
		s.mu.Unlock()
		m := &Message{Method: "REGISTER", URI: r.registrar}
		m.With("Via", s.wire.sentBy()+";branch=z9hG4bK"+token(14)+";rport").With("Max-Forwards", "69").
			With("From", self+";tag="+token(10)).With("To", self).With("Call-ID", callID).
			With("CSeq", fmt.Sprintf("%d REGISTER", number)).
			With("Contact", fmt.Sprintf("%s;expires=%d", r.contact, int(expires.Seconds()))).
			With("Expires", fmt.Sprint(int(expires.Seconds()))).
			With("Allow", allow).With("Supported", "path,gruu,outbound").With("User-Agent", "lab")
		m.Headers = append(m.Headers, auth...)
		response, err := s.transact(ctx, m, to, nil)
		switch {
		case err != nil:
			return nil, fmt.Errorf("register %s: %w", r.user, err)
		case response.Status == 200:
			return response, nil
		case response.Status == 401 || response.Status == 407:
			h, err := authorize(response, "REGISTER", m.URI, r.user, r.password)
			if err != nil || auth != nil {
				return nil, &Refused{response.Status, response.Reason}
			}
			auth = []Header{h}
		default:
			return nil, &Refused{response.Status, response.Reason}
		}
	}
	return nil, fmt.Errorf("register %s: challenged again and again", r.user)
}

func cutScheme(uri string) (scheme, rest string) {
	for i := range uri {
		if uri[i] == ':' {
			return uri[:i], uri[i+1:]
		}
	}
	return "", uri
}
