package lab

import (
	"context"
	"fmt"
)

// Options asks host:port whether it takes calls (RFC 3261 section 11), and returns its final response.
func (t *Trunk) Options(ctx context.Context, address string) (*Message, error) {
	to, err := t.wire.to(address)
	if err != nil {
		return nil, fmt.Errorf("ask %s: %w", address, err)
	}
	m := &Message{Method: "OPTIONS", URI: "sip:" + address}
	m.With("Via", t.wire.sentBy()+";branch=z9hG4bK"+token(14)+";rport").With("Max-Forwards", "69").
		With("From", "<sip:lab@"+t.Address()+">;tag="+token(10)).With("To", "<"+m.URI+">").With("Call-ID", token(16)).
		With("CSeq", "1 OPTIONS").With("User-Agent", "lab")
	return t.transact(ctx, m, to, nil)
}
