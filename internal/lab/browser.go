package lab

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"
)

// BrowserOptions say whose web phone a Browser shows.
type BrowserOptions struct {
	URL      string // ws://host:port/sip; a token may be part of it
	User     string
	Password string
	Domain   string // of the address of record and of dialled numbers, "gateway" when empty
	Origin   string // Origin header of the WebSocket; none when empty
	Header   http.Header
	Media    string   // IP of the media sockets, 127.0.0.1 when empty
	Formats  []Format // what it offers, in order; Opus, PCMU, PCMA when nil, as Chrome
	Clock    *Metronome
	Lean     bool // no RTCP
	Trace    func(line string)
}

// Browser is a page with a web phone: SIP over WebSocket as JsSIP speaks it, sound over WebRTC.
type Browser struct {
	*station
	options  BrowserOptions
	socket   *socketWire
	media    *browserMedia
	instance string // survives a reload, as if the page had stored it
	callID   string
}

var errNoSocket = errors.New("the WebSocket is closed")

// socketWire is the one WebSocket of a page, and the next one after it.
type socketWire struct {
	mu      sync.Mutex
	current *wsWire // guarded by mu; nil: closed
	host    string  // guarded by mu; the invented name; a new one after a reload
}

func (w *socketWire) to(string) (flow, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return nil, errNoSocket
	}
	return w.current, nil
}

func (w *socketWire) sentBy() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.current == nil {
		return "SIP/2.0/WS " + w.host
	}
	return w.current.sentBy()
}

func (w *socketWire) address() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.host
}
func (w *socketWire) reliable() bool { return true }

func (w *socketWire) close() {
	w.mu.Lock()
	old := w.current
	w.current = nil
	w.mu.Unlock()
	if old != nil {
		old.close()
	}
}

// NewBrowser opens the page; Connect and Register make it reachable.
func NewBrowser(o BrowserOptions) (*Browser, error) {
	if o.Domain == "" {
		o.Domain = "gateway"
	}
	if o.Media == "" {
		o.Media = "127.0.0.1"
	}
	if o.Formats == nil {
		o.Formats = chromeFormats()
	}
	certificate, err := newCertificate()
	if err != nil {
		return nil, err
	}
	b := &Browser{options: o, station: newStation(token(8), o.Formats, o.Trace), instance: token(12),
		socket: &socketWire{host: token(12) + ".invalid"}, callID: token(22)}
	b.wire, b.domain = b.socket, o.Domain
	close(b.ready)
	if b.metronome = o.Clock; b.metronome == nil {
		b.metronome = NewMetronome()
	}
	b.media = &browserMedia{metronome: b.metronome, ip: o.Media, certificate: certificate, lean: o.Lean}
	b.newMedia = func(formats []Format) (media, error) { return b.media.open(formats) }
	return b, nil
}

// Connect opens the WebSocket; a former one is dropped, calls live on. A refusal at the door is *Refused with the HTTP
// status.
func (b *Browser) Connect(ctx context.Context) error {
	header := b.options.Header.Clone()
	if header == nil {
		header = http.Header{}
	}
	if b.options.Origin != "" {
		header.Set("Origin", b.options.Origin)
	}
	b.socket.close()
	w, err := dialWS(ctx, b.options.URL, header, b.socket.address(), nil, b.receive)
	if err != nil {
		return err
	}
	b.socket.mu.Lock()
	b.socket.current = w
	b.socket.mu.Unlock()
	return nil
}

// Register makes the page reachable for that long and returns the 200.
func (b *Browser) Register(ctx context.Context, expires time.Duration) (*Message, error) {
	return b.register(ctx, b.registration(), b.callID, expires)
}

// Unregister takes the binding back.
func (b *Browser) Unregister(ctx context.Context) error {
	_, err := b.register(ctx, b.registration(), b.callID, 0)
	return err
}

func (b *Browser) registration() registration {
	return registration{registrar: "sip:" + b.options.Domain, user: b.options.User, password: b.options.Password,
		contact: fmt.Sprintf(`<sip:%s@%s;transport=ws>;+sip.ice;reg-id=1;+sip.instance="<urn:uuid:00000000-0000-4000-8000-%s>"`,
			b.user, b.socket.address(), b.instance)}
}

// Open is Connect and Register.
func (b *Browser) Open(ctx context.Context) error {
	if err := b.Connect(ctx); err != nil {
		return err
	}
	_, err := b.Register(ctx, 600*time.Second)
	return err
}

// Call dials a number, or a whole SIP URI.
func (b *Browser) Call(ctx context.Context, number string, o CallOptions) (*Call, error) {
	if o.From == "" {
		o.From = b.options.User
	}
	if o.User == "" {
		o.User, o.Password = b.options.User, b.options.Password
	}
	return b.dial(ctx, numberURI(number, b.options.Domain), o)
}

// Drop loses the WebSocket; the calls and their sound go on.
func (b *Browser) Drop() { b.socket.close() }

// Vanish is a killed tab: the socket and all sound are gone, nobody said goodbye.
func (b *Browser) Vanish() {
	b.socket.close()
	for _, c := range b.Calls() {
		c.Vanish()
	}
}

// Freeze is a laptop whose lid was shut: every connection stays open, and nothing is read or answered or sent.
func (b *Browser) Freeze() {
	b.mu.Lock()
	b.deaf = true
	b.mu.Unlock()
	for _, c := range b.Calls() {
		c.Dark(true)
	}
}

// Reload is the reload button: like Vanish, and at once there again on a new socket, with the same instance id.
func (b *Browser) Reload(ctx context.Context) error {
	b.Vanish()
	b.socket.mu.Lock()
	b.socket.host = token(12) + ".invalid"
	b.socket.mu.Unlock()
	b.callID = token(22)
	return b.Open(ctx)
}

// Dark cuts a browser's call off from the media network, both ways, or lets it in again. Signalling goes on.
func (c *Call) Dark(dark bool) {
	if t, ok := c.sound().(*tab); ok {
		t.socket.dark.Store(dark)
	}
}

// Connected is closed when a browser's call has its path: ICE and DTLS done. Nil for plain RTP.
func (c *Call) Connected() <-chan struct{} {
	if t, ok := c.sound().(*tab); ok {
		return t.connected
	}
	return nil
}
