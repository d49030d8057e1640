package lab

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"fmt"

	"github.com/pion/webrtc/v4"
)

// Tab is the sound of a browser without its signalling: a peer connection that offers and answers. For tests of media
// alone.
type Tab struct {
	*tab
	clock *Metronome
}

// TabOptions say what a Tab speaks. The zero value is Chrome's.
type TabOptions struct {
	Media   string   // IP of the socket, 127.0.0.1 when empty
	Formats []Format // in order; Opus, PCMU, PCMA when nil
	Clock   *Metronome
	Lean    bool // no RTCP
}

// NewTab opens the socket. Close gives it back.
func NewTab(o TabOptions) (*Tab, error) {
	if o.Media == "" {
		o.Media = "127.0.0.1"
	}
	if o.Formats == nil {
		o.Formats = chromeFormats()
	}
	if o.Clock == nil {
		o.Clock = NewMetronome()
	}
	certificate, err := newCertificate()
	if err != nil {
		return nil, err
	}
	m := browserMedia{metronome: o.Clock, ip: o.Media, certificate: certificate, lean: o.Lean}
	t, err := m.open(o.Formats)
	if err != nil {
		return nil, err
	}
	return &Tab{t, o.Clock}, nil
}

// chromeFormats are Chrome's numbers: telephone-event at the clock of each codec.
func chromeFormats() []Format {
	return []Format{Opus(), {Codec: "PCMU", Payload: 0, Event: 126}, {Codec: "PCMA", Payload: 8, Event: 126}}
}

func newCertificate() (webrtc.Certificate, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	certificate, err := webrtc.GenerateCertificate(key)
	if err != nil {
		return webrtc.Certificate{}, err
	}
	return *certificate, nil
}

// Offer describes the tab; direction "" leaves it as it is, "restart" restarts ICE.
func (t *Tab) Offer(direction string) ([]byte, error) {
	sdp, err := t.offer(direction)
	return []byte(sdp), err
}

// Answer takes an offer and returns the answer.
func (t *Tab) Answer(offer []byte) ([]byte, error) {
	sdp, err := t.answer(string(offer))
	return []byte(sdp), err
}

// Accept takes the answer to the last offer.
func (t *Tab) Accept(answer []byte) error { return t.accept(string(answer), true) }

// Say sets what is said; nil stops the packets.
func (t *Tab) Say(s Sound) { t.lips.Say(s) }

// Sent is the number of packets sent.
func (t *Tab) Sent() uint64 { return t.lips.Sent() }

// Digits sends RFC 4733 events and returns when the last one was sent.
func (t *Tab) Digits(ctx context.Context, tones string) error {
	select {
	case <-t.lips.Digits(tones):
		return nil
	case <-ctx.Done():
		return fmt.Errorf("digits %s: %w", tones, context.Cause(ctx))
	}
}

// Ear hears what the far side says.
func (t *Tab) Ear() *Ear { return t.hearing }

// Dark cuts the tab off from the network, both ways, or lets it in again.
func (t *Tab) Dark(dark bool) { t.socket.dark.Store(dark) }

// Connected is closed when ICE and DTLS are done.
func (t *Tab) Connected() <-chan struct{} { return t.connected }

// Peer is the peer connection, for what only a test of media wants to know.
func (t *Tab) Peer() *webrtc.PeerConnection { return t.pc }

// Close gives everything back before it returns.
func (t *Tab) Close() {
	t.close()
	t.clock.Wait()
}
